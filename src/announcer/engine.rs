//! What the announcer needs of the engine that answers ARP and NDP: a small trait, so that tests do without a network.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// An address that a Service carries, and what this node is to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The address.
    pub address: IpAddr,
    /// What the election goes by: the first address of the Service, so that both families go to one node.
    pub key: IpAddr,
    /// Whether this node may announce it.
    pub may: bool,
    /// Who may.
    pub candidates: Candidates,
    /// On which interfaces.
    pub interfaces: Selection,
    /// Whether it was said to be announced before this process came to know it: then nobody else can be using it.
    pub seen_before: bool,
    /// Whether to let go without waiting for a successor: this node would drop what it receives.
    pub lets_go_at_once: bool,
}

/// Which nodes may announce an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// Every one.
    All,
    /// These.
    Nodes(Arc<BTreeSet<Arc<str>>>),
}

/// Which interfaces may announce an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those with a prefix that contains it.
    OnSubnet,
    /// Those of these names.
    Named(Arc<BTreeSet<Arc<str>>>),
}
