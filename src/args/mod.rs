//! What may the user say on the command line? Every flag has an env; values become domain types here and nowhere else.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use crate::client::Connection;

#[cfg(feature = "arp")]
mod announce;
#[cfg(feature = "arp")]
mod arp;
#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "arp")]
mod migrate;
mod provider;

#[cfg(feature = "arp")]
pub use self::announce::{AnnounceArgs, InterfacePattern, selection};
#[cfg(feature = "arp")]
pub use self::arp::{ArpArgs, PoolArgs};
#[cfg(feature = "aws")]
pub use self::aws::{AwsArgs, AwsCommand, PortRange, Tag};
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

/// Flags of `controller`.
#[derive(Args, Debug)]
pub struct ControllerArgs {
    /// Who makes load balancers, and for whom.
    #[command(flatten)]
    pub providers: ProviderArgs,
    /// Watch the Services of this namespace only; without it all
    #[arg(long, value_name = "NAMESPACE", help_heading = "Controller", env = "ROADSTEAD_WATCH_NAMESPACE", hide_env_values = true, value_parser = non_empty)]
    pub watch_namespace: Option<String>,
    /// How often an unchanged Service is compared with what exists, and drift repaired (each ±20 %)
    #[arg(long, value_name = "DURATION", help_heading = "Controller", env = "ROADSTEAD_RESYNC", hide_env_values = true, default_value = "10m", value_parser = positive)]
    pub resync: Duration,
    /// How long a provider may take to answer one call
    #[arg(long, value_name = "DURATION", help_heading = "Controller", env = "ROADSTEAD_PROVIDER_TIMEOUT", hide_env_values = true, default_value = "1m", value_parser = positive)]
    pub provider_timeout: Duration,
    /// Release load balancers whose Service is gone; false: only report them
    #[arg(long, value_name = "BOOL", help_heading = "Controller", env = "ROADSTEAD_RELEASE_ORPHANS", hide_env_values = true, default_value_t = true, action = ArgAction::Set)]
    pub release_orphans: bool,
    /// How often to look for load balancers whose Service is gone
    #[arg(long, value_name = "DURATION", help_heading = "Controller", env = "ROADSTEAD_ORPHAN_INTERVAL", hide_env_values = true, default_value = "1h", value_parser = positive)]
    pub orphan_interval: Duration,
    /// How long a load balancer must have been without a Service before it is released
    #[arg(long, value_name = "DURATION", help_heading = "Controller", env = "ROADSTEAD_ORPHAN_GRACE", hide_env_values = true, default_value = "5m", value_parser = duration)]
    pub orphan_grace: Duration,
    /// Who leads.
    #[command(flatten)]
    pub lease: LeaseArgs,
    /// Where /livez, /readyz, /metrics and the status page are served; none: nowhere
    #[arg(
        long,
        value_name = "ADDRESS",
        help_heading = "Controller",
        env = "ROADSTEAD_ADMIN_ADDRESS",
        hide_env_values = true,
        default_value = "0.0.0.0:8080"
    )]
    pub admin_address: AdminAddress,
    /// How long running provider calls may take to end after SIGTERM
    #[arg(long, value_name = "DURATION", help_heading = "Controller", env = "ROADSTEAD_SHUTDOWN_GRACE", hide_env_values = true, default_value = "20s", value_parser = duration)]
    pub shutdown_grace: Duration,
}

/// Flags of the election.
#[derive(Args, Debug)]
#[command(next_help_heading = "Leader election")]
pub struct LeaseArgs {
    /// Let one replica act at a time; false only where there is a single one
    #[arg(long, value_name = "BOOL", env = "ROADSTEAD_LEADER_ELECT", hide_env_values = true, default_value_t = true, action = ArgAction::Set)]
    pub leader_elect: bool,
    /// The namespace of the Lease; without it the pod's own, or default
    #[arg(long, value_name = "NAMESPACE", env = "ROADSTEAD_LEASE_NAMESPACE", hide_env_values = true, value_parser = non_empty)]
    pub lease_namespace: Option<String>,
    /// The name of the Lease
    #[arg(long, value_name = "NAME", env = "ROADSTEAD_LEASE_NAME", hide_env_values = true, default_value = "roadstead-controller", value_parser = non_empty)]
    pub lease_name: String,
    /// Who this replica is [default: host name and a random part]
    #[arg(long, value_name = "NAME", env = "ROADSTEAD_IDENTITY", hide_env_values = true, value_parser = non_empty)]
    pub identity: Option<String>,
    /// How long a leader that is not heard of keeps the others waiting
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_LEASE_DURATION", hide_env_values = true, default_value = "15s", value_parser = positive)]
    pub lease_duration: Duration,
    /// How long a leader that cannot renew its Lease goes on acting
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_RENEW_DEADLINE", hide_env_values = true, default_value = "10s", value_parser = positive)]
    pub renew_deadline: Duration,
    /// How often the leader renews its Lease
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_RETRY_PERIOD", hide_env_values = true, default_value = "2s", value_parser = positive)]
    pub retry_period: Duration,
}

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

/// Where the admin endpoint listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// There.
    At(SocketAddr),
    /// Nowhere.
    Nowhere,
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

// === impl AdminAddress ===

impl FromStr for AdminAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        let address = text
            .parse()
            .map_err(|_| format!("{text:?} is no address; write IP:PORT, or none"))?;
        Ok(Self::At(address))
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<SignedDuration, _> = text.parse();
    parsed
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok())
        .ok_or_else(|| format!("{text:?} is no duration; write one like 500ms, 10s or 5m"))
}

fn positive(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|parsed| {
        if parsed.is_zero() {
            Err("must be longer than zero".to_owned())
        } else {
            Ok(parsed)
        }
    })
}

fn non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() {
        Err("must not be empty".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    #[test]
    fn every_command_explains_itself() {
        Cli::command().debug_assert();
        for name in ["announce", "controller", "plan", "status"] {
            let mut command = Cli::command();
            command.build();
            let help = command
                .find_subcommand_mut(name)
                .unwrap()
                .render_help()
                .to_string();
            insta::assert_snapshot!(format!("help-{name}"), help);
        }
    }

    fn announce(flag: &'static str) -> Vec<&'static str> {
        vec!["announce", "--node-name=a", "--hello-key-file=key", flag]
    }

    #[test]
    fn a_bad_flag_is_a_usage_error_that_says_what_would_be_right() {
        let table = [
            (vec!["controller"], "--provider"),
            (vec!["controller", "--provider", "gcp"], "mock"),
            (
                vec!["controller", "--provider", "mock", "--resync", "often"],
                "10s or 5m",
            ),
            (
                vec!["controller", "--provider", "mock", "--resync", "0s"],
                "longer than zero",
            ),
            (
                vec!["controller", "--provider", "mock", "--class", "nlb"],
                "NAME=PROVIDER",
            ),
            (
                vec![
                    "controller",
                    "--provider",
                    "mock",
                    "--admin-address",
                    "8080",
                ],
                "IP:PORT",
            ),
            (
                vec![
                    "controller",
                    "--provider",
                    "mock",
                    "--mock-addresses",
                    "everywhere",
                ],
                "everywhere",
            ),
            (
                vec![
                    "controller",
                    "--provider",
                    "mock",
                    "--mock-failures",
                    "often",
                ],
                "KIND=RATE",
            ),
            (vec!["plan", "--provider", "mock"], "SERVICE"),
            (vec!["announce", "--node-name", "a"], "--hello-key-file"),
            (announce("--hello-interval=1ms"), "between 10ms"),
            (announce("--interfaces=eth 0"), "interface names"),
            (announce("--arp-pool=192.0.2.1"), "192.0.2.1/32"),
            (
                announce("--forwarding-check=10256"),
                "http://HOST:PORT/PATH",
            ),
            #[cfg(feature = "aws")]
            (
                vec!["plan", "web", "--aws-default-scheme", "public"],
                "internet-facing",
            ),
            #[cfg(feature = "aws")]
            (
                vec!["plan", "web", "--aws-backend-security-group", "default"],
                "sg-0123456789abcdef0",
            ),
            #[cfg(feature = "aws")]
            (
                vec!["plan", "web", "--aws-limit", "register=40"],
                "register=40/8",
            ),
            #[cfg(feature = "aws")]
            (
                vec!["plan", "web", "--aws-limit", "targets=40/8"],
                "register, describe",
            ),
        ];
        for (args, hint) in table {
            let error =
                Cli::try_parse_from(["roadstead"].into_iter().chain(args.clone())).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{args:?}");
            assert_ne!(error.kind(), ErrorKind::DisplayHelp);
            assert!(error.to_string().contains(hint), "{args:?}: {error}");
        }
    }
}
