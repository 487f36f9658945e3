//! Which pods wait for a load balancer before they are ready? Only those are kept, and of each only what matters: a
//! cluster has a hundred thousand pods. Filled by the watch; reads and writes nothing else.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;
use roadstead_core::NamespacedName;

use crate::service::{gates::GatedPod, request::name_in};

/// The watched pods that declare our readiness gate.
#[derive(Debug, Default)]
pub struct Pods(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    shown: HashMap<NamespacedName, GatedPod>,
    /// A list that is under way; it is shown when it is whole.
    listing: HashMap<NamespacedName, GatedPod>,
}

// === impl Pods ===

impl Pods {
    /// Takes in what the watch says, and returns the pod if whether it can be a target may have changed by it.
    pub fn take(&self, event: &Event<Pod>) -> Option<NamespacedName> {
        let mut contents = self.lock();
        match event {
            Event::Apply(pod) => {
                let name = name_in(&pod.metadata);
                match GatedPod::read(pod) {
                    Some(pod) => contents.put(&name, pod).then_some(name),
                    None => contents.shown.remove(&name).map(|_| name),
                }
            }
            Event::Delete(pod) => {
                let name = name_in(&pod.metadata);
                contents.shown.remove(&name).map(|_| name)
            }
            Event::Init => {
                contents.listing = HashMap::new();
                None
            }
            Event::InitApply(pod) => {
                if let Some(gated) = GatedPod::read(pod) {
                    contents.listing.insert(name_in(&pod.metadata), gated);
                }
                None
            }
            Event::InitDone => {
                contents.shown = std::mem::take(&mut contents.listing);
                None
            }
        }
    }

    /// Takes in what our own write made of a pod: the watch may still be behind it.
    pub fn wrote(&self, pod: &Pod) {
        if let Some(gated) = GatedPod::read(pod) {
            self.lock().put(&name_in(&pod.metadata), gated);
        }
    }

    /// The pod, if it waits for us.
    #[must_use]
    pub fn get(&self, pod: &NamespacedName) -> Option<GatedPod> {
        self.lock().shown.get(pod).cloned()
    }

    /// Whether the pod at `address` would be ready if our gate were open.
    #[must_use]
    pub fn is_fit(&self, pod: &NamespacedName, address: IpAddr) -> bool {
        let contents = self.lock();
        let found = contents.shown.get(pod);
        found.is_some_and(|pod| pod.is_fit_at(address))
    }

    /// Nothing is watched any more.
    pub fn clear(&self) {
        *self.lock() = Contents::default();
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Contents ===

impl Contents {
    /// Keeps the newer one; true if whether it can be a target may have changed.
    fn put(&mut self, name: &NamespacedName, pod: GatedPod) -> bool {
        let before = self.shown.get(name);
        // resourceVersions of one kind are numbers that grow (KEP-5504).
        if before.is_some_and(|before| before.version.is_some() && pod.version < before.version) {
            return false;
        }
        let same = before.is_some_and(|before| {
            before.uid == pod.uid && before.fit == pod.fit && before.addresses == pod.addresses
        });
        self.shown.insert(name.clone(), pod);
        !same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::gates::GATE;

    fn pod(version: u64, gate: &str, ready: bool, said: &str) -> Pod {
        let yaml = format!(
            "metadata: {{name: web-1, namespace: shop, uid: u, resourceVersion: '{version}'}}
spec: {{containers: [], readinessGates: [{{conditionType: {gate}}}]}}
status:
  podIPs: [{{ip: 10.1.0.1}}]
  conditions: [{{type: ContainersReady, status: '{ready}'}}, {{type: {GATE}, status: '{said}'}}]",
            ready = if ready { "True" } else { "False" },
        );
        serde_yaml::from_str(&yaml).unwrap()
    }

    #[test]
    fn only_what_decides_about_targets_is_news() {
        let pods = Pods::default();
        let name = NamespacedName::new("shop", "web-1");
        let address = "10.1.0.1".parse().unwrap();
        assert_eq!(
            pods.take(&Event::Apply(pod(1, "other.io/gate", true, "False"))),
            None
        );
        assert_eq!(pods.get(&name), None, "it does not wait for us");
        let told = |version, ready, said| {
            let news = pods.take(&Event::Apply(pod(version, GATE, ready, said)));
            (news.is_some(), pods.is_fit(&name, address))
        };
        assert_eq!(told(2, false, "False"), (true, false));
        assert_eq!(told(3, true, "False"), (true, true));
        assert_eq!(
            told(4, true, "True"),
            (false, true),
            "our own word is no news"
        );
        assert_eq!(
            told(3, false, "False"),
            (false, true),
            "the watch is behind what we wrote"
        );
        assert!(
            !pods.is_fit(&name, "10.1.0.2".parse().unwrap()),
            "of a predecessor"
        );
        assert_eq!(
            pods.take(&Event::Delete(pod(5, GATE, true, "True"))),
            Some(name.clone())
        );
        assert_eq!(pods.get(&name), None);
    }
}
