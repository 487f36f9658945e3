//! How are targets found to be well? Pure.

use std::ops::RangeInclusive;

use roadstead_core::{LoadBalancer, PortNumber, TrafficPolicy};

use super::{
    keys,
    ports::{at, listed},
    reader::Reader,
};
use crate::types::{HealthCheck, HealthCheckPort, HealthCheckProtocol, TargetType};

// The ranges of `CreateTargetGroup` for a Network Load Balancer.
const INTERVAL: RangeInclusive<u16> = 5..=300;
const TIMEOUT: RangeInclusive<u16> = 2..=120;
const THRESHOLD: RangeInclusive<u8> = 2..=10;
const CODES: RangeInclusive<u16> = 200..=599;
const MAX_PATH: usize = 1024;

/// What holds where no annotation says otherwise: AWS Load Balancer Controller's defaults.
struct Fallback {
    protocol: HealthCheckProtocol,
    port: HealthCheckPort,
    path: &'static str,
    timeout: u16,
    threshold: u8,
}

const DEFAULT_INTERVAL: u16 = 10;
const DEFAULT_CODES: &str = "200-399";

/// Reads how the targets of `want` are checked: the same for every port.
pub(super) fn read(
    want: &LoadBalancer,
    target_type: TargetType,
    reader: &mut Reader<'_>,
) -> HealthCheck {
    let fallback = fallback(want, target_type);
    let protocol = reader
        .read(keys::HEALTH_CHECK_PROTOCOL, protocol)
        .unwrap_or(fallback.protocol);
    let port = reader
        .text(keys::HEALTH_CHECK_PORT)
        .and_then(|text| port(text, want, target_type, reader));
    let path = reader.read(keys::HEALTH_CHECK_PATH, path);
    let codes = reader.read(keys::HEALTH_CHECK_SUCCESS_CODES, success_codes);
    let interval = reader
        .number(keys::HEALTH_CHECK_INTERVAL, &INTERVAL)
        .unwrap_or(DEFAULT_INTERVAL);
    let timeout = reader.number(keys::HEALTH_CHECK_TIMEOUT, &TIMEOUT);
    if timeout.is_some_and(|timeout| timeout > interval)
        && !reader.is_wrong(keys::HEALTH_CHECK_INTERVAL)
    {
        reader.wrong(
            keys::HEALTH_CHECK_TIMEOUT,
            format!("is longer than the interval of {interval} seconds; shorten it, or lengthen the interval"),
        );
    }
    let mut threshold = |key| reader.number(key, &THRESHOLD).unwrap_or(fallback.threshold);
    let check = HealthCheck {
        protocol,
        port: port.unwrap_or(fallback.port),
        path: protocol
            .has_request()
            .then(|| path.clone().unwrap_or_else(|| fallback.path.to_owned())),
        interval,
        timeout: timeout.unwrap_or_else(|| fallback.timeout.min(interval)),
        healthy_threshold: threshold(keys::HEALTH_CHECK_HEALTHY_THRESHOLD),
        unhealthy_threshold: threshold(keys::HEALTH_CHECK_UNHEALTHY_THRESHOLD),
        success_codes: protocol
            .has_request()
            .then(|| codes.clone().unwrap_or_else(|| DEFAULT_CODES.to_owned())),
    };
    let of_requests = [
        (keys::HEALTH_CHECK_PATH, path.is_some()),
        (keys::HEALTH_CHECK_SUCCESS_CODES, codes.is_some()),
    ];
    for (key, used) in of_requests {
        if used && !protocol.has_request() {
            reader.note(key, "has no effect on TCP checks, which send no request");
        }
    }
    check
}

/// With externalTrafficPolicy Local a node says on a port of its own whether it has a pod of the Service; pods need no asking.
fn fallback(want: &LoadBalancer, target_type: TargetType) -> Fallback {
    match (want.traffic_policy, target_type) {
        (
            TrafficPolicy::Local {
                health_check_node_port: Some(port),
            },
            TargetType::Instance,
        ) => Fallback {
            protocol: HealthCheckProtocol::Http,
            port: HealthCheckPort::Port(port),
            path: "/healthz",
            timeout: 6,
            threshold: 2,
        },
        (TrafficPolicy::Local { .. } | TrafficPolicy::Cluster, _) => Fallback {
            protocol: HealthCheckProtocol::Tcp,
            port: HealthCheckPort::TrafficPort,
            path: "/",
            timeout: 10,
            threshold: 3,
        },
    }
}

/// Users write these words small or large.
fn protocol(text: &str) -> Result<HealthCheckProtocol, String> {
    HealthCheckProtocol::parse(&text.to_ascii_uppercase())
        .ok_or_else(|| format!("{text:?} is none of tcp, http, https"))
}

/// A number is a port of the targets; a name is one of the Service's ports, and stands for where its targets listen.
fn port(
    text: &str,
    want: &LoadBalancer,
    target_type: TargetType,
    reader: &mut Reader<'_>,
) -> Option<HealthCheckPort> {
    let key = keys::HEALTH_CHECK_PORT;
    if let Some(port) = HealthCheckPort::parse(text) {
        return Some(port);
    }
    let Some(port) = want
        .ports
        .iter()
        .find(|port| !port.name.is_empty() && port.name == text)
    else {
        reader.wrong(
            key,
            format!(
                "{text:?} is neither traffic-port, nor a number from 1 to {}, nor a name of the Service's ports, which are {}",
                PortNumber::MAX,
                listed(want)
            ),
        );
        return None;
    };
    let (number, missing) = match target_type {
        TargetType::Instance => (port.node_port, "has no nodePort"),
        TargetType::Ip => (
            port.target_port,
            "has a targetPort with a name, which may be another number in each pod",
        ),
    };
    if number.is_none() {
        let what = format!(
            "{text:?} is {}, which {missing}; write the number that targets listen on",
            at(port)
        );
        reader.wrong(key, what);
    }
    number.map(HealthCheckPort::Port)
}

fn path(text: &str) -> Result<String, String> {
    let legal = text.starts_with('/')
        && text.len() <= MAX_PATH
        && text.bytes().all(|b| b.is_ascii_graphic());
    if legal {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no path; one begins with /, has no spaces and at most {MAX_PATH} characters"
        ))
    }
}

/// `200`, `200,204` or `200-399`.
fn success_codes(text: &str) -> Result<String, String> {
    let code = |text: &str| text.parse::<u16>().ok().filter(|code| CODES.contains(code));
    let is_range = |part: &str| match part.split_once('-') {
        Some((from, to)) => matches!((code(from), code(to)), (Some(from), Some(to)) if from <= to),
        None => code(part).is_some(),
    };
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.iter().all(|part| is_range(part)) {
        return Ok(parts.join(","));
    }
    Err(format!(
        "{text:?} is no list of answer codes from {} to {}; write one like 200,204 or 200-399",
        CODES.start(),
        CODES.end()
    ))
}
