//! What changes for a Service, in words? The steps from what it has to what was decided. Pure.

use std::{collections::BTreeSet, net::IpAddr};

use roadstead_core::{Action, IpFamily, Plan, PortNumber, Protocol, Step};

use crate::pool::{Decision, Kept};

type Ports = BTreeSet<(PortNumber, Protocol)>;

/// The steps to `decision` for a Service that has `held`, for the ports `before` if that is known, and serves `ports`.
pub(crate) fn plan(
    held: &[IpAddr],
    before: Option<&Ports>,
    decision: &Decision,
    ports: &Ports,
) -> Plan {
    let mut lost: Vec<&(IpAddr, String)> = decision.lost.iter().collect();
    let mut steps = Vec::new();
    for Kept { address, pool, .. } in &decision.addresses {
        let Some(pool) = pool.as_ref().filter(|_| !held.contains(address)) else {
            continue;
        };
        let same_family =
            |(old, _): &&(IpAddr, String)| IpFamily::of(*old) == IpFamily::of(*address);
        if let Some(place) = lost.iter().position(same_family) {
            let (old, why) = lost.remove(place);
            let what = format!("address {old} -> {address} from pool {pool}: {why}");
            steps.push(Step::new(Action::Replace, what));
        } else {
            let what = format!("address {address} from pool {pool} for {}", list(ports));
            steps.push(Step::new(Action::Create, what));
        }
    }
    for (old, why) in lost {
        steps.push(Step::new(Action::Delete, format!("address {old}: {why}")));
    }
    if let Some(before) = before.filter(|before| !held.is_empty() && *before != ports) {
        let what = format!("ports: {} -> {}", list(before), list(ports));
        steps.push(Step::new(Action::Change, what));
    }
    steps.into_iter().collect()
}

fn list(ports: &Ports) -> String {
    let ports: Vec<String> = ports
        .iter()
        .map(|(port, protocol)| format!("{port}/{protocol}"))
        .collect();
    ports.join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn kept(address: &str, pool: Option<&str>) -> Kept {
        Kept {
            address: ip(address),
            pool: pool.map(Arc::from),
            leaving: None,
        }
    }

    fn ports(numbers: &[u16]) -> Ports {
        let port = |n: &u16| (PortNumber::new(*n).unwrap(), Protocol::Tcp);
        numbers.iter().map(port).collect()
    }

    #[test]
    fn a_step_for_each_change_and_none_without_one() {
        let new = Decision {
            addresses: vec![kept("192.0.2.1", Some("a")), kept("2001:db8::1", Some("a"))],
            ..Decision::default()
        };
        assert_eq!(
            plan(&[], None, &new, &ports(&[80])).to_string(),
            "create address 192.0.2.1 from pool a for 80/TCP; create address 2001:db8::1 from pool a for 80/TCP"
        );
        let held = [ip("192.0.2.1"), ip("2001:db8::1")];
        let moved = Decision {
            addresses: vec![kept("192.0.2.2", Some("b"))],
            lost: vec![
                (held[0], "it is taken".to_owned()),
                (held[1], "no IPv6 any more".to_owned()),
            ],
            ..Decision::default()
        };
        assert_eq!(
            plan(&held, Some(&ports(&[80])), &moved, &ports(&[80, 443])).to_string(),
            "replace address 192.0.2.1 -> 192.0.2.2 from pool b: it is taken; delete address 2001:db8::1: no IPv6 any \
             more; change ports: 80/TCP -> 80/TCP, 443/TCP"
        );
        let same = Decision {
            addresses: vec![kept("192.0.2.1", None)],
            ..Decision::default()
        };
        assert!(plan(&held[..1], None, &same, &ports(&[80])).is_empty());
    }
}
