//! Which targets do load balancers get right now? Node changes are gathered until they pause, so that a drain of a
//! hundred nodes is one update of each load balancer.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::api::core::v1::Node;
use roadstead_core::{Target, Targets};
use tokio::time::{Instant, timeout_at};

use super::{caches::Caches, events::Events, said::Said};
use crate::service::nodes::{self, Skipped};

/// The nodes that receive traffic, one set for all Services.
#[derive(Debug)]
pub struct NodeTargets {
    current: Mutex<Selection>,
    told: Mutex<HashSet<String>>,
}

/// The nodes at one moment.
#[derive(Clone, Debug)]
pub struct Selection {
    /// For providers that need a provider id.
    identified: Choice,
    /// For those that do not.
    all: Choice,
}

#[derive(Clone, Debug)]
struct Choice {
    /// Counts up with each change: two choices of one number are one.
    generation: u64,
    targets: Arc<[Target]>,
}

/// Changes are gathered until there was none for so long …
const PAUSE: Duration = Duration::from_secs(1);
/// … but not for longer than this.
const PATIENCE: Duration = Duration::from_secs(5);

// === impl Selection ===

impl Selection {
    /// The targets; [`Targets::Keep`] if no node is eligible.
    #[must_use]
    pub fn targets(&self, needs_provider_ids: bool) -> Targets {
        let targets = &self.choice(needs_provider_ids).targets;
        if targets.is_empty() {
            Targets::Keep
        } else {
            Targets::Exactly(Arc::clone(targets))
        }
    }

    /// A number that changes with those targets, and only with them.
    #[must_use]
    pub fn generation(&self, needs_provider_ids: bool) -> u64 {
        self.choice(needs_provider_ids).generation
    }

    fn choice(&self, needs_provider_ids: bool) -> &Choice {
        if needs_provider_ids {
            &self.identified
        } else {
            &self.all
        }
    }
}

// === impl Choice ===

impl Choice {
    fn none() -> Self {
        Self {
            generation: 0,
            targets: Arc::new([]),
        }
    }

    /// Takes `targets`; true if they are others.
    fn take(&mut self, targets: Vec<Target>) -> bool {
        let changed = *self.targets != *targets;
        if changed {
            self.generation += 1;
            self.targets = targets.into();
        }
        changed
    }
}

// === impl NodeTargets ===

impl Default for NodeTargets {
    fn default() -> Self {
        Self {
            current: Mutex::new(Selection {
                identified: Choice::none(),
                all: Choice::none(),
            }),
            told: Mutex::default(),
        }
    }
}

impl NodeTargets {
    /// The selection as it is.
    #[must_use]
    pub fn current(&self) -> Selection {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Selects anew; true if the selection changed.
    pub fn select(&self, nodes: &[Arc<Node>]) -> bool {
        let all = nodes::select(nodes.iter().map(AsRef::as_ref), false);
        // The same ones, so that a thousand nodes' labels are held once.
        let identified = all.iter().filter(|target| target.provider_id.is_some());
        let identified = identified.cloned().collect();
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Both, whatever the first one says.
        let changed = [current.identified.take(identified), current.all.take(all)];
        changed.contains(&true)
    }

    /// Follows the nodes for ever, and has every Service looked at when the selection changed.
    pub async fn follow(&self, caches: &Caches, events: &Events, needs_provider_ids: bool) {
        loop {
            caches.inbox.nodes_changed().await;
            gather(caches).await;
            let nodes = caches.nodes();
            if needs_provider_ids {
                self.tell_unidentified(&nodes, events);
            }
            if self.select(&nodes) {
                let targets = self.current().all.targets.len();
                tracing::info!(targets, "the nodes that receive traffic changed");
                caches.inbox.everything();
            }
        }
    }

    /// One event for each node that is left out because nobody wrote its provider id.
    pub fn tell_unidentified(&self, nodes: &[Arc<Node>], events: &Events) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let unidentified: Vec<_> = nodes
            .iter()
            .filter(|node| nodes::target(node, true) == Err(Skipped::NoProviderId))
            .collect();
        let uid = |node: &Node| node.metadata.uid.clone().unwrap_or_default();
        let uids: HashSet<String> = unidentified.iter().map(|node| uid(node)).collect();
        told.retain(|known| uids.contains(known));
        for node in unidentified {
            if told.insert(uid(node)) {
                events.of_node(
                    node,
                    Said::warning(
                        "NodeWithoutProviderID",
                        "the node receives no traffic from load balancers until its spec.providerID is set, by the \
                         cloud's node controller or by hand",
                    ),
                );
            }
        }
    }
}

async fn gather(caches: &Caches) {
    let latest = Instant::now() + PATIENCE;
    while Instant::now() < latest {
        let pause = (Instant::now() + PAUSE).min(latest);
        if timeout_at(pause, caches.inbox.nodes_changed())
            .await
            .is_err()
        {
            return;
        }
    }
}
