//! What must be done to the load balancer itself? In place what AWS changes in place; what it cannot change is said. Pure.

use std::collections::BTreeSet;

use super::{Course, SHAPE, Step, SubnetChange, attributes, variant};
use crate::{
    api::SubnetMapping,
    desired::{Desired, GroupRef, WantedLoadBalancer},
    ids::{GroupId, SubnetId},
    observed::{LoadBalancerObserved, Observed},
    seen::ZoneSeen,
    types::IpAddressType,
};

pub(super) fn plan(
    desired: &Desired,
    observed: &Observed,
    current: Option<&LoadBalancerObserved>,
    course: &mut Course,
) {
    match current {
        None => create(desired, observed, course),
        Some(there) => change(desired, observed, there, course),
    }
}

fn create(desired: &Desired, observed: &Observed, course: &mut Course) {
    let wanted = &desired.load_balancer;
    let settings = attributes::is_plain(desired).then(|| attributes::fingerprint(desired));
    let mut lane = vec![Step::CreateLoadBalancer {
        variant: desired.variant,
        name: wanted.name.clone(),
        replaces: observed
            .load_balancers
            .first()
            .map(|old| because(desired, old)),
        settings,
    }];
    let attributes = attributes::for_load_balancer(
        &wanted.attributes,
        &attributes::new_load_balancer(desired.variant.scheme),
        desired.variant.scheme,
        None,
    );
    if !attributes.is_empty() {
        lane.push(Step::ChangeLoadBalancerAttributes {
            variant: desired.variant,
            name: wanted.name.clone(),
            attributes,
        });
    }
    course.lane(SHAPE, lane);
}

/// Why an old load balancer cannot be changed into the wanted one.
fn because(desired: &Desired, old: &LoadBalancerObserved) -> String {
    let was = variant(old);
    let why = if old.seen.vpc != desired.load_balancer.vpc {
        "AWS cannot move one to another VPC"
    } else if was.scheme != desired.variant.scheme {
        "AWS cannot change the scheme of one that exists"
    } else if was.grouped != desired.variant.grouped {
        "AWS cannot give security groups to one made without, nor take the last one away"
    } else {
        "the other is on its way out"
    };
    format!(
        "because {why}; {} stays until clients have moved to the new one",
        old.seen.name
    )
}

fn change(
    desired: &Desired,
    observed: &Observed,
    there: &LoadBalancerObserved,
    course: &mut Course,
) {
    let wanted = &desired.load_balancer;
    let name = there.seen.name.clone();
    let mut lane = Vec::new();
    lane.extend(families_and_subnets(wanted, there));
    lane.extend(groups(desired, observed, there));
    if let Some(now) = &there.attributes {
        let attributes = attributes::for_load_balancer(
            &wanted.attributes,
            now,
            desired.variant.scheme,
            there.marks.settings.as_deref(),
        );
        if !attributes.is_empty() {
            lane.push(Step::ChangeLoadBalancerAttributes {
                variant: desired.variant,
                name: name.clone(),
                attributes,
            });
        }
    }
    // AWS takes a reservation only once the load balancer is active.
    let units = wanted.capacity.filter(|_| there.seen.state.is_active());
    if let (Some(units), Some(now)) = (units, there.capacity)
        && now != units
    {
        lane.push(Step::ReserveCapacity {
            variant: desired.variant,
            name: name.clone(),
            units: (units != 0).then_some(units),
        });
    }
    course.lane(SHAPE, lane);
    if wanted.capacity.is_some() && !there.seen.state.is_active() {
        course.waiting = Some(format!(
            "load balancer {name} to become active, before which AWS reserves no capacity"
        ));
    }
    course.impossible.extend(unchangeable(wanted, there));
}

/// Towards dualstack both go together: the subnets that are added may be the ones with IPv6, IPv6 addresses are taken only
/// then, and AWS refuses dualstack without source NAT to whoever listens for UDP. Back to ipv4 the families go first, and
/// with them whatever was there for IPv6.
fn families_and_subnets(wanted: &WantedLoadBalancer, there: &LoadBalancerObserved) -> Vec<Step> {
    let to = wanted.ip_address_type;
    let changes = there.seen.ip_address_type != to;
    let together = changes && to == IpAddressType::Dualstack;
    let subnets = subnets(wanted, there, together.then_some(to));
    let alone = changes && !(together && subnets.is_some());
    let families = alone.then(|| Step::SetIpAddressType {
        arn: there.seen.arn.clone(),
        name: there.seen.name.clone(),
        to,
    });
    families.into_iter().chain(subnets).collect()
}

fn subnets(
    wanted: &WantedLoadBalancer,
    there: &LoadBalancerObserved,
    families: Option<IpAddressType>,
) -> Option<Step> {
    let was: BTreeSet<&SubnetId> = there.seen.zones.iter().map(|zone| &zone.subnet).collect();
    let now: BTreeSet<&SubnetId> = wanted.mappings.iter().map(|map| &map.subnet).collect();
    let added: Vec<SubnetId> = now.difference(&was).map(|id| (*id).clone()).collect();
    let removed: Vec<SubnetId> = was.difference(&now).map(|id| (*id).clone()).collect();
    let source_nat = wanted.ip_address_type == IpAddressType::Dualstack
        && there.seen.ipv6_source_nat != wanted.ipv6_source_nat;
    let prefixes = wanted.mappings.iter().any(|map| {
        zone(there, map).is_some_and(|zone| {
            map.source_nat_prefix.as_ref().is_some_and(|prefix| {
                prefix.contains('/') && !zone.source_nat_prefixes.contains(prefix)
            })
        })
    });
    // An IPv6 address can be chosen when the load balancer becomes dualstack.
    let ipv6 = there.seen.ip_address_type != wanted.ip_address_type
        && wanted.mappings.iter().any(|map| map.ipv6.is_some());
    if added.is_empty() && removed.is_empty() && !source_nat && !prefixes && !ipv6 {
        return None;
    }
    Some(Step::SetSubnets {
        arn: there.seen.arn.clone(),
        name: there.seen.name.clone(),
        mappings: wanted.mappings.clone(),
        ipv6_source_nat: (wanted.ip_address_type == IpAddressType::Dualstack)
            .then_some(wanted.ipv6_source_nat),
        ip_address_type: families,
        how: SubnetChange { added, removed },
    })
}

fn groups(desired: &Desired, observed: &Observed, there: &LoadBalancerObserved) -> Option<Step> {
    if !desired.variant.grouped {
        return None;
    }
    let wanted = &desired.load_balancer;
    let known: Option<BTreeSet<GroupId>> = wanted
        .groups
        .iter()
        .map(|group| resolve(desired, observed, group))
        .collect();
    let enforce = wanted.enforce_on_private_link;
    let enforced = enforce.is_none_or(|enforce| {
        there
            .seen
            .enforce_inbound_rules_on_private_link
            .unwrap_or(true)
            == enforce
    });
    if known.as_ref() == Some(&there.seen.security_groups) && enforced {
        return None;
    }
    Some(Step::SetGroups {
        arn: there.seen.arn.clone(),
        name: there.seen.name.clone(),
        groups: wanted.groups.clone(),
        enforce,
    })
}

/// The group that is meant, if it exists already.
pub(crate) fn resolve(desired: &Desired, observed: &Observed, group: &GroupRef) -> Option<GroupId> {
    match group {
        GroupRef::Frontend => {
            let wanted = desired.frontend.as_ref()?;
            let mut groups = observed.frontends.iter();
            let there = groups.find(|there| {
                there.name == wanted.name && there.vpc == desired.load_balancer.vpc
            })?;
            Some(there.id.clone())
        }
        GroupRef::Backend => observed.backend.clone(),
        GroupRef::Given(id) => Some(id.clone()),
    }
}

fn zone<'z>(there: &'z LoadBalancerObserved, map: &SubnetMapping) -> Option<&'z ZoneSeen> {
    there
        .seen
        .zones
        .iter()
        .find(|zone| zone.subnet == map.subnet)
}

/// What AWS does not change in a zone that is in use, and no replacement was asked for.
fn unchangeable(wanted: &WantedLoadBalancer, there: &LoadBalancerObserved) -> Vec<String> {
    let name = &there.seen.name;
    let mut said = Vec::new();
    for map in &wanted.mappings {
        let Some(zone) = zone(there, map) else {
            continue;
        };
        let mut tell = |what: &str, wanted: Option<String>, now: Option<String>| {
            if let Some(wanted) = wanted
                && now.as_ref() != Some(&wanted)
            {
                let now = now.unwrap_or_else(|| "one that AWS chose".to_owned());
                said.push(format!(
                    "give load balancer {name} the {what} {wanted} in {} instead of {now}: AWS fixes it when the zone is added; \
                     name subnets without {} once, then with it again, or create the Service anew",
                    zone.zone, map.subnet
                ));
            }
        };
        tell(
            "Elastic IP",
            map.allocation.as_ref().map(ToString::to_string),
            zone.allocation.as_ref().map(ToString::to_string),
        );
        tell(
            "private address",
            map.private_ipv4.map(|ip| ip.to_string()),
            zone.private_ipv4.map(|ip| ip.to_string()),
        );
        if there.seen.ip_address_type == IpAddressType::Dualstack {
            tell(
                "IPv6 address",
                map.ipv6.map(|ip| ip.to_string()),
                zone.ipv6.map(|ip| ip.to_string()),
            );
        }
    }
    said
}
