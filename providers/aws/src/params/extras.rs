//! What else may a Service say? Names, tags, labels, capacity, and wishes that cannot be granted. Pure.

use std::collections::BTreeMap;

use roadstead_core::LoadBalancer;

use super::{
    keys,
    reader::Reader,
    shape::{Adopt, Defaults},
    values,
};
use crate::{ids::Arn, names::LoadBalancerName, tags, types::TargetType};

/// The type that implies ip targets.
pub(super) const NLB_IP: &str = "nlb-ip";

const TYPES: [&str; 3] = ["external", "nlb", NLB_IP];

/// The one key of the capacity annotation.
const CAPACITY_UNITS: &str = "CapacityUnits";

/// The longest name or value of a label.
const MAX_LABEL: usize = 63;

/// Refuses what no Network Load Balancer made here can do.
pub(super) fn refuse(want: &LoadBalancer, reader: &mut Reader<'_>) {
    for ip in &want.requested_ips {
        reader.wrong(
            "spec.loadBalancerIP",
            format!(
                "{ip} cannot be had this way, because a Network Load Balancer has an address in each subnet; remove it, and name private \
                 addresses in {} or Elastic IP addresses in {}",
                keys::PRIVATE_IPV4_ADDRESSES,
                keys::EIP_ALLOCATIONS
            ),
        );
    }
    reader.read(keys::TYPE, |text| {
        if TYPES.contains(&text) {
            Ok(())
        } else {
            Err(format!("{text:?} is none of {}", TYPES.join(", ")))
        }
    });
    // TCP and UDP of one number are always one listener: there is nothing to switch on.
    reader.boolean(keys::TCP_UDP);
    if !reader.list(keys::QUIC_PORTS).is_empty() {
        reader.wrong(
            keys::QUIC_PORTS,
            "QUIC is not supported yet; remove it to have the ports as UDP",
        );
    }
    for (key, _, _) in reader.family(keys::ACTIONS_OF) {
        reader.wrong(
            key,
            "forwarding to several target groups by weight is not supported yet; remove it",
        );
    }
}

/// The name that the load balancer is to have.
pub(super) fn name(reader: &mut Reader<'_>) -> Option<LoadBalancerName> {
    reader.read(keys::NAME, LoadBalancerName::parse)
}

/// The load balancer to take over, which keeps its name.
pub(super) fn adopt(name: Option<&LoadBalancerName>, reader: &mut Reader<'_>) -> Option<Adopt> {
    let adopt = reader.read(keys::ADOPT, parse_adopt)?;
    if let Some(name) = name
        && name.as_str() != adopt.name()
    {
        reader.wrong(
            keys::NAME,
            format!(
                "asks for the name {name}, and {} for the load balancer {}, whose name cannot change; remove one of the two",
                keys::ADOPT,
                adopt.name()
            ),
        );
    }
    Some(adopt)
}

fn parse_adopt(text: &str) -> Result<Adopt, String> {
    if !text.starts_with("arn:") {
        return LoadBalancerName::parse(text).map(Adopt::Name);
    }
    let mut parts = text.splitn(6, ':').skip(2);
    let (service, resource) = (parts.next(), parts.nth(2).unwrap_or_default());
    let kind = resource
        .strip_prefix("loadbalancer/")
        .filter(|_| service == Some("elasticloadbalancing"));
    match kind
        .map(|rest| rest.split('/').collect::<Vec<_>>())
        .as_deref()
    {
        Some(["net", name, id]) if !id.is_empty() => {
            LoadBalancerName::parse(name).map(|_| Adopt::Arn(Arn::new(text)))
        }
        Some(["app" | "gwy", ..]) => Err(format!(
            "{text:?} is no Network Load Balancer, and no other kind can be taken over"
        )),
        _ => Err(format!(
            "{text:?} is no ARN of a load balancer; one looks like \
             arn:aws:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/net/NAME/ID"
        )),
    }
}

/// The Service's tags, over which the flag's win.
pub(super) fn tags(defaults: &Defaults, reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut tags = reader.map(keys::TAGS);
    for (key, value) in &tags {
        reader.check(keys::TAGS, tags::check_user_tag(key, value));
    }
    tags.extend(defaults.tags.clone());
    if tags.len() > tags::MAX_USER_TAGS {
        let what = format!(
            "makes {} tags with those of the flag --aws-default-tag, and AWS leaves room for {}; remove some",
            tags.len(),
            tags::MAX_USER_TAGS
        );
        reader.wrong(keys::TAGS, what);
    }
    tags
}

/// The labels that a node must have to be a target.
pub(super) fn node_labels(
    target_type: TargetType,
    reader: &mut Reader<'_>,
) -> BTreeMap<String, String> {
    let labels = reader.map(keys::TARGET_NODE_LABELS);
    for (key, value) in &labels {
        let name = key.rsplit_once('/').map_or(key.as_str(), |(_, name)| name);
        if !is_label(name) || !(value.is_empty() || is_label(value)) {
            reader.wrong(
                keys::TARGET_NODE_LABELS,
                format!("no node can have the label {key}={value}, so none would be a target"),
            );
        }
    }
    if target_type == TargetType::Ip && !labels.is_empty() {
        reader.note(
            keys::TARGET_NODE_LABELS,
            "has no effect on ip targets, which are pods",
        );
    }
    labels
}

/// Whether `text` is the name of a label, or its value.
fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_alphanumeric());
    text.len() <= MAX_LABEL
        && text.bytes().all(inner)
        && edge(text.bytes().next())
        && edge(text.bytes().next_back())
}

/// `CapacityUnits=N`.
pub(super) fn capacity_units(text: &str) -> Result<u32, String> {
    let map = values::map(text)?;
    match (map.get(CAPACITY_UNITS), map.len()) {
        // AWS's API has a signed number of 32 bits.
        (Some(units), 1) => values::number(units, &(0..=i32::MAX.unsigned_abs()))
            .map_err(|what| format!("{CAPACITY_UNITS}: {what}")),
        _ => Err(format!(
            "{text:?} is not {CAPACITY_UNITS}=N; 0 ends a reservation"
        )),
    }
}
