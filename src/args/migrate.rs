//! Where is the configuration that Roadstead is to take over? The flags of `migrate`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::values::non_empty;

/// What to come from.
#[derive(Debug, Subcommand)]
pub enum MigrateCommand {
    /// Print pools that say the same as MetalLB's resources, and what has no equivalent
    ///
    /// Reads the cluster, or the files given with -f, and changes nothing. What it prints can be applied as it is; what
    /// has no equivalent stands in comments beside the pool it is about.
    Metallb(MigrateArgs),
}

/// Flags of `migrate metallb`.
#[derive(Args, Debug)]
pub struct MigrateArgs {
    /// A manifest with MetalLB's resources instead of the cluster; may be repeated; - reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// The namespace of MetalLB, whose `ConfigMap` versions before 0.13 read
    #[arg(long, value_name = "NAMESPACE", default_value = "metallb-system", value_parser = non_empty)]
    pub metallb_namespace: String,
}
