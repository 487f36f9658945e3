//! What is an engine told? How it is to behave, and which addresses it may announce. Values only.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::IpNet;

use crate::{Interface, wire::hello::Keys};

/// How often a station says hello unless it is told otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_millis(100);

/// What holds for an engine's whole life.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This node's name, as Kubernetes has it.
    pub node: Arc<str>,
    /// When this process started, in nanoseconds since 1970: a later run must have a larger one.
    pub incarnation: u64,
    /// When this process started, on the clock that every `now` is read from.
    pub started: Instant,
    /// What the wall clock said at `started`, in milliseconds since 1970.
    pub started_wall: u64,
    /// What hellos are signed with, and believed by, at first.
    pub keys: Keys,
    /// How often to say hello; [`DEFAULT_INTERVAL`] unless a user knows better. At least a millisecond. A station that
    /// was silent for 3.5 times of it is dead to the others.
    pub interval: Duration,
    /// How often to hand one address over to the station that would be its first choice; `None`: an address stays
    /// where it is as long as its holder lives.
    pub rebalance: Option<Duration>,
    /// Where what should differ between stations, but need not be secret, comes from.
    pub seed: u64,
}

/// An address that is to be announced by somebody, and what this node has to know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The address.
    pub address: IpAddr,
    /// What decides where it goes. The addresses of one Service have one key, so that they go to one node.
    pub key: IpAddr,
    /// Whether this node may announce it at present: it forwards for it, it is not excluded, the pool's node selector
    /// takes it.
    pub may: bool,
    /// Which nodes may, as far as this node knows.
    pub candidates: Candidates,
    /// On which interfaces it may be announced.
    pub interfaces: Selection,
    /// Whether it was published as announced before this process started; then somebody has probed for it long ago.
    pub seen_before: bool,
    /// Whether it is let go at the moment at which `may` turns false, because this node would drop what it gets (a
    /// Service with `externalTrafficPolicy: Local` whose last endpoint left). Else it is kept until its next holder
    /// has claimed it.
    pub lets_go_at_once: bool,
}

/// Nodes that may announce an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidates {
    /// Every node.
    All,
    /// These.
    Nodes(Arc<BTreeSet<Arc<str>>>),
}

/// Interfaces on which an address may be announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those with a prefix of their own that contains the address.
    OnSubnet,
    /// Those with one of these names.
    Named(Arc<BTreeSet<Arc<str>>>),
}

// === impl Candidates ===

impl Candidates {
    /// Whether `node` is one of them.
    #[must_use]
    pub fn include(&self, node: &str) -> bool {
        match self {
            Self::All => true,
            Self::Nodes(nodes) => nodes.contains(node),
        }
    }
}

// === impl Selection ===

impl Selection {
    /// Whether another node may announce `address` on its interface `name`, which is on `subnets`, if it said so.
    #[must_use]
    pub fn may_admit(&self, name: &str, subnets: Option<&[IpNet]>, address: IpAddr) -> bool {
        match self {
            Self::OnSubnet => {
                subnets.is_none_or(|all| all.iter().any(|subnet| subnet.contains(&address)))
            }
            Self::Named(names) => names.contains(name),
        }
    }

    /// Whether `address` may be announced on `interface`.
    #[must_use]
    pub fn admits(&self, interface: &Interface, address: IpAddr) -> bool {
        match self {
            Self::OnSubnet => interface.is_on_subnet(address),
            Self::Named(names) => names.contains(&interface.name),
        }
    }
}
