//! Which rules let load balancers reach the nodes? A constant number, however many Services there are. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::RangeInclusive,
};

use roadstead_core::PortNumber;

use crate::{
    ids::GroupId,
    seen::{Rule, RuleProtocol, RuleSource},
};

/// What a load balancer needs to reach on the nodes.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a need of its own, and they go together as they like"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Node ports by TCP: every load balancer does, if only for health checks.
    pub(crate) tcp: bool,
    /// Node ports by UDP.
    pub(crate) udp: bool,
    /// Pods, which listen wherever they like, instead of node ports.
    pub(crate) pods: bool,
    /// ICMP "fragmentation needed" for path-MTU discovery.
    pub(crate) icmp: bool,
    /// `ICMPv6` "packet too big" for path-MTU discovery.
    pub(crate) icmpv6: bool,
    /// Ports that are asked for health and may lie outside the node ports: `10256` of kube-proxy.
    pub(crate) health: BTreeSet<PortNumber>,
}

/// Every port.
const ALL_PORTS: RangeInclusive<u16> = 0..=u16::MAX;
/// ICMP "fragmentation needed" (RFC 792 type 3, code 4), without which path-MTU discovery stalls.
const FRAGMENTATION_NEEDED: (i32, i32) = (3, 4);
/// `ICMPv6` "packet too big" (RFC 4443 type 2, code 0).
const PACKET_TOO_BIG: (i32, i32) = (2, 0);

/// The rules that a node's group must have so that what carries `backend` gets what it needs.
pub(super) fn wanted(
    needs: &Needs,
    node_ports: &RangeInclusive<u16>,
    backend: &GroupId,
) -> BTreeSet<Rule> {
    let Needs {
        tcp,
        udp,
        pods,
        icmp,
        icmpv6,
        health,
    } = needs;
    let rule = |protocol: RuleProtocol, from: i32, to: i32| Rule {
        protocol,
        from,
        to,
        source: RuleSource::Group(backend.clone()),
    };
    let ports = if *pods { &ALL_PORTS } else { node_ports };
    let over = |protocol| rule(protocol, (*ports.start()).into(), (*ports.end()).into());
    let mut rules = BTreeSet::new();
    rules.extend(tcp.then(|| over(RuleProtocol::Tcp)));
    rules.extend(udp.then(|| over(RuleProtocol::Udp)));
    for port in health {
        let port = i32::from(port.get());
        rules.insert(rule(RuleProtocol::Tcp, port, port));
    }
    if *icmp {
        let (from, to) = FRAGMENTATION_NEEDED;
        rules.insert(rule(RuleProtocol::Icmp, from, to));
    }
    if *icmpv6 {
        let (from, to) = PACKET_TOO_BIG;
        rules.insert(rule(RuleProtocol::Icmpv6, from, to));
    }
    rules
        .iter()
        .filter(|rule| {
            let wider = |other: &Rule| other != *rule && covers(other, rule);
            !rules.iter().any(wider)
        })
        .cloned()
        .collect()
}

/// Those of `wanted` that no other rule of `there` makes superfluous.
pub(super) fn missing(wanted: &BTreeSet<Rule>, there: &BTreeSet<Rule>) -> BTreeSet<Rule> {
    wanted
        .iter()
        .filter(|rule| !there.iter().any(|wider| covers(wider, rule)))
        .cloned()
        .collect()
}

/// Whether what `narrow` lets in comes in by `wide` already.
fn covers(wide: &Rule, narrow: &Rule) -> bool {
    if wide.source != narrow.source {
        return false;
    }
    match (&wide.protocol, &narrow.protocol) {
        (RuleProtocol::Other(all), _) if all == "-1" => true,
        (RuleProtocol::Tcp, RuleProtocol::Tcp) | (RuleProtocol::Udp, RuleProtocol::Udp) => {
            (wide.from == -1 || wide.from <= narrow.from) && (wide.to == -1 || wide.to >= narrow.to)
        }
        (RuleProtocol::Icmp, RuleProtocol::Icmp) | (RuleProtocol::Icmpv6, RuleProtocol::Icmpv6) => {
            (wide.from == -1 || wide.from == narrow.from) && (wide.to == -1 || wide.to == narrow.to)
        }
        _ => wide == narrow,
    }
}

/// Rules in words: `TCP 30000-32767, ICMP 3/4`.
pub(super) struct Told<'a>(pub(super) &'a BTreeSet<Rule>);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_protocol: BTreeMap<&RuleProtocol, Vec<String>> = BTreeMap::new();
        for rule in self.0 {
            let what = match (&rule.protocol, rule.from, rule.to) {
                (RuleProtocol::Icmp | RuleProtocol::Icmpv6, kind, code) => format!("{kind}/{code}"),
                (_, -1, _) | (_, 0, 65_535) => "all ports".to_owned(),
                (_, from, to) if from == to => from.to_string(),
                (_, from, to) => format!("{from}-{to}"),
            };
            by_protocol.entry(&rule.protocol).or_default().push(what);
        }
        let each: Vec<String> = by_protocol
            .into_iter()
            .map(|(protocol, what)| {
                let name = match protocol.as_str() {
                    "-1" => "every protocol".to_owned(),
                    name => name.to_uppercase(),
                };
                format!("{name} {}", what.join(" and "))
            })
            .collect();
        f.write_str(&each.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(needs: &Needs) -> String {
        let rules = wanted(needs, &(30_000..=32_767), &GroupId::new("sg-1"));
        Told(&rules).to_string()
    }

    #[test]
    fn needs_become_a_constant_number_of_rules() {
        let health = |ports: &[u16]| ports.iter().filter_map(|p| PortNumber::new(*p)).collect();
        let none = Needs::default();
        for (needs, expected) in [
            (none.clone(), ""),
            (
                Needs {
                    tcp: true,
                    ..none.clone()
                },
                "TCP 30000-32767",
            ),
            (
                Needs {
                    tcp: true,
                    udp: true,
                    ..none.clone()
                },
                "TCP 30000-32767, UDP 30000-32767",
            ),
            (
                Needs {
                    tcp: true,
                    pods: true,
                    ..none.clone()
                },
                "TCP all ports",
            ),
            (
                Needs {
                    tcp: true,
                    udp: true,
                    pods: true,
                    health: health(&[10_256]),
                    ..none.clone()
                },
                "TCP all ports, UDP all ports",
            ),
            (
                Needs {
                    tcp: true,
                    health: health(&[10_256, 30_000, 32_767, 32_768]),
                    ..none.clone()
                },
                "TCP 10256 and 30000-32767 and 32768",
            ),
            (
                Needs {
                    tcp: true,
                    icmp: true,
                    icmpv6: true,
                    ..none
                },
                "TCP 30000-32767, ICMP 3/4, ICMPV6 2/0",
            ),
        ] {
            assert_eq!(told(&needs), expected, "{needs:?}");
        }
    }

    #[test]
    fn a_rule_is_covered_by_a_wider_one_of_the_same_source_only() {
        let rule = |protocol: &str, from, to, source: &str| Rule {
            protocol: RuleProtocol::parse(protocol),
            from,
            to,
            source: RuleSource::Group(source.into()),
        };
        let narrow = rule("tcp", 80, 90, "sg-1");
        for (wide, covered) in [
            (rule("tcp", 80, 90, "sg-1"), true),
            (rule("tcp", 1, 100, "sg-1"), true),
            (rule("-1", -1, -1, "sg-1"), true),
            (rule("tcp", 81, 100, "sg-1"), false),
            (rule("tcp", 1, 89, "sg-1"), false),
            (rule("udp", 1, 100, "sg-1"), false),
            (rule("-1", -1, -1, "sg-2"), false),
        ] {
            assert_eq!(covers(&wide, &narrow), covered, "{wide:?}");
        }
        let ping = rule("icmp", 3, 4, "sg-1");
        assert!(covers(&rule("icmp", -1, -1, "sg-1"), &ping));
        assert!(covers(&rule("icmp", 3, -1, "sg-1"), &ping));
        assert!(!covers(&rule("icmp", 3, 3, "sg-1"), &ping));
    }
}
