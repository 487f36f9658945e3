//! Which attributes has each listener's target group? Those for all ports, those for one, proxy protocol, and stickiness. Pure.

use roadstead_core::{LoadBalancer, Protocol, SessionAffinity};

use super::{
    attributes::{
        self, Attributes, PRESERVE_CLIENT_IP, PROXY_PROTOCOL, STICKINESS, STICKINESS_TYPE,
        UNHEALTHY_DRAINING, UNHEALTHY_TERMINATION,
    },
    keys,
    ports::{Group, is_called, listed},
    reader::Reader,
    values,
};
use crate::types::{ListenerProtocol, TargetProtocol};

/// What a Service says about its target groups, before it is known which port it is for.
#[derive(Debug)]
pub(super) struct Written<'a> {
    /// For all ports.
    base: Attributes,
    /// For one port: the annotation's key, the port's name or number, and what has a value.
    own: Vec<(&'a str, &'a str, Attributes)>,
    /// Whether every port speaks proxy protocol.
    proxy_protocol: bool,
    /// The ports that do.
    proxy_protocol_ports: Vec<String>,
    /// Whether a client sticks to a target.
    sticky: bool,
}

const AFFINITY: &str = "spec.sessionAffinity";
/// What the API server sets where the Service says nothing, so that nobody is told about what nobody wrote.
const DEFAULT_AFFINITY_SECONDS: u32 = 10_800;

/// Reads what `want` says about target groups.
pub(super) fn read<'a>(want: &LoadBalancer, reader: &mut Reader<'a>) -> Written<'a> {
    let base = reader.map(keys::TARGET_GROUP_ATTRIBUTES);
    attributes::check_target_group(keys::TARGET_GROUP_ATTRIBUTES, &base, reader);
    let proxy_protocol = reader.read(keys::PROXY_PROTOCOL, |text| match text {
        "*" => Ok(()),
        _ => Err(format!(
            "{text:?} is not \"*\", which stands for every port; for single ones there is {}",
            keys::PROXY_PROTOCOL_PORTS
        )),
    });
    let proxy_protocol_ports = reader.list(keys::PROXY_PROTOCOL_PORTS);
    for port in &proxy_protocol_ports {
        check_port(port, keys::PROXY_PROTOCOL_PORTS, want, reader);
    }
    Written {
        base,
        own: own(want, reader),
        proxy_protocol: proxy_protocol.is_some(),
        proxy_protocol_ports,
        sticky: sticky(want, reader),
    }
}

fn own<'a>(want: &LoadBalancer, reader: &mut Reader<'a>) -> Vec<(&'a str, &'a str, Attributes)> {
    let mut own = Vec::new();
    for (key, port, text) in reader.family(keys::TARGET_GROUP_ATTRIBUTES_OF) {
        check_port(port, key, want, reader);
        match values::map(text) {
            Ok(mut attributes) => {
                // An empty value keeps what holds for all ports.
                attributes.retain(|_, value| !value.is_empty());
                attributes::check_target_group(key, &attributes, reader);
                own.push((key, port, attributes));
            }
            Err(what) => reader.wrong(key, what),
        }
    }
    own
}

fn check_port(port: &str, at: &str, want: &LoadBalancer, reader: &mut Reader<'_>) {
    if !want.ports.iter().any(|known| is_called(known, port)) {
        reader.wrong(
            at,
            format!(
                "{port:?} is neither a number nor a name of the Service's ports; they are {}",
                listed(want)
            ),
        );
    }
}

fn sticky(want: &LoadBalancer, reader: &mut Reader<'_>) -> bool {
    match want.session_affinity {
        SessionAffinity::None => false,
        SessionAffinity::ClientIp { timeout_seconds } => {
            if timeout_seconds != DEFAULT_AFFINITY_SECONDS {
                reader.note(
                    "spec.sessionAffinityConfig",
                    "has no effect on the load balancer; AWS decides how long a client sticks to a target",
                );
            }
            true
        }
    }
}

// === impl Written ===

impl Written<'_> {
    /// The attributes of the target group of `group`.
    pub(super) fn of(&self, group: &Group<'_>, reader: &mut Reader<'_>) -> Attributes {
        let mut merged = self.base.clone();
        for (_, attributes) in self.own_of(group) {
            merged.extend(attributes.clone());
        }
        let listed = |port: &String| group.members.iter().any(|member| is_called(member, port));
        if self.proxy_protocol || self.proxy_protocol_ports.iter().any(listed) {
            merged.insert(PROXY_PROTOCOL.to_owned(), "true".to_owned());
        }
        self.stick(group, &mut merged, reader);
        self.check(group, &merged, reader);
        merged
    }

    fn own_of(&self, group: &Group<'_>) -> impl Iterator<Item = (&str, &Attributes)> {
        self.own
            .iter()
            .filter(|(_, port, _)| group.members.iter().any(|member| is_called(member, port)))
            .map(|(key, _, attributes)| (*key, attributes))
    }

    /// Which annotation says what `attribute` is for `group`.
    fn source(&self, attribute: &str, group: &Group<'_>) -> &str {
        self.own_of(group)
            .filter(|(_, attributes)| attributes.contains_key(attribute))
            .map(|(key, _)| key)
            .last()
            .unwrap_or(keys::TARGET_GROUP_ATTRIBUTES)
    }

    /// `spec.sessionAffinity: ClientIP`, unless the attributes decide.
    fn stick(&self, group: &Group<'_>, merged: &mut Attributes, reader: &mut Reader<'_>) {
        if !self.sticky || merged.contains_key(STICKINESS) {
            return;
        }
        if speaks_tls(group) {
            reader.wrong(
                AFFINITY,
                format!(
                    "ClientIP is impossible for port {}, because AWS keeps no client at its target with TLS; set {STICKINESS}=false \
                     in {}{} to have it for the other ports only",
                    group.port,
                    keys::TARGET_GROUP_ATTRIBUTES_OF,
                    group.port
                ),
            );
            return;
        }
        merged.insert(STICKINESS.to_owned(), "true".to_owned());
        merged
            .entry(STICKINESS_TYPE.to_owned())
            .or_insert_with(|| "source_ip".to_owned());
    }

    /// What AWS refuses only together with the protocol, or with another attribute.
    fn check(&self, group: &Group<'_>, merged: &Attributes, reader: &mut Reader<'_>) {
        let says = |key: &str| merged.get(key).map_or("", String::as_str);
        let udp = group.target_protocol.carries_udp();
        let port = group.at(if udp { Protocol::Udp } else { Protocol::Tcp });
        let only_this = format!("{}{}", keys::TARGET_GROUP_ATTRIBUTES_OF, group.port);
        let mut refuse = |attribute: &str, what: String| {
            reader.wrong(
                self.source(attribute, group),
                format!("{attribute}: {what}"),
            );
        };
        if udp && says(PRESERVE_CLIENT_IP) == "false" {
            refuse(
                PRESERVE_CLIENT_IP,
                format!(
                    "cannot be false for {port}, because UDP keeps the client's address; set it to true in {only_this}"
                ),
            );
        }
        if udp && says(UNHEALTHY_TERMINATION) == "true" {
            refuse(
                UNHEALTHY_TERMINATION,
                format!(
                    "cannot be true for {port}, because UDP has no connections to end; set it to false in {only_this}"
                ),
            );
        }
        let drains = !matches!(says(UNHEALTHY_DRAINING), "" | "0");
        if drains && !udp && says(UNHEALTHY_TERMINATION) != "false" {
            refuse(
                UNHEALTHY_DRAINING,
                format!(
                    "needs {UNHEALTHY_TERMINATION}=false, or connections end at once and nothing is left to drain"
                ),
            );
        }
        if speaks_tls(group) && says(STICKINESS) == "true" {
            refuse(
                STICKINESS,
                format!(
                    "cannot be true for {port}, because AWS keeps no client at its target with TLS; set it to false in {only_this}"
                ),
            );
        }
    }
}

fn speaks_tls(group: &Group<'_>) -> bool {
    group.protocol == ListenerProtocol::Tls || group.target_protocol == TargetProtocol::Tls
}
