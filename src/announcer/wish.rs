//! What does a Service ask of announcers, and where is its traffic welcome? Pure.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use k8s_openapi::{
    api::{core::v1::Service, discovery::v1::EndpointSlice},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use roadstead_core::{Address, Host};

use super::eligibility::Serving;
use crate::service::{
    class::Classes,
    conditions::{Holds, Kind, Reason},
    status,
};

/// What counts of a Service.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Its uid: what is written to it must not reach another one of its name.
    pub uid: Option<String>,
    /// Which of its specs this is.
    pub generation: Option<i64>,
    /// Which of its states this is: a later one has a larger number.
    pub version: Option<u64>,
    /// Whether it is ours to announce: of our class, and not on its way out.
    pub ours: bool,
    /// The addresses in its status, in their order.
    pub addresses: Vec<IpAddr>,
    /// Whether a node may hand its traffic to its own pods only.
    pub local: bool,
    /// What it says of its health, if that is for announcers to say.
    pub healthy: Option<Condition>,
}

/// A Service of ours with an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its addresses, the first first; never empty.
    pub addresses: Vec<IpAddr>,
    /// Where its traffic is welcome; `None` while that is not known.
    pub serving: Option<Serving>,
    /// Whether it says that it is announced.
    pub announced_before: bool,
}

// === impl Seen ===

impl Seen {
    /// Reads it off `service`; `None` if it is no business of announcers.
    #[must_use]
    pub fn of(service: &Service, classes: &Classes) -> Option<Self> {
        let ours =
            service.metadata.deletion_timestamp.is_none() && classes.provider_of(service).is_some();
        let healthy = status::condition(service, Kind::Healthy).filter(|written| {
            let told = [
                Reason::Announced,
                Reason::NotAnnounced,
                Reason::AddressConflict,
            ];
            told.iter().any(|reason| reason.as_str() == written.reason)
        });
        let spec = service.spec.as_ref();
        // A class never changes as long as there is one: what is said of another class is said by its own announcers.
        let type_ = spec.and_then(|spec| spec.type_.as_deref());
        let left_over = healthy.is_some() && type_ != Some("LoadBalancer");
        if !ours && !left_over {
            return None;
        }
        let policy = spec.and_then(|spec| spec.external_traffic_policy.as_deref());
        let ip = |address: Address| match address.host {
            Host::Ip(address) => Some(address),
            Host::Hostname(_) => None,
        };
        Some(Self {
            uid: service.metadata.uid.clone(),
            generation: service.metadata.generation,
            version: service
                .metadata
                .resource_version
                .as_deref()
                .and_then(|version| version.parse().ok()),
            ours,
            addresses: status::addresses(service)
                .into_iter()
                .filter_map(ip)
                .collect(),
            local: policy == Some("Local"),
            healthy: healthy.cloned(),
        })
    }

    /// What it asks for; `endpoints` are the nodes with serving ones, as far as they are known.
    #[must_use]
    pub fn wish(&self, endpoints: impl FnOnce() -> Option<BTreeSet<Arc<str>>>) -> Option<Wish> {
        if !self.ours || self.addresses.is_empty() {
            return None;
        }
        let announced = |condition: &Condition| {
            condition.status == Holds::True.as_str()
                && condition.reason == Reason::Announced.as_str()
        };
        Some(Wish {
            addresses: self.addresses.clone(),
            serving: if self.local {
                endpoints().map(Serving::On)
            } else {
                Some(Serving::Anywhere)
            },
            announced_before: self.healthy.as_ref().is_some_and(announced),
        })
    }
}

/// The nodes with a serving endpoint in `slices`.
///
/// One that is terminating but still serves counts, as it does for kube-proxy: connections that it has would break if its
/// node gave up the address while it still ends them in order.
#[must_use]
pub fn serving<'s>(slices: impl IntoIterator<Item = &'s EndpointSlice>) -> BTreeSet<Arc<str>> {
    let endpoints = slices.into_iter().flat_map(|slice| &slice.endpoints);
    endpoints
        .filter(|endpoint| {
            let conditions = endpoint.conditions.as_ref();
            let ready = conditions.and_then(|conditions| conditions.ready);
            let serving = conditions.and_then(|conditions| conditions.serving);
            ready.unwrap_or(true) || serving.unwrap_or(false)
        })
        .filter_map(|endpoint| endpoint.node_name.as_deref().map(Arc::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use roadstead_core::ProviderName;

    use super::*;

    const ARP: ProviderName = ProviderName::new("arp");

    fn seen(service: &str) -> Option<Seen> {
        let service: Service = serde_yaml::from_str(service).unwrap();
        Seen::of(&service, &Classes::new(&[ARP], &[], None).unwrap())
    }

    fn read(service: &str) -> Option<Wish> {
        seen(service)?.wish(|| None)
    }

    fn service(spec: &str, status: &str) -> String {
        format!(
            "{{metadata: {{name: web}}, spec: {{type: LoadBalancer, loadBalancerClass: roadstead.dev/arp{spec}}}, status: {{{status}}}}}"
        )
    }

    const ADDRESS: &str =
        "loadBalancer: {ingress: [{ip: 'fd00::7'}, {hostname: x}, {ip: 192.0.2.7}]}";

    #[test]
    fn a_service_of_ours_with_an_address_asks_to_be_announced() {
        let wish = read(&service("", ADDRESS)).unwrap();
        let addresses: Vec<String> = wish.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(
            addresses,
            ["fd00::7", "192.0.2.7"],
            "in the order of its status"
        );
        assert_eq!(wish.serving, Some(Serving::Anywhere));
        let local = read(&service(", externalTrafficPolicy: Local", ADDRESS)).unwrap();
        assert_eq!(local.serving, None, "its endpoints are not known");
        for nothing in [
            service("", ""),
            service("", ADDRESS).replace("roadstead.dev/arp", "roadstead.dev/aws"),
            service("", ADDRESS).replace("LoadBalancer,", "ClusterIP,"),
            service("", ADDRESS).replace("web", "web, deletionTimestamp: '2026-01-01T00:00:00Z'"),
        ] {
            assert_eq!(read(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn what_the_status_says_of_the_last_announcement_is_remembered() {
        let said = |status: &str, reason: &str| {
            let condition = format!(
                "{ADDRESS}, conditions: [{{type: roadstead.dev/Healthy, status: '{status}', reason: {reason}, message: m, lastTransitionTime: '2026-01-01T00:00:00Z'}}]"
            );
            read(&service("", &condition)).unwrap().announced_before
        };
        assert!(said("True", "Announced"));
        assert!(!said("False", "NotAnnounced"));
        assert!(!said("True", "Healthy"));
    }

    #[test]
    fn what_announcers_said_of_a_service_that_is_not_theirs_any_more_is_not_forgotten() {
        let healthy = "conditions: [{type: roadstead.dev/Healthy, status: 'True', reason: Announced, message: m, lastTransitionTime: '2026-01-01T00:00:00Z'}]";
        let gone = service("", healthy).replace("LoadBalancer,", "ClusterIP,");
        let seen_of = seen(&gone).unwrap();
        assert!(!seen_of.ours && seen_of.healthy.is_some());
        let other_class = service("", healthy).replace("roadstead.dev/arp", "example.com/lb");
        assert_eq!(seen(&other_class), None, "others announce it");
        let others = gone.replace("Announced", "Healthy");
        assert_eq!(seen(&others), None, "that was never ours");
    }

    #[test]
    fn a_node_serves_while_one_of_its_pods_does() {
        let slice = "addressType: IPv4
endpoints:
- {addresses: [10.1.0.1], nodeName: unsaid}
- {addresses: [10.1.0.2], nodeName: ready, conditions: {ready: true}}
- {addresses: [10.1.0.3], nodeName: starts, conditions: {ready: false, serving: false}}
- {addresses: [10.1.0.4], nodeName: ends, conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [10.1.0.5], nodeName: ended, conditions: {ready: false, serving: false, terminating: true}}
- {addresses: [10.1.0.6], conditions: {ready: true}}";
        let slice: EndpointSlice = serde_yaml::from_str(slice).unwrap();
        let nodes = serving([&slice]);
        let nodes: Vec<&str> = nodes.iter().map(AsRef::as_ref).collect();
        assert_eq!(nodes, ["ends", "ready", "unsaid"]);
    }
}
