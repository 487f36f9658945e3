//! Where are clients sent while one load balancer replaces another, and when does the old one go? Pure.

use super::{
    Course, MARK, Marked, REMOVE, SHAPE, Situation, Step,
    listeners::{is_ready, reaches},
    targets::delta,
};
use crate::{
    desired::{Desired, WantedTargetGroup},
    observed::{LoadBalancerObserved, Observed, TargetGroupObserved},
    tags::{RETIRE_AT, Tags},
};

pub(super) fn plan(
    desired: &Desired,
    observed: &Observed,
    current: Option<&LoadBalancerObserved>,
    situation: &Situation<'_>,
    course: &mut Course,
) {
    let others: Vec<&LoadBalancerObserved> = observed
        .load_balancers
        .iter()
        .filter(|other| current.is_none_or(|current| current.seen.arn != other.seen.arn))
        .collect();
    // The one that clients were told, or else any: it serves until the new one does.
    let serving = others
        .iter()
        .find(|other| situation.published.contains(&other.seen.dns_name))
        .or_else(|| others.first())
        .filter(|other| other.marks.retire_at.is_none() && serves(observed, other));
    let ready = current
        .zip(serving.copied())
        .is_some_and(|(current, serving)| takes_over(desired, observed, current, serving));
    match (current, serving) {
        (Some(current), None) => course.address = Some(current.seen.dns_name.clone()),
        (Some(current), Some(_)) if ready => course.address = Some(current.seen.dns_name.clone()),
        (_, Some(serving)) => {
            course.address = Some(serving.seen.dns_name.clone());
            course.waiting = Some(format!(
                "the new load balancer to have healthy targets, before clients are sent there from {}",
                serving.seen.name
            ));
        }
        (None, None) => {}
    }
    let succeeded = serving.is_none() || ready;
    for other in &others {
        follow(desired, observed, other, course);
        retire(current, other, succeeded, situation, course);
    }
}

/// Whether `balancer` could serve every client that `serving` serves: all listeners point where they should, at somebody who
/// is well. A port at which nobody is well now is no reason to wait.
fn takes_over(
    desired: &Desired,
    observed: &Observed,
    balancer: &LoadBalancerObserved,
    serving: &LoadBalancerObserved,
) -> bool {
    balancer.seen.state.is_active()
        && desired.listeners.iter().all(|(port, wanted)| {
            let Some(group) = observed.target_group(&wanted.target_group) else {
                return false;
            };
            let points = balancer
                .listener(*port)
                .is_some_and(|there| there.seen.target_groups == [group.seen.arn.clone()]);
            let missed = serving.listeners.is_none()
                || serving
                    .listener(*port)
                    .is_some_and(|there| reaches(observed, there));
            points && (is_ready(group) || !missed)
        })
}

/// Whether any client of `balancer` reaches somebody. What was not looked at is given the benefit of the doubt.
fn serves(observed: &Observed, balancer: &LoadBalancerObserved) -> bool {
    balancer.listeners.is_none()
        || balancer
            .all_listeners()
            .any(|listener| reaches(observed, listener))
}

/// The targets of the old load balancer follow the nodes as long as clients may be there.
fn follow(
    desired: &Desired,
    observed: &Observed,
    other: &LoadBalancerObserved,
    course: &mut Course,
) {
    let groups = other
        .all_listeners()
        .flat_map(|listener| &listener.seen.target_groups)
        .filter_map(|arn| observed.target_group_at(arn));
    for group in groups {
        let Some(wanted) = successor(desired, group) else {
            continue;
        };
        let name = group.seen.name.clone();
        let port = wanted.listener_port.get();
        let (missing, surplus) = delta(wanted, group);
        if !missing.is_empty() {
            course.step(
                SHAPE,
                Step::Register {
                    name: name.clone(),
                    port,
                    targets: missing,
                },
            );
        }
        if !surplus.is_empty() {
            course.step(
                REMOVE,
                Step::Deregister {
                    arn: group.seen.arn.clone(),
                    name,
                    port,
                    targets: surplus,
                },
            );
        }
    }
}

/// The wanted group that serves the same port with the same kind of target.
fn successor<'d>(
    desired: &'d Desired,
    group: &TargetGroupObserved,
) -> Option<&'d WantedTargetGroup> {
    let slot = group.marks.slot.as_deref()?;
    desired.target_groups.values().find(|wanted| {
        slot.starts_with(&format!("target-group/{}/", wanted.listener_port))
            && group.seen.target_type == wanted.target_type
            && group.seen.ip_address_type == wanted.family
    })
}

/// Once clients were told of the successor, the old one gets its time; when that is over, it goes.
fn retire(
    current: Option<&LoadBalancerObserved>,
    other: &LoadBalancerObserved,
    succeeded: bool,
    situation: &Situation<'_>,
    course: &mut Course,
) {
    let Some(current) = current else {
        return;
    };
    let told = situation.published.contains(&current.seen.dns_name)
        && !situation.published.contains(&other.seen.dns_name);
    let name = other.seen.name.clone();
    match other.marks.retire_at {
        Some(at) if at <= situation.now && told => course.step(
            REMOVE,
            Step::DeleteLoadBalancer {
                arn: other.seen.arn.clone(),
                name,
                why: format!("{} took over", current.seen.name),
            },
        ),
        Some(at) => due(course, at.saturating_sub(situation.now).max(1)),
        None if told && succeeded => {
            // The second that has begun does not count.
            let grace = situation.grace.as_secs() + 1;
            let at = situation.now + grace;
            course.step(
                MARK,
                Step::Mark {
                    what: Marked::LoadBalancer(other.seen.arn.clone()),
                    tags: Tags::from([(RETIRE_AT.to_owned(), at.to_string())]),
                },
            );
            due(course, grace);
        }
        // The status is written after this call; then it is looked at again.
        None if succeeded => due(course, 1),
        None => {}
    }
}

fn due(course: &mut Course, seconds: u64) {
    course.due_in = Some(course.due_in.map_or(seconds, |now| now.min(seconds)));
}
