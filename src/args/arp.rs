//! What may the user say about addresses on the nodes' own network?

use std::time::Duration;

use clap::Args;
use roadstead_arp::pool::Range;

use super::values::duration;

/// Flags of the arp provider.
#[derive(Args, Debug)]
pub struct ArpArgs {
    /// Where addresses come from.
    #[command(flatten)]
    pub pools: PoolArgs,
    /// How long a Service keeps an address that an edit of pools has taken from it, and is told so, before it gets another
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_ARP_MOVE_NOTICE", hide_env_values = true, default_value = "30s", value_parser = duration)]
    pub arp_move_notice: Duration,
}

/// Flags of everybody who reads pools.
#[derive(Args, Debug)]
pub struct PoolArgs {
    /// Addresses for Services, as 192.0.2.0/24 or 192.0.2.10-192.0.2.20; may be repeated. All of them are one pool, and
    /// objects of the cluster that describe pools are neither needed nor read
    #[arg(
        long = "arp-pool",
        value_name = "RANGE",
        env = "ROADSTEAD_ARP_POOL",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub arp_pools: Vec<Range>,
}
