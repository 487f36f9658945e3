//! Which pods of a Service receive traffic, for a provider that targets pods? Pure.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointPort, EndpointSlice};
use roadstead_core::{NamespacedName, NodeName, PortNumber, Target};

/// The label by which a slice names its Service.
pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// The serving pods in `slices`, one target a pod and port of the Service, sorted, each once.
///
/// Ready ones: a pod that is terminating gets no new connections, and one that never became ready none at all. And those
/// that `is_fit` says would be ready if they did not wait for the very load balancer that they are to be targets of.
#[must_use]
pub fn targets<'s>(
    slices: impl IntoIterator<Item = &'s EndpointSlice>,
    is_fit: impl Fn(&NamespacedName, IpAddr) -> bool,
) -> Vec<Target> {
    let mut targets = BTreeSet::new();
    let no_labels = Arc::default();
    for slice in slices {
        let namespace = slice.metadata.namespace.as_deref().unwrap_or_default();
        for (port, name) in slice.ports.iter().flatten().filter_map(port) {
            for endpoint in &slice.endpoints {
                let conditions = endpoint.conditions.as_ref();
                let ready = conditions.and_then(|c| c.ready).unwrap_or(true);
                let going = conditions.and_then(|c| c.terminating).unwrap_or(false);
                let pod = pod(endpoint, namespace);
                let waits =
                    |address| !going && pod.as_ref().is_some_and(|pod| is_fit(pod, address));
                let addresses = endpoint
                    .addresses
                    .iter()
                    .filter_map(|address| address.parse().ok())
                    .filter(|address| ready || waits(*address));
                targets.extend(addresses.map(|address| Target {
                    node: NodeName(endpoint.node_name.as_deref().unwrap_or_default().into()),
                    provider_id: None,
                    addresses: vec![address],
                    port: Some(port),
                    port_name: Some(Arc::clone(&name)),
                    pod: pod.clone(),
                    labels: Arc::clone(&no_labels),
                }));
            }
        }
    }
    targets.into_iter().collect()
}

/// The port that pods listen on, and the name of the Service's port that it serves.
fn port(port: &EndpointPort) -> Option<(PortNumber, Arc<str>)> {
    let number = PortNumber::new(u16::try_from(port.port?).ok()?)?;
    Some((number, port.name.as_deref().unwrap_or_default().into()))
}

/// The pod behind `endpoint`; a slice may also point at something that is none.
fn pod(endpoint: &Endpoint, namespace: &str) -> Option<NamespacedName> {
    let reference = endpoint.target_ref.as_ref()?;
    let name = reference
        .name
        .as_deref()
        .filter(|_| reference.kind.as_deref() == Some("Pod"))?;
    Some(NamespacedName::new(namespace, name))
}

/// Whether `slice` has the pod of this name as an endpoint, ready or not.
#[must_use]
pub fn names_pod(slice: &EndpointSlice, name: &str) -> bool {
    let namespace = slice.metadata.namespace.as_deref().unwrap_or_default();
    slice
        .endpoints
        .iter()
        .filter_map(|endpoint| pod(endpoint, namespace))
        .any(|pod| &*pod.name == name)
}

/// The part of a slice that [`targets`] reads, and no more.
pub fn shrink(slice: &mut EndpointSlice) {
    slice.metadata.managed_fields = None;
    slice.metadata.annotations = None;
    slice.metadata.owner_references = None;
    for endpoint in &mut slice.endpoints {
        if let Some(reference) = &mut endpoint.target_ref {
            let taken = std::mem::take(reference);
            (reference.kind, reference.name) = (taken.kind, taken.name);
        }
        endpoint.hints = None;
        endpoint.zone = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_names_its_pod_and_the_port_of_the_service_that_it_serves() {
        let slice = "metadata: {namespace: shop}
addressType: IPv4
ports: [{name: web, port: 8080}, {name: admin, port: 8080}]
endpoints:
- {addresses: [10.1.0.1], targetRef: {kind: Pod, name: web-1, namespace: shop, uid: u}}
- {addresses: [10.1.0.2], targetRef: {kind: Node, name: node-1}}";
        let mut slice: EndpointSlice = serde_yaml::from_str(slice).unwrap();
        let whole = targets([&slice], |_, _| false);
        shrink(&mut slice);
        assert_eq!(
            targets([&slice], |_, _| false),
            whole,
            "shrinking must not change targets"
        );
        let shown: Vec<String> = whole
            .iter()
            .map(|t| {
                let pod = t.pod.as_ref().map(ToString::to_string);
                format!(
                    "{} {:?} {pod:?}",
                    t.addresses[0],
                    t.port_name.as_deref().unwrap()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                r#"10.1.0.1 "admin" Some("shop/web-1")"#,
                r#"10.1.0.1 "web" Some("shop/web-1")"#,
                r#"10.1.0.2 "admin" None"#,
                r#"10.1.0.2 "web" None"#,
            ]
        );
    }

    #[test]
    fn a_ready_pod_is_a_target_at_each_of_its_ports_once() {
        let slice = "addressType: IPv4
ports: [{port: 8080}, {port: 8443}]
endpoints:
- {addresses: [10.1.0.1], nodeName: node-1, conditions: {ready: true}}
- {addresses: [10.1.0.2], nodeName: node-2, conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [10.1.0.3], nodeName: node-3}";
        let slice: EndpointSlice = serde_yaml::from_str(slice).unwrap();
        let targets = targets([&slice, &slice], |_, _| false);
        let shown: Vec<String> = targets
            .iter()
            .map(|t| format!("{} {} {}", t.node, t.addresses[0], t.port.unwrap()))
            .collect();
        assert_eq!(
            shown,
            [
                "node-1 10.1.0.1 8080",
                "node-1 10.1.0.1 8443",
                "node-3 10.1.0.3 8080",
                "node-3 10.1.0.3 8443"
            ]
        );
    }

    #[test]
    fn a_pod_that_waits_for_its_load_balancer_alone_is_a_target_until_it_goes() {
        let slice = "metadata: {namespace: shop}
addressType: IPv4
ports: [{port: 8080}]
endpoints:
- {addresses: [10.1.0.1], conditions: {ready: false}, targetRef: {kind: Pod, name: waits}}
- {addresses: [10.1.0.2], conditions: {ready: false}, targetRef: {kind: Pod, name: starts}}
- {addresses: [10.1.0.3], conditions: {ready: false}, targetRef: {kind: Node, name: waits}}
- {addresses: [10.1.0.4], conditions: {ready: false, serving: false, terminating: true}, targetRef: {kind: Pod, name: waits}}";
        let slice: EndpointSlice = serde_yaml::from_str(slice).unwrap();
        let targets = targets([&slice], |pod, _| {
            *pod == NamespacedName::new("shop", "waits")
        });
        let shown: Vec<String> = targets.iter().map(|t| t.addresses[0].to_string()).collect();
        assert_eq!(shown, ["10.1.0.1"]);
    }
}
