//! Which `EndpointSlices` are a Service's? Kept by Service, so that one change costs the same however many Services there
//! are. Filled by the watch; reads and writes nothing else.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{ResourceExt, runtime::watcher::Event};
use roadstead_core::NamespacedName;

use crate::service::{
    endpoints::{self, SERVICE_LABEL},
    request::name_in,
};

/// The watched slices.
#[derive(Debug, Default)]
pub struct Slices(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    shown: Index,
    /// A list that is under way; it is shown when it is whole.
    listing: Index,
}

#[derive(Debug, Default)]
struct Index {
    /// By Service, sorted, so that those of one namespace are next to each other.
    by_service: BTreeMap<NamespacedName, Vec<Arc<EndpointSlice>>>,
    /// The Service that each slice was of when it was last seen: its label can be edited.
    service_of: HashMap<NamespacedName, NamespacedName>,
}

// === impl Slices ===

impl Slices {
    /// Takes in what the watch says, and returns the Services whose slices changed by it.
    pub fn take(&self, event: &Event<EndpointSlice>) -> BTreeSet<NamespacedName> {
        let mut contents = self.lock();
        match event {
            Event::Apply(slice) => contents.shown.put(slice),
            Event::Delete(slice) => contents.shown.remove(slice),
            Event::Init => {
                contents.listing = Index::default();
                BTreeSet::new()
            }
            Event::InitApply(slice) => {
                contents.listing.put(slice);
                BTreeSet::new()
            }
            Event::InitDone => {
                contents.shown = std::mem::take(&mut contents.listing);
                BTreeSet::new()
            }
        }
    }

    /// The slices of a Service.
    #[must_use]
    pub fn of(&self, service: &NamespacedName) -> Vec<Arc<EndpointSlice>> {
        let contents = self.lock();
        contents
            .shown
            .by_service
            .get(service)
            .cloned()
            .unwrap_or_default()
    }

    /// The Services that have `pod` as an endpoint, ready or not. Looks through the slices of its namespace.
    #[must_use]
    pub fn with_pod(&self, pod: &NamespacedName) -> Vec<NamespacedName> {
        let first = NamespacedName::new(Arc::clone(&pod.namespace), "");
        let contents = self.lock();
        let near = contents.shown.by_service.range(first..);
        near.take_while(|(service, _)| service.namespace == pod.namespace)
            .filter(|(_, slices)| {
                slices
                    .iter()
                    .any(|slice| endpoints::names_pod(slice, &pod.name))
            })
            .map(|(service, _)| service.clone())
            .collect()
    }

    /// Nothing is watched any more.
    pub fn clear(&self) {
        *self.lock() = Contents::default();
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Index ===

impl Index {
    fn put(&mut self, slice: &EndpointSlice) -> BTreeSet<NamespacedName> {
        let mut touched = self.remove(slice);
        if let Some(service) = slice.labels().get(SERVICE_LABEL) {
            let name = name_in(&slice.metadata);
            let service = NamespacedName::new(Arc::clone(&name.namespace), service.as_str());
            self.service_of.insert(name, service.clone());
            let slices = self.by_service.entry(service.clone()).or_default();
            slices.push(Arc::new(slice.clone()));
            touched.insert(service);
        }
        touched
    }

    fn remove(&mut self, slice: &EndpointSlice) -> BTreeSet<NamespacedName> {
        let Some(service) = self.service_of.remove(&name_in(&slice.metadata)) else {
            return BTreeSet::new();
        };
        if let Some(slices) = self.by_service.get_mut(&service) {
            slices.retain(|there| there.metadata.name != slice.metadata.name);
            if slices.is_empty() {
                self.by_service.remove(&service);
            }
        }
        BTreeSet::from([service])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(name: &str, service: &str, pods: &[&str]) -> EndpointSlice {
        let endpoints: Vec<String> = pods
            .iter()
            .map(|pod| format!("{{addresses: [10.1.0.1], targetRef: {{kind: Pod, name: {pod}}}}}"))
            .collect();
        let yaml = format!(
            "metadata: {{name: {name}, namespace: shop, labels: {{{SERVICE_LABEL}: {service}}}}}
addressType: IPv4
endpoints: [{}]",
            endpoints.join(", ")
        );
        serde_yaml::from_str(&yaml).unwrap()
    }

    fn shop(name: &str) -> NamespacedName {
        NamespacedName::new("shop", name)
    }

    fn names(slices: &Slices, service: &str) -> Vec<String> {
        let of = slices.of(&shop(service));
        of.iter().map(|slice| slice.name_any()).collect()
    }

    #[test]
    fn a_slice_that_changes_hands_is_news_to_both_services() {
        let slices = Slices::default();
        let touched = slices.take(&Event::Apply(slice("one", "web", &[])));
        assert_eq!(touched, BTreeSet::from([shop("web")]));
        slices.take(&Event::Apply(slice("two", "web", &[])));
        let touched = slices.take(&Event::Apply(slice("one", "api", &[])));
        assert_eq!(touched, BTreeSet::from([shop("web"), shop("api")]));
        assert_eq!(
            (names(&slices, "web"), names(&slices, "api")),
            (vec!["two".into()], vec!["one".into()])
        );
        let touched = slices.take(&Event::Delete(slice("two", "web", &[])));
        assert_eq!(touched, BTreeSet::from([shop("web")]));
        assert!(names(&slices, "web").is_empty());
    }

    #[test]
    fn a_list_is_shown_when_it_is_whole_and_what_it_lacks_is_gone() {
        let slices = Slices::default();
        slices.take(&Event::Apply(slice("old", "web", &[])));
        slices.take(&Event::Init);
        slices.take(&Event::InitApply(slice("new", "web", &[])));
        assert_eq!(names(&slices, "web"), ["old"], "the list is not whole yet");
        slices.take(&Event::InitDone);
        assert_eq!(names(&slices, "web"), ["new"]);
    }

    #[test]
    fn the_services_of_a_pod_are_found_in_its_namespace_alone() {
        let slices = Slices::default();
        slices.take(&Event::Apply(slice("one", "web", &["pod-1", "pod-2"])));
        slices.take(&Event::Apply(slice("two", "api", &["pod-2"])));
        let mut foreign = slice("one", "web", &["pod-2"]);
        foreign.metadata.namespace = Some("shopping".to_owned());
        slices.take(&Event::Apply(foreign));
        assert_eq!(slices.with_pod(&shop("pod-1")), [shop("web")]);
        assert_eq!(slices.with_pod(&shop("pod-2")), [shop("api"), shop("web")]);
        assert!(slices.with_pod(&shop("pod-3")).is_empty());
    }
}
