//! How do the targets of a load balancer fare, in words? Pure.

use std::collections::{BTreeMap, HashMap};

use roadstead_core::{Health, PortNumber, TargetState as ToldTarget, Targets};

use crate::{
    desired::Desired,
    observed::{Observed, TargetGroupObserved},
    seen::{TargetSeen, TargetState},
    types::TargetType,
};

/// So many targets in trouble are named, the rest counted.
const NAMED: usize = 3;

/// What is said on the Service; `None` while nothing is known of its targets.
pub(crate) fn of(desired: &Desired, observed: &Observed) -> Option<Health> {
    let groups: Vec<(u16, &TargetGroupObserved)> = desired
        .target_groups
        .iter()
        .filter_map(|(name, wanted)| {
            Some((wanted.listener_port.get(), observed.target_group(name)?))
        })
        .filter(|(_, group)| group.targets.is_some())
        .collect();
    if groups.is_empty() {
        return None;
    }
    let total: usize = groups
        .iter()
        .map(|(_, group)| group.registered_targets().count())
        .sum();
    if total == 0 {
        return Some(Health {
            serving: Some(false),
            message: "no targets: no node or pod is eligible".to_owned(),
        });
    }
    let deciding = groups.iter().any(|(_, group)| {
        group
            .registered_targets()
            .any(|target| target.state == TargetState::Initial)
    });
    let all_serve = groups.iter().all(|(_, group)| group.healthy() > 0);
    let parts: Vec<String> = groups
        .iter()
        .map(|(port, group)| {
            let count = format!(
                "{}/{} healthy",
                group.healthy(),
                group.registered_targets().count()
            );
            if groups.len() == 1 {
                count
            } else {
                format!("port {port}: {count}")
            }
        })
        .collect();
    let mut message = parts.join(", ");
    let trouble = trouble(groups.iter().map(|(_, group)| *group));
    if !trouble.is_empty() {
        message.push_str("; ");
        message.push_str(&trouble);
    }
    Some(Health {
        serving: match (all_serve, deciding) {
            (true, _) => Some(true),
            (false, true) => None,
            (false, false) => Some(false),
        },
        message,
    })
}

/// Who is not well, with AWS's reason: `i-0123 Target.FailedHealthChecks (Health checks failed)`.
fn trouble<'g>(groups: impl Iterator<Item = &'g TargetGroupObserved>) -> String {
    let mut reasons: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for target in groups.flat_map(TargetGroupObserved::registered_targets) {
        if target.state != TargetState::Healthy {
            let list = reasons.entry(reason(target)).or_default();
            if !list.contains(&target.id.as_str()) {
                list.push(&target.id);
            }
        }
    }
    let parts: Vec<String> = reasons
        .into_iter()
        .map(|(reason, ids)| {
            let more = ids.len().saturating_sub(NAMED);
            let named: Vec<&str> = ids.into_iter().take(NAMED).collect();
            let named = named.join(", ");
            match more {
                0 => format!("{named}: {reason}"),
                _ => format!("{named} and {more} more: {reason}"),
            }
        })
        .collect();
    parts.join("; ")
}

fn reason(target: &TargetSeen) -> String {
    match (&target.reason, &target.description) {
        (Some(reason), Some(description)) => format!("{reason} ({description})"),
        (Some(reason), None) => reason.clone(),
        (None, _) => target.state.as_str().to_owned(),
    }
}

/// Each pod's own health, for the gate of its readiness. AWS knows addresses and ports; `targets` say whose those are.
pub(crate) fn of_pods(
    targets: &Targets,
    desired: &Desired,
    observed: &Observed,
) -> Vec<ToldTarget> {
    let targets = targets.exactly().map(|all| &**all).unwrap_or_default();
    let mut pods = HashMap::new();
    for target in targets {
        if let (Some(pod), Some(port)) = (&target.pod, target.port) {
            pods.extend(target.addresses.iter().map(|at| ((*at, port), pod)));
        }
    }
    let groups = desired
        .target_groups
        .iter()
        .filter(|(_, wanted)| wanted.target_type == TargetType::Ip)
        .filter_map(|(name, _)| observed.target_group(name));
    groups
        .flat_map(TargetGroupObserved::registered_targets)
        .filter_map(|seen| {
            let (address, port) = (seen.id.parse().ok()?, PortNumber::new(seen.port)?);
            Some(ToldTarget {
                address,
                port,
                pod: pods.get(&(address, port)).map(|pod| (*pod).clone()),
                healthy: seen.state == TargetState::Healthy,
                reason: reason(seen),
            })
        })
        .collect()
}
