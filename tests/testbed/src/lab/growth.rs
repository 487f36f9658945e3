//! How does a cluster grow and shrink?
//!
//! A machine that was never there becomes a node, as the first ones did, and the last one leaves for good. What a node is,
//! is in [`super::node`].

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::core::v1::Node as NodeObject;
use kube::{Api, Client, api::DeleteParams};

use super::{
    Lab,
    address::Segment,
    node::{Node, Setup},
    workload,
};

/// The kube-proxy of every node, those to come included.
#[derive(Debug)]
pub(super) struct Proxies {
    pub(super) program: PathBuf,
    pub(super) kubeconfig: PathBuf,
    /// Whether it is started.
    pub(super) run: bool,
}

/// There is no room for more on a segment: see [`super::address`].
const MOST: usize = 20;

// === impl Lab ===

impl Lab {
    /// Adds a machine that was never there to the cluster, and returns its number: the next one. When this returns, its Node
    /// object is there, and its kube-proxy forwards if those of the other nodes were started. Nothing else runs on it.
    ///
    /// # Errors
    /// There are 20 nodes, the lab has no such segment, or a part of it does not start.
    pub async fn add_node(&mut self, segment: Segment) -> Result<u8> {
        let node = self.next_node(segment)?;
        let what = || format!("adding {}", node.name());
        let api = self.control_plane.client().await?;
        self.join(&api, &node).await.with_context(what)?;
        self.nodes.push(node);
        u8::try_from(self.nodes.len()).context("numbering a node")
    }

    /// Takes the last node out of the cluster for good: its power first, then its pods and its Node object, as the cluster
    /// would find out. The number is free again.
    ///
    /// # Errors
    /// There is no node, or the API server refuses.
    pub async fn remove_last_node(&mut self) -> Result<()> {
        let node = self.nodes.pop();
        let node = node.ok_or_else(|| anyhow!("removing a node: the lab has none"))?;
        let what = || format!("removing {}", node.name());
        node.power_off().with_context(what)?;
        node.unplug().with_context(what)?;
        let api = self.control_plane.client().await?;
        workload::remove_pods_of(&api, node.name()).await?;
        Api::<NodeObject>::all(api)
            .delete(node.name(), &DeleteParams::default())
            .await
            .with_context(what)?;
        Ok(())
    }

    /// The machine that becomes the next node. The cluster does not know of it.
    pub(super) fn next_node(&self, segment: Segment) -> Result<Node> {
        let number = self.nodes.len() + 1;
        if number > MOST {
            bail!("adding a node: there are {MOST}");
        }
        Node::create(&Setup {
            number: u8::try_from(number)?,
            segment,
            lan: &self.lan,
            logs: self.dir.path(),
            kube_proxy: (&self.proxies.program, &self.proxies.kubeconfig),
            runtime: self.pods.handle()?,
        })
    }

    /// Makes a machine a node of the cluster that forwards.
    pub(super) async fn join(&self, api: &Client, node: &Node) -> Result<()> {
        workload::register(api, node).await?;
        if self.proxies.run {
            node.kube_proxy().start()?;
            node.kube_proxy().ready().await?;
        }
        Ok(())
    }
}
