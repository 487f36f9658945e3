//! The binary: parse, begin to log, hand over. Wiring only.

use std::{io::Write, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{CommandFactory, Parser};
use kube::Client;
#[cfg(feature = "aws")]
use roadstead::args::AwsCommand;
#[cfg(feature = "arp")]
use roadstead::{
    announcer,
    args::{MigrateArgs, MigrateCommand},
    cli::migrate::Source,
};
use roadstead::{
    args::{Cli, Command},
    cli,
    client::{self, Connection},
    explain::explain,
    metrics::Metrics,
    run, telemetry,
};
use tokio::runtime::Builder;

/// The exit code of a wrong command line, as of clap's.
const USAGE: u8 = 2;

/// The exit code of a plan for a request that cannot be.
const IMPOSSIBLE: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = telemetry::init(&cli.global.log, cli.global.log_format) {
        return failed(&error.into(), USAGE);
    }
    match threads(&cli.command).enable_all().build() {
        Ok(runtime) => runtime.block_on(run_command(cli)),
        Err(error) => failed(&anyhow::Error::new(error).context("starting threads"), 1),
    }
}

/// An announcer is on every node, and its engine has a thread of its own: one more between that and the API server is enough,
/// and takes less memory than several.
fn threads(command: &Command) -> Builder {
    match command {
        #[cfg(feature = "arp")]
        Command::Announce(_) => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    }
}

async fn run_command(cli: Cli) -> ExitCode {
    let Cli { global, command } = cli;
    let connection = global.connection();
    let result = match command {
        Command::Controller(args) => Box::pin(run::controller(*args, &connection)).await,
        #[cfg(feature = "arp")]
        Command::Announce(args) => announcer::run::announce(*args, &connection).await,
        Command::Plan(args) => Box::pin(plan(*args, &connection)).await,
        Command::Status(args) => status(args, &connection).await,
        #[cfg(feature = "aws")]
        Command::Aws { command } => aws(command),
        #[cfg(feature = "arp")]
        Command::Migrate { command } => migrate(command, &connection).await,
        Command::Completion { shell } => completion(shell),
    };
    result.unwrap_or_else(|error| failed(&error, 1))
}

fn completion(shell: clap_complete::Shell) -> anyhow::Result<ExitCode> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "roadstead", &mut script);
    std::io::stdout().write_all(&script).context("printing")?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "aws")]
fn aws(command: AwsCommand) -> anyhow::Result<ExitCode> {
    match command {
        AwsCommand::IamPolicy => {
            let mut out = std::io::stdout();
            let written = out.write_all(roadstead_aws::IAM_POLICY.as_bytes());
            written.and_then(|()| out.flush()).context("printing")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn plan(
    args: roadstead::args::PlanArgs,
    connection: &Connection,
) -> anyhow::Result<ExitCode> {
    let (client, server) = connect(connection).await?;
    let possible = Box::pin(cli::plan::run(args, client))
        .await
        .map_err(|error| at(&server, error))?;
    Ok(if possible {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(IMPOSSIBLE)
    })
}

async fn status(
    args: roadstead::args::StatusArgs,
    connection: &Connection,
) -> anyhow::Result<ExitCode> {
    let (client, server) = connect(connection).await?;
    cli::status::run(args, client)
        .await
        .map_err(|error| at(&server, error))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "arp")]
async fn migrate(command: MigrateCommand, connection: &Connection) -> anyhow::Result<ExitCode> {
    let MigrateCommand::Metallb(MigrateArgs {
        filename,
        metallb_namespace,
    }) = command;
    if filename.is_empty() {
        let (client, server) = connect(connection).await?;
        cli::migrate::run(Source::Cluster(client, metallb_namespace))
            .await
            .map_err(|error| at(&server, error))?;
    } else {
        cli::migrate::run(Source::Files(filename)).await?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn connect(connection: &Connection) -> Result<(Client, String), client::Error> {
    let config = client::config(connection).await?;
    let server = config.cluster_url.to_string();
    Ok((
        client::client(config, &Arc::new(Metrics::default()))?,
        server,
    ))
}

/// Names the cluster: half of all failures are about the wrong one.
fn at(server: &str, error: impl std::error::Error + Send + Sync + 'static) -> anyhow::Error {
    anyhow::Error::new(error).context(format!("with the cluster at {server}"))
}

fn failed(error: &anyhow::Error, code: u8) -> ExitCode {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "error: {}", explain(error.as_ref()));
    ExitCode::from(code)
}
