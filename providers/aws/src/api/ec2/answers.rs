//! How are EC2's answers read, and rules written? The SDK's types become ours and back. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_ec2::types as sdk;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::Admission;
use crate::{
    api::{
        actions::Action,
        error::{Result, required},
    },
    ids::{GroupId, VpcId},
    seen::{
        InstanceSeen, InterfaceSeen, PublicSubnets, Rule, RuleProtocol, RuleSource,
        SecurityGroupSeen, SubnetSeen, VpcSeen, ZoneType,
    },
    tags::clusters,
};

pub(super) fn vpc(action: Action, seen: sdk::Vpc) -> Result<VpcSeen> {
    let cidrs = all(seen.cidr_block_association_set)
        .filter(|cidr| {
            let state = cidr.cidr_block_state.as_ref();
            is_associated(state.and_then(sdk::VpcCidrBlockState::state))
        })
        .filter_map(|cidr| cidr.cidr_block?.parse().ok());
    let ipv6_cidrs = all(seen.ipv6_cidr_block_association_set)
        .filter(|cidr| {
            let state = cidr.ipv6_cidr_block_state.as_ref();
            is_associated(state.and_then(sdk::VpcCidrBlockState::state))
        })
        .filter_map(|cidr| cidr.ipv6_cidr_block?.parse().ok());
    let mut cidrs: Vec<Ipv4Net> = cidrs.collect();
    let primary = seen.cidr_block.and_then(|cidr| cidr.parse().ok());
    cidrs.extend(primary.filter(|primary| !cidrs.contains(primary)));
    Ok(VpcSeen {
        id: required(action, "VpcId", seen.vpc_id)?.into(),
        cidrs,
        ipv6_cidrs: ipv6_cidrs.collect(),
    })
}

fn is_associated(state: Option<&sdk::VpcCidrBlockStateCode>) -> bool {
    state.is_none_or(|state| *state == sdk::VpcCidrBlockStateCode::Associated)
}

pub(super) fn subnet(
    action: Action,
    seen: sdk::Subnet,
    zones: &HashMap<String, ZoneType>,
) -> Result<SubnetSeen> {
    let zone = required(action, "AvailabilityZone", seen.availability_zone)?;
    let ipv6_cidrs: Vec<Ipv6Net> = all(seen.ipv6_cidr_block_association_set)
        .filter(|cidr| {
            cidr.ipv6_cidr_block_state
                .as_ref()
                .and_then(sdk::SubnetCidrBlockState::state)
                .is_none_or(|state| *state == sdk::SubnetCidrBlockStateCode::Associated)
        })
        .filter_map(|cidr| cidr.ipv6_cidr_block?.parse().ok())
        .collect();
    Ok(SubnetSeen {
        id: required(action, "SubnetId", seen.subnet_id)?.into(),
        zone_type: zones
            .get(&zone)
            .cloned()
            .unwrap_or(ZoneType::AvailabilityZone),
        zone,
        outpost: seen.outpost_arn.map(Into::into),
        vpc: required(action, "VpcId", seen.vpc_id)?.into(),
        cidr: seen.cidr_block.and_then(|cidr| cidr.parse().ok()),
        ipv6_cidrs,
        free_ips: seen
            .available_ip_address_count
            .and_then(|count| count.try_into().ok())
            .unwrap_or_default(),
        tags: tags(seen.tags),
    })
}

pub(super) fn zone(seen: sdk::AvailabilityZone) -> Option<(String, ZoneType)> {
    let zone_type = match seen.zone_type.as_deref() {
        None | Some("availability-zone") => ZoneType::AvailabilityZone,
        Some("local-zone") => ZoneType::LocalZone,
        Some("wavelength-zone") => ZoneType::WavelengthZone,
        Some(other) => ZoneType::Other(other.to_owned()),
    };
    Some((seen.zone_name?, zone_type))
}

pub(super) fn public_subnets(tables: Vec<sdk::RouteTable>) -> PublicSubnets {
    let mut public = PublicSubnets::default();
    for table in tables {
        let is_public = all(table.routes).any(|route| {
            route
                .gateway_id
                .is_some_and(|gateway| gateway.starts_with("igw-"))
        });
        for association in all(table.associations) {
            if association.main == Some(true) {
                public.by_default = is_public;
            }
            if let Some(subnet) = association.subnet_id {
                public.explicit.insert(subnet.into(), is_public);
            }
        }
    }
    public
}

pub(super) fn instance(action: Action, seen: sdk::Instance) -> Result<InstanceSeen> {
    let mut interfaces: Vec<sdk::InstanceNetworkInterface> = all(seen.network_interfaces).collect();
    interfaces.sort_by_key(|interface| {
        interface
            .attachment
            .as_ref()
            .and_then(sdk::InstanceNetworkInterfaceAttachment::device_index)
            .unwrap_or(i32::MAX)
    });
    Ok(InstanceSeen {
        id: required(action, "InstanceId", seen.instance_id)?.into(),
        vpc: seen.vpc_id.filter(|vpc| !vpc.is_empty()).map(VpcId::new),
        zone: seen.placement.and_then(|place| place.availability_zone),
        running: seen.state.and_then(|state| state.name) == Some(sdk::InstanceStateName::Running),
        interfaces: interfaces
            .into_iter()
            .map(|interface| InterfaceSeen {
                id: interface.network_interface_id.unwrap_or_default(),
                groups: all(interface.groups)
                    .filter_map(|group| group.group_id)
                    .map(Into::into)
                    .collect(),
            })
            .collect(),
        clusters: clusters(&tags(seen.tags)),
    })
}

pub(super) fn security_group(
    action: Action,
    seen: sdk::SecurityGroup,
) -> Result<SecurityGroupSeen> {
    Ok(SecurityGroupSeen {
        id: required(action, "GroupId", seen.group_id)?.into(),
        name: required(action, "GroupName", seen.group_name)?,
        vpc: VpcId::new(seen.vpc_id.unwrap_or_default()),
        ingress: all(seen.ip_permissions).flat_map(rules).collect(),
        tags: tags(seen.tags),
    })
}

/// The rules of a group that let in what carries `source`.
pub(super) fn admissions(
    action: Action,
    seen: sdk::SecurityGroup,
    source: &GroupId,
) -> Result<Vec<Admission>> {
    let group = GroupId::new(required(action, "GroupId", seen.group_id)?);
    let mut found = Vec::new();
    for permission in all(seen.ip_permissions) {
        let protocol = RuleProtocol::parse(permission.ip_protocol.as_deref().unwrap_or("-1"));
        let pairs = all(permission.user_id_group_pairs);
        let ours = pairs.filter(|pair| pair.group_id.as_deref() == Some(source.as_str()));
        found.extend(ours.map(|pair| Admission {
            group: group.clone(),
            rule: Rule {
                protocol: protocol.clone(),
                from: permission.from_port.unwrap_or(-1),
                to: permission.to_port.unwrap_or(-1),
                source: RuleSource::Group(source.clone()),
            },
            description: pair.description,
        }));
    }
    Ok(found)
}

/// One rule a source.
fn rules(seen: sdk::IpPermission) -> BTreeSet<Rule> {
    let protocol = RuleProtocol::parse(seen.ip_protocol.as_deref().unwrap_or("-1"));
    let cidrs = all(seen.ip_ranges)
        .filter_map(|range| range.cidr_ip)
        .chain(all(seen.ipv6_ranges).filter_map(|range| range.cidr_ipv6))
        .filter_map(|cidr| cidr.parse::<IpNet>().ok())
        .map(RuleSource::Cidr);
    let lists = all(seen.prefix_list_ids)
        .filter_map(|list| list.prefix_list_id)
        .map(RuleSource::PrefixList);
    let groups = all(seen.user_id_group_pairs)
        .filter_map(|pair| pair.group_id)
        .map(|group| RuleSource::Group(group.into()));
    cidrs
        .chain(lists)
        .chain(groups)
        .map(|source| Rule {
            protocol: protocol.clone(),
            from: seen.from_port.unwrap_or(-1),
            to: seen.to_port.unwrap_or(-1),
            source,
        })
        .collect()
}

/// Rules as EC2 takes them: those of one protocol and port range together.
pub(super) fn permissions(rules: &[Rule], description: Option<&str>) -> Vec<sdk::IpPermission> {
    let mut sources: BTreeMap<(&RuleProtocol, i32, i32), BTreeSet<&RuleSource>> = BTreeMap::new();
    for rule in rules {
        let Rule {
            protocol,
            from,
            to,
            source,
        } = rule;
        sources
            .entry((protocol, *from, *to))
            .or_default()
            .insert(source);
    }
    sources
        .into_iter()
        .map(|((protocol, from, to), sources)| {
            let all_of_them = sdk::IpPermission::builder()
                .ip_protocol(protocol.as_str())
                .from_port(from)
                .to_port(to);
            sources
                .into_iter()
                .fold(all_of_them, |permission, source| {
                    with_source(permission, source, description)
                })
                .build()
        })
        .collect()
}

fn with_source(
    permission: sdk::builders::IpPermissionBuilder,
    source: &RuleSource,
    description: Option<&str>,
) -> sdk::builders::IpPermissionBuilder {
    let description = description.map(ToOwned::to_owned);
    match source {
        RuleSource::Cidr(IpNet::V4(net)) => permission.ip_ranges(
            sdk::IpRange::builder()
                .cidr_ip(net.to_string())
                .set_description(description)
                .build(),
        ),
        RuleSource::Cidr(IpNet::V6(net)) => permission.ipv6_ranges(
            sdk::Ipv6Range::builder()
                .cidr_ipv6(net.to_string())
                .set_description(description)
                .build(),
        ),
        RuleSource::PrefixList(list) => permission.prefix_list_ids(
            sdk::PrefixListId::builder()
                .prefix_list_id(list)
                .set_description(description)
                .build(),
        ),
        RuleSource::Group(group) => permission.user_id_group_pairs(
            sdk::UserIdGroupPair::builder()
                .group_id(group.as_str())
                .set_description(description)
                .build(),
        ),
    }
}

pub(super) fn tags(seen: Option<Vec<sdk::Tag>>) -> BTreeMap<String, String> {
    all(seen)
        .filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

/// The elements of an optional list.
pub(super) fn all<T>(list: Option<Vec<T>>) -> impl Iterator<Item = T> {
    list.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_rule() -> impl Strategy<Value = Rule> {
        let protocol = prop_oneof![
            Just(RuleProtocol::Tcp),
            Just(RuleProtocol::Icmpv6),
            Just(RuleProtocol::Other("-1".to_owned())),
        ];
        let source = prop_oneof![
            Just(RuleSource::Cidr("10.0.0.0/8".parse().unwrap())),
            Just(RuleSource::Cidr("fd00::/8".parse().unwrap())),
            Just(RuleSource::PrefixList("pl-1".to_owned())),
            Just(RuleSource::Group("sg-1".into())),
        ];
        (protocol, -1..3i32, -1..3i32, source).prop_map(|(protocol, from, to, source)| Rule {
            protocol,
            from,
            to,
            source,
        })
    }

    proptest! {
        #[test]
        fn rules_are_read_back_as_they_were_written(
            wanted in proptest::collection::btree_set(any_rule(), 0..12)
        ) {
            let rules_wanted: Vec<Rule> = wanted.iter().cloned().collect();
            let seen: BTreeSet<Rule> = permissions(&rules_wanted, Some("by a test"))
                .into_iter()
                .flat_map(rules)
                .collect();
            prop_assert_eq!(seen, wanted);
        }
    }

    #[test]
    fn the_main_route_table_speaks_for_subnets_without_one() {
        let igw = sdk::Route::builder().gateway_id("igw-1").build();
        let nat = sdk::Route::builder().nat_gateway_id("nat-1").build();
        let main = sdk::RouteTable::builder()
            .routes(nat)
            .associations(sdk::RouteTableAssociation::builder().main(true).build())
            .build();
        let public = sdk::RouteTable::builder()
            .routes(igw)
            .associations(
                sdk::RouteTableAssociation::builder()
                    .subnet_id("subnet-public")
                    .build(),
            )
            .build();
        let found = public_subnets(vec![public, main]);
        assert!(found.contains(&"subnet-public".into()));
        assert!(!found.contains(&"subnet-other".into()));
    }
}
