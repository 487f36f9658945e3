//! What is said on a pool: how full it is, and what is wrong with it? Pure.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};
use roadstead_arp::pool::{Findings, Usage};

use super::crd::{AddressPool, AddressPoolStatus};

/// The type of the one condition of a pool.
const VALID: &str = "Valid";

/// Of many faults so many are named.
const NAMED: usize = 5;

/// What the status of `pool` shall say.
pub(super) fn status(
    pool: &AddressPool,
    problems: &[String],
    usage: &Usage,
    findings: Option<&Findings>,
    now: Timestamp,
) -> AddressPoolStatus {
    // As much as the field can say.
    let number = |n: u128| i64::try_from(n).unwrap_or(i64::MAX);
    let mut valid = valid(problems, findings);
    valid.observed_generation = pool.metadata.generation;
    let there = pool.status.as_ref();
    let before = there
        .and_then(|there| there.conditions.iter().find(|there| there.type_ == VALID))
        .filter(|there| there.status == valid.status);
    valid.last_transition_time =
        before.map_or(Time(now), |before| before.last_transition_time.clone());
    AddressPoolStatus {
        total: number(usage.total),
        in_use: number(usage.in_use),
        free: number(usage.free),
        conditions: vec![valid],
    }
}

fn valid(problems: &[String], findings: Option<&Findings>) -> Condition {
    let none = Findings::default();
    let Findings { overlaps, nodes } = findings.unwrap_or(&none);
    let mut said: Vec<String> = problems.to_vec();
    said.extend(named(overlaps.iter().map(|(other, common)| {
        format!("overlaps pool {other}: {common} is in both")
    })));
    said.extend(named(nodes.iter().map(|(address, node)| {
        format!("contains {address}, the address of node {node}; no Service gets it")
    })));
    let reason = match (problems, overlaps.as_slice(), nodes.as_slice()) {
        ([_, ..], _, _) => "BadRange",
        ([], [_, ..], _) => "OverlapsPool",
        ([], [], [_, ..]) => "ContainsNodeAddress",
        ([], [], []) => "Valid",
    };
    let fine = said.is_empty();
    Condition {
        type_: VALID.to_owned(),
        status: if fine { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: if fine {
            "every address of it can be given".to_owned()
        } else {
            said.join("; ")
        },
        last_transition_time: Time(Timestamp::UNIX_EPOCH),
        observed_generation: None,
    }
}

/// The first few of many.
fn named(all: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let more = all.len().saturating_sub(NAMED);
    let mut named: Vec<String> = all.take(NAMED).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pools::crd::{AddressPoolSpec, Announce};

    fn pool(status: Option<AddressPoolStatus>) -> AddressPool {
        let spec = AddressPoolSpec {
            addresses: Vec::new(),
            auto_assign: true,
            avoid_buggy_ips: false,
            priority: 0,
            namespaces: Vec::new(),
            namespace_selector: None,
            service_selector: None,
            announce: Announce::default(),
        };
        AddressPool {
            status,
            ..AddressPool::new("a", spec)
        }
    }

    fn usage(total: u128, in_use: u128) -> Usage {
        Usage {
            pool: "a".into(),
            total,
            in_use,
            free: total - in_use,
        }
    }

    #[test]
    fn every_fault_is_named_and_the_gravest_is_the_reason() {
        let findings = Findings {
            overlaps: vec![(Arc::from("b"), "192.0.2.0/28".parse().unwrap())],
            nodes: (1..=7)
                .map(|n| (std::net::IpAddr::from([192, 0, 2, n]), Arc::from("node-1")))
                .collect(),
        };
        let at = Timestamp::UNIX_EPOCH;
        let said = |problems: &[String], findings: Option<&Findings>| {
            let mut status = status(&pool(None), problems, &usage(256, 3), findings, at);
            let condition = status.conditions.pop().unwrap();
            (condition.status, condition.reason, condition.message)
        };
        let (status, reason, message) = said(&["\"x\" is bad".to_owned()], Some(&findings));
        assert_eq!((status.as_str(), reason.as_str()), ("False", "BadRange"));
        assert!(message.starts_with("\"x\" is bad; overlaps pool b: 192.0.2.0/28 is in both; contains 192.0.2.1, the address"));
        assert!(
            message
                .ends_with("192.0.2.5, the address of node node-1; no Service gets it; and 2 more")
        );
        assert_eq!(said(&[], Some(&findings)).1, "OverlapsPool");
        assert_eq!(said(&[], None).0, "True");
    }

    #[test]
    fn numbers_beyond_the_field_are_as_large_as_it_can_say_and_a_transition_keeps_its_time() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let first = status(&pool(None), &[], &usage(1 << 64, 1), None, at(10));
        assert_eq!(
            (first.total, first.in_use, first.free),
            (i64::MAX, 1, i64::MAX)
        );
        let again = status(
            &pool(Some(first.clone())),
            &[],
            &usage(1 << 64, 1),
            None,
            at(20),
        );
        assert_eq!(again, first);
        let bad = ["bad".to_owned()];
        let changed = status(&pool(Some(first)), &bad, &usage(1 << 64, 1), None, at(30));
        assert_eq!(changed.conditions[0].last_transition_time, Time(at(30)));
    }
}
