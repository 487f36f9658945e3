//! Which nodes may announce an address, and why not the others? Every announcer must come to the same answer from the same
//! cluster state. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    sync::Arc,
};

use k8s_openapi::api::core::v1::Node;
use serde::Serialize;

use super::pool::Pool;
use crate::service::nodes::{EXCLUDE_LABEL, GOING_TAINTS, is_deleting, is_excluded, is_going};

/// Names of nodes; shared, since thousands of addresses have the same candidates.
pub type NodeNames = Arc<BTreeSet<Arc<str>>>;

/// Why a node may not announce an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum MayNot {
    /// The address is one that a node has itself: whoever announced it would cut that node off.
    NodeAddress,
    /// The pool says that its addresses are not to be announced.
    PoolNotAnnounced,
    /// externalTrafficPolicy is Local and no pod of the Service serves on the node.
    NoServingEndpoint,
    /// The pool's nodeSelector does not select the node.
    NotSelected,
    /// The node's label takes it out of every load balancer.
    Excluded,
    /// The node's condition `NetworkUnavailable` is true.
    NetworkUnavailable,
    /// An autoscaler is about to remove the node.
    Going,
    /// The node is being deleted.
    Deleting,
    /// The cluster has no node of this name.
    NoSuchNode,
}

/// What counts of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeFacts {
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its addresses, of all kinds.
    pub addresses: BTreeSet<IpAddr>,
    /// Why it may announce nothing at all.
    pub may_not: Option<MayNot>,
    /// Whether the cluster takes it for dead. Nobody is elected by it: whether a node lives is seen on the segment.
    pub dead: bool,
}

/// Where the traffic of a Service is welcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serving {
    /// On every node: externalTrafficPolicy Cluster.
    Anywhere,
    /// On these: those with a serving endpoint.
    On(BTreeSet<Arc<str>>),
}

/// Everything that the nodes and pools of the cluster say; changes seldom.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    nodes: BTreeMap<Arc<str>, NodeFacts>,
    /// Each with the nodes that it allows.
    pools: Vec<(Pool, NodeNames)>,
    /// The nodes that may announce something, where no pool says which.
    able: NodeNames,
    /// Whose each address of a node is.
    owners: BTreeMap<IpAddr, Arc<str>>,
}

/// The condition of a node whose network is not set up.
const CUT_OFF: &str = "NetworkUnavailable";

/// The condition of a node that is well; unknown when it has not been heard of.
const READY: &str = "Ready";

// === impl MayNot ===

impl fmt::Display for MayNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeAddress => f.write_str("the address is a node's own"),
            Self::PoolNotAnnounced => f.write_str("the pool is not to be announced"),
            Self::NoServingEndpoint => {
                f.write_str("without a serving endpoint (externalTrafficPolicy is Local)")
            }
            Self::NotSelected => f.write_str("not selected by the pool's nodeSelector"),
            Self::Excluded => write!(f, "excluded by the label {EXCLUDE_LABEL}"),
            Self::NetworkUnavailable => f.write_str("with the condition NetworkUnavailable"),
            Self::Going => write!(
                f,
                "about to be removed (taint {})",
                GOING_TAINTS.join(" or ")
            ),
            Self::Deleting => f.write_str("being deleted"),
            Self::NoSuchNode => f.write_str("not in the cluster"),
        }
    }
}

// === impl NodeFacts ===

impl NodeFacts {
    /// Reads them off `node`. Neither readiness nor a cordon counts: whether a node lives is seen on the segment, and one
    /// that takes no new pods still forwards to those that are there.
    #[must_use]
    pub fn of(node: &Node, heed_label: bool) -> Self {
        let status = node.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref());
        let has = |type_: &str, state: &str| {
            let mut conditions = conditions.unwrap_or_default().iter();
            conditions.any(|condition| condition.type_ == type_ && condition.status == state)
        };
        let addresses = status.and_then(|status| status.addresses.as_deref());
        let may_not = [
            (is_deleting(node), MayNot::Deleting),
            (is_going(node), MayNot::Going),
            (heed_label && is_excluded(node), MayNot::Excluded),
            (has(CUT_OFF, "True"), MayNot::NetworkUnavailable),
        ];
        Self {
            labels: node.metadata.labels.clone().unwrap_or_default(),
            addresses: addresses
                .unwrap_or_default()
                .iter()
                .filter_map(|address| address.address.parse().ok())
                .collect(),
            may_not: may_not
                .into_iter()
                .find_map(|(holds, reason)| holds.then_some(reason)),
            dead: has(READY, "Unknown"),
        }
    }
}

/// The part of a node that [`NodeFacts::of`] reads, and no more: a node's object is mostly the list of its images.
pub fn shrink(node: &mut Node) {
    node.metadata.managed_fields = None;
    node.metadata.annotations = None;
    node.metadata.owner_references = None;
    if let Some(spec) = &mut node.spec {
        spec.taints = std::mem::take(spec).taints;
    }
    if let Some(status) = &mut node.status {
        let taken = std::mem::take(status);
        status.addresses = taken.addresses;
        status.conditions = taken.conditions.map(|mut conditions| {
            conditions.retain(|condition| [CUT_OFF, READY].contains(&condition.type_.as_str()));
            conditions
        });
    }
}

// === impl Ground ===

impl Ground {
    /// The ground that these nodes and pools make. Where pools overlap, the first one in `pools` counts.
    #[must_use]
    pub fn new(nodes: BTreeMap<Arc<str>, NodeFacts>, pools: Vec<Pool>) -> Self {
        let able = |selects: &dyn Fn(&NodeFacts) -> bool| {
            let chosen = nodes
                .iter()
                .filter(|(_, facts)| facts.may_not.is_none() && selects(facts));
            Arc::new(chosen.map(|(name, _)| Arc::clone(name)).collect())
        };
        let allowed = |pool: &Pool| able(&|facts| pool.announced && pool.selects(&facts.labels));
        let owners = nodes.iter().flat_map(|(name, facts)| {
            let addresses = facts.addresses.iter();
            addresses.map(|address| (*address, Arc::clone(name)))
        });
        Self {
            pools: pools
                .into_iter()
                .map(|pool| {
                    let allowed = allowed(&pool);
                    (pool, allowed)
                })
                .collect(),
            able: able(&|_| true),
            owners: owners.collect(),
            nodes,
        }
    }

    /// The nodes of the cluster.
    pub fn nodes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.nodes.keys()
    }

    /// What counts of a node.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<&NodeFacts> {
        self.nodes.get(name)
    }

    /// The pool that `address` is in.
    #[must_use]
    pub fn pool(&self, address: IpAddr) -> Option<&Pool> {
        self.at(address).map(|(pool, _)| pool)
    }

    /// The node whose own address `address` is.
    #[must_use]
    pub fn owner(&self, address: IpAddr) -> Option<&Arc<str>> {
        self.owners.get(&address)
    }

    /// The nodes that may announce `address` for Services whose traffic is welcome at `sharers`.
    ///
    /// Those of Services that share the address must be welcome all at once, where there is such a node. A Service that is
    /// welcome nowhere does not count, unless it is alone.
    #[must_use]
    pub fn candidates(&self, address: IpAddr, sharers: &[&Serving]) -> NodeNames {
        if self.owners.contains_key(&address) {
            return NodeNames::default();
        }
        let allowed = self.at(address).map_or(&self.able, |(_, allowed)| allowed);
        let mut welcome: Vec<BTreeSet<Arc<str>>> = Vec::new();
        for serving in sharers {
            match serving {
                Serving::Anywhere => welcome.push((**allowed).clone()),
                Serving::On(nodes) => welcome.push(nodes & &**allowed),
            }
        }
        if sharers.iter().all(|serving| **serving == Serving::Anywhere) {
            return Arc::clone(allowed);
        }
        welcome.retain(|nodes| !nodes.is_empty());
        let all = welcome.iter().cloned().reduce(|all, nodes| &all & &nodes);
        let any = || welcome.iter().flatten().cloned().collect();
        Arc::new(all.filter(|nodes| !nodes.is_empty()).unwrap_or_else(any))
    }

    /// Why `node` may not announce `address` for Services whose traffic is welcome at `sharers`; `None` if it may.
    #[must_use]
    pub fn may_not(&self, node: &str, address: IpAddr, sharers: &[&Serving]) -> Option<MayNot> {
        if self.owners.contains_key(&address) {
            return Some(MayNot::NodeAddress);
        }
        let Some(facts) = self.nodes.get(node) else {
            return Some(MayNot::NoSuchNode);
        };
        if let Some((pool, _)) = self.at(address) {
            if !pool.announced {
                return Some(MayNot::PoolNotAnnounced);
            }
            if !pool.selects(&facts.labels) {
                return Some(MayNot::NotSelected);
            }
        }
        let candidates = || self.candidates(address, sharers);
        facts
            .may_not
            .or_else(|| (!candidates().contains(node)).then_some(MayNot::NoServingEndpoint))
    }

    fn at(&self, address: IpAddr) -> Option<&(Pool, NodeNames)> {
        self.pools.iter().find(|(pool, _)| pool.contains(address))
    }
}

#[cfg(test)]
mod tests;
