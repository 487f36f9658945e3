//! What turns what exists into what should exist? Pure: an ordered course of steps, and what is waited for.

pub(crate) mod attributes;
mod balancer;
mod groups;
mod leftovers;
mod listeners;
mod replacement;
mod step;
mod tagging;
mod targets;
mod texts;
mod told;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use roadstead_core::{Action, LoadBalancerId, Plan, Step as ToldStep};

pub(crate) use self::{
    balancer::resolve,
    step::{Group, Marked, Step, SubnetChange, Tagged, Thing},
    tagging::{new_frontend_tags, new_tags},
    targets::{claimed, strangers},
};
use crate::{
    desired::{Desired, Variant},
    observed::{LoadBalancerObserved, Observed},
    seen::LoadBalancerState,
    tags::Marks,
};

/// What a plan is made from, besides what is wanted and what exists.
#[derive(Clone, Debug)]
pub(crate) struct Situation<'a> {
    /// Whose it is.
    pub(crate) id: &'a LoadBalancerId,
    /// The marks of everything of the Service; role, slot and the rest are filled in.
    pub(crate) marks: &'a Marks,
    /// The host names that the Service's status says.
    pub(crate) published: &'a BTreeSet<String>,
    /// Seconds since 1970.
    pub(crate) now: u64,
    /// How long a replaced load balancer stays after its successor was published.
    pub(crate) grace: Duration,
    /// Tag keys that others manage: neither set nor removed.
    pub(crate) external_tags: &'a BTreeSet<String>,
}

/// The steps, and what follows from them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Course {
    /// The stages come one after another; the lanes of one stage go side by side, each in its order. What is about something new
    /// comes as soon as that is there.
    pub(crate) stages: [Stage; STAGES],
    /// What is asked for and cannot be done, in words.
    pub(crate) impossible: Vec<String>,
    /// The host name that clients are to be told, once it is known.
    pub(crate) address: Option<String>,
    /// What is waited for before the rest can be done.
    pub(crate) waiting: Option<String>,
    /// In how many seconds something is due.
    pub(crate) due_in: Option<u64>,
}

/// Lanes that go side by side.
pub(crate) type Stage = Vec<Vec<Step>>;

const STAGES: usize = 6;

/// What is needed by everything else: groups and target groups.
const MAKE: usize = 0;
/// The load balancer, and what its parts are to be like.
const SHAPE: usize = 1;
/// Listeners.
const LISTEN: usize = 2;
/// What nobody needs any more once the listeners point elsewhere.
const CLEAR: usize = 3;
/// What those left behind.
const REMOVE: usize = 4;
/// Notes and tags.
const MARK: usize = 5;

/// What would turn `observed` into `desired`.
pub(crate) fn plan(desired: &Desired, observed: &Observed, situation: &Situation<'_>) -> Course {
    let mut course = Course::default();
    let current = current(desired, observed);
    groups::plan(desired, observed, &mut course);
    targets::plan(desired, observed, &mut course);
    balancer::plan(desired, observed, current, &mut course);
    listeners::plan(desired, observed, current, &mut course);
    replacement::plan(desired, observed, current, situation, &mut course);
    leftovers::plan(desired, observed, &mut course);
    tagging::plan(desired, observed, current, situation, &mut course);
    if course.waiting.is_some() {
        course.shut_nobody_out();
    }
    course
}

/// The load balancer that is, or becomes, what is wanted: of the wanted variant, and not on its way out.
pub(crate) fn current<'o>(
    desired: &Desired,
    observed: &'o Observed,
) -> Option<&'o LoadBalancerObserved> {
    let mut candidates: Vec<&LoadBalancerObserved> = observed
        .load_balancers
        .iter()
        .filter(|balancer| variant(balancer) == desired.variant)
        .filter(|balancer| !matches!(balancer.seen.state, LoadBalancerState::Failed(_)))
        .filter(|balancer| balancer.marks.retire_at.is_none())
        .collect();
    candidates.sort_by_key(|balancer| {
        (
            balancer.seen.vpc != desired.load_balancer.vpc,
            balancer.seen.name != desired.load_balancer.name,
            &balancer.seen.arn,
        )
    });
    candidates
        .into_iter()
        .find(|balancer| balancer.seen.vpc == desired.load_balancer.vpc)
}

/// What an existing load balancer cannot change.
pub(crate) fn variant(balancer: &LoadBalancerObserved) -> Variant {
    Variant {
        scheme: balancer.seen.scheme,
        grouped: !balancer.seen.security_groups.is_empty(),
    }
}

// === impl Course ===

impl Course {
    /// True if there is nothing to do now.
    pub(crate) fn is_empty(&self) -> bool {
        self.stages
            .iter()
            .all(|stage| stage.iter().all(Vec::is_empty))
    }

    /// The steps as people read them.
    pub(crate) fn told(&self) -> Plan {
        let steps = self.stages.iter().flatten().flatten();
        let impossible = self
            .impossible
            .iter()
            .map(|what| ToldStep::new(Action::Impossible, what));
        let mut plan: Plan = steps.filter_map(Step::told).chain(impossible).collect();
        plan.notes.extend(
            self.waiting
                .iter()
                .map(|what| format!("the rest waits for {what}")),
        );
        plan
    }

    /// While something old still serves, its clients are let in.
    fn shut_nobody_out(&mut self) {
        for lane in self.stages.iter_mut().flatten() {
            lane.retain(|step| !matches!(step, Step::Revoke { .. }));
        }
    }

    /// Leaves what makes the first things, and nothing that follows.
    pub(crate) fn begin_only(&mut self) {
        for stage in self.stages.iter_mut().skip(1) {
            stage.clear();
        }
    }

    fn lane(&mut self, stage: usize, steps: Vec<Step>) {
        if let Some(stage) = self.stages.get_mut(stage)
            && !steps.is_empty()
        {
            stage.push(steps);
        }
    }

    fn step(&mut self, stage: usize, step: Step) {
        self.lane(stage, vec![step]);
    }
}
