//! What does Roadstead ask of AWS, and how soon is it done? The real program between a real API server and LocalStack, every
//! call counted by the proxy in between; next to what two other controllers took in the same set-up.
//!
//! Prints one table. A goal that is missed is marked, and the exit code says so.

mod buckets;
mod burst;
mod direct;
mod faults;
mod fifty;
mod latency;
mod life;
mod many;
mod replay;
mod restart;
mod seen;
mod stage;
mod table;
mod upkeep;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, bail};
use clap::Parser;
use roadstead_testbed::{LocalStack, cargo, localstack};

use crate::{stage::Bench, table::Table};

/// Counts and times what Roadstead asks of AWS.
#[derive(Debug, Parser)]
#[command(name = "cargo bench-aws", max_term_width = 120)]
struct Args {
    /// Only the parts whose names begin so: life, fifty, restart, burst, latency, many, buckets, upkeep, faults
    #[arg(long, default_value = "")]
    only: String,
    /// The binary to measure; without it the one of this checkout is built in release mode
    #[arg(long)]
    binary: Option<PathBuf>,
    /// How many times faster AWS's buckets fill in the part `buckets` for 1,000 Services; for 200 half of it
    #[arg(long, default_value_t = 20.0)]
    faster: f64,
    /// Where the figures go as JSON
    #[arg(long, default_value = "target/bench-aws.json")]
    json: PathBuf,
}

/// The parts, in the order in which they run.
const PARTS: [&str; 9] = [
    "life", "fifty", "restart", "burst", "latency", "many", "buckets", "upkeep", "faults",
];

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let parts: Vec<&str> = PARTS
        .into_iter()
        .filter(|part| part.starts_with(&args.only))
        .collect();
    if parts.is_empty() {
        bail!(
            "no part begins with {:?}; there are {}",
            args.only,
            PARTS.join(", ")
        );
    }
    let binary = cargo::to_measure("roadstead", args.binary.as_deref()).await?;
    let localstack = LocalStack::start(localstack::Options {
        settings: stage::settings(),
    });
    let bench = Bench {
        binary,
        localstack: localstack.await?,
        faster: args.faster,
    };
    let mut table = Table::begin();
    for part in parts {
        if let Err(error) = run(part, &bench, &mut table).await {
            table.failed(part, &error);
        }
    }
    table.figures().write(&args.json)?;
    Ok(table.figures().end())
}

async fn run(part: &str, bench: &Bench, table: &mut Table) -> Result<()> {
    match part {
        "life" => life::run(bench, table).await,
        "fifty" => fifty::run(bench, table).await,
        "restart" => restart::run(bench, table).await,
        "burst" => burst::run(bench, table).await,
        "latency" => latency::run(bench, table).await,
        "many" => many::run(bench, table).await,
        "buckets" => buckets::run(bench, table).await,
        "upkeep" => upkeep::run(bench, table).await,
        "faults" => faults::run(bench, table).await,
        _ => bail!("there is no part {part}"),
    }
}
