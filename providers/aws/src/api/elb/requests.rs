//! How are our types written in ELBv2's requests? Pure.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types as sdk;

use super::{ListenerSettings, SubnetMapping, TargetRef};
use crate::{
    ids::{Arn, GroupId},
    types::{AlpnPolicy, HealthCheckProtocol, IpAddressType, ListenerProtocol},
};

pub(super) fn address_type(wanted: IpAddressType) -> sdk::IpAddressType {
    match wanted {
        IpAddressType::Ipv4 => sdk::IpAddressType::Ipv4,
        IpAddressType::Dualstack => sdk::IpAddressType::Dualstack,
    }
}

pub(super) fn source_nat(on: bool) -> sdk::EnablePrefixForIpv6SourceNatEnum {
    if on {
        sdk::EnablePrefixForIpv6SourceNatEnum::On
    } else {
        sdk::EnablePrefixForIpv6SourceNatEnum::Off
    }
}

pub(super) fn mappings(wanted: &[SubnetMapping]) -> Vec<sdk::SubnetMapping> {
    wanted
        .iter()
        .map(|mapping| {
            let SubnetMapping {
                subnet,
                allocation,
                private_ipv4,
                ipv6,
                source_nat_prefix,
            } = mapping;
            sdk::SubnetMapping::builder()
                .subnet_id(subnet.as_str())
                .set_allocation_id(allocation.as_ref().map(ToString::to_string))
                .set_private_ipv4_address(private_ipv4.as_ref().map(ToString::to_string))
                .set_ipv6_address(ipv6.as_ref().map(ToString::to_string))
                .set_source_nat_ipv6_prefix(source_nat_prefix.clone())
                .build()
        })
        .collect()
}

pub(super) fn groups(wanted: &[GroupId]) -> Vec<String> {
    wanted.iter().map(ToString::to_string).collect()
}

pub(super) fn check_protocol(wanted: HealthCheckProtocol) -> sdk::ProtocolEnum {
    match wanted {
        HealthCheckProtocol::Tcp => sdk::ProtocolEnum::Tcp,
        HealthCheckProtocol::Http => sdk::ProtocolEnum::Http,
        HealthCheckProtocol::Https => sdk::ProtocolEnum::Https,
    }
}

pub(super) fn matcher(success_codes: Option<&str>) -> Option<sdk::Matcher> {
    success_codes.map(|codes| sdk::Matcher::builder().http_code(codes).build())
}

pub(super) fn protocol(wanted: ListenerProtocol) -> sdk::ProtocolEnum {
    match wanted {
        ListenerProtocol::Tcp => sdk::ProtocolEnum::Tcp,
        ListenerProtocol::Udp => sdk::ProtocolEnum::Udp,
        ListenerProtocol::TcpUdp => sdk::ProtocolEnum::TcpUdp,
        ListenerProtocol::Tls => sdk::ProtocolEnum::Tls,
    }
}

pub(super) fn forward(target_group: &Arn) -> sdk::Action {
    sdk::Action::builder()
        .r#type(sdk::ActionTypeEnum::Forward)
        .target_group_arn(target_group.as_str())
        .build()
}

/// The settings, if they are a TLS listener's: AWS refuses these fields on any other.
pub(super) fn of_tls(settings: &ListenerSettings) -> Option<&ListenerSettings> {
    (settings.protocol == ListenerProtocol::Tls).then_some(settings)
}

pub(super) fn certificate(settings: &ListenerSettings) -> Option<Vec<sdk::Certificate>> {
    let default = of_tls(settings)?.certificate.as_ref()?;
    Some(certificates(std::slice::from_ref(default)))
}

/// Said even if nothing is to be negotiated: what is left out stays as it was.
pub(super) fn alpn(settings: &ListenerSettings) -> Option<Vec<String>> {
    let wanted = of_tls(settings)?.alpn;
    Some(vec![wanted.map_or("None", AlpnPolicy::as_str).to_owned()])
}

pub(super) fn certificates(arns: &[String]) -> Vec<sdk::Certificate> {
    arns.iter()
        .map(|arn| sdk::Certificate::builder().certificate_arn(arn).build())
        .collect()
}

pub(super) fn targets(wanted: &[TargetRef]) -> Vec<sdk::TargetDescription> {
    wanted
        .iter()
        .map(|target| {
            let TargetRef { id, port, zone } = target;
            sdk::TargetDescription::builder()
                .id(id)
                .port(i32::from(*port))
                .set_availability_zone(zone.clone())
                .build()
        })
        .collect()
}

pub(super) fn tags(wanted: &BTreeMap<String, String>) -> Vec<sdk::Tag> {
    pairs(wanted, |key, value| {
        sdk::Tag::builder().key(key).value(value).build()
    })
}

/// Each key with its value, as the SDK has such pairs.
pub(super) fn pairs<T>(
    wanted: &BTreeMap<String, String>,
    pair: impl Fn(&str, &str) -> T,
) -> Vec<T> {
    wanted.iter().map(|(key, value)| pair(key, value)).collect()
}

/// `None` for nothing: AWS refuses empty lists.
pub(super) fn non_empty<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}
