//! What do a Service's annotations ask of the mock? Parsed once, every problem named. No I/O.

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::SignedDuration;
use roadstead_core::{LoadBalancer, Problem, Target, TargetKind, Vocabulary};

use crate::Failure;

const ADDRESS: &str = "roadstead.dev/mock-address";
const ADDRESS_TYPE: &str = "roadstead.dev/mock-address-type";
const FAILURE: &str = "roadstead.dev/mock-failure";
const LATENCY: &str = "roadstead.dev/mock-latency";
const LOOK_AGAIN: &str = "roadstead.dev/mock-look-again";
const NODE_LABEL: &str = "roadstead.dev/mock-node-label";
const TARGET_TYPE: &str = "roadstead.dev/mock-target-type";

/// The keys the mock knows.
pub(crate) const VOCABULARY: Vocabulary = Vocabulary {
    prefixes: &["roadstead.dev/"],
    keys: &[
        ADDRESS,
        ADDRESS_TYPE,
        FAILURE,
        LATENCY,
        LOOK_AGAIN,
        NODE_LABEL,
        TARGET_TYPE,
    ],
    families: &[],
};

/// What a Service asks of the mock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Params {
    /// Addresses asked for, by annotation or `spec.loadBalancerIP`.
    pub(crate) requested: Vec<IpAddr>,
    /// Whether a DNS name is published instead of addresses.
    pub(crate) hostname: bool,
    /// How calls for this Service fail.
    pub(crate) failure: Option<Failure>,
    /// What a call that changes something takes, instead of the flag's latency.
    pub(crate) latency: Option<Duration>,
    /// How often the health of its targets is looked at between resyncs.
    pub(crate) look_again: Option<Duration>,
}

/// The target kind asked for; what cannot be understood is nodes, and [`parse`] says so.
pub(crate) fn target_kind(want: &LoadBalancer) -> TargetKind {
    match want.annotations.get(TARGET_TYPE).map(String::as_str) {
        Some("ip") => TargetKind::Endpoints,
        _ => TargetKind::Nodes,
    }
}

/// The label that nodes must carry to be targets, as `KEY=VALUE`.
pub(crate) fn node_label(want: &LoadBalancer) -> Option<(&str, &str)> {
    want.annotations.get(NODE_LABEL)?.split_once('=')
}

/// Those of `targets` that `want` asks for.
pub(crate) fn chosen(want: &LoadBalancer, targets: &Arc<[Target]>) -> Arc<[Target]> {
    let Some((key, value)) = node_label(want) else {
        return Arc::clone(targets);
    };
    let carries = |target: &&Target| target.labels.get(key).is_some_and(|there| there == value);
    targets.iter().filter(carries).cloned().collect()
}

/// Reads the annotations of `want`.
pub(crate) fn parse(want: &LoadBalancer) -> Result<Params, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut params = Params {
        requested: want.requested_ips.clone(),
        ..Params::default()
    };
    for (key, value) in want.annotations.iter() {
        let result = match key.as_str() {
            ADDRESS => addresses(value).map(|ips| params.requested.extend(ips)),
            ADDRESS_TYPE => {
                choose(value, &[("ip", false), ("hostname", true)]).map(|is| params.hostname = is)
            }
            FAILURE => failure(value).map(|is| params.failure = Some(is)),
            LATENCY => duration(value).map(|is| params.latency = Some(is)),
            LOOK_AGAIN => duration(value).map(|is| params.look_again = Some(is)),
            NODE_LABEL if !value.contains('=') => {
                Err(format!("{value:?} is no label; write KEY=VALUE"))
            }
            TARGET_TYPE => choose(value, &[("instance", ()), ("ip", ())]),
            _ => Ok(()),
        };
        problems.extend(result.err().map(|what| Problem::new(key, what)));
    }
    if problems.is_empty() {
        Ok(params)
    } else {
        Err(problems)
    }
}

fn addresses(value: &str) -> Result<Vec<IpAddr>, String> {
    value
        .split(',')
        .map(|part| {
            part.trim()
                .parse()
                .map_err(|_| format!("{part:?} is no IP address"))
        })
        .collect()
}

fn choose<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let chosen = choices.iter().find(|(name, _)| *name == value);
    chosen.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        format!("{value:?} is none of {}", names.join(", "))
    })
}

fn failure(value: &str) -> Result<Failure, String> {
    Failure::from_label(value).ok_or_else(|| format!("{value:?} is none of {}", Failure::kinds()))
}

/// `300ms`, `5s`, `2m 30s`.
fn duration(value: &str) -> Result<Duration, String> {
    let parsed: Option<SignedDuration> = value.parse().ok();
    parsed
        .and_then(|signed| Duration::try_from(signed).ok())
        .ok_or_else(|| format!("{value:?} is no duration; write one like 300ms, 5s or 2m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_or_explained() {
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("2m"), Ok(Duration::from_mins(2)));
        for bad in ["", "5", "s", "-1s", "soon", "99999999999999999999s"] {
            assert!(duration(bad).is_err(), "{bad:?}");
        }
    }
}
