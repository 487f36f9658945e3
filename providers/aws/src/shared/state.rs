//! What does this process know of the backend group, and what is under way? Memory only; it calls nobody.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

use super::{Collected, Watermark, rules};
use crate::{
    api::Priority,
    facts::{Failure, Flights, Trust},
    ids::{GroupId, InstanceId, VpcId},
    seen::Rule,
};

/// A load balancer is being made that needs the backend group: while this is kept the group stays.
#[derive(Debug)]
#[must_use = "without it the group may be released before AWS has the load balancer"]
pub(crate) struct Hold(#[expect(dead_code, reason = "it is counted")] Arc<()>);

#[derive(Debug, Default)]
pub(super) struct State {
    /// How many ensures began.
    begun: u64,
    /// Cloned for each [`Hold`].
    held: Arc<()>,
    now: Moment,
    backends: HashMap<VpcId, Backend>,
    nodes: HashMap<InstanceId, Node>,
    /// When a node's group turned out to be gone: what was read of nodes before does not do.
    nodes_doubted: Option<Instant>,
    pub(super) readings: Flights<(VpcId, Priority), Result<Option<GroupId>, Failure>>,
    pub(super) makings: Flights<VpcId, Result<(), Failure>>,
    /// By backend group and node group.
    pub(super) admitting: Flights<(GroupId, GroupId), Result<(), Failure>>,
    pub(super) releasing: Flights<(), Result<Collected, Failure>>,
}

/// When a call began, next to what was learnt meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    /// Grows when everything is forgotten: what was read before is not learnt after.
    epoch: u64,
    /// How often a group was learnt.
    learnt: u64,
}

/// What is known of the backend group of a VPC.
#[derive(Debug)]
struct Backend {
    id: GroupId,
    learnt: Moment,
    read: Instant,
    /// The rules that let it in, by the group that has them.
    admitted: HashMap<GroupId, BTreeSet<Rule>>,
}

/// What is known of a node.
#[derive(Debug)]
struct Node {
    read: Instant,
    /// Whether all its interfaces were looked at.
    pods: bool,
    groups: BTreeSet<GroupId>,
}

/// A node of which nothing was heard for so long is gone.
const NODES_KEPT: Duration = Duration::from_hours(24);

/// For so long after a doubt the facts may still hold what was read before: they keep instances for 10 minutes.
const NODES_DOUBTED: Duration = Duration::from_mins(10);

fn is_young(read: Instant, max_age: Option<Duration>) -> bool {
    max_age.is_none_or(|max| read.elapsed() <= max)
}

// === impl State ===

impl State {
    /// One more load balancer needs the group.
    pub(super) fn hold(&mut self) -> Hold {
        self.begun += 1;
        Hold(Arc::clone(&self.held))
    }

    /// Whether a load balancer that needs it is being made at this moment.
    pub(super) fn is_held(&self) -> bool {
        Arc::strong_count(&self.held) > 1
    }

    pub(super) fn watermark(&self) -> Watermark {
        Watermark(self.begun)
    }

    /// Forgets the group everywhere.
    pub(super) fn forget(&mut self) {
        self.now.epoch += 1;
        self.backends.clear();
    }

    /// For [`Self::learn_backend`], when a call begins.
    pub(super) fn moment(&self) -> Moment {
        self.now
    }

    /// The group of `vpc`, if what is known of it is young enough.
    pub(super) fn backend(&self, vpc: &VpcId, max_age: Option<Duration>) -> Option<GroupId> {
        let backend = self.backends.get(vpc)?;
        is_young(backend.read, max_age).then(|| backend.id.clone())
    }

    /// What was read of it by a call that began at `begun`, unless everything was forgotten since. That there is none says
    /// nothing of a group that was made after the call began.
    pub(super) fn learn_backend(
        &mut self,
        begun: Moment,
        vpc: &VpcId,
        read: Option<(GroupId, HashMap<GroupId, BTreeSet<Rule>>)>,
    ) {
        if begun.epoch != self.now.epoch {
            return;
        }
        if let Some((id, admitted)) = read {
            self.now.learnt += 1;
            let backend = Backend {
                id,
                learnt: self.now,
                read: Instant::now(),
                admitted,
            };
            self.backends.insert(vpc.clone(), backend);
        } else {
            let is_older = |known: &Backend| known.learnt <= begun;
            if self.backends.get(vpc).is_some_and(is_older) {
                self.backends.remove(vpc);
            }
        }
    }

    /// Those of `wanted` that `group` lacks; `None` if the backend group is not known any more.
    pub(super) fn missing(
        &self,
        vpc: &VpcId,
        backend: &GroupId,
        group: &GroupId,
        wanted: &BTreeSet<Rule>,
    ) -> Option<BTreeSet<Rule>> {
        let known = self.backends.get(vpc).filter(|it| it.id == *backend)?;
        let there = known.admitted.get(group);
        Some(there.map_or_else(|| wanted.clone(), |there| rules::missing(wanted, there)))
    }

    /// `group` lets the backend group in by these rules now.
    pub(super) fn learn_admitted(
        &mut self,
        vpc: &VpcId,
        backend: &GroupId,
        group: &GroupId,
        rules: &BTreeSet<Rule>,
    ) {
        if let Some(known) = self.backends.get_mut(vpc).filter(|it| it.id == *backend) {
            let there = known.admitted.entry(group.clone()).or_default();
            there.extend(rules.iter().cloned());
        }
    }

    /// The groups of these nodes, and the nodes of which nothing is known, or too old things.
    pub(super) fn groups_of(
        &self,
        instances: &[InstanceId],
        pods: bool,
        max_age: Option<Duration>,
    ) -> (BTreeSet<GroupId>, Vec<InstanceId>) {
        let mut groups = BTreeSet::new();
        let mut unknown = Vec::new();
        for id in instances {
            let node = self.nodes.get(id);
            match node.filter(|it| is_young(it.read, max_age) && (it.pods || !pods)) {
                Some(node) => groups.extend(node.groups.iter().cloned()),
                None => unknown.push(id.clone()),
            }
        }
        (groups, unknown)
    }

    pub(super) fn learn_nodes(
        &mut self,
        groups: BTreeMap<InstanceId, BTreeSet<GroupId>>,
        pods: bool,
    ) {
        let read = Instant::now();
        self.nodes
            .retain(|_, node| is_young(node.read, Some(NODES_KEPT)));
        for (id, groups) in groups {
            self.nodes.insert(id, Node { read, pods, groups });
        }
    }

    /// The group of a node turned out to be gone.
    pub(super) fn doubt_nodes(&mut self) {
        self.nodes.clear();
        self.nodes_doubted = Some(Instant::now());
    }

    /// How old an answer about nodes may be.
    pub(super) fn trust_in_nodes(&self) -> Trust {
        match self.nodes_doubted {
            Some(at) if at.elapsed() <= NODES_DOUBTED => Trust::Recent,
            Some(_) | None => Trust::Kept,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reading_that_began_before_the_group_was_made_does_not_unlearn_it() {
        let (mut state, vpc) = (State::default(), VpcId::new("vpc-1"));
        let reading = state.moment();
        let made = (GroupId::new("sg-made"), HashMap::new());
        state.learn_backend(state.moment(), &vpc, Some(made.clone()));
        state.learn_backend(reading, &vpc, None);
        assert_eq!(state.backend(&vpc, None), Some(made.0));
        state.learn_backend(state.moment(), &vpc, None);
        assert_eq!(
            state.backend(&vpc, None),
            None,
            "it was removed by somebody"
        );
    }
}
