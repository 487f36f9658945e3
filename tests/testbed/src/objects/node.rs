//! How does a test describe a node?

use k8s_openapi::api::core::v1::{Node, NodeAddress, NodeCondition, NodeSpec, NodeStatus, Taint};
use kube::api::ObjectMeta;

/// Describes a node; [`NodeBuilder::build`] ends the description.
#[derive(Clone, Debug)]
#[must_use = "a description is not an object yet"]
pub struct NodeBuilder(Node);

/// A ready node without provider id and addresses.
pub fn node(name: &str) -> NodeBuilder {
    let ready = NodeCondition {
        type_: "Ready".to_owned(),
        status: "True".to_owned(),
        ..NodeCondition::default()
    };
    NodeBuilder(Node {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: None,
        status: Some(NodeStatus {
            conditions: Some(vec![ready]),
            ..NodeStatus::default()
        }),
    })
}

// === impl NodeBuilder ===

impl NodeBuilder {
    /// Names the machine behind it: `mock:///node-1`.
    pub fn provider_id(mut self, id: &str) -> Self {
        self.spec().provider_id = Some(id.to_owned());
        self
    }

    /// Adds an address of type `InternalIP`.
    pub fn address(self, ip: &str) -> Self {
        self.typed_address("InternalIP", ip)
    }

    /// Adds an address of another type: `ExternalIP`, `Hostname`.
    pub fn typed_address(mut self, type_: &str, address: &str) -> Self {
        let address = NodeAddress {
            type_: type_.to_owned(),
            address: address.to_owned(),
        };
        self.status()
            .addresses
            .get_or_insert_default()
            .push(address);
        self
    }

    /// Adds a label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.0
            .metadata
            .labels
            .get_or_insert_default()
            .insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a taint: `taint("karpenter.sh/disrupted", "NoSchedule")`.
    pub fn taint(mut self, key: &str, effect: &str) -> Self {
        let taint = Taint {
            key: key.to_owned(),
            effect: effect.to_owned(),
            ..Taint::default()
        };
        self.spec().taints.get_or_insert_default().push(taint);
        self
    }

    /// Its kubelet has not reported itself ready.
    pub fn not_ready(mut self) -> Self {
        for condition in self.status().conditions.iter_mut().flatten() {
            "False".clone_into(&mut condition.status);
        }
        self
    }

    /// The object, for [`add_node`](super::add_node).
    #[must_use]
    pub fn build(self) -> Node {
        self.0
    }

    fn spec(&mut self) -> &mut NodeSpec {
        self.0.spec.get_or_insert_default()
    }

    fn status(&mut self) -> &mut NodeStatus {
        self.0.status.get_or_insert_default()
    }
}
