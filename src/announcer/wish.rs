//! What does a Service ask of announcers, and where is its traffic welcome? Pure.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use k8s_openapi::{
    api::{core::v1::Service, discovery::v1::EndpointSlice},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use roadstead_core::Host;

use super::eligibility::Serving;
use crate::service::{
    class::Classes,
    conditions::{Holds, Kind, Reason},
    status,
};

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

/// What `service` asks for; `None` if it is not ours, is being deleted, or has no address. `slices` are asked for where its
/// traffic may only go to the pods of the node that it reaches.
pub fn wish(
    service: &Service,
    classes: &Classes,
    slices: impl FnOnce() -> Option<Vec<Arc<EndpointSlice>>>,
) -> Option<Wish> {
    if service.metadata.deletion_timestamp.is_some() {
        return None;
    }
    classes.provider_of(service)?;
    let addresses: Vec<IpAddr> = status::addresses(service)
        .into_iter()
        .filter_map(|address| match address.host {
            Host::Ip(address) => Some(address),
            Host::Hostname(_) => None,
        })
        .collect();
    if addresses.is_empty() {
        return None;
    }
    let serving = if is_local(service) {
        slices().map(|slices| Serving::On(serving(slices.iter().map(AsRef::as_ref))))
    } else {
        Some(Serving::Anywhere)
    };
    let announced = |condition: &Condition| {
        condition.status == Holds::True.as_str() && condition.reason == Reason::Announced.as_str()
    };
    Some(Wish {
        addresses,
        serving,
        announced_before: status::condition(service, Kind::Healthy).is_some_and(announced),
    })
}

/// Whether a node may hand the traffic of `service` to its own pods only.
#[must_use]
pub fn is_local(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.external_traffic_policy.as_deref()) == Some("Local")
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

    fn read(service: &str) -> Option<Wish> {
        let service: Service = serde_yaml::from_str(service).unwrap();
        wish(&service, &Classes::new(&[ARP], &[], None).unwrap(), || None)
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
