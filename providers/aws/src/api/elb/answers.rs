//! How are ELBv2's answers read? The SDK's types become ours. Pure.
//!
//! Load balancers and target groups that only others use are read leniently: they are listed, never compared.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types as sdk;
use roadstead_core::IpFamily;

use crate::{
    api::{
        actions::Action,
        error::{Result, required},
    },
    ids::{Arn, SubnetId, VpcId},
    seen::{
        ListenerSeen, LoadBalancerSeen, LoadBalancerState, TargetGroupSeen, TargetSeen,
        TargetState, Word, ZoneSeen,
    },
    types::{
        AlpnPolicy, HealthCheck, HealthCheckPort, HealthCheckProtocol, IpAddressType,
        ListenerProtocol, Scheme, TargetProtocol, TargetType,
    },
};

pub(super) fn load_balancer(action: Action, seen: sdk::LoadBalancer) -> Result<LoadBalancerSeen> {
    let required = |value, field| required(action, field, value);
    Ok(LoadBalancerSeen {
        arn: required(seen.load_balancer_arn, "LoadBalancerArn")?.into(),
        name: required(seen.load_balancer_name, "LoadBalancerName")?,
        // A Gateway Load Balancer has neither this nor a scheme.
        dns_name: seen.dns_name.unwrap_or_default().to_lowercase(),
        network: seen.r#type == Some(sdk::LoadBalancerTypeEnum::Network),
        scheme: match seen.scheme {
            Some(sdk::LoadBalancerSchemeEnum::InternetFacing) => Scheme::InternetFacing,
            _ => Scheme::Internal,
        },
        vpc: VpcId::new(seen.vpc_id.unwrap_or_default()),
        state: state(seen.state),
        ip_address_type: match seen.ip_address_type {
            None | Some(sdk::IpAddressType::Ipv4) => IpAddressType::Ipv4,
            Some(_) => IpAddressType::Dualstack,
        },
        zones: all(seen.availability_zones)
            .map(|zone| self::zone(action, zone))
            .collect::<Result<_>>()?,
        security_groups: all(seen.security_groups).map(Into::into).collect(),
        enforce_inbound_rules_on_private_link: seen
            .enforce_security_group_inbound_rules_on_private_link_traffic
            .map(|word| word == "on"),
        ipv6_source_nat: seen.enable_prefix_for_ipv6_source_nat
            == Some(sdk::EnablePrefixForIpv6SourceNatEnum::On),
    })
}

fn state(seen: Option<sdk::LoadBalancerState>) -> LoadBalancerState {
    let Some(state) = seen else {
        return LoadBalancerState::Provisioning;
    };
    match state.code {
        Some(sdk::LoadBalancerStateEnum::Active) => LoadBalancerState::Active,
        Some(sdk::LoadBalancerStateEnum::ActiveImpaired) => LoadBalancerState::ActiveImpaired,
        Some(sdk::LoadBalancerStateEnum::Failed) => {
            LoadBalancerState::Failed(state.reason.unwrap_or_default())
        }
        _ => LoadBalancerState::Provisioning,
    }
}

fn zone(action: Action, seen: sdk::AvailabilityZone) -> Result<ZoneSeen> {
    let addresses: Vec<sdk::LoadBalancerAddress> = all(seen.load_balancer_addresses).collect();
    Ok(ZoneSeen {
        zone: seen.zone_name.unwrap_or_default(),
        subnet: SubnetId::new(required(action, "SubnetId", seen.subnet_id)?),
        allocation: addresses
            .iter()
            .find_map(|address| address.allocation_id.as_deref())
            .map(Into::into),
        private_ipv4: addresses
            .iter()
            .find_map(|address| address.private_ipv4_address.as_deref()?.parse().ok()),
        ipv6: addresses
            .iter()
            .find_map(|address| address.ipv6_address.as_deref()?.parse().ok()),
        source_nat_prefixes: seen.source_nat_ipv6_prefixes.unwrap_or_default(),
    })
}

pub(super) fn target_group(action: Action, seen: sdk::TargetGroup) -> Result<TargetGroupSeen> {
    let health_check = health_check(&seen);
    let required = |value, field| required(action, field, value);
    Ok(TargetGroupSeen {
        arn: required(seen.target_group_arn, "TargetGroupArn")?.into(),
        name: required(seen.target_group_name, "TargetGroupName")?,
        protocol: word(
            seen.protocol.as_ref().map(sdk::ProtocolEnum::as_str),
            TargetProtocol::parse,
        ),
        port: number(seen.port),
        vpc: VpcId::new(seen.vpc_id.unwrap_or_default()),
        target_type: word(
            seen.target_type.as_ref().map(sdk::TargetTypeEnum::as_str),
            TargetType::parse,
        ),
        ip_address_type: match seen.ip_address_type {
            Some(sdk::TargetGroupIpAddressTypeEnum::Ipv6) => IpFamily::V6,
            _ => IpFamily::V4,
        },
        health_check,
        load_balancers: all(seen.load_balancer_arns).map(Into::into).collect(),
    })
}

fn health_check(seen: &sdk::TargetGroup) -> HealthCheck {
    let protocol = seen
        .health_check_protocol
        .as_ref()
        .and_then(|protocol| HealthCheckProtocol::parse(protocol.as_str()))
        .unwrap_or(HealthCheckProtocol::Tcp);
    let of_request = |text: Option<&str>| {
        text.filter(|_| protocol.has_request())
            .map(ToOwned::to_owned)
    };
    HealthCheck {
        protocol,
        port: seen
            .health_check_port
            .as_deref()
            .and_then(HealthCheckPort::parse)
            .unwrap_or(HealthCheckPort::TrafficPort),
        path: of_request(seen.health_check_path.as_deref()),
        interval: number(seen.health_check_interval_seconds),
        timeout: number(seen.health_check_timeout_seconds),
        healthy_threshold: number(seen.healthy_threshold_count),
        unhealthy_threshold: number(seen.unhealthy_threshold_count),
        success_codes: of_request(seen.matcher.as_ref().and_then(sdk::Matcher::http_code)),
    }
}

pub(super) fn listener(action: Action, seen: sdk::Listener) -> Result<ListenerSeen> {
    let required = |value, field| required(action, field, value);
    let mut target_groups: Vec<Arn> = Vec::new();
    for forward in all(seen.default_actions) {
        let weighted = forward
            .forward_config
            .and_then(|config| config.target_groups);
        let named = all(weighted).filter_map(|group| group.target_group_arn);
        for arn in forward.target_group_arn.into_iter().chain(named) {
            let arn = Arn::new(arn);
            if !target_groups.contains(&arn) {
                target_groups.push(arn);
            }
        }
    }
    Ok(ListenerSeen {
        arn: required(seen.listener_arn, "ListenerArn")?.into(),
        load_balancer: required(seen.load_balancer_arn, "LoadBalancerArn")?.into(),
        port: number(seen.port),
        protocol: word(
            seen.protocol.as_ref().map(sdk::ProtocolEnum::as_str),
            ListenerProtocol::parse,
        ),
        certificates: all(seen.certificates)
            .filter_map(|certificate| certificate.certificate_arn)
            .collect(),
        ssl_policy: seen.ssl_policy.filter(|policy| !policy.is_empty()),
        alpn: all(seen.alpn_policy).find_map(|policy| AlpnPolicy::parse(&policy)),
        target_groups,
    })
}

pub(super) fn target(action: Action, seen: sdk::TargetHealthDescription) -> Result<TargetSeen> {
    let target = required(action, "Target", seen.target)?;
    let health = seen.target_health;
    let state = match health.as_ref().and_then(sdk::TargetHealth::state) {
        Some(sdk::TargetHealthStateEnum::Healthy) => TargetState::Healthy,
        Some(sdk::TargetHealthStateEnum::UnhealthyDraining) => TargetState::UnhealthyDraining,
        Some(sdk::TargetHealthStateEnum::Unhealthy) => TargetState::Unhealthy,
        Some(sdk::TargetHealthStateEnum::Unused) => TargetState::Unused,
        Some(sdk::TargetHealthStateEnum::Draining) => TargetState::Draining,
        Some(sdk::TargetHealthStateEnum::Unavailable) => TargetState::Unavailable,
        _ => TargetState::Initial,
    };
    let (reason, description) = health.map_or((None, None), |health| {
        (
            health.reason.map(|reason| reason.as_str().to_owned()),
            health.description,
        )
    });
    Ok(TargetSeen {
        id: target.id.unwrap_or_default(),
        port: number(target.port),
        state,
        reason,
        description,
    })
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

fn word<T>(seen: Option<&str>, parse: impl FnOnce(&str) -> Option<T>) -> Word<T> {
    let seen = seen.unwrap_or_default();
    parse(seen).map_or_else(|| Word::Other(seen.to_owned()), Word::Known)
}

/// A number of AWS's in the type that it fits; one that does not fit, or none, is 0 and equals nothing wanted.
fn number<T: TryFrom<i32> + Default>(seen: Option<i32>) -> T {
    seen.and_then(|number| number.try_into().ok())
        .unwrap_or_default()
}
