//! Which target groups and security groups does nothing need any more? Pure.

use std::collections::BTreeSet;

use super::{Course, REMOVE, Step, current};
use crate::{desired::Desired, ids::Arn, observed::Observed};

pub(super) fn plan(desired: &Desired, observed: &Observed, course: &mut Course) {
    let leaving = leaving(course);
    let used = used(desired, observed, &leaving);
    let mut lane = Vec::new();
    for group in &observed.target_groups {
        let wanted = desired.target_groups.contains_key(&group.seen.name);
        if !wanted && !used.contains(&group.seen.arn) {
            lane.push(Step::DeleteTargetGroup {
                arn: group.seen.arn.clone(),
                name: group.seen.name.clone(),
            });
        }
    }
    // After the load balancers of the same stage: a group is deleted only once nothing points at it.
    append(course, lane);
    let mut lane = Vec::new();
    for group in &observed.frontends {
        let wanted = desired.frontend.as_ref().is_some_and(|wanted| {
            wanted.name == group.name && group.vpc == desired.load_balancer.vpc
        });
        let carried = observed.load_balancers.iter().any(|balancer| {
            !leaving.contains(&balancer.seen.arn)
                && balancer.seen.security_groups.contains(&group.id)
        });
        if !wanted && !carried {
            lane.push(Step::DeleteGroup {
                id: group.id.clone(),
                name: group.name.clone(),
            });
        }
    }
    append(course, lane);
}

/// The load balancers that this very course deletes.
fn leaving(course: &Course) -> BTreeSet<Arn> {
    let steps = course.stages.iter().flatten().flatten();
    steps
        .filter_map(|step| match step {
            Step::DeleteLoadBalancer { arn, .. } => Some(arn.clone()),
            _ => None,
        })
        .collect()
}

/// The target groups that a listener will still point at when the course is done.
fn used(desired: &Desired, observed: &Observed, leaving: &BTreeSet<Arn>) -> BTreeSet<Arn> {
    let current = current(desired, observed).map(|current| &current.seen.arn);
    let mut used = BTreeSet::new();
    for balancer in &observed.load_balancers {
        if leaving.contains(&balancer.seen.arn) {
            continue;
        }
        for listener in balancer.all_listeners() {
            let wanted = desired.listeners.get(&listener.seen.port);
            let moves_away = Some(&balancer.seen.arn) == current
                && wanted.is_none_or(|wanted| {
                    observed
                        .target_group(&wanted.target_group)
                        .is_some_and(super::listeners::is_ready)
                });
            if !moves_away {
                used.extend(listener.seen.target_groups.iter().cloned());
            }
        }
    }
    used
}

fn append(course: &mut Course, lane: Vec<Step>) {
    let Some(stage) = course.stages.get_mut(REMOVE) else {
        return;
    };
    match stage.last_mut() {
        Some(last) => last.extend(lane),
        None if lane.is_empty() => {}
        None => stage.push(lane),
    }
}
