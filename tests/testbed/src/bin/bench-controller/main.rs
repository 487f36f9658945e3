//! How fast is the controller, and what does it cost? Measured on a real API server, next to the same calls made directly.
//!
//! Prints a table and writes the same figures as JSON. It never passes or fails: a timing is no test.

mod cluster;
mod cost;
mod latency;
mod scale;

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use roadstead_testbed::{cargo, figures::Report};

/// Measures the controller: latencies, bursts, requests, provider calls, memory, start-up.
#[derive(Debug, Parser)]
#[command(name = "cargo bench-controller")]
struct Args {
    /// Services created one by one, for each of Roadstead and the floor
    #[arg(long, default_value_t = 300)]
    one_by_one: usize,
    /// Services created at once
    #[arg(long, default_value_t = 1_000)]
    burst: usize,
    /// Services in the largest set
    #[arg(long, default_value_t = 10_000)]
    most: usize,
    /// Leave out the sections whose names do not begin so
    #[arg(long, default_value = "")]
    only: String,
    /// The binary to measure; without it the one of this checkout is built in release mode
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Where the figures go as JSON
    #[arg(long, default_value = "target/bench-controller.json")]
    json: PathBuf,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let binary = cargo::to_measure("roadstead", args.binary.as_deref()).await?;
    let mut report = Report::default();
    let wanted = |section: &str| section.starts_with(&args.only);
    if wanted("latency") {
        latency::one_by_one(&binary, args.one_by_one, &mut report).await?;
    }
    if wanted("burst") {
        latency::bursts(&binary, args.burst, &mut report).await?;
    }
    if wanted("slow") {
        latency::slow_provider(&binary, &mut report).await?;
    }
    if wanted("requests") {
        cost::requests(&binary, &mut report).await?;
    }
    if wanted("nodes") {
        cost::node_changes(&binary, &mut report).await?;
    }
    if wanted("scale") {
        scale::footprint(&binary, args.most, &mut report).await?;
    }
    report.figures().write(&args.json)
}
