//! How is the arp provider set up? Who tells it of pools comes later. Decides nothing.

use std::sync::Arc;

use roadstead_arp::{Addresses, ArpProvider, PoolMetrics};
use roadstead_core::{ClusterUid, LoadBalancerProvider};

use crate::{args::ArpArgs, metrics::Metrics};

/// Makes the provider of `cluster`, and what somebody is to tell of pools.
pub(super) fn make(
    args: &ArpArgs,
    cluster: &ClusterUid,
    metrics: &Metrics,
) -> (Arc<dyn LoadBalancerProvider>, Arc<Addresses>) {
    let ArpArgs {
        pools: _,
        arp_move_notice,
    } = args;
    let addresses = Arc::new(Addresses::new(*arp_move_notice));
    metrics.add(|registry| {
        registry.register_collector(Box::new(PoolMetrics(Arc::clone(&addresses))));
    });
    let provider = ArpProvider::new(cluster.clone(), Arc::clone(&addresses));
    (Arc::new(provider), addresses)
}
