//! What do tests create?
//!
//! Builders that read as the sentence a test would say, and the two objects that need more than a create. A builder
//! sets what it is told and nothing else; whether it makes sense is the controller's business.

mod node;
mod service;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::{Namespace, Node, NodeStatus};
use kube::{
    Api, Client,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::json;

pub use node::{NodeBuilder, node};
pub use service::{ServiceBuilder, service};

/// Creates a namespace with a name of its own that starts with `prefix`, and returns the name.
///
/// # Errors
/// The API server refuses.
pub async fn namespace(client: &Client, prefix: &str) -> Result<String> {
    let metadata = ObjectMeta {
        generate_name: Some(format!("{prefix}-")),
        ..ObjectMeta::default()
    };
    let wanted = Namespace {
        metadata,
        ..Namespace::default()
    };
    let created = Api::<Namespace>::all(client.clone())
        .create(&PostParams::default(), &wanted)
        .await;
    let created = created.with_context(|| format!("creating a namespace {prefix}-*"))?;
    created
        .metadata
        .name
        .with_context(|| format!("creating a namespace {prefix}-*: it has no name"))
}

/// Creates a node as a kubelet would leave it: ready, with its addresses, and with no taint but its own.
///
/// # Errors
/// The API server refuses.
pub async fn add_node(client: &Client, node: Node) -> Result<Node> {
    let nodes = Api::<Node>::all(client.clone());
    let name = node.metadata.name.clone().unwrap_or_default();
    let taints = node.spec.as_ref().and_then(|spec| spec.taints.clone());
    let status = node.status.clone().unwrap_or_default();
    let created = nodes.create(&PostParams::default(), &node).await;
    created.with_context(|| format!("creating node {name}"))?;

    // The API server adds a not-ready taint to every new node.
    let patch = Patch::Merge(json!({ "spec": { "taints": taints } }));
    let untainted = nodes.patch(&name, &PatchParams::default(), &patch).await;
    untainted.with_context(|| format!("clearing the not-ready taint of node {name}"))?;

    // A create ignores the status.
    let NodeStatus {
        addresses,
        conditions,
        ..
    } = status;
    let patch =
        Patch::Merge(json!({ "status": { "addresses": addresses, "conditions": conditions } }));
    let ready = nodes
        .patch_status(&name, &PatchParams::default(), &patch)
        .await;
    ready.with_context(|| format!("setting the status of node {name}"))
}
