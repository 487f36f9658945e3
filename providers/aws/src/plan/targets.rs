//! What must be done to target groups and their targets? New ones come before old ones go. Pure.

use std::collections::BTreeSet;

use super::{CLEAR, Course, MAKE, SHAPE, Step, attributes};
use crate::{
    api::TargetRef,
    desired::{Desired, WantedTargetGroup},
    observed::{Observed, TargetGroupObserved},
    seen::TargetSeen,
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
        .map(|target| TargetRef {
            id: target.id.clone(),
            port: target.port,
            zone: None,
        })
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
    let is = |a: &TargetRef, b: &TargetSeen| a.id == b.id && a.port == b.port;
    let missing = targets
        .iter()
        .filter(|target| !there.registered_targets().any(|seen| is(target, seen)))
        .cloned()
        .collect();
    let ours = |target: &TargetRef| !wanted.shared || there.registered.contains(target);
    let surplus = there
        .registered_targets()
        .filter(|seen| !targets.iter().any(|target| is(target, seen)))
        .map(|seen| TargetRef {
            id: seen.id.clone(),
            port: seen.port,
            zone: None,
        })
        .filter(ours)
        .collect();
    (missing, surplus)
}

fn register(name: &str, wanted: &WantedTargetGroup, targets: BTreeSet<TargetRef>) -> Step {
    Step::Register {
        name: name.to_owned(),
        port: wanted.listener_port.get(),
        targets,
    }
}
