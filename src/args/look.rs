//! What may the user say to the commands that only look: `plan` and `status`?

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{ProviderArgs, values::non_empty};

/// Flags of `plan`.
#[derive(Args, Debug)]
pub struct PlanArgs {
    /// The Service, as NAMESPACE/NAME, or NAME in the current namespace
    #[arg(required_unless_present = "filename", conflicts_with = "filename")]
    pub service: Option<String>,
    /// A manifest with the Service; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub filename: Option<PathBuf>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Who would make the load balancer.
    #[command(flatten)]
    pub providers: ProviderArgs,
}

/// Flags of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Services of this namespace only
    #[arg(short, long, value_name = "NAMESPACE", value_parser = non_empty)]
    pub namespace: Option<String>,
    /// How to print
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Go on printing what changes, until Ctrl-C
    #[arg(short, long)]
    pub watch: bool,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}
