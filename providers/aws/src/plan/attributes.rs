//! Which attributes must be sent? Those asked for that differ, and those once asked for that must fall back to AWS's default. Pure.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

pub(crate) use crate::params::attributes::{
    listener_defaults as new_listener, load_balancer_defaults as new_load_balancer,
};
use crate::{
    desired::{Desired, WantedTargetGroup},
    params::attributes::{Attributes, target_group_defaults},
    types::Scheme,
};

/// What others set too, by hand or for a whole account: reset only if we set it, which a word in a mark remembers. AWS's
/// default of both is `false`; what belongs to the second goes with it.
const GUARDED: [(&str, &str); 2] = [
    ("deletion_protection.enabled", "dp"),
    ("access_logs.s3.enabled", "al"),
];
/// Where logs go: nothing while there are none.
const LOGS: &str = "access_logs.s3.";

/// What a new target group has.
pub(crate) fn new_target_group(group: &WantedTargetGroup) -> Attributes {
    target_group_defaults(group.target_type, group.protocol)
}

/// What must be sent to a load balancer that has `there`; `marked` is what the mark on it says.
pub(crate) fn for_load_balancer(
    asked: &Attributes,
    there: &Attributes,
    scheme: Scheme,
    marked: Option<&str>,
) -> Attributes {
    let mut words = marked.unwrap_or_default().split(' ').skip(1);
    let ours: Vec<&str> = GUARDED
        .into_iter()
        .filter(|(_, word)| words.any(|said| said == *word))
        .map(|(key, _)| key)
        .collect();
    let mut defaults = new_load_balancer(scheme);
    defaults.retain(|key, _| {
        let guarded = GUARDED.iter().any(|(guarded, _)| guarded == key) || key.starts_with(LOGS);
        !guarded || ours.contains(&key.as_str())
    });
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
    let mut word = String::new();
    for byte in hash.finalize().iter().take(8) {
        // Writing to a string cannot fail.
        let _ = write!(word, "{byte:02x}");
    }
    for (key, tag) in GUARDED {
        if balancer
            .attributes
            .get(key)
            .is_some_and(|value| value != "false")
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
    let scheme = desired.variant.scheme;
    let groups = desired
        .target_groups
        .values()
        .all(|group| for_target_group(group, &new_target_group(group)).is_empty());
    let listeners = desired.listeners.values().all(|listener| {
        listener.certificates.len() <= 1
            && for_listener(&listener.attributes, &new_listener()).is_empty()
    });
    balancer.capacity.is_none()
        && for_load_balancer(
            &balancer.attributes,
            &new_load_balancer(scheme),
            scheme,
            None,
        )
        .is_empty()
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
        let send = for_load_balancer(&Attributes::new(), &there, Scheme::Internal, None);
        assert_eq!(
            send,
            owned([("load_balancing.cross_zone.enabled", "false")])
        );
        let asked = owned([("load_balancing.cross_zone.enabled", "true")]);
        assert!(for_load_balancer(&asked, &there, Scheme::Internal, None).is_empty());
    }

    #[test]
    fn what_others_protect_stays_protected_and_what_we_protected_does_not() {
        let there = owned([("deletion_protection.enabled", "true")]);
        let send = |marked| for_load_balancer(&Attributes::new(), &there, Scheme::Internal, marked);
        assert!(send(None).is_empty());
        assert!(send(Some("0123 al")).is_empty());
        assert_eq!(
            send(Some("0123 dp")),
            owned([("deletion_protection.enabled", "false")])
        );
    }
}
