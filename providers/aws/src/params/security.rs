//! Who may connect? Security groups, source ranges, prefix lists. Pure.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use roadstead_core::LoadBalancer;

use super::{
    addresses::by_id_or_name,
    keys,
    reader::Reader,
    shape::{Defaults, Security},
};
use crate::types::IpAddressType;

/// What a Service says about who may connect.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) security: Security,
    pub(super) enforce_on_private_link: Option<bool>,
    pub(super) source_ranges: Vec<IpNet>,
    pub(super) prefix_lists: Vec<String>,
    pub(super) icmp_for_path_mtu: bool,
}

const SPEC_RANGES: &str = "spec.loadBalancerSourceRanges";

/// Reads who may connect to what `want` asks for.
pub(super) fn read(
    want: &LoadBalancer,
    families: IpAddressType,
    defaults: &Defaults,
    reader: &mut Reader<'_>,
) -> Access {
    let prefix_lists = reader.list_of(keys::PREFIX_LISTS, prefix_list);
    let access = Access {
        security: security(defaults, reader),
        enforce_on_private_link: reader.on_or_off(keys::PRIVATE_LINK),
        source_ranges: source_ranges(want, families, &prefix_lists, reader),
        prefix_lists,
        icmp_for_path_mtu: reader.on_or_off(keys::ICMP_FOR_PATH_MTU).unwrap_or(false),
    };
    match &access.security {
        Security::Managed => {}
        Security::Given { .. } => note_what_given_groups_decide(want, &access, reader),
        Security::None => refuse_what_needs_a_group(want, &access, reader),
    }
    access
}

fn security(defaults: &Defaults, reader: &mut Reader<'_>) -> Security {
    let none = reader
        .boolean(keys::DISABLE_SECURITY_GROUPS)
        .unwrap_or(false);
    let groups = by_id_or_name(reader, keys::SECURITY_GROUPS, "sg-");
    let manage = reader.boolean(keys::MANAGE_BACKEND_RULES);
    if none && !groups.is_empty() {
        reader.wrong(
            keys::SECURITY_GROUPS,
            format!(
                "names security groups, and {} asks for none; remove one of the two",
                keys::DISABLE_SECURITY_GROUPS
            ),
        );
    }
    if none {
        return Security::None;
    }
    if groups.is_empty() {
        if manage == Some(false) {
            reader.note(
                keys::MANAGE_BACKEND_RULES,
                "has no effect without security groups of your own; the nodes let the managed ones in",
            );
        }
        return Security::Managed;
    }
    Security::Given {
        groups,
        manage_backend_rules: manage.unwrap_or(defaults.manage_backend_rules),
    }
}

fn prefix_list(text: &str) -> Result<String, String> {
    if text.starts_with("pl-") {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no prefix list; one begins with pl-"))
    }
}

/// The Service's ranges; else nobody beside the prefix lists, where there are some; else everybody.
fn source_ranges(
    want: &LoadBalancer,
    families: IpAddressType,
    prefix_lists: &[String],
    reader: &mut Reader<'_>,
) -> Vec<IpNet> {
    let dualstack = families == IpAddressType::Dualstack;
    for range in &want.source_ranges {
        let is_wrong = matches!(range, IpNet::V6(_)) && !dualstack;
        if is_wrong && !reader.is_wrong(keys::IP_ADDRESS_TYPE) {
            let at = where_ranges_are(reader);
            reader.wrong(
                at,
                format!(
                    "{range} is IPv6, and the load balancer is ipv4; set {} to dualstack, or remove it",
                    keys::IP_ADDRESS_TYPE
                ),
            );
        }
    }
    if !want.source_ranges.is_empty() || !prefix_lists.is_empty() {
        return want.source_ranges.clone();
    }
    let everybody = [
        Some(IpNet::V4(Ipv4Net::default())),
        dualstack.then(|| IpNet::V6(Ipv6Net::default())),
    ];
    everybody.into_iter().flatten().collect()
}

/// The controller has merged the field and the annotation, and the field wins; whichever is there is named.
fn where_ranges_are(reader: &Reader<'_>) -> &'static str {
    match reader.text(keys::SOURCE_RANGES) {
        Some(_) => keys::SOURCE_RANGES,
        None => SPEC_RANGES,
    }
}

fn note_what_given_groups_decide(want: &LoadBalancer, access: &Access, reader: &mut Reader<'_>) {
    let useless = [
        (where_ranges_are(reader), !want.source_ranges.is_empty()),
        (keys::PREFIX_LISTS, !access.prefix_lists.is_empty()),
        (keys::ICMP_FOR_PATH_MTU, access.icmp_for_path_mtu),
    ];
    for (at, used) in useless {
        if used {
            reader.note(
                at,
                "has no effect; the security groups that the Service names decide who may connect",
            );
        }
    }
}

/// Without a group, whoever was to be kept out would come in: that is refused rather than noted.
fn refuse_what_needs_a_group(want: &LoadBalancer, access: &Access, reader: &mut Reader<'_>) {
    let impossible = [
        (where_ranges_are(reader), !want.source_ranges.is_empty()),
        (keys::PREFIX_LISTS, !access.prefix_lists.is_empty()),
        (keys::PRIVATE_LINK, access.enforce_on_private_link.is_some()),
    ];
    for (at, used) in impossible {
        if used {
            reader.wrong(
                at,
                format!(
                    "needs a security group, and {} asks for none; remove one of the two",
                    keys::DISABLE_SECURITY_GROUPS
                ),
            );
        }
    }
}
