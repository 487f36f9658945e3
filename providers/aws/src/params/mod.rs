//! What do a Service's annotations ask of AWS? Parsed once, every problem named. No I/O, no defaults that AWS itself has.

mod addresses;
pub(crate) mod attributes;
mod extras;
mod health_check;
pub(crate) mod keys;
mod listeners;
mod ports;
mod reader;
mod security;
mod shape;
mod target_groups;
mod tls;
mod values;

use roadstead_core::{LoadBalancer, Problem};

use self::reader::Reader;
pub use self::shape::Defaults;
#[allow(
    unused_imports,
    reason = "what is made of these comes after them; the attribute goes with the one in lib.rs"
)]
pub(crate) use self::shape::{
    Adopt, ByIdOrName, ListenerParams, Params, Security, SourceNatPrefix,
};
use crate::types::{Scheme, TargetType};

/// Reads what `want` asks for; `defaults` say what the flags say.
///
/// # Errors
///
/// Everything that is wrong, at once. What depends on the scheme is among it only if the Service names one; else
/// [`Params::check_scheme`] says so once the load balancer that exists was seen.
pub(crate) fn parse(want: &LoadBalancer, defaults: &Defaults) -> Result<Params, Vec<Problem>> {
    let mut reader = Reader::new(&want.annotations);
    extras::refuse(want, &mut reader);
    let _: Option<TargetType> = reader.word(keys::TARGET_TYPE);
    let target_type = target_type(want, defaults.target_type);
    let addresses = addresses::read(want, &mut reader);
    let access = security::read(want, addresses.ip_address_type, defaults, &mut reader);
    let listeners = listeners::read(want, target_type, &addresses, defaults, &mut reader);
    let name = extras::name(&mut reader);
    let params = Params {
        target_type,
        scheme: scheme(&mut reader),
        adopt: extras::adopt(name.as_ref(), &mut reader),
        name,
        ip_address_type: addresses.ip_address_type,
        subnets: addresses.subnets,
        eip_allocations: addresses.eip_allocations,
        private_ipv4_addresses: addresses.private_ipv4,
        ipv6_addresses: addresses.ipv6,
        ipv6_source_nat: addresses.ipv6_source_nat,
        source_nat_ipv6_prefixes: addresses.source_nat_prefixes,
        security: access.security,
        enforce_inbound_rules_on_private_link: access.enforce_on_private_link,
        source_ranges: access.source_ranges,
        prefix_lists: access.prefix_lists,
        icmp_for_path_mtu: access.icmp_for_path_mtu,
        attributes: attributes::read(&mut reader),
        tags: extras::tags(defaults, &mut reader),
        target_node_labels: extras::node_labels(target_type, &mut reader),
        multi_cluster_target_group: reader.boolean(keys::MULTI_CLUSTER).unwrap_or(false),
        capacity_units: reader.read(keys::CAPACITY, extras::capacity_units),
        listeners,
        notes: std::mem::take(&mut reader.notes),
    };
    let mut problems = reader.problems;
    if let Some(scheme) = params.scheme {
        problems.extend(params.check_scheme(scheme));
    }
    if problems.is_empty() {
        Ok(params)
    } else {
        Err(problems)
    }
}

/// What the targets of `want` are. What cannot be understood is the default, and [`parse`] says so.
pub(crate) fn target_type(want: &LoadBalancer, default: TargetType) -> TargetType {
    let text = |key: &str| want.annotations.get(key).map(|value| value.trim());
    match text(keys::TARGET_TYPE) {
        Some(word) => TargetType::parse(word).unwrap_or(default),
        None if text(keys::TYPE) == Some(extras::NLB_IP) => TargetType::Ip,
        None => default,
    }
}

/// The scheme's own annotation wins over the older one.
fn scheme(reader: &mut Reader<'_>) -> Option<Scheme> {
    let internal = reader.boolean(keys::INTERNAL).map(|internal| {
        if internal {
            Scheme::Internal
        } else {
            Scheme::InternetFacing
        }
    });
    reader.word(keys::SCHEME).or(internal)
}

#[cfg(test)]
mod tests;
