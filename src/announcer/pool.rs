//! What do pools say to those who announce? Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::RangeInclusive,
    sync::Arc,
};

use kube::core::{Selector, SelectorExt};

/// A pool, as far as it concerns announcers.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// Its addresses.
    pub ranges: Vec<RangeInclusive<IpAddr>>,
    /// Whether they are announced at all.
    pub announced: bool,
    /// The interfaces that announce them, by name; `None`: those on whose subnet an address is.
    pub interfaces: Option<Arc<BTreeSet<Arc<str>>>>,
    /// The nodes that announce them.
    pub nodes: Selector,
}

// === impl Pool ===

impl Pool {
    /// Whether `address` is one of its own.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(&address))
    }

    /// Whether a node with these labels announces its addresses.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.nodes.matches(labels)
    }
}
