//! What must be done to target groups and their targets? New ones come before old ones go. Pure.

use std::collections::BTreeSet;

use super::{CLEAR, Course, MAKE, SHAPE, Step, attributes};
use crate::{
    api::TargetRef,
    desired::{Desired, WantedTargetGroup},
    ids::Arn,
    observed::{Observed, TargetGroupObserved},
    seen::TargetSeen,
    types::TargetType,
};

pub(super) fn plan(desired: &Desired, observed: &Observed, course: &mut Course) {
    for (name, wanted) in &desired.target_groups {
        match observed.target_group(name) {
            None => create(name, wanted, observed, course),
            Some(there) => change(name, wanted, there, course),
        }
    }
}

fn create(name: &str, wanted: &WantedTargetGroup, observed: &Observed, course: &mut Course) {
    course.step(
        MAKE,
        Step::CreateTargetGroup {
            name: name.to_owned(),
            group: wanted.clone(),
        },
    );
    let mut shape = Vec::new();
    let attributes = attributes::for_target_group(wanted, &attributes::new_target_group(wanted));
    if !attributes.is_empty() {
        shape.push(Step::ChangeTargetGroupAttributes {
            name: name.to_owned(),
            attributes,
        });
    }
    let targets = match &wanted.targets {
        Some(targets) => targets.clone(),
        None => inherited(wanted, observed),
    };
    if !targets.is_empty() {
        shape.push(register(name, wanted, targets));
    }
    course.lane(SHAPE, shape);
}

/// No target is eligible at the moment: a new group takes over those of the one that it replaces.
fn inherited(wanted: &WantedTargetGroup, observed: &Observed) -> BTreeSet<TargetRef> {
    let port = format!("target-group/{}/", wanted.listener_port);
    let predecessor = observed.target_groups.iter().find(|group| {
        let slot = group.marks.slot.as_deref().unwrap_or_default();
        slot.starts_with(&port) && group.seen.target_type == wanted.target_type
    });
    predecessor
        .into_iter()
        .flat_map(TargetGroupObserved::registered_targets)
        .map(|target| TargetRef::registered(&target.id, target.port))
        .collect()
}

fn change(
    name: &str,
    wanted: &WantedTargetGroup,
    there: &TargetGroupObserved,
    course: &mut Course,
) {
    let mut shape = Vec::new();
    if there.seen.health_check != wanted.health_check {
        shape.push(Step::ChangeHealthCheck {
            arn: there.seen.arn.clone(),
            name: name.to_owned(),
            health_check: wanted.health_check.clone(),
        });
    }
    if let Some(now) = &there.attributes {
        let attributes = attributes::for_target_group(wanted, now);
        if !attributes.is_empty() {
            shape.push(Step::ChangeTargetGroupAttributes {
                name: name.to_owned(),
                attributes,
            });
        }
    }
    let (missing, surplus) = delta(wanted, there);
    if !missing.is_empty() {
        shape.push(register(name, wanted, missing));
    }
    course.lane(SHAPE, shape);
    if !surplus.is_empty() {
        course.step(
            CLEAR,
            Step::Deregister {
                arn: there.seen.arn.clone(),
                name: name.to_owned(),
                port: wanted.listener_port.get(),
                targets: surplus,
            },
        );
    }
}

/// What is to be registered, and what to be deregistered.
pub(super) fn delta(
    wanted: &WantedTargetGroup,
    there: &TargetGroupObserved,
) -> (BTreeSet<TargetRef>, BTreeSet<TargetRef>) {
    let (Some(targets), Some(_)) = (&wanted.targets, &there.targets) else {
        return (BTreeSet::new(), BTreeSet::new());
    };
    let missing = targets
        .iter()
        .filter(|target| !there.registered_targets().any(|seen| is(target, seen)))
        .cloned()
        .collect();
    let ours = |target: &TargetRef| !wanted.shared || there.ours.contains(target);
    (missing, unwanted(targets, there).filter(ours).collect())
}

/// The targets of groups that clusters share that are this cluster's because it wants them: they stay its own when it no longer does.
pub(crate) fn claimed<'o>(
    desired: &Desired,
    observed: &'o Observed,
) -> Vec<(&'o Arn, BTreeSet<TargetRef>)> {
    in_shared_groups(desired, observed, |_, targets, there| {
        let registered =
            |target: &&TargetRef| there.registered_targets().any(|seen| is(target, seen));
        targets
            .iter()
            .filter(registered)
            .map(|target| TargetRef::registered(&target.id, target.port))
            .filter(|target| !there.ours.contains(target))
            .collect()
    })
}

/// The instances in groups that clusters share that are not wanted, and not known to be this cluster's.
pub(crate) fn strangers<'o>(
    desired: &Desired,
    observed: &'o Observed,
) -> Vec<(&'o Arn, BTreeSet<TargetRef>)> {
    in_shared_groups(desired, observed, |wanted, targets, there| {
        let unwanted = unwanted(targets, there).filter(|target| !there.ours.contains(target));
        match wanted.target_type {
            TargetType::Instance => unwanted.collect(),
            TargetType::Ip => BTreeSet::new(),
        }
    })
}

/// What `choose` takes of the targets of each group that clusters share, given what is wanted there.
fn in_shared_groups<'o>(
    desired: &Desired,
    observed: &'o Observed,
    choose: impl Fn(
        &WantedTargetGroup,
        &BTreeSet<TargetRef>,
        &TargetGroupObserved,
    ) -> BTreeSet<TargetRef>,
) -> Vec<(&'o Arn, BTreeSet<TargetRef>)> {
    let shared = desired.target_groups.iter().filter(|(_, it)| it.shared);
    let chosen = shared.filter_map(|(name, wanted)| {
        let there = observed.target_group(name)?;
        let chosen = choose(wanted, wanted.targets.as_ref()?, there);
        (!chosen.is_empty()).then_some((&there.seen.arn, chosen))
    });
    chosen.collect()
}

/// What is registered and not among `targets`.
fn unwanted(
    targets: &BTreeSet<TargetRef>,
    there: &TargetGroupObserved,
) -> impl Iterator<Item = TargetRef> {
    there
        .registered_targets()
        .filter(|seen| !targets.iter().any(|target| is(target, seen)))
        .map(|seen| TargetRef::registered(&seen.id, seen.port))
}

fn is(target: &TargetRef, seen: &TargetSeen) -> bool {
    target.id == seen.id && target.port == seen.port
}

fn register(name: &str, wanted: &WantedTargetGroup, targets: BTreeSet<TargetRef>) -> Step {
    Step::Register {
        name: name.to_owned(),
        port: wanted.listener_port.get(),
        targets,
    }
}
