//! On which nodes does a Service have serving endpoints? As the watch says, and no more of the slices than that. Decides
//! nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use roadstead_core::NamespacedName;

use super::wish::serving;
use crate::service::{endpoints::SERVICE_LABEL, request::name_in};

/// What is kept of one slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceSeen {
    /// Its own name.
    pub name: NamespacedName,
    /// The Service that it is of.
    pub service: NamespacedName,
    /// The nodes with serving endpoints in it.
    pub nodes: BTreeSet<Arc<str>>,
}

/// All slices.
#[derive(Debug, Default)]
pub struct Endpoints {
    /// False until there was a whole list.
    known: bool,
    by_service: HashMap<NamespacedName, BTreeMap<NamespacedName, BTreeSet<Arc<str>>>>,
    service_of: HashMap<NamespacedName, NamespacedName>,
}

// === impl SliceSeen ===

impl SliceSeen {
    /// What counts of `slice`; `None` if it is no Service's.
    #[must_use]
    pub fn of(slice: &EndpointSlice) -> Option<Self> {
        let service = slice.labels().get(SERVICE_LABEL)?;
        let name = name_in(&slice.metadata);
        Some(Self {
            service: NamespacedName::new(Arc::clone(&name.namespace), service.as_str()),
            nodes: serving([slice]),
            name,
        })
    }
}

// === impl Endpoints ===

impl Endpoints {
    /// All slices are these; every Service may have changed.
    pub fn list(&mut self, slices: Vec<SliceSeen>) {
        *self = Self {
            known: true,
            ..Self::default()
        };
        for slice in slices {
            self.put(slice);
        }
    }

    /// A slice is like this from now on; returns the Services that changed by it.
    pub fn put(&mut self, slice: SliceSeen) -> Vec<NamespacedName> {
        let SliceSeen {
            name,
            service,
            nodes,
        } = slice;
        let mut changed = match self.service_of.get(&name) {
            // Its label can be edited.
            Some(before) if *before != service => self.remove(&name),
            _ => Vec::new(),
        };
        let slices = self.by_service.entry(service.clone()).or_default();
        if slices.get(&name) != Some(&nodes) {
            slices.insert(name.clone(), nodes);
            self.service_of.insert(name, service.clone());
            changed.push(service);
        }
        changed
    }

    /// A slice is gone; returns the Services that changed by it.
    pub fn remove(&mut self, name: &NamespacedName) -> Vec<NamespacedName> {
        let Some(service) = self.service_of.remove(name) else {
            return Vec::new();
        };
        if let Some(slices) = self.by_service.get_mut(&service) {
            slices.remove(name);
            if slices.is_empty() {
                self.by_service.remove(&service);
            }
        }
        vec![service]
    }

    /// The nodes with serving endpoints of `service`; `None` while they are not known.
    #[must_use]
    pub fn of(&self, service: &NamespacedName) -> Option<BTreeSet<Arc<str>>> {
        let slices = self.by_service.get(service);
        let nodes = slices.into_iter().flat_map(BTreeMap::values).flatten();
        self.known.then(|| nodes.cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(name: &str, service: &str, nodes: &[&str]) -> SliceSeen {
        SliceSeen {
            name: NamespacedName::new("shop", name),
            service: NamespacedName::new("shop", service),
            nodes: nodes.iter().map(|node| Arc::from(*node)).collect(),
        }
    }

    fn nodes(endpoints: &Endpoints, service: &str) -> Option<String> {
        let nodes = endpoints.of(&NamespacedName::new("shop", service))?;
        let nodes: Vec<&str> = nodes.iter().map(AsRef::as_ref).collect();
        Some(nodes.join(","))
    }

    fn names(changed: &[NamespacedName]) -> Vec<&str> {
        changed.iter().map(|service| &*service.name).collect()
    }

    #[test]
    fn the_endpoints_of_a_service_are_those_of_all_its_slices() {
        let mut endpoints = Endpoints::default();
        endpoints.put(slice("one", "web", &["a"]));
        assert_eq!(nodes(&endpoints, "web"), None, "nothing was listed yet");
        endpoints.list(vec![
            slice("one", "web", &["a"]),
            slice("two", "web", &["b"]),
        ]);
        assert_eq!(nodes(&endpoints, "web").as_deref(), Some("a,b"));
        assert_eq!(nodes(&endpoints, "api").as_deref(), Some(""));
        assert!(
            endpoints.put(slice("one", "web", &["a"])).is_empty(),
            "no news"
        );
        assert_eq!(
            names(&endpoints.put(slice("one", "api", &["a"]))),
            ["web", "api"]
        );
        assert_eq!(nodes(&endpoints, "web").as_deref(), Some("b"));
        assert_eq!(
            names(&endpoints.remove(&NamespacedName::new("shop", "two"))),
            ["web"]
        );
        assert_eq!(nodes(&endpoints, "web").as_deref(), Some(""));
        endpoints.list(Vec::new());
        assert_eq!(nodes(&endpoints, "api").as_deref(), Some(""));
    }
}
