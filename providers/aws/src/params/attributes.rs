//! Which attributes do AWS's objects have, what may they say, and what do they say if nobody says anything? Tables and checks. Pure.
//!
//! From AWS's API reference: `LoadBalancerAttribute`, `TargetGroupAttribute`, `ListenerAttribute`. A key that is not in a table is
//! let through: AWS adds attributes more often than this program is updated.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::{keys, reader::Reader, values};
use crate::types::{Scheme, TargetProtocol, TargetType};

/// An attribute that AWS documents.
#[derive(Debug)]
struct Attribute {
    key: &'static str,
    /// What it says unless it is set; `None` where that depends on something else.
    default: Option<&'static str>,
    check: Check,
}

/// What an attribute may say.
#[derive(Debug)]
enum Check {
    Boolean,
    Words(&'static [&'static str]),
    Number(RangeInclusive<u32>),
    /// A number, or `off`.
    NumberOrOff(RangeInclusive<u32>),
    Text,
}

/// Maps of attributes.
pub(crate) type Attributes = BTreeMap<String, String>;

pub(super) const STICKINESS: &str = "stickiness.enabled";
pub(super) const STICKINESS_TYPE: &str = "stickiness.type";
pub(super) const PRESERVE_CLIENT_IP: &str = "preserve_client_ip.enabled";
pub(super) const PROXY_PROTOCOL: &str = "proxy_protocol_v2.enabled";
pub(super) const UNHEALTHY_TERMINATION: &str =
    "target_health_state.unhealthy.connection_termination.enabled";
pub(super) const UNHEALTHY_DRAINING: &str =
    "target_health_state.unhealthy.draining_interval_seconds";
const DEREGISTRATION_TERMINATION: &str = "deregistration_delay.connection_termination.enabled";
const LOGS: &str = "access_logs.s3.enabled";
const LOGS_BUCKET: &str = "access_logs.s3.bucket";
const LOGS_PREFIX: &str = "access_logs.s3.prefix";
const DENY_GATEWAY: &str = "ipv6.deny_all_igw_traffic";
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

const LOAD_BALANCER: [Attribute; 9] = [
    attribute(LOGS, Some("false"), Check::Boolean),
    attribute(LOGS_BUCKET, Some(""), Check::Text),
    attribute(LOGS_PREFIX, Some(""), Check::Text),
    attribute("deletion_protection.enabled", Some("false"), Check::Boolean),
    attribute(
        "dns_record.client_routing_policy",
        Some("any_availability_zone"),
        Check::Words(&[
            "any_availability_zone",
            "availability_zone_affinity",
            "partial_availability_zone_affinity",
        ]),
    ),
    attribute(DENY_GATEWAY, None, Check::Boolean),
    attribute(CROSS_ZONE, Some("false"), Check::Boolean),
    // AWS takes no smaller number than the one that was set before, so there is no way back to its default of 0.
    attribute(
        "secondary_ips.auto_assigned.per_subnet",
        None,
        Check::Number(0..=7),
    ),
    attribute("zonal_shift.config.enabled", Some("false"), Check::Boolean),
];

const TARGET_GROUP: [Attribute; 13] = [
    attribute(DEREGISTRATION_TERMINATION, None, Check::Boolean),
    attribute(
        "deregistration_delay.timeout_seconds",
        Some("300"),
        Check::Number(0..=3600),
    ),
    attribute(
        CROSS_ZONE,
        Some("use_load_balancer_configuration"),
        Check::Words(&["true", "false", "use_load_balancer_configuration"]),
    ),
    attribute(PRESERVE_CLIENT_IP, None, Check::Boolean),
    attribute(PROXY_PROTOCOL, Some("false"), Check::Boolean),
    attribute(STICKINESS, Some("false"), Check::Boolean),
    attribute(
        STICKINESS_TYPE,
        Some("source_ip"),
        Check::Words(&["source_ip"]),
    ),
    attribute(
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        Some("1"),
        Check::NumberOrOff(1..=u32::MAX),
    ),
    attribute(
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        Some("off"),
        Check::NumberOrOff(1..=100),
    ),
    attribute(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        Some("1"),
        Check::Number(1..=u32::MAX),
    ),
    attribute(
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        Some("off"),
        Check::NumberOrOff(1..=100),
    ),
    attribute(UNHEALTHY_TERMINATION, None, Check::Boolean),
    attribute(UNHEALTHY_DRAINING, Some("0"), Check::Number(0..=360_000)),
];

const LISTENER: [Attribute; 1] = [attribute(
    "tcp.idle_timeout.seconds",
    Some("350"),
    Check::Number(60..=6000),
)];

/// What begins the keys of attributes that only other kinds of load balancers have.
const FOREIGN: [&str; 12] = [
    "client_keep_alive.",
    "connection_logs.",
    "health_check_logs.",
    "idle_timeout.",
    "lambda.",
    "load_balancing.algorithm.",
    "routing.http",
    "slow_start.",
    "stickiness.app_cookie.",
    "stickiness.lb_cookie.",
    "target_failover.",
    "waf.",
];

const fn attribute(key: &'static str, default: Option<&'static str>, check: Check) -> Attribute {
    Attribute {
        key,
        default,
        check,
    }
}

/// What the attributes of a load balancer say unless they are set, where there is a way back to that.
pub(crate) fn load_balancer_defaults(scheme: Scheme) -> Attributes {
    let gateway = (DENY_GATEWAY, word(scheme == Scheme::Internal));
    owned(defaults(&LOAD_BALANCER).chain([gateway]))
}

/// What the attributes of a TCP listener say unless they are set.
pub(crate) fn listener_defaults() -> Attributes {
    owned(defaults(&LISTENER))
}

/// What the attributes of a target group for such targets say unless they are set.
pub(crate) fn target_group_defaults(
    target_type: TargetType,
    protocol: TargetProtocol,
) -> Attributes {
    let udp = protocol.carries_udp();
    owned(defaults(&TARGET_GROUP).chain([
        (DEREGISTRATION_TERMINATION, word(udp)),
        (UNHEALTHY_TERMINATION, word(!udp)),
        (
            PRESERVE_CLIENT_IP,
            word(udp || target_type == TargetType::Instance),
        ),
    ]))
}

const fn word(is: bool) -> &'static str {
    if is { "true" } else { "false" }
}

fn defaults(table: &[Attribute]) -> impl Iterator<Item = (&'static str, &'static str)> {
    table.iter().filter_map(|a| Some((a.key, a.default?)))
}

fn owned<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Attributes {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The attributes of the load balancer: the map, over which the older annotations of single attributes win.
pub(super) fn read(reader: &mut Reader<'_>) -> Attributes {
    let mut attributes = reader.map(keys::ATTRIBUTES);
    check(&LOAD_BALANCER, keys::ATTRIBUTES, &attributes, reader);
    let mut set = |key: &str, value: String| attributes.insert(key.to_owned(), value);
    if let Some(cross_zone) = reader.boolean(keys::CROSS_ZONE) {
        set(CROSS_ZONE, cross_zone.to_string());
    }
    let logs = reader.boolean(keys::ACCESS_LOG_ENABLED);
    if let Some(logs) = logs {
        set(LOGS, logs.to_string());
    }
    let details = [
        (keys::ACCESS_LOG_BUCKET, LOGS_BUCKET),
        (keys::ACCESS_LOG_PREFIX, LOGS_PREFIX),
    ];
    for (annotation, key) in details {
        match (reader.text(annotation), logs) {
            (Some(text), Some(true)) => {
                set(key, text.to_owned());
            }
            (Some(_), None) => reader.note(
                annotation,
                &format!("has no effect without {}", keys::ACCESS_LOG_ENABLED),
            ),
            (Some(_), Some(false)) | (None, _) => {}
        }
    }
    check_bucket(&attributes, logs, reader);
    attributes
}

/// AWS keeps no logs without knowing where.
fn check_bucket(attributes: &Attributes, by_annotation: Option<bool>, reader: &mut Reader<'_>) {
    let says = |key: &str| attributes.get(key).map_or("", String::as_str);
    if says(LOGS) != "true" || !says(LOGS_BUCKET).is_empty() {
        return;
    }
    let (at, missing) = match by_annotation {
        Some(_) => (keys::ACCESS_LOG_ENABLED, keys::ACCESS_LOG_BUCKET),
        None => (keys::ATTRIBUTES, LOGS_BUCKET),
    };
    reader.wrong(
        at,
        format!("turns access logs on, but no bucket is named; add {missing}"),
    );
}

/// Checks what `attributes`, written at `at`, say of a target group.
pub(super) fn check_target_group(at: &str, attributes: &Attributes, reader: &mut Reader<'_>) {
    check(&TARGET_GROUP, at, attributes, reader);
}

/// Checks what `attributes`, written at `at`, say of a listener.
pub(super) fn check_listener(at: &str, attributes: &Attributes, reader: &mut Reader<'_>) {
    check(&LISTENER, at, attributes, reader);
}

fn check(table: &[Attribute], at: &str, attributes: &Attributes, reader: &mut Reader<'_>) {
    for (key, value) in attributes {
        if let Some(attribute) = table.iter().find(|attribute| attribute.key == key) {
            let checked = attribute.check.value(value);
            reader.check(at, checked.map_err(|what| format!("{key}: {what}")));
        } else if FOREIGN.iter().any(|prefix| key.starts_with(prefix)) {
            reader.wrong(
                at,
                format!("{key} is no attribute of Network Load Balancers; remove it"),
            );
        }
    }
}

// === impl Check ===

impl Check {
    fn value(&self, text: &str) -> Result<(), String> {
        match self {
            Self::Boolean => Self::Words(&["true", "false"]).value(text),
            Self::Words(words) if words.contains(&text) => Ok(()),
            Self::Words(words) => Err(format!("{text:?} is none of {}", words.join(", "))),
            Self::Number(range) => values::number(text, range).map(drop),
            Self::NumberOrOff(_) if text == "off" => Ok(()),
            Self::NumberOrOff(range) => values::number(text, range)
                .map(drop)
                .map_err(|what| format!("{what}, nor off")),
            Self::Text => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_what_the_attribute_may_say() {
        for attribute in LOAD_BALANCER.iter().chain(&TARGET_GROUP).chain(&LISTENER) {
            let default = attribute.default.map(|text| attribute.check.value(text));
            assert!(matches!(default, None | Some(Ok(()))), "{}", attribute.key);
        }
    }

    #[test]
    fn some_defaults_depend_on_the_targets() {
        use TargetProtocol::{Tcp, Udp};
        use TargetType::{Instance, Ip};
        let table = [
            (PRESERVE_CLIENT_IP, Instance, Tcp, "true"),
            (PRESERVE_CLIENT_IP, Ip, Tcp, "false"),
            (PRESERVE_CLIENT_IP, Ip, Udp, "true"),
            (DEREGISTRATION_TERMINATION, Ip, Tcp, "false"),
            (DEREGISTRATION_TERMINATION, Ip, Udp, "true"),
            (UNHEALTHY_TERMINATION, Instance, Tcp, "true"),
            (UNHEALTHY_TERMINATION, Instance, Udp, "false"),
            (PROXY_PROTOCOL, Instance, Tcp, "false"),
        ];
        for (key, target_type, protocol, expected) in table {
            assert_eq!(
                target_group_defaults(target_type, protocol)
                    .get(key)
                    .map(String::as_str),
                Some(expected),
                "{key} {target_type} {protocol}"
            );
        }
        let of_internal = load_balancer_defaults(Scheme::Internal);
        assert_eq!(
            of_internal.get(DENY_GATEWAY).map(String::as_str),
            Some("true")
        );
    }
}
