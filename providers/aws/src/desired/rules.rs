//! Who may connect to a load balancer? The rules of its own security group. Pure.

use std::collections::BTreeSet;

use ipnet::IpNet;

use crate::{
    params::Params,
    seen::{Rule, RuleProtocol, RuleSource},
    types::ListenerProtocol,
};

/// ICMP "fragmentation needed" (RFC 792 type 3, code 4), without which path-MTU discovery stalls.
const ICMP_FRAGMENTATION_NEEDED: (i32, i32) = (3, 4);
/// `ICMPv6` "packet too big" (RFC 4443 type 2, code 0).
const ICMPV6_PACKET_TOO_BIG: (i32, i32) = (2, 0);

/// The ingress rules of the load balancer's own group.
pub(crate) fn frontend(params: &Params) -> BTreeSet<Rule> {
    let sources: Vec<RuleSource> = params
        .source_ranges
        .iter()
        .map(|range| RuleSource::Cidr(*range))
        .chain(
            params
                .prefix_lists
                .iter()
                .map(|list| RuleSource::PrefixList(list.clone())),
        )
        .collect();
    let mut rules = BTreeSet::new();
    for listener in &params.listeners {
        let port = i32::from(listener.port.get());
        for protocol in transports(listener.protocol) {
            rules.extend(sources.iter().map(|source| Rule {
                protocol: protocol.clone(),
                from: port,
                to: port,
                source: source.clone(),
            }));
        }
    }
    if params.icmp_for_path_mtu {
        rules.extend(params.source_ranges.iter().map(icmp));
    }
    rules
}

fn transports(protocol: ListenerProtocol) -> &'static [RuleProtocol] {
    match protocol {
        ListenerProtocol::Tcp | ListenerProtocol::Tls => &[RuleProtocol::Tcp],
        ListenerProtocol::Udp => &[RuleProtocol::Udp],
        ListenerProtocol::TcpUdp => &[RuleProtocol::Tcp, RuleProtocol::Udp],
    }
}

fn icmp(range: &IpNet) -> Rule {
    let (protocol, (from, to)) = match range {
        IpNet::V4(_) => (RuleProtocol::Icmp, ICMP_FRAGMENTATION_NEEDED),
        IpNet::V6(_) => (RuleProtocol::Icmpv6, ICMPV6_PACKET_TOO_BIG),
    };
    Rule {
        protocol,
        from,
        to,
        source: RuleSource::Cidr(*range),
    }
}
