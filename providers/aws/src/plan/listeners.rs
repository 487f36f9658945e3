//! What must be done to listeners? One whose target group changes moves only when the new group is healthy. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{CLEAR, Course, LISTEN, Step, attributes};
use crate::{
    desired::{Desired, WantedListener},
    ids::Arn,
    observed::{ListenerObserved, LoadBalancerObserved, Observed, TargetGroupObserved},
    seen::TargetState,
    types::ListenerProtocol,
};

/// Listeners at these ports may be ours for a while: no security group admits anybody to them.
const WARM_UP_PORTS: std::ops::RangeInclusive<u16> = 64_512..=65_535;

pub(super) fn plan(
    desired: &Desired,
    observed: &Observed,
    current: Option<&LoadBalancerObserved>,
    course: &mut Course,
) {
    let Some(balancer) = current else {
        for (port, wanted) in &desired.listeners {
            create(desired, *port, wanted, course);
        }
        return;
    };
    let mut warm = BTreeSet::new();
    for (port, wanted) in &desired.listeners {
        match balancer.listener(*port) {
            None => create(desired, *port, wanted, course),
            Some(there) => {
                warm.extend(change(
                    desired, observed, balancer, there, *port, wanted, course,
                ));
            }
        }
    }
    for there in balancer.all_listeners() {
        let port = there.seen.port;
        let kept = desired.listeners.contains_key(&port) || warm.contains(&there.seen.arn);
        if !kept {
            course.step(
                CLEAR,
                Step::DeleteListener {
                    arn: there.seen.arn.clone(),
                    load_balancer: balancer.seen.arn.clone(),
                    port,
                    warm_up: WARM_UP_PORTS.contains(&port),
                },
            );
        }
    }
}

fn create(desired: &Desired, port: u16, wanted: &WantedListener, course: &mut Course) {
    let mut lane = vec![Step::CreateListener {
        variant: desired.variant,
        port,
        listener: wanted.clone(),
        warm_up: false,
    }];
    let attributes = attributes::for_listener(&wanted.attributes, &attributes::new_listener());
    if !attributes.is_empty() {
        lane.push(Step::ChangeListenerAttributes {
            variant: desired.variant,
            port,
            protocol: wanted.protocol,
            attributes,
        });
    }
    let certificates: BTreeSet<String> = wanted.certificates.iter().skip(1).cloned().collect();
    if !certificates.is_empty() {
        lane.push(Step::AddCertificates {
            variant: desired.variant,
            port,
            certificates,
        });
    }
    course.lane(LISTEN, lane);
}

/// Changes a listener; the listener that warms its new target group up, if one is to stay.
fn change(
    desired: &Desired,
    observed: &Observed,
    balancer: &LoadBalancerObserved,
    there: &ListenerObserved,
    port: u16,
    wanted: &WantedListener,
    course: &mut Course,
) -> Option<Arn> {
    let group = observed.target_group(&wanted.target_group);
    let points = group.is_some_and(|group| there.seen.target_groups == [group.seen.arn.clone()]);
    if !points && reaches(observed, there) && !group.is_some_and(is_ready) {
        return warm_up(desired, balancer, group, port, wanted, course);
    }
    let mut lane = Vec::new();
    let why = differences(there, wanted, points);
    if !why.is_empty() {
        lane.push(Step::ChangeListener {
            arn: there.seen.arn.clone(),
            port,
            listener: wanted.clone(),
            why: why.join(", "),
        });
    }
    // AWS knows attributes of TCP listeners only.
    if let Some(now) = &there.attributes
        && wanted.protocol == ListenerProtocol::Tcp
    {
        let attributes = attributes::for_listener(&wanted.attributes, now);
        if !attributes.is_empty() {
            lane.push(Step::ChangeListenerAttributes {
                variant: desired.variant,
                port,
                protocol: wanted.protocol,
                attributes,
            });
        }
    }
    lane.extend(certificates(desired, there, port, wanted));
    course.lane(LISTEN, lane);
    None
}

fn differences(there: &ListenerObserved, wanted: &WantedListener, points: bool) -> Vec<String> {
    let mut why = Vec::new();
    if there.seen.protocol != wanted.protocol {
        why.push(format!("instead of {}", there.seen.protocol));
    }
    if !points {
        why.push(format!("forward to target group {}", wanted.target_group));
    }
    if there.seen.certificates.first() != wanted.certificates.first() {
        why.push(match wanted.certificates.first() {
            Some(certificate) => format!("certificate {certificate}"),
            None => "no certificate".to_owned(),
        });
    }
    if wanted.ssl_policy.is_some() && there.seen.ssl_policy != wanted.ssl_policy {
        why.extend(
            wanted
                .ssl_policy
                .as_ref()
                .map(|policy| format!("policy {policy}")),
        );
    }
    if there.seen.alpn != wanted.alpn {
        why.push(match wanted.alpn {
            Some(alpn) => format!("ALPN {alpn}"),
            None => "no ALPN".to_owned(),
        });
    }
    why
}

fn certificates(
    desired: &Desired,
    there: &ListenerObserved,
    port: u16,
    wanted: &WantedListener,
) -> Vec<Step> {
    let Some(now) = &there.certificates else {
        return Vec::new();
    };
    let default = wanted.certificates.first();
    let asked: BTreeSet<String> = wanted.certificates.iter().skip(1).cloned().collect();
    let missing: BTreeSet<String> = asked.difference(now).cloned().collect();
    // With TLS the certificates go, and AWS refuses to remove any from a listener of another protocol.
    let removable = now
        .difference(&asked)
        .filter(|_| wanted.protocol == ListenerProtocol::Tls);
    let surplus: BTreeSet<String> = removable
        .filter(|certificate| Some(*certificate) != default)
        .cloned()
        .collect();
    let mut steps = Vec::new();
    if !missing.is_empty() {
        steps.push(Step::AddCertificates {
            variant: desired.variant,
            port,
            certificates: missing,
        });
    }
    if !surplus.is_empty() {
        steps.push(Step::RemoveCertificates {
            arn: there.seen.arn.clone(),
            port,
            certificates: surplus,
        });
    }
    steps
}

/// Whether a listener sends its clients to a target that is well. What was not looked at is given the benefit of the doubt.
pub(super) fn reaches(observed: &Observed, there: &ListenerObserved) -> bool {
    there
        .seen
        .target_groups
        .iter()
        .any(|arn| observed.target_group_at(arn).is_none_or(may_serve))
}

/// Whether clients may reach somebody there: also one that was found in its first checks when it was last asked for.
fn may_serve(group: &TargetGroupObserved) -> bool {
    group.targets.is_none()
        || group
            .registered_targets()
            .any(|target| matches!(target.state, TargetState::Healthy | TargetState::Initial))
}

/// Whether clients may be sent there: somebody is well, and nobody is still being looked at for the first time.
pub(super) fn is_ready(group: &TargetGroupObserved) -> bool {
    let deciding = group
        .registered_targets()
        .any(|target| target.state == TargetState::Initial);
    group.healthy() > 0 && !deciding
}

/// AWS checks the targets of a group only while a listener points at it. So a second listener, at a port that nobody is
/// admitted to, points at the new group until that is healthy.
fn warm_up(
    desired: &Desired,
    balancer: &LoadBalancerObserved,
    group: Option<&TargetGroupObserved>,
    port: u16,
    wanted: &WantedListener,
    course: &mut Course,
) -> Option<Arn> {
    course.waiting = Some(format!(
        "the targets of {} to become healthy, before listener {port} moves to it",
        wanted.target_group
    ));
    let warming = balancer.all_listeners().find(|there| {
        WARM_UP_PORTS.contains(&there.seen.port)
            && group.is_some_and(|group| there.seen.target_groups == [group.seen.arn.clone()])
    });
    if let Some(warming) = warming {
        return Some(warming.seen.arn.clone());
    }
    let used: BTreeSet<u16> = balancer
        .all_listeners()
        .map(|there| there.seen.port)
        .collect();
    let planned: BTreeSet<u16> = course
        .stages
        .iter()
        .flatten()
        .flatten()
        .filter_map(|step| match step {
            Step::CreateListener { port, .. } => Some(*port),
            _ => None,
        })
        .collect();
    let free = WARM_UP_PORTS.rev().find(|port| {
        !used.contains(port) && !planned.contains(port) && !desired.listeners.contains_key(port)
    })?;
    course.step(
        LISTEN,
        Step::CreateListener {
            variant: desired.variant,
            port: free,
            listener: WantedListener {
                attributes: BTreeMap::new(),
                ..wanted.clone()
            },
            warm_up: true,
        },
    );
    None
}
