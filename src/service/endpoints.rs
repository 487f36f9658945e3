//! Which pods of a Service receive traffic, for a provider that targets pods? Pure.

use std::collections::BTreeSet;

use k8s_openapi::api::discovery::v1::EndpointSlice;
use roadstead_core::{NodeName, PortNumber, Target};

/// The label by which a slice names its Service.
pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// The serving pods in `slices`, one target a pod and port, sorted, each once.
///
/// Ready ones: a pod that is terminating gets no new connections, and one that never became ready none at all.
#[must_use]
pub fn targets<'s>(slices: impl IntoIterator<Item = &'s EndpointSlice>) -> Vec<Target> {
    let mut targets = BTreeSet::new();
    for slice in slices {
        let ports = slice.ports.iter().flatten().filter_map(|port| port.port);
        for port in ports
            .filter_map(|port| u16::try_from(port).ok())
            .filter_map(PortNumber::new)
        {
            for endpoint in &slice.endpoints {
                let conditions = endpoint.conditions.as_ref();
                if !conditions.and_then(|c| c.ready).unwrap_or(true) {
                    continue;
                }
                let addresses = endpoint
                    .addresses
                    .iter()
                    .filter_map(|address| address.parse().ok());
                targets.extend(addresses.map(|address| Target {
                    node: NodeName(endpoint.node_name.as_deref().unwrap_or_default().into()),
                    provider_id: None,
                    addresses: vec![address],
                    port: Some(port),
                }));
            }
        }
    }
    targets.into_iter().collect()
}

/// The part of a slice that [`targets`] reads, and no more.
pub fn shrink(slice: &mut EndpointSlice) {
    slice.metadata.managed_fields = None;
    slice.metadata.annotations = None;
    slice.metadata.owner_references = None;
    for endpoint in &mut slice.endpoints {
        endpoint.target_ref = None;
        endpoint.hints = None;
        endpoint.zone = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ready_pod_is_a_target_at_each_of_its_ports_once() {
        let slice = "addressType: IPv4
ports: [{port: 8080}, {port: 8443}]
endpoints:
- {addresses: [10.1.0.1], nodeName: node-1, conditions: {ready: true}}
- {addresses: [10.1.0.2], nodeName: node-2, conditions: {ready: false, serving: true, terminating: true}}
- {addresses: [10.1.0.3], nodeName: node-3}";
        let slice: EndpointSlice = serde_yaml::from_str(slice).unwrap();
        let targets = targets([&slice, &slice]);
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
}
