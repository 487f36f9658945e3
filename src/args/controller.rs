//! What may the user say of the controller: how often, how long, who leads?

use std::{net::SocketAddr, str::FromStr, time::Duration};

use clap::{ArgAction, Args};

use super::{
    ProviderArgs,
    values::{duration, non_empty, positive},
};

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

/// Where the admin endpoint listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminAddress {
    /// There.
    At(SocketAddr),
    /// Nowhere.
    Nowhere,
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
