//! Which targets do load balancers get right now? Node changes are gathered until they pause, so that a drain of a
//! hundred nodes is one update of each load balancer.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
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
    /// Whether a load balancer ever chose nodes by their labels.
    by_label: AtomicBool,
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
    /// Counts up with each change of who receives traffic: two choices of one number are one.
    generation: u64,
    /// Counts up with those, and with each change of a label.
    labelled: u64,
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

    /// A number that changes with those targets, and only with them; with their labels only if `by_label`.
    #[must_use]
    pub fn generation(&self, needs_provider_ids: bool, by_label: bool) -> u64 {
        let choice = self.choice(needs_provider_ids);
        if by_label {
            choice.labelled
        } else {
            choice.generation
        }
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
            labelled: 0,
            targets: Arc::new([]),
        }
    }

    /// Takes `targets`; true if they are others, whatever their labels.
    fn take(&mut self, targets: Vec<Target>) -> bool {
        if *self.targets == *targets {
            return false;
        }
        let same = self.targets.len() == targets.len()
            && self
                .targets
                .iter()
                .zip(&targets)
                .all(|(a, b)| a.same_way(b));
        self.generation += u64::from(!same);
        self.labelled += 1;
        self.targets = targets.into();
        !same
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
            by_label: AtomicBool::new(false),
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

    /// Somebody chooses nodes by their labels: from here on a new label may be a reason to look.
    pub fn are_chosen_by_label(&self) {
        self.by_label.store(true, Ordering::Relaxed);
    }

    /// Selects anew; true if the selection changed, labels aside.
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
            let before = self.current().all.labelled;
            let changed = self.select(&nodes);
            let Choice {
                labelled, targets, ..
            } = self.current().all;
            if changed {
                let targets = targets.len();
                tracing::info!(targets, "the nodes that receive traffic changed");
            }
            if changed || (labelled != before && self.by_label.load(Ordering::Relaxed)) {
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
