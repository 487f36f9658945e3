//! What may the user say on the command line? Every flag has an env; values become domain types here and nowhere else.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::client::Connection;

#[cfg(feature = "arp")]
mod announce;
#[cfg(feature = "arp")]
mod arp;
#[cfg(feature = "aws")]
mod aws;
mod controller;
mod look;
#[cfg(feature = "arp")]
mod migrate;
mod provider;
mod values;

#[cfg(feature = "arp")]
pub use self::announce::{AnnounceArgs, InterfacePattern, selection};
#[cfg(feature = "arp")]
pub use self::arp::{ArpArgs, PoolArgs};
#[cfg(feature = "aws")]
pub use self::aws::{AwsArgs, AwsCommand, PortRange, Tag};
pub use self::controller::{AdminAddress, ControllerArgs, LeaseArgs};
pub use self::look::{Output, PlanArgs, StatusArgs};
#[cfg(feature = "arp")]
pub use self::migrate::{MigrateArgs, MigrateCommand};
#[cfg(feature = "mock")]
pub use self::provider::MockArgs;
pub use self::provider::{ProviderArgs, ProviderKind};

/// Gives Kubernetes Services of type LoadBalancer an external address.
///
/// The controller watches Services whose class is roadstead.dev/PROVIDER (spec.loadBalancerClass), has the provider make
/// a load balancer that points at the Service's nodePort on every node, and writes its address to the Service's status.
/// What it did, what it waits for and what to change is on the Service: see `roadstead status`, or
/// `kubectl describe service`.
#[derive(Debug, Parser)]
#[command(name = "roadstead", version, max_term_width = 120)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Args, Debug)]
pub struct Global {
    /// The kubeconfig; without it KUBECONFIG, ~/.kube/config or the pod's own service account
    #[arg(
        long,
        value_name = "FILE",
        env = "ROADSTEAD_KUBECONFIG",
        hide_env_values = true,
        global = true
    )]
    pub kubeconfig: Option<PathBuf>,
    /// A context of the kubeconfig other than the current one
    #[arg(
        long,
        value_name = "NAME",
        env = "ROADSTEAD_CONTEXT",
        hide_env_values = true,
        global = true
    )]
    pub context: Option<String>,
    /// What to log: error, warn, info, debug, or a filter such as roadstead=debug,kube=info
    #[arg(
        long,
        value_name = "FILTER",
        env = "ROADSTEAD_LOG",
        hide_env_values = true,
        default_value = "info",
        global = true
    )]
    pub log: String,
    /// How to log
    #[arg(long, value_name = "FORMAT", env = "ROADSTEAD_LOG_FORMAT", hide_env_values = true, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub log_format: LogFormat,
}

/// How to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch Services and give them load balancers
    #[command(mut_arg("providers", |arg| arg.required(true)))]
    Controller(Box<ControllerArgs>),
    /// Answer ARP and NDP on this node for addresses of Services (a `DaemonSet`)
    ///
    /// Announcers agree among themselves, on the network segment, on the one that answers for an address. Which node
    /// announces a Service is said in its condition roadstead.dev/Healthy. Needs the capability `CAP_NET_RAW`.
    #[cfg(feature = "arp")]
    Announce(Box<AnnounceArgs>),
    /// Print the steps the controller would take for a Service, and take none
    Plan(Box<PlanArgs>),
    /// Show every Service of Roadstead's: provider, address, conditions, and what is wrong
    Status(StatusArgs),
    /// Things about AWS alone
    #[cfg(feature = "aws")]
    Aws {
        /// What.
        #[command(subcommand)]
        command: AwsCommand,
    },
    /// Take over from another controller
    #[cfg(feature = "arp")]
    Migrate {
        /// From which.
        #[command(subcommand)]
        command: MigrateCommand,
    },
    /// Print a completion script: roadstead completion bash > /`etc/bash_completion.d/roadstead`
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
}

// === impl Global ===

impl Global {
    /// Which cluster to talk to.
    #[must_use]
    pub fn connection(&self) -> Connection {
        Connection {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
