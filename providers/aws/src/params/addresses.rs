//! Where does the load balancer stand, and which addresses has it? Subnets, Elastic IP addresses, families. Pure.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::Ipv6Net;
use roadstead_core::{IpFamily, IpFamilyPolicy, LoadBalancer};

use super::{
    keys,
    reader::Reader,
    shape::{ByIdOrName, SourceNatPrefix},
};
use crate::types::IpAddressType;

/// What a Service says about addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    pub(super) ip_address_type: IpAddressType,
    pub(super) subnets: Vec<ByIdOrName>,
    pub(super) eip_allocations: Vec<String>,
    pub(super) private_ipv4: Vec<Ipv4Addr>,
    pub(super) ipv6: Vec<Ipv6Addr>,
    pub(super) ipv6_source_nat: bool,
    pub(super) source_nat_prefixes: Vec<SourceNatPrefix>,
}

/// The length of a source NAT prefix (`SubnetMapping.SourceNatIpv6Prefix`).
const SOURCE_NAT_PREFIX: u8 = 80;

/// Reads the addresses that `want` asks for.
pub(super) fn read(want: &LoadBalancer, reader: &mut Reader<'_>) -> Addresses {
    let addresses = Addresses {
        ip_address_type: ip_address_type(want, reader),
        subnets: by_id_or_name(reader, keys::SUBNETS, "subnet-"),
        eip_allocations: reader.list_of(keys::EIP_ALLOCATIONS, eip_allocation),
        private_ipv4: reader.list_of(keys::PRIVATE_IPV4_ADDRESSES, |text| {
            text.parse()
                .map_err(|_| format!("{text:?} is no IPv4 address"))
        }),
        ipv6: reader.list_of(keys::IPV6_ADDRESSES, |text| {
            text.parse()
                .map_err(|_| format!("{text:?} is no IPv6 address"))
        }),
        ipv6_source_nat: reader.on_or_off(keys::IPV6_SOURCE_NAT).unwrap_or(false),
        source_nat_prefixes: source_nat_prefixes(reader),
    };
    check_families(&addresses, reader);
    check_counts(&addresses, reader);
    addresses
}

/// Ids and Name tags, as users mix them. An id may stand in the list once; a Name tag as often as there are objects with it.
pub(super) fn by_id_or_name(reader: &mut Reader<'_>, key: &str, prefix: &str) -> Vec<ByIdOrName> {
    let mut named: Vec<ByIdOrName> = Vec::new();
    for text in reader.list(key) {
        let one = if text.starts_with(prefix) {
            ByIdOrName::Id(text)
        } else {
            ByIdOrName::Name(text)
        };
        if matches!(one, ByIdOrName::Id(_)) && named.contains(&one) {
            reader.wrong(key, format!("\"{one}\" is named twice"));
        } else {
            named.push(one);
        }
    }
    named
}

fn eip_allocation(text: &str) -> Result<String, String> {
    if text.starts_with("eipalloc-") {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no allocation of an Elastic IP address; one begins with eipalloc-"
        ))
    }
}

/// The annotation's; else dualstack for a Service that cannot do without IPv6, because it comes first or both are required.
///
/// `PreferDualStack` alone is no reason: its subnets may have no IPv6, and the Service would get no load balancer at all.
fn ip_address_type(want: &LoadBalancer, reader: &mut Reader<'_>) -> IpAddressType {
    let ipv6_first = want.families.first() == Some(&IpFamily::V6);
    let asked = reader.word(keys::IP_ADDRESS_TYPE);
    if asked == Some(IpAddressType::Ipv4) && ipv6_first {
        reader.wrong(
            keys::IP_ADDRESS_TYPE,
            "\"ipv4\" leaves no way to targets with IPv6 addresses, which spec.ipFamilies puts first; set it to dualstack",
        );
    }
    let needed = ipv6_first || want.family_policy == IpFamilyPolicy::RequireDualStack;
    asked.unwrap_or(if needed {
        IpAddressType::Dualstack
    } else {
        IpAddressType::Ipv4
    })
}

/// Every subnet has a prefix of its own, but each may leave the choice to AWS.
fn source_nat_prefixes(reader: &mut Reader<'_>) -> Vec<SourceNatPrefix> {
    let mut prefixes = Vec::new();
    for text in reader.list(keys::SOURCE_NAT_PREFIXES) {
        let prefix = match source_nat_prefix(&text) {
            Ok(prefix) => prefix,
            Err(what) => {
                reader.wrong(keys::SOURCE_NAT_PREFIXES, what);
                continue;
            }
        };
        if prefix != SourceNatPrefix::AutoAssigned && prefixes.contains(&prefix) {
            reader.wrong(
                keys::SOURCE_NAT_PREFIXES,
                format!("{text:?} is named twice"),
            );
        }
        prefixes.push(prefix);
    }
    prefixes
}

fn source_nat_prefix(text: &str) -> Result<SourceNatPrefix, String> {
    if text == SourceNatPrefix::AutoAssigned.to_string() {
        return Ok(SourceNatPrefix::AutoAssigned);
    }
    text.parse::<Ipv6Net>()
        .ok()
        .filter(|net| net.prefix_len() == SOURCE_NAT_PREFIX && net.trunc() == *net)
        .map(SourceNatPrefix::Prefix)
        .ok_or_else(|| {
            format!(
                "{text:?} is neither auto_assigned nor an IPv6 prefix of {SOURCE_NAT_PREFIX} bits like 2001:db8:0:1:2::/80"
            )
        })
}

fn check_families(addresses: &Addresses, reader: &mut Reader<'_>) {
    let dualstack = addresses.ip_address_type == IpAddressType::Dualstack
        || reader.is_wrong(keys::IP_ADDRESS_TYPE);
    let for_dualstack = [
        (keys::IPV6_ADDRESSES, !addresses.ipv6.is_empty()),
        (keys::IPV6_SOURCE_NAT, addresses.ipv6_source_nat),
    ];
    for (key, used) in for_dualstack {
        if used && !dualstack {
            reader.wrong(
                key,
                format!(
                    "is for dualstack load balancers, and this one is ipv4; set {} to dualstack",
                    keys::IP_ADDRESS_TYPE
                ),
            );
        }
    }
    let on = addresses.ipv6_source_nat || reader.is_wrong(keys::IPV6_SOURCE_NAT);
    if !addresses.source_nat_prefixes.is_empty() && !on {
        reader.wrong(
            keys::SOURCE_NAT_PREFIXES,
            format!("has no effect unless {} is on", keys::IPV6_SOURCE_NAT),
        );
    }
}

/// Without named subnets, how many there are is known only once they were found.
fn check_counts(addresses: &Addresses, reader: &mut Reader<'_>) {
    let subnets = addresses.subnets.len();
    if reader.is_wrong(keys::SUBNETS) {
        return;
    }
    let counts = [
        (keys::EIP_ALLOCATIONS, addresses.eip_allocations.len()),
        (keys::PRIVATE_IPV4_ADDRESSES, addresses.private_ipv4.len()),
        (keys::IPV6_ADDRESSES, addresses.ipv6.len()),
        (
            keys::SOURCE_NAT_PREFIXES,
            addresses.source_nat_prefixes.len(),
        ),
    ];
    for (key, count) in counts {
        // What could not be read is missing from the count, and was reported already.
        if subnets > 0 && count > 0 && reader.list(key).len() != subnets {
            reader.wrong(
                key,
                format!(
                    "lists {}, and {} lists {subnets}; each subnet needs one",
                    reader.list(key).len(),
                    keys::SUBNETS
                ),
            );
        }
    }
}
