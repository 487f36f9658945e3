//! What is each listener to be? Puts together what ports, TLS, target groups and health checks say. Pure.

use std::collections::BTreeMap;

use roadstead_core::{IpFamily, LoadBalancer, PortNumber, Protocol};

use super::{
    addresses::Addresses,
    attributes::{self, Attributes},
    health_check, keys,
    ports::{self, Group, at, listed},
    reader::Reader,
    shape::{Defaults, ListenerParams},
    target_groups, tls, values,
};
use crate::types::{
    HealthCheck, HealthCheckPort, IpAddressType, ListenerProtocol, TargetProtocol, TargetType,
};

/// Reads the listeners that `want` asks for.
pub(super) fn read(
    want: &LoadBalancer,
    target_type: TargetType,
    addresses: &Addresses,
    defaults: &Defaults,
    reader: &mut Reader<'_>,
) -> Vec<ListenerParams> {
    let tls = tls::read(want, defaults, reader);
    let groups = ports::group(want, target_type, &tls, reader);
    let written = target_groups::read(want, reader);
    let mut own_attributes = own_attributes(want, &groups, reader);
    let health_check = health_check::read(want, target_type, reader);
    groups
        .iter()
        .map(|group| {
            let is_tls = group.protocol == ListenerProtocol::Tls;
            note_unanswered_check(group, &health_check, reader);
            ListenerParams {
                port: group.port,
                protocol: group.protocol,
                target_protocol: group.target_protocol,
                target_family: target_family(want, group, addresses, reader),
                service_port_names: group.members.iter().map(|p| p.name.clone()).collect(),
                node_port: group.node_port,
                certificates: if is_tls {
                    tls.certificates.clone()
                } else {
                    Vec::new()
                },
                ssl_policy: is_tls.then(|| tls.policy.clone()),
                alpn: tls.alpn.filter(|_| is_tls),
                attributes: own_attributes.remove(&group.port).unwrap_or_default(),
                target_group_attributes: written.of(group, reader),
                health_check: health_check.clone(),
            }
        })
        .collect()
}

/// The family of the Service's first address, except for UDP on a dualstack load balancer: AWS brings that to IPv6 targets only,
/// from an address of its own ("Listeners for your Network Load Balancers" in its guide).
fn target_family(
    want: &LoadBalancer,
    group: &Group<'_>,
    addresses: &Addresses,
    reader: &mut Reader<'_>,
) -> IpFamily {
    let first = want.families.first().copied().unwrap_or(IpFamily::V4);
    let udp = group.protocol.carries_udp();
    if !udp || addresses.ip_address_type == IpAddressType::Ipv4 {
        return first;
    }
    let port = group.at(Protocol::Udp);
    if !addresses.ipv6_source_nat {
        let what = format!(
            "carries UDP, which a dualstack load balancer needs {} for; set it to on, or the address type to ipv4",
            keys::IPV6_SOURCE_NAT
        );
        reader.wrong(&port, what);
    }
    if !want.families.contains(&IpFamily::V6) {
        let what = "carries UDP, which a dualstack load balancer brings to IPv6 targets only; add IPv6 to spec.ipFamilies, or set \
                    the address type to ipv4";
        reader.wrong(&port, what);
    }
    IpFamily::V6
}

/// AWS has no health check over UDP.
fn note_unanswered_check(group: &Group<'_>, check: &HealthCheck, reader: &mut Reader<'_>) {
    if group.target_protocol == TargetProtocol::Udp && check.port == HealthCheckPort::TrafficPort {
        for port in &group.members {
            reader.note(
                &at(port),
                &format!(
                    "targets are checked over {} at the same port, and are healthy only if they listen there as well; name another \
                     port in {}",
                    check.protocol,
                    keys::HEALTH_CHECK_PORT
                ),
            );
        }
    }
}

/// The attributes of each listener that has some.
fn own_attributes(
    want: &LoadBalancer,
    groups: &[Group<'_>],
    reader: &mut Reader<'_>,
) -> BTreeMap<PortNumber, Attributes> {
    let mut by_port: BTreeMap<PortNumber, Attributes> = BTreeMap::new();
    for (key, called, text) in reader.family(keys::LISTENER_ATTRIBUTES_OF) {
        let Some(group) = groups.iter().find(|group| is_called(group, called)) else {
            let what = format!(
                "{called:?} is no listener; write PROTOCOL-PORT, like {}. The Service's ports are {}",
                names(groups),
                listed(want)
            );
            reader.wrong(key, what);
            continue;
        };
        match values::map(text) {
            Ok(attributes) => {
                attributes::check_listener(key, &attributes, reader);
                check_protocol(key, &attributes, group, reader);
                by_port.entry(group.port).or_default().extend(attributes);
            }
            Err(what) => reader.wrong(key, what),
        }
    }
    by_port
}

/// `TLS-443`, and `TCP-443` as well where the Service's port is TCP.
fn is_called(group: &Group<'_>, text: &str) -> bool {
    let Some((protocol, port)) = text.rsplit_once('-') else {
        return false;
    };
    let of_member = || {
        group
            .members
            .iter()
            .any(|p| p.protocol.to_string() == protocol)
    };
    port == group.port.to_string() && (group.protocol.as_str() == protocol || of_member())
}

fn names(groups: &[Group<'_>]) -> String {
    let names: Vec<String> = groups
        .iter()
        .map(|group| format!("{}-{}", group.protocol, group.port))
        .collect();
    names.join(", ")
}

/// AWS lets nobody change the timeouts of TLS (350 seconds) and UDP (120 seconds).
fn check_protocol(key: &str, attributes: &Attributes, group: &Group<'_>, reader: &mut Reader<'_>) {
    let fixed = matches!(
        group.protocol,
        ListenerProtocol::Tls | ListenerProtocol::Udp
    );
    for attribute in attributes.keys().filter(|a| a.starts_with("tcp.") && fixed) {
        reader.wrong(
            key,
            format!(
                "{attribute} is for TCP listeners, and port {} is {}, where AWS has a fixed value; remove it",
                group.port, group.protocol
            ),
        );
    }
}
