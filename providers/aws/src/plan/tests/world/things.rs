//! Which thing is meant, and what is a new load balancer like?

use std::collections::BTreeMap;

use crate::{
    desired::{Desired, variant_slot},
    ids::{Arn, GroupId},
    observed::{ListenerObserved, LoadBalancerObserved, Observed, TargetGroupObserved},
    plan::{Situation, Tagged, attributes, current, new_tags, resolve},
    seen::{LoadBalancerSeen, LoadBalancerState, SecurityGroupSeen, ZoneSeen},
    tags::{Marks, Role, Tags},
};

pub(super) fn load_balancer(
    name: &str,
    settings: Option<&String>,
    desired: &Desired,
    situation: &Situation<'_>,
    observed: &Observed,
) -> LoadBalancerObserved {
    let slot = variant_slot(desired.variant);
    let mut tags = new_tags(desired, situation, Role::LoadBalancer, Some(slot));
    tags.extend(settings.map(|it| (crate::tags::SETTINGS.to_owned(), it.clone())));
    let wanted = &desired.load_balancer;
    let scheme = desired.variant.scheme;
    let groups = wanted
        .groups
        .iter()
        .map(|group| resolve(desired, observed, group).unwrap());
    LoadBalancerObserved {
        seen: LoadBalancerSeen {
            arn: Arn::new(format!("arn:{name}/{scheme}")),
            name: name.to_owned(),
            dns_name: format!("{name}.{scheme}.example"),
            network: true,
            scheme,
            vpc: wanted.vpc.clone(),
            state: LoadBalancerState::Provisioning,
            ip_address_type: wanted.ip_address_type,
            zones: zones(&wanted.mappings),
            security_groups: groups.collect(),
            enforce_inbound_rules_on_private_link: None,
            ipv6_source_nat: wanted.ipv6_source_nat,
        },
        marks: Marks::read(&tags).unwrap(),
        tags,
        attributes: Some(attributes::new_load_balancer(scheme)),
        listeners: Some(BTreeMap::new()),
        capacity: Some(0),
    }
}

pub(super) fn zones(mappings: &[crate::api::SubnetMapping]) -> Vec<ZoneSeen> {
    let zone = |map: &crate::api::SubnetMapping| ZoneSeen {
        zone: format!("zone of {}", map.subnet),
        subnet: map.subnet.clone(),
        allocation: map.allocation.clone(),
        private_ipv4: map.private_ipv4,
        ipv6: map.ipv6,
        source_nat_prefixes: map.source_nat_prefix.iter().cloned().collect(),
    };
    mappings.iter().map(zone).collect()
}

pub(super) fn frontend<'o>(observed: &'o mut Observed, id: &GroupId) -> &'o mut SecurityGroupSeen {
    observed
        .frontends
        .iter_mut()
        .find(|group| group.id == *id)
        .unwrap()
}

pub(super) fn group_named<'o>(
    observed: &'o mut Observed,
    name: &str,
) -> &'o mut TargetGroupObserved {
    observed
        .target_groups
        .iter_mut()
        .find(|group| group.seen.name == name)
        .unwrap()
}

pub(super) fn group_at<'o>(observed: &'o mut Observed, arn: &Arn) -> &'o mut TargetGroupObserved {
    observed
        .target_groups
        .iter_mut()
        .find(|group| group.seen.arn == *arn)
        .unwrap()
}

pub(super) fn balancer<'o>(observed: &'o mut Observed, arn: &Arn) -> &'o mut LoadBalancerObserved {
    observed
        .load_balancers
        .iter_mut()
        .find(|there| there.seen.arn == *arn)
        .unwrap()
}

pub(super) fn wanted<'o>(
    desired: &Desired,
    observed: &'o mut Observed,
) -> &'o mut LoadBalancerObserved {
    let arn = current(desired, observed).unwrap().seen.arn.clone();
    balancer(observed, &arn)
}

pub(super) fn listener_at<'o>(observed: &'o mut Observed, arn: &Arn) -> &'o mut ListenerObserved {
    let mut balancers = observed.load_balancers.iter_mut();
    balancers
        .find_map(|there| there.listeners.as_mut()?.get_mut(arn))
        .unwrap()
}

pub(super) fn tags_of<'o>(observed: &'o mut Observed, tagged: &Tagged) -> &'o mut Tags {
    match tagged {
        Tagged::LoadBalancer(arn, _) => &mut balancer(observed, arn).tags,
        Tagged::TargetGroup(arn, _) => &mut group_at(observed, arn).tags,
        Tagged::Group(id, _) => &mut frontend(observed, id).tags,
    }
}
