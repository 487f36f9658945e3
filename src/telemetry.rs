//! Where do log lines go, and in which form? To standard error; standard output belongs to the commands.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, filter::ParseError, fmt};

use crate::args::LogFormat;

/// A log filter that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[error(
    "--log {filter:?} is no filter; write a level such as info, or TARGET=LEVEL pairs with commas between them"
)]
pub struct FilterError {
    filter: String,
    #[source]
    source: ParseError,
}

/// Begins to log.
pub fn init(filter: &str, format: LogFormat) -> Result<(), FilterError> {
    let parsed = EnvFilter::try_new(with_calm_client(filter)).map_err(|source| FilterError {
        filter: filter.to_owned(),
        source,
    })?;
    let lines = fmt()
        .with_env_filter(parsed)
        .with_writer(std::io::stderr)
        .with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_span_list(false)
            .init(),
    }
    Ok(())
}

/// The filter; where it is a mere level, without what the Kubernetes client says by itself: we say it, in fewer words.
fn with_calm_client(filter: &str) -> String {
    match filter {
        "error" | "warn" | "info" => format!("{filter},kube_runtime=off,kube_client=off"),
        other => other.to_owned(),
    }
}
