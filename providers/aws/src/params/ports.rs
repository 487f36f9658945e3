//! Which listeners do a Service's ports become? Ports of one number share one, and TLS is ended where the Service says so. Pure.

use roadstead_core::{LoadBalancer, Port, PortNumber, Protocol};

use super::{keys, reader::Reader, tls::Tls};
use crate::types::{ListenerProtocol, TargetProtocol, TargetType};

/// The Service ports behind one listener.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// The number that they share.
    pub(super) port: PortNumber,
    /// One, or two of which one is TCP and one UDP; in the Service's order.
    pub(super) members: Vec<&'a Port>,
    /// What the listener speaks with clients.
    pub(super) protocol: ListenerProtocol,
    /// What it speaks with targets.
    pub(super) target_protocol: TargetProtocol,
    /// Where nodes listen; `None` for ip targets.
    pub(super) node_port: Option<PortNumber>,
}

/// Listeners that a load balancer may have (not adjustable).
const MAX_LISTENERS: usize = 50;

/// Groups the ports of `want`, in its order.
pub(super) fn group<'a>(
    want: &'a LoadBalancer,
    target_type: TargetType,
    tls: &Tls,
    reader: &mut Reader<'_>,
) -> Vec<Group<'a>> {
    let mut members: Vec<Vec<&Port>> = Vec::new();
    for port in &want.ports {
        if port.protocol == Protocol::Sctp {
            reader.wrong(
                &at(port),
                "is SCTP, which Network Load Balancers do not carry; TCP and UDP are",
            );
            continue;
        }
        match members
            .iter_mut()
            .find(|group| group.iter().any(|other| other.port == port.port))
        {
            Some(group) => group.push(port),
            None => members.push(vec![port]),
        }
    }
    if members.len() > MAX_LISTENERS {
        reader.wrong(
            "spec.ports",
            format!(
                "has {} port numbers, and a Network Load Balancer has at most {MAX_LISTENERS} listeners; spread them over \
                 several Services",
                members.len()
            ),
        );
    }
    members
        .into_iter()
        .filter_map(|members| one(members, target_type, tls, reader))
        .collect()
}

/// How a Service's port is named in a problem.
pub(super) fn at(port: &Port) -> String {
    format!("spec.ports {port}")
}

/// Whether users call `port` by `text`: its name or its number.
pub(super) fn is_called(port: &Port, text: &str) -> bool {
    (!port.name.is_empty() && port.name == text) || port.port.to_string() == text
}

/// The ports of `want`, for people.
pub(super) fn listed(want: &LoadBalancer) -> String {
    let ports: Vec<String> = want
        .ports
        .iter()
        .map(|port| match port.name.as_str() {
            "" => port.to_string(),
            name => format!("{port} ({name})"),
        })
        .collect();
    ports.join(", ")
}

fn one<'a>(
    members: Vec<&'a Port>,
    target_type: TargetType,
    tls: &Tls,
    reader: &mut Reader<'_>,
) -> Option<Group<'a>> {
    let first = *members.first()?;
    let by = |protocol| members.iter().copied().find(|p| p.protocol == protocol);
    let (protocol, target_protocol) = match (by(Protocol::Tcp), by(Protocol::Udp)) {
        (Some(tcp), None) if tls.ends_at(tcp) => (ListenerProtocol::Tls, tls.target_protocol),
        (Some(_), None) => (ListenerProtocol::Tcp, TargetProtocol::Tcp),
        (None, _) => (ListenerProtocol::Udp, TargetProtocol::Udp),
        (Some(tcp), Some(udp)) => {
            check_pair(tcp, udp, target_type, tls, reader);
            (ListenerProtocol::TcpUdp, TargetProtocol::TcpUdp)
        }
    };
    Some(Group {
        port: first.port,
        protocol,
        target_protocol,
        node_port: match target_type {
            TargetType::Instance => first.node_port,
            TargetType::Ip => None,
        },
        members,
    })
}

/// TCP and UDP of one number are one listener with one target group, so they must lead to one port of each target.
fn check_pair(tcp: &Port, udp: &Port, target_type: TargetType, tls: &Tls, reader: &mut Reader<'_>) {
    if tls.ends_at(tcp) {
        reader.wrong(
            &at(tcp),
            format!(
                "would be TLS by {}, but {udp} has the same number, and AWS has one listener for a number; give one of them \
                 another, or leave {} out of {}",
                keys::SSL_CERT,
                tcp.port,
                keys::SSL_PORTS
            ),
        );
    }
    let (what, of_tcp, of_udp) = match target_type {
        TargetType::Instance => ("nodePort", tcp.node_port, udp.node_port),
        TargetType::Ip => ("targetPort", tcp.target_port, udp.target_port),
    };
    if let (Some(of_tcp), Some(of_udp)) = (of_tcp, of_udp)
        && of_tcp != of_udp
    {
        reader.wrong(
            &at(udp),
            format!(
                "has the {what} {of_udp}, and {tcp} has {of_tcp}; they share one listener, whose targets have one port for \
                 both: set both to the same {what}"
            ),
        );
    }
}

// === impl Group ===

impl Group<'_> {
    /// How the port is named in a problem of its `protocol`.
    pub(super) fn at(&self, protocol: Protocol) -> String {
        let member = self.members.iter().find(|p| p.protocol == protocol);
        match member.or_else(|| self.members.first()) {
            Some(port) => at(port),
            None => format!("spec.ports {}", self.port),
        }
    }
}
