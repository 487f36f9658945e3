//! What may be said to `announce`?

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::{ArgAction, Args};
use roadstead_arp::net::{LinkSelection, NamePattern};

use super::{
    AdminAddress, PoolArgs,
    values::{non_empty, positive},
};
use crate::{announcer::forwarding::ForwardingCheck, service::class::ClassMapping};

/// Flags of `announce`.
#[derive(Args, Debug)]
#[command(next_help_heading = "Announcer")]
pub struct AnnounceArgs {
    /// This node, as the cluster calls it; in a pod the field spec.nodeName
    #[arg(long, value_name = "NAME", env = "ROADSTEAD_NODE_NAME", hide_env_values = true, value_parser = node_name)]
    pub node_name: Arc<str>,
    /// The file with the key that announcers sign with, the same on every node; further lines are former keys
    #[arg(
        long,
        value_name = "FILE",
        env = "ROADSTEAD_HELLO_KEY_FILE",
        hide_env_values = true
    )]
    pub hello_key_file: PathBuf,
    /// How often announcers say hello: one that is silent for 3.5 times as long is replaced
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_HELLO_INTERVAL", hide_env_values = true, default_value = "100ms", value_parser = interval)]
    pub hello_interval: Duration,
    /// Interfaces to announce on, as eth0 or bond*, and as -eth1 those not to; without any but exclusions all but the
    /// containers' own; may be repeated
    #[arg(
        long = "interfaces",
        value_name = "PATTERN",
        env = "ROADSTEAD_INTERFACES",
        hide_env_values = true,
        value_delimiter = ',',
        allow_hyphen_values = true
    )]
    pub interfaces: Vec<InterfacePattern>,
    /// Where addresses come from: as for the controller.
    #[command(flatten)]
    pub pools: PoolArgs,
    /// Also announce Services of this class: NAME=arp; those of other providers are passed over; may be repeated
    #[arg(
        long = "class",
        value_name = "NAME=PROVIDER",
        env = "ROADSTEAD_CLASS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub classes: Vec<ClassMapping>,
    /// The provider of Services without a class, as for the controller; they are announced if it is arp
    #[arg(long, value_name = "PROVIDER", env = "ROADSTEAD_DEFAULT_PROVIDER", hide_env_values = true, value_parser = non_empty)]
    pub default_provider: Option<String>,
    /// Where kube-proxy says that it works; where nothing ever answers, there is none; none: do not ask
    #[arg(
        long,
        value_name = "URL",
        env = "ROADSTEAD_FORWARDING_CHECK",
        hide_env_values = true,
        default_value = "http://127.0.0.1:10256/healthz"
    )]
    pub forwarding_check: ForwardingCheck,
    /// Nodes with the label node.kubernetes.io/exclude-from-external-load-balancers announce nothing
    #[arg(long, value_name = "BOOL", env = "ROADSTEAD_HEED_EXCLUDE_LABEL", hide_env_values = true, default_value_t = true, action = ArgAction::Set)]
    pub heed_exclude_label: bool,
    /// How often a node gives one address to the node that would be its first choice; without it addresses stay where
    /// they are, since moving one breaks its connections
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_REBALANCE", hide_env_values = true, value_parser = positive)]
    pub rebalance: Option<Duration>,
    /// Where /livez, /readyz, /metrics, /view and the status page are served; none: nowhere
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "ROADSTEAD_ADMIN_ADDRESS",
        hide_env_values = true,
        default_value = "0.0.0.0:7115"
    )]
    pub admin_address: AdminAddress,
}

/// Which interfaces to use, or not to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InterfacePattern {
    /// These.
    Only(NamePattern),
    /// Not these.
    Except(NamePattern),
}

impl std::str::FromStr for InterfacePattern {
    type Err = roadstead_arp::net::BadPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('-') {
            Some(except) => Ok(Self::Except(except.parse()?)),
            None => Ok(Self::Only(text.parse()?)),
        }
    }
}

/// What several patterns amount to.
#[must_use]
pub fn selection(patterns: &[InterfacePattern]) -> LinkSelection {
    let mut selection = LinkSelection::default();
    for pattern in patterns {
        match pattern {
            InterfacePattern::Only(pattern) => selection.only.push(pattern.clone()),
            InterfacePattern::Except(pattern) => selection.except.push(pattern.clone()),
        }
    }
    selection
}

/// At most so often: a tenth of what a node could say at all.
const FASTEST: Duration = Duration::from_millis(10);

/// At least so often: beyond that, nobody would call it failover.
const SLOWEST: Duration = Duration::from_secs(10);

fn interval(text: &str) -> Result<Duration, String> {
    let parsed = positive(text)?;
    if (FASTEST..=SLOWEST).contains(&parsed) {
        Ok(parsed)
    } else {
        Err(format!("must be between {FASTEST:?} and {SLOWEST:?}"))
    }
}

fn node_name(text: &str) -> Result<Arc<str>, String> {
    // As the API server has it, and as a hello has room for it.
    if (1..=253).contains(&text.len()) {
        Ok(text.into())
    } else {
        Err("must be the name of a node: 1 to 253 characters".to_owned())
    }
}
