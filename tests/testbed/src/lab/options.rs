//! What is a lab made of?
//!
//! Numbers and places; nothing is started.

use anyhow::Result;

use super::{Lab, Segment};

/// What a lab is made of. By default three nodes on the segment of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is started before `start`"]
pub struct LabOptions {
    pub(super) nodes: Vec<Segment>,
    pub(super) kube_proxy: bool,
    pub(super) node_port_range: Option<String>,
}

// === impl LabOptions ===

impl LabOptions {
    /// So many nodes on the main segment, at most 20 in all.
    pub fn nodes(mut self, count: u8) -> Self {
        self.nodes = vec![Segment::MAIN; count.into()];
        self
    }

    /// One more node, on that segment.
    pub fn node_on(mut self, segment: Segment) -> Self {
        self.nodes.push(segment);
        self
    }

    /// Without kube-proxy, for what needs no packet to arrive: labs then start sooner.
    pub fn without_kube_proxy(mut self) -> Self {
        self.kube_proxy = false;
        self
    }

    /// Another range of node ports than the API server's own, as `first-last`, for thousands of Services.
    pub fn node_port_range(mut self, range: &str) -> Self {
        self.node_port_range = Some(range.to_owned());
        self
    }

    /// [`Lab::start`].
    pub async fn start(self) -> Result<Lab> {
        Lab::start(self).await
    }
}

impl Default for LabOptions {
    fn default() -> Self {
        Self {
            nodes: vec![Segment::MAIN; 3],
            kube_proxy: true,
            node_port_range: None,
        }
    }
}
