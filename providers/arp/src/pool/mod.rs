//! Which Service gets which address? Pools, and the rules by which addresses are given, kept, shared and moved. Pure:
//! time is an argument, and nothing here knows where pools come from or where Services are.

mod allocator;
mod choice;
mod findings;
mod ledger;
mod range;
mod select;
mod sharing;
#[cfg(test)]
mod tests;
mod wish;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use roadstead_core::IpFamily;

pub use self::{
    allocator::{Allocator, Decision, Kept, Usage},
    choice::Refusal,
    findings::{Findings, findings},
    range::{Range, RangeError, is_buggy},
    select::{Requirement, Selector},
    sharing::Backends,
    wish::Wish,
};

/// Addresses, and who may have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// Its addresses, in the order in which they are given; no two ranges have one in common.
    ranges: Vec<Range>,
    /// Whether a Service gets an address of it without asking for it.
    pub auto_assign: bool,
    /// Leaves out [buggy](is_buggy) addresses.
    pub avoid_buggy: bool,
    /// The lowest comes first; 0 comes last.
    pub priority: u32,
    /// Only Services of these namespaces, or of those that the selector selects; all if there is neither.
    pub namespaces: BTreeSet<Arc<str>>,
    /// Only Services of namespaces with such labels.
    pub namespace_selector: Option<Selector>,
    /// Only Services with such labels.
    pub service_selector: Option<Selector>,
    /// Some of what it was said to contain could not be read: an address in no pool at all may be one of its own.
    pub unreadable: bool,
}

// === impl Pool ===

impl Pool {
    /// A pool of `ranges` for everybody. What an earlier range has is left out of a later one.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, ranges: &[Range]) -> Self {
        let mut disjoint: Vec<Range> = Vec::with_capacity(ranges.len());
        for range in ranges {
            let mut rest = vec![*range];
            for earlier in &disjoint {
                rest = rest
                    .into_iter()
                    .flat_map(|part| part.without(earlier))
                    .collect();
            }
            disjoint.extend(rest);
        }
        Self {
            name: name.into(),
            ranges: disjoint,
            auto_assign: true,
            avoid_buggy: false,
            priority: 0,
            namespaces: BTreeSet::new(),
            namespace_selector: None,
            service_selector: None,
            unreadable: false,
        }
    }

    /// Its addresses; no two ranges have one in common.
    #[must_use]
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// Whether `address` is one of its own.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        !(self.avoid_buggy && is_buggy(address))
            && self.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether it has addresses of `family`.
    #[must_use]
    pub fn has(&self, family: IpFamily) -> bool {
        self.ranges.iter().any(|range| range.family() == family)
    }

    /// How many addresses it has.
    #[must_use]
    pub fn total(&self) -> u128 {
        let usable =
            |range: &Range| range.size() - if self.avoid_buggy { range.buggy() } else { 0 };
        self.ranges.iter().map(usable).sum()
    }

    /// Whether a Service of `wish` may have its addresses.
    #[must_use]
    pub fn is_for(&self, wish: &Wish) -> bool {
        let anywhere = self.namespaces.is_empty() && self.namespace_selector.is_none();
        let namespace = anywhere
            || self.namespaces.contains(&wish.service.namespace)
            || self
                .namespace_selector
                .as_ref()
                .is_some_and(|selector| selector.matches(&wish.namespace_labels));
        let service = self
            .service_selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&wish.labels));
        namespace && service
    }

    /// Whether it is for some Services only.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        !self.namespaces.is_empty()
            || self.namespace_selector.is_some()
            || self.service_selector.is_some()
    }

    /// What is used first sorts first: the lowest priority, then what is for some Services only.
    fn rank(&self) -> (bool, u32, bool, Arc<str>) {
        (
            self.priority == 0,
            self.priority,
            !self.is_pinned(),
            Arc::clone(&self.name),
        )
    }
}
