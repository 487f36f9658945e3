//! Which attributes must be sent? Those asked for that differ, and those once asked for that must fall back to AWS's default. Pure.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::{
    desired::{Desired, WantedTargetGroup},
    types::TargetType,
};

type Attributes = BTreeMap<String, String>;

/// AWS's defaults for a Network Load Balancer (ELBv2 API reference, `LoadBalancerAttribute`).
const LOAD_BALANCER: [(&str, &str); 4] = [
    ("load_balancing.cross_zone.enabled", "false"),
    ("dns_record.client_routing_policy", "any_availability_zone"),
    ("zonal_shift.config.enabled", "false"),
    ("secondary_ips.auto_assigned.per_subnet", "0"),
];

/// As above, for what others set too, by hand or for a whole account: reset only if we set it, which a mark remembers.
const GUARDED: [(&str, &str, &str); 2] = [
    ("deletion_protection.enabled", "false", "dp"),
    ("access_logs.s3.enabled", "false", "al"),
];

/// AWS's defaults for a target group of a Network Load Balancer (ELBv2 API reference, `TargetGroupAttribute`).
const TARGET_GROUP: [(&str, &str); 10] = [
    ("deregistration_delay.timeout_seconds", "300"),
    ("proxy_protocol_v2.enabled", "false"),
    ("stickiness.enabled", "false"),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
    ),
    (
        "target_health_state.unhealthy.connection_termination.enabled",
        "true",
    ),
    (
        "target_health_state.unhealthy.draining_interval_seconds",
        "0",
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "1",
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
    ),
];

/// The idle timeout of a TCP listener, in seconds.
const LISTENER: [(&str, &str); 1] = [("tcp.idle_timeout.seconds", "350")];

/// What a new load balancer has.
pub(crate) fn new_load_balancer() -> Attributes {
    let guarded = GUARDED.iter().map(|(key, value, _)| (*key, *value));
    owned(LOAD_BALANCER.into_iter().chain(guarded))
}

/// What a new target group has.
pub(crate) fn new_target_group(group: &WantedTargetGroup) -> Attributes {
    let preserved = match group.target_type {
        TargetType::Instance => true,
        TargetType::Ip => group.protocol.carries_udp(),
    };
    let mut attributes = owned(TARGET_GROUP);
    attributes.insert(
        "preserve_client_ip.enabled".to_owned(),
        preserved.to_string(),
    );
    if !group.protocol.carries_udp() {
        attributes.insert(
            "deregistration_delay.connection_termination.enabled".to_owned(),
            "false".to_owned(),
        );
    }
    attributes
}

/// What a new listener has.
pub(crate) fn new_listener() -> Attributes {
    owned(LISTENER)
}

/// What must be sent to a load balancer that has `there`; `marked` is what the mark on it says.
pub(crate) fn for_load_balancer(
    asked: &Attributes,
    there: &Attributes,
    marked: Option<&str>,
) -> Attributes {
    let ours = |tag: &str| {
        marked
            .unwrap_or_default()
            .split(' ')
            .skip(1)
            .any(|word| word == tag)
    };
    let guarded = GUARDED.iter().filter(|(_, _, tag)| ours(tag));
    let defaults = owned(
        LOAD_BALANCER
            .into_iter()
            .chain(guarded.map(|(key, value, _)| (*key, *value))),
    );
    difference(asked, there, &defaults)
}

/// What must be sent to a target group that has `there`.
pub(crate) fn for_target_group(group: &WantedTargetGroup, there: &Attributes) -> Attributes {
    difference(&group.attributes, there, &new_target_group(group))
}

/// What must be sent to a listener that has `there`.
pub(crate) fn for_listener(asked: &Attributes, there: &Attributes) -> Attributes {
    difference(asked, there, &new_listener())
}

/// Everything that is asked for and that lists do not show, in one word for a mark: while the mark says the same, nothing
/// of it needs to be read. What follows it says which guarded attributes are ours.
pub(crate) fn fingerprint(desired: &Desired) -> String {
    let mut hash = Sha256::new();
    let mut add = |of: &str, attributes: &Attributes| {
        for (key, value) in attributes {
            hash.update(format!("{of}\0{key}\0{value}\0"));
        }
    };
    let balancer = &desired.load_balancer;
    add("load-balancer", &balancer.attributes);
    for group in desired.target_groups.values() {
        add(&group.slot, &group.attributes);
    }
    for (port, listener) in &desired.listeners {
        add(&port.to_string(), &listener.attributes);
        for certificate in listener.certificates.iter().skip(1) {
            add(
                &format!("{port}/certificate"),
                &owned([(certificate.as_str(), "")]),
            );
        }
    }
    if let Some(units) = balancer.capacity {
        add("capacity", &owned([("units", units.to_string().as_str())]));
    }
    let mut word: String = hash
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (key, default, tag) in GUARDED {
        if balancer
            .attributes
            .get(key)
            .is_some_and(|value| value != default)
        {
            word.push(' ');
            word.push_str(tag);
        }
    }
    word
}

/// Whether nothing is asked for that a new load balancer would not have by itself.
pub(crate) fn is_plain(desired: &Desired) -> bool {
    let balancer = &desired.load_balancer;
    let groups = desired
        .target_groups
        .values()
        .all(|group| for_target_group(group, &new_target_group(group)).is_empty());
    let listeners = desired.listeners.values().all(|listener| {
        listener.certificates.len() <= 1
            && for_listener(&listener.attributes, &new_listener()).is_empty()
    });
    balancer.capacity.is_none()
        && for_load_balancer(&balancer.attributes, &new_load_balancer(), None).is_empty()
        && groups
        && listeners
}

fn difference(asked: &Attributes, there: &Attributes, defaults: &Attributes) -> Attributes {
    let resets = defaults
        .iter()
        .filter(|(key, _)| !asked.contains_key(*key) && there.contains_key(*key));
    asked
        .iter()
        .chain(resets)
        .filter(|(key, value)| there.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn owned<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Attributes {
    pairs
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_no_longer_asked_for_falls_back_to_the_default() {
        let there = owned([
            ("load_balancing.cross_zone.enabled", "true"),
            ("unknown.to.us", "x"),
        ]);
        let send = for_load_balancer(&Attributes::new(), &there, None);
        assert_eq!(
            send,
            owned([("load_balancing.cross_zone.enabled", "false")])
        );
        let asked = owned([("load_balancing.cross_zone.enabled", "true")]);
        assert!(for_load_balancer(&asked, &there, None).is_empty());
    }

    #[test]
    fn what_others_protect_stays_protected_and_what_we_protected_does_not() {
        let there = owned([("deletion_protection.enabled", "true")]);
        let send = |marked| for_load_balancer(&Attributes::new(), &there, marked);
        assert!(send(None).is_empty());
        assert!(send(Some("0123 al")).is_empty());
        assert_eq!(
            send(Some("0123 dp")),
            owned([("deletion_protection.enabled", "false")])
        );
    }
}
