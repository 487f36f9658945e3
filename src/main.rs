//! The binary: parse, begin to log, hand over. Wiring only.

use std::{io::Write, process::ExitCode, sync::Arc};

use clap::{CommandFactory, Parser};
use roadstead::{
    args::{Cli, Command},
    cli, client,
    metrics::Metrics,
    run, telemetry,
};

/// The exit code of a plan for a request that cannot be.
const IMPOSSIBLE: u8 = 3;

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    if let Err(error) = telemetry::init(&global.log, global.log_format) {
        return failed(&error, 2);
    }
    let connection = global.connection();
    let result = match command {
        Command::Controller(args) => run::controller(*args, &connection).await,
        Command::Plan(args) => {
            async {
                let client = connect(&connection).await?;
                let possible = cli::plan::run(*args, client).await?;
                Ok(if possible {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::from(IMPOSSIBLE)
                })
            }
            .await
        }
        Command::Status(args) => {
            async {
                let client = connect(&connection).await?;
                cli::status::run(args, client).await?;
                Ok(ExitCode::SUCCESS)
            }
            .await
        }
        Command::Completion { shell } => {
            clap_complete::generate(
                shell,
                &mut Cli::command(),
                "roadstead",
                &mut std::io::stdout(),
            );
            Ok(ExitCode::SUCCESS)
        }
    };
    result.unwrap_or_else(|error: anyhow::Error| failed(error.as_ref(), 1))
}

async fn connect(connection: &client::Connection) -> Result<kube::Client, client::Error> {
    let config = client::config(connection).await?;
    client::client(config, &Arc::new(Metrics::default()))
}

fn failed(error: &(dyn std::error::Error + 'static), code: u8) -> ExitCode {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "error: {}", roadstead_core::chain(error));
    ExitCode::from(code)
}
