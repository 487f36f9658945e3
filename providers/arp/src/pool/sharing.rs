//! May two Services have one address? If they say so with the same key, serve different ports, and reach the same pods from
//! whichever node traffic comes in at. Pure.

use std::{collections::BTreeSet, fmt, sync::Arc};

use roadstead_core::{NamespacedName, PortNumber, Protocol};

use super::Wish;

/// Which pods a node sends traffic to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backends {
    /// Any pod of the cluster: externalTrafficPolicy Cluster.
    Everywhere,
    /// Pods on the node itself: externalTrafficPolicy Local, with the Service's selector. The address is announced by a node
    /// that has such a pod, so whoever shares it must have the very same pods.
    OnTheNode(String),
}

/// What counts of a Service that has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) service: NamespacedName,
    pub(super) key: Option<Arc<str>>,
    pub(super) ports: BTreeSet<(PortNumber, Protocol)>,
    pub(super) backends: Backends,
}

/// Why two Services may not have one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clash {
    /// The Service that has it.
    other: NamespacedName,
    why: Why,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Why {
    /// One of them does not share, or they say different keys.
    Keys(Option<Arc<str>>, Option<Arc<str>>),
    /// Both serve this port.
    Port(PortNumber, Protocol),
    /// Local with other pods, or only one of them Local.
    Backends,
}

// === impl Facts ===

impl Facts {
    pub(super) fn of(wish: &Wish) -> Self {
        Self {
            service: wish.service.clone(),
            key: wish.sharing.clone(),
            ports: wish.ports.clone(),
            backends: wish.backends.clone(),
        }
    }

    /// Why the Service of `self` may not have an address that `other` has; `None` if it may.
    pub(super) fn clash(&self, other: &Self) -> Option<Clash> {
        let because = |why| {
            Some(Clash {
                other: other.service.clone(),
                why,
            })
        };
        if self.key.is_none() || self.key != other.key {
            return because(Why::Keys(self.key.clone(), other.key.clone()));
        }
        if let Some((port, protocol)) = self.ports.intersection(&other.ports).next() {
            return because(Why::Port(*port, *protocol));
        }
        if self.backends != other.backends {
            return because(Why::Backends);
        }
        None
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { other, why } = self;
        match why {
            Why::Keys(None, _) => write!(
                f,
                "Service {other} has it; to share it both need the annotation roadstead.dev/allow-shared-ip with the same key"
            ),
            Why::Keys(Some(_), None) => write!(
                f,
                "Service {other} has it and does not share it; it needs the annotation roadstead.dev/allow-shared-ip too"
            ),
            Why::Keys(Some(ours), Some(theirs)) => write!(
                f,
                "Service {other} shares it under the key {theirs:?}, this one says {ours:?}"
            ),
            Why::Port(port, protocol) => {
                write!(
                    f,
                    "Service {other} shares it and serves {port}/{protocol} there already"
                )
            }
            Why::Backends => write!(
                f,
                "Service {other} shares it and has other pods; with externalTrafficPolicy Local those who share an address \
                 must all be Local and have the same selector"
            ),
        }
    }
}
