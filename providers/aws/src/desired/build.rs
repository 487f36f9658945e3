//! How does a Service's wish become what should exist? Everything was looked up already. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

use ipnet::{Ipv4Net, Ipv6Net};
use roadstead_core::{IpFamily, LoadBalancer, Problem, Targets};

use super::{
    Candidate, Desired, GroupRef, Quotas, Variant, WantedGroup, WantedListener, WantedLoadBalancer,
    WantedTargetGroup, instance_targets, pod_targets, rules,
};
use crate::{
    api::SubnetMapping,
    ids::{AllocationId, GroupId, VpcId},
    names,
    params::{ListenerParams, Params, Security, SourceNatPrefix, keys},
    seen::SubnetSeen,
    tags::Tags,
    types::{IpAddressType, ListenerProtocol, Scheme, TargetType},
};

/// What was looked up for a Service.
#[derive(Clone, Debug)]
pub(crate) struct Resolved<'a> {
    /// The scheme: asked for, or the existing load balancer's, or the flag's.
    pub(crate) scheme: Scheme,
    /// The VPC.
    pub(crate) vpc: VpcId,
    /// Its IPv4 ranges.
    pub(crate) cidrs: &'a [Ipv4Net],
    /// Its IPv6 ranges.
    pub(crate) ipv6_cidrs: &'a [Ipv6Net],
    /// The subnets chosen, one a zone, in the user's order.
    pub(crate) subnets: &'a [SubnetSeen],
    /// The security groups that the user named.
    pub(crate) groups: &'a [GroupId],
    /// The most targets.
    pub(crate) quotas: Quotas,
    /// Whether the load balancer balances across zones right now, where the Service does not say.
    pub(crate) cross_zone: bool,
}

/// The attribute that decides how targets are counted.
const CROSS_ZONE: &str = "load_balancing.cross_zone.enabled";

/// What should exist for `want`.
pub(crate) fn build(
    want: &LoadBalancer,
    params: &Params,
    resolved: &Resolved<'_>,
    tags: Tags,
) -> Result<Desired, Vec<Problem>> {
    let grouped = match &params.security {
        Security::Managed => true,
        Security::Given { groups, .. } => !groups.is_empty(),
        Security::None => false,
    };
    let variant = Variant {
        scheme: resolved.scheme,
        grouped,
    };
    let mappings = mappings(params, resolved)?;
    let (mut notes, mut wanted_targets) = (Vec::new(), BTreeMap::new());
    if let Targets::Exactly(_) = &want.targets {
        let (chosen, note) = choose_targets(want, params, resolved, variant);
        notes.extend(note);
        wanted_targets = chosen;
    }
    let (mut listeners, mut target_groups) = (BTreeMap::new(), BTreeMap::new());
    for listener in &params.listeners {
        let (name, mut group) = target_group(want, params, listener, variant);
        group.targets = wanted_targets.remove(&name);
        listeners.insert(listener.port.get(), wanted_listener(listener, &name));
        target_groups.insert(name, group);
    }
    let groups = match &params.security {
        Security::Managed => BTreeSet::from([GroupRef::Frontend, GroupRef::Backend]),
        Security::Given {
            manage_backend_rules,
            groups: _,
        } => {
            let given = resolved.groups.iter().cloned().map(GroupRef::Given);
            given
                .chain(manage_backend_rules.then_some(GroupRef::Backend))
                .collect()
        }
        Security::None => BTreeSet::new(),
    };
    let frontend = matches!(params.security, Security::Managed).then(|| WantedGroup {
        name: crate::frontend_group_name(&want.id),
        rules: rules::frontend(params),
    });
    Ok(Desired {
        variant,
        load_balancer: WantedLoadBalancer {
            name: load_balancer_name(want, params, variant),
            vpc: resolved.vpc.clone(),
            ip_address_type: params.ip_address_type,
            mappings,
            groups,
            enforce_on_private_link: params
                .enforce_inbound_rules_on_private_link
                .filter(|_| grouped),
            ipv6_source_nat: params.ipv6_source_nat,
            attributes: params.attributes.clone(),
            capacity: params.capacity_units,
        },
        frontend,
        listeners,
        target_groups,
        tags,
        notes,
    })
}

/// What a load balancer of this variant is named after.
pub(crate) fn variant_slot(variant: Variant) -> String {
    let groups = if variant.grouped { "" } else { "/no-groups" };
    format!("load-balancer/{}{groups}", variant.scheme)
}

/// What makes a target group another one; AWS attaches one to a single load balancer, so the variant is part of it.
fn target_group_slot(
    variant: Variant,
    listener: &ListenerParams,
    target_type: TargetType,
    family: IpFamily,
) -> String {
    format!(
        "target-group/{}/{}{}/{}/{}/{family}",
        listener.port,
        variant.scheme,
        if variant.grouped { "" } else { "/no-groups" },
        listener.target_protocol,
        target_type,
    )
}

fn load_balancer_name(want: &LoadBalancer, params: &Params, variant: Variant) -> String {
    match &params.name {
        Some(name) => name.to_string(),
        None => names::name(&want.id.cluster, &want.id.owner, &variant_slot(variant)),
    }
}

fn target_group(
    want: &LoadBalancer,
    params: &Params,
    listener: &ListenerParams,
    variant: Variant,
) -> (String, WantedTargetGroup) {
    let family = listener.target_family;
    let slot = target_group_slot(variant, listener, params.target_type, family);
    let name = names::name(&want.id.cluster, &want.id.owner, &slot);
    let group = WantedTargetGroup {
        slot,
        listener_port: listener.port,
        protocol: listener.target_protocol,
        // AWS compares it when a group is created again, so it may not follow the node port.
        port: listener.port,
        target_type: params.target_type,
        family,
        health_check: listener.health_check.clone(),
        attributes: listener.target_group_attributes.clone(),
        targets: None,
        shared: params.multi_cluster_target_group,
    };
    (name, group)
}

fn wanted_listener(listener: &ListenerParams, target_group: &str) -> WantedListener {
    WantedListener {
        protocol: listener.protocol,
        target_group: target_group.to_owned(),
        certificates: listener.certificates.clone(),
        ssl_policy: listener.ssl_policy.clone(),
        alpn: listener.alpn,
        attributes: match listener.protocol {
            // AWS knows none for TLS listeners.
            ListenerProtocol::Tls => BTreeMap::new(),
            ListenerProtocol::Tcp | ListenerProtocol::Udp | ListenerProtocol::TcpUdp => {
                listener.attributes.clone()
            }
        },
        node_port: listener.node_port,
    }
}

type Chosen = (
    BTreeMap<String, BTreeSet<crate::api::TargetRef>>,
    Option<String>,
);

fn choose_targets(
    want: &LoadBalancer,
    params: &Params,
    resolved: &Resolved<'_>,
    variant: Variant,
) -> Chosen {
    let targets = want
        .targets
        .exactly()
        .map(|targets| &**targets)
        .unwrap_or_default();
    let mut candidates: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for listener in &params.listeners {
        let family = listener.target_family;
        let slot = target_group_slot(variant, listener, params.target_type, family);
        let name = names::name(&want.id.cluster, &want.id.owner, &slot);
        let offered = match (params.target_type, listener.node_port) {
            (TargetType::Instance, Some(node_port)) => {
                instance_targets(targets, &params.target_node_labels, node_port)
            }
            // The controller refuses a Service without node ports before it comes here.
            (TargetType::Instance, None) => Vec::new(),
            (TargetType::Ip, _) => pod_targets(
                targets,
                listener,
                family,
                resolved.cidrs,
                resolved.ipv6_cidrs,
            ),
        };
        candidates.insert(name, offered);
    }
    let cross_zone = params
        .attributes
        .get(CROSS_ZONE)
        .map_or(resolved.cross_zone, |value| value == "true");
    resolved.quotas.choose(&want.id, candidates, cross_zone)
}

/// A mapping a subnet: EIPs and prefixes by position, private addresses by the range that holds them.
fn mappings(params: &Params, resolved: &Resolved<'_>) -> Result<Vec<SubnetMapping>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut mappings = Vec::with_capacity(resolved.subnets.len());
    let (mut v4, mut v6) = (
        params.private_ipv4_addresses.clone(),
        params.ipv6_addresses.clone(),
    );
    for (n, subnet) in resolved.subnets.iter().enumerate() {
        let private_ipv4 = take(&mut v4, |ip: &Ipv4Addr| {
            subnet.cidr.is_some_and(|net| net.contains(ip))
        });
        let ipv6 = take(&mut v6, |ip: &Ipv6Addr| {
            subnet.ipv6_cidrs.iter().any(|net| net.contains(ip))
        });
        let lacks = |asked: bool, given: bool| asked && !given;
        if lacks(
            !params.private_ipv4_addresses.is_empty(),
            private_ipv4.is_some(),
        ) {
            problems.push(Problem::new(
                keys::PRIVATE_IPV4_ADDRESSES,
                format!(
                    "none of the addresses lies in {}; one for each subnet is needed",
                    subnet.id
                ),
            ));
        }
        if lacks(!params.ipv6_addresses.is_empty(), ipv6.is_some()) {
            problems.push(Problem::new(
                keys::IPV6_ADDRESSES,
                format!(
                    "none of the addresses lies in {}; one for each subnet is needed",
                    subnet.id
                ),
            ));
        }
        mappings.push(SubnetMapping {
            subnet: subnet.id.clone(),
            allocation: params
                .eip_allocations
                .get(n)
                .map(|id| AllocationId::new(id.as_str())),
            private_ipv4,
            ipv6,
            source_nat_prefix: params
                .source_nat_ipv6_prefixes
                .get(n)
                .map(SourceNatPrefix::to_string),
        });
    }
    problems.extend(counts(params, resolved.subnets.len()));
    if params.ip_address_type == IpAddressType::Ipv4 {
        for mapping in &mut mappings {
            mapping.ipv6 = None;
        }
    }
    if problems.is_empty() {
        Ok(mappings)
    } else {
        Err(problems)
    }
}

fn take<T: Copy>(from: &mut Vec<T>, is: impl Fn(&T) -> bool) -> Option<T> {
    let at = from.iter().position(is)?;
    Some(from.remove(at))
}

fn counts(params: &Params, subnets: usize) -> Vec<Problem> {
    let lists = [
        (keys::EIP_ALLOCATIONS, params.eip_allocations.len()),
        (
            keys::PRIVATE_IPV4_ADDRESSES,
            params.private_ipv4_addresses.len(),
        ),
        (keys::IPV6_ADDRESSES, params.ipv6_addresses.len()),
        (
            keys::SOURCE_NAT_PREFIXES,
            params.source_nat_ipv6_prefixes.len(),
        ),
    ];
    lists
        .into_iter()
        .filter(|(_, count)| *count != 0 && *count != subnets)
        .map(|(key, count)| {
            Problem::new(
                key,
                format!(
                    "has {count} entries, and the load balancer has {subnets} subnets: one for each is needed; name the subnets \
                     with {}",
                    keys::SUBNETS
                ),
            )
        })
        .collect()
}
