//! What do people, and accidents, do to the cluster?

use std::time::Instant;

use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use roadstead_testbed::{Lab, lab::Segment};
use serde_json::json;

use crate::bed::{Bed, Served};

/// The label that takes a node out of every load balancer.
pub(crate) const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

// === impl Bed ===

impl Bed {
    /// Deletes a Service, and returns the moment in which the API server had it no more.
    pub(crate) async fn delete(&self, served: &Served) -> Instant {
        let client = self.lab.control_plane().client().await.unwrap();
        let services: Api<Service> = Api::namespaced(client, &served.place);
        let params = DeleteParams::default();
        services.delete(&served.name, &params).await.unwrap();
        let gone = Instant::now();
        let left = services.get_opt(&served.name).await.unwrap();
        assert_eq!(left, None, "nothing keeps it");
        gone
    }

    /// Gives a node a label, or takes it away.
    pub(crate) async fn label(&self, node: &str, key: &str, value: Option<&str>) {
        let nodes: Api<Node> = Api::all(self.lab.control_plane().client().await.unwrap());
        let patch = json!({ "metadata": { "labels": { key: value } } });
        nodes
            .patch(node, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .unwrap();
    }

    /// Takes a node out of every load balancer, or puts it back, as users do before they work on one.
    pub(crate) async fn exclude(&self, number: u8, excluded: bool) {
        let value = excluded.then_some("");
        let node = self.lab.node(number).name();
        self.label(node, EXCLUDED, value).await;
    }

    /// A machine that was never there becomes a node on the client's segment, with its own kube-proxy and announcer. Returns
    /// its number.
    pub(crate) async fn grow(&mut self) -> u8 {
        let number = self.lab.add_node(Segment::MAIN).await.unwrap();
        self.announce(number).await;
        number
    }

    /// Parts all nodes from the API server in this way; [`Lab::api_up`] ends that.
    pub(crate) fn without_api(&mut self, part: fn(&Lab)) {
        self.behind = true;
        part(&self.lab);
    }

    /// Takes the power of a node away.
    pub(crate) fn power_off(&mut self, number: u8) {
        self.dark.insert(number);
        self.lab.node(number).power_off().unwrap();
    }

    /// Gives it back, and starts the node's announcer.
    pub(crate) async fn power_on(&mut self, number: u8) {
        self.dark.remove(&number);
        self.lab.node(number).power_on(true).unwrap();
        self.announce(number).await;
    }
}
