//! Which nodes receive traffic? Readiness is not asked for: that is the load balancer's health check's job. Pure.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::Node;
use roadstead_core::{NodeName, ProviderId, Target};

/// The label that takes a node out of every load balancer; its value does not matter, unless it is `false`.
pub const EXCLUDE_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Taints of a node that is about to go: it is drained before its machine is.
pub const GOING_TAINTS: [&str; 2] = ["ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"];

/// What a Service is told while no node is eligible.
pub const NO_NODES: &str = "no node is eligible to receive traffic, so the targets stay as they were; see kubectl get nodes";

/// Why a node is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// It is being deleted.
    Deleting,
    /// Its label says so.
    Excluded,
    /// An autoscaler is about to remove it.
    Going,
    /// Nobody wrote its provider id yet, and the provider cannot do without.
    NoProviderId,
}

/// Whether `node` is a target; `needs_provider_id` as the provider says.
pub fn target(node: &Node, needs_provider_id: bool) -> Result<Target, Skipped> {
    if is_deleting(node) {
        return Err(Skipped::Deleting);
    }
    if is_excluded(node) {
        return Err(Skipped::Excluded);
    }
    if is_going(node) {
        return Err(Skipped::Going);
    }
    let (metadata, spec) = (&node.metadata, node.spec.as_ref());
    let provider_id = spec
        .and_then(|spec| spec.provider_id.as_deref())
        .filter(|id| !id.is_empty());
    if needs_provider_id && provider_id.is_none() {
        return Err(Skipped::NoProviderId);
    }
    Ok(Target {
        node: NodeName(metadata.name.as_deref().unwrap_or_default().into()),
        provider_id: provider_id.map(|id| ProviderId(id.into())),
        addresses: addresses(node),
        port: None,
        port_name: None,
        pod: None,
        labels: metadata.labels.clone().unwrap_or_default().into(),
    })
}

/// Whether `node` is being deleted.
#[must_use]
pub fn is_deleting(node: &Node) -> bool {
    node.metadata.deletion_timestamp.is_some()
}

/// Whether its label takes `node` out of every load balancer.
#[must_use]
pub fn is_excluded(node: &Node) -> bool {
    let labels = node.metadata.labels.as_ref();
    let label = labels.and_then(|labels| labels.get(EXCLUDE_LABEL));
    label.is_some_and(|value| value != "false")
}

/// Whether an autoscaler is about to remove `node`.
#[must_use]
pub fn is_going(node: &Node) -> bool {
    let spec = node.spec.as_ref();
    let mut taints = spec
        .and_then(|spec| spec.taints.as_deref())
        .unwrap_or_default()
        .iter();
    taints.any(|taint| GOING_TAINTS.contains(&taint.key.as_str()))
}

/// The targets among `nodes`, sorted.
pub fn select<'n>(
    nodes: impl IntoIterator<Item = &'n Node>,
    needs_provider_id: bool,
) -> Vec<Target> {
    let mut targets: Vec<Target> = nodes
        .into_iter()
        .filter_map(|node| target(node, needs_provider_id).ok())
        .collect();
    targets.sort();
    targets
}

/// Every address of the node, as others on a network may see it.
#[must_use]
pub fn all_addresses(node: &Node) -> Vec<IpAddr> {
    let status = node.status.as_ref();
    let listed = status.and_then(|status| status.addresses.as_deref());
    let own = listed
        .unwrap_or_default()
        .iter()
        .filter(|address| ["InternalIP", "ExternalIP"].contains(&address.type_.as_str()));
    own.filter_map(|address| address.address.parse().ok())
        .collect()
}

/// The node's own addresses: internal ones, as a load balancer beside it sees them.
fn addresses(node: &Node) -> Vec<IpAddr> {
    let listed = node
        .status
        .as_ref()
        .and_then(|status| status.addresses.as_deref());
    listed
        .unwrap_or_default()
        .iter()
        .filter(|address| address.type_ == "InternalIP")
        .filter_map(|address| address.address.parse().ok())
        .collect()
}

/// The part of a node that [`target`] reads, and no more: a node's object is mostly the list of its images.
pub fn shrink(node: &mut Node) {
    node.metadata.managed_fields = None;
    node.metadata.annotations = None;
    node.metadata.owner_references = None;
    if let Some(spec) = &mut node.spec {
        let taken = std::mem::take(spec);
        spec.provider_id = taken.provider_id;
        spec.taints = taken.taints;
    }
    if let Some(status) = &mut node.status {
        let taken = std::mem::take(status);
        status.addresses = taken.addresses;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(yaml: &str) -> Result<String, Skipped> {
        let mut node: Node = serde_yaml::from_str(yaml).unwrap();
        let whole = target(&node, true);
        shrink(&mut node);
        assert_eq!(
            target(&node, true),
            whole,
            "shrinking must not change the verdict"
        );
        whole.map(|target| target.node.to_string())
    }

    #[test]
    fn a_node_is_a_target_unless_something_speaks_against_it() {
        let table = [
            ("spec: {providerID: p}", Ok("n".to_owned())),
            (
                "spec: {providerID: p, unschedulable: true, taints: [{key: node.kubernetes.io/not-ready, effect: NoSchedule}]}",
                Ok("n".to_owned()),
            ),
            ("spec: {}", Err(Skipped::NoProviderId)),
            ("spec: {providerID: ''}", Err(Skipped::NoProviderId)),
            (
                "spec: {providerID: p, taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}",
                Err(Skipped::Going),
            ),
            (
                "spec: {providerID: p, taints: [{key: karpenter.sh/disrupted, effect: NoSchedule}]}",
                Err(Skipped::Going),
            ),
        ];
        for (rest, verdict) in table {
            assert_eq!(
                judge(&format!("metadata: {{name: n}}\n{rest}")),
                verdict,
                "{rest}"
            );
        }
        for (label, verdict) in [
            ("''", Err(Skipped::Excluded)),
            ("'true'", Err(Skipped::Excluded)),
            ("'false'", Ok("n".to_owned())),
        ] {
            let yaml = format!(
                "metadata: {{name: n, labels: {{{EXCLUDE_LABEL}: {label}}}}}\nspec: {{providerID: p}}"
            );
            assert_eq!(judge(&yaml), verdict, "label {label}");
        }
        let deleting =
            "metadata: {name: n, deletionTimestamp: '2026-01-01T00:00:00Z'}\nspec: {providerID: p}";
        assert_eq!(judge(deleting), Err(Skipped::Deleting));
    }

    #[test]
    fn a_target_carries_its_labels_and_the_internal_addresses_of_both_families() {
        let yaml = "metadata: {name: n, labels: {zone: a}}
spec: {providerID: p}
status: {addresses: [{type: Hostname, address: n}, {type: ExternalIP, address: 203.0.113.1}, {type: InternalIP, address: 10.0.0.1}, {type: InternalIP, address: 'fd00::1'}]}";
        let target = target(&serde_yaml::from_str(yaml).unwrap(), true).unwrap();
        assert_eq!(
            target.addresses,
            [
                "10.0.0.1".parse::<IpAddr>().unwrap(),
                "fd00::1".parse().unwrap()
            ]
        );
        assert_eq!(target.labels.get("zone").map(String::as_str), Some("a"));
    }
}
