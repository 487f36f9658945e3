//! What does a Service want of addresses? Read elsewhere, weighed here. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use roadstead_core::{IpFamily, IpFamilyPolicy, NamespacedName, PortNumber, Protocol};

use super::Backends;

/// What one Service wants of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The Service.
    pub service: NamespacedName,
    /// The families, in order of preference; never empty.
    pub families: Vec<IpFamily>,
    /// How firmly they are wanted.
    pub policy: IpFamilyPolicy,
    /// Addresses that the user asked for: of each family one at most.
    pub requested: Vec<IpAddr>,
    /// The pool that the user asked for.
    pub pool: Option<Arc<str>>,
    /// Services with the same key may share an address.
    pub sharing: Option<Arc<str>>,
    /// The ports that it serves.
    pub ports: BTreeSet<(PortNumber, Protocol)>,
    /// Which pods it reaches.
    pub backends: Backends,
    /// The Service's labels.
    pub labels: Arc<BTreeMap<String, String>>,
    /// The labels of its namespace.
    pub namespace_labels: Arc<BTreeMap<String, String>>,
    /// Addresses of its own that a foreign host was seen to use.
    pub in_conflict: Vec<IpAddr>,
}

// === impl Wish ===

impl Wish {
    /// The families that it shall have if possible: the first one, and a second unless it is content with one.
    #[must_use]
    pub fn wanted(&self) -> &[IpFamily] {
        match self.policy {
            IpFamilyPolicy::SingleStack => self.families.get(..1).unwrap_or_default(),
            IpFamilyPolicy::PreferDualStack | IpFamilyPolicy::RequireDualStack => &self.families,
        }
    }

    /// The address of `family` that the user asked for.
    #[must_use]
    pub fn requested(&self, family: IpFamily) -> Option<IpAddr> {
        let mut of_family = self.requested.iter().copied();
        of_family.find(|address| IpFamily::of(*address) == family)
    }
}
