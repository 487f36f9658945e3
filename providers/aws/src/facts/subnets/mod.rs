//! Which subnets does a load balancer get? A choice among all subnets of the VPC that explains every refusal. Pure.

mod named;
mod reason;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, btree_map::Entry};

use roadstead_core::ErrorKind;

use self::{
    named::{named, with_families},
    reason::{FREE_ADDRESSES, Reason, told},
};
use super::Failure;
use crate::{
    ids::{SubnetId, VpcId},
    params::{ByIdOrName, keys},
    seen::{PublicSubnets, SubnetSeen, ZoneType},
    tags::KUBERNETES_CLUSTER,
    types::Scheme,
};

/// What is asked of a load balancer's subnets.
#[derive(Clone, Debug)]
pub(crate) struct SubnetWish<'a> {
    /// The VPC they are in.
    pub(crate) vpc: &'a VpcId,
    /// Who is to reach the load balancer.
    pub(crate) scheme: Scheme,
    /// Whether it has IPv6 addresses too.
    pub(crate) dualstack: bool,
    /// The subnets that the user names, in order; empty: they are discovered.
    pub(crate) explicit: &'a [ByIdOrName],
    /// Those of the existing load balancer, if it has the same scheme: kept as long as the user names none, so that a newly
    /// tagged subnet moves nothing.
    pub(crate) current: Option<&'a [SubnetId]>,
    /// The name in the tags `kubernetes.io/cluster/<name>`; `None`: these tags are not looked at.
    pub(crate) cluster_name: Option<&'a str>,
}

/// A message longer than this may be cut short on its way to the user: what to do then comes before the list.
const LONG: usize = 800;

/// The tag that lets a subnet be discovered.
const fn role_tag(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Internal => "kubernetes.io/role/internal-elb",
        Scheme::InternetFacing => "kubernetes.io/role/elb",
    }
}

/// Whether the choice depends on routes: nothing is named, nothing kept, and no subnet carries the tag.
pub(crate) fn needs_routes(wish: &SubnetWish<'_>, all: &[SubnetSeen]) -> bool {
    let tag = role_tag(wish.scheme);
    wish.explicit.is_empty()
        && wish.current.is_none_or(<[_]>::is_empty)
        && !all.iter().any(|subnet| subnet.tags.contains_key(tag))
}

/// The subnets of `all`, the VPC's, that fulfil `wish`: at least one, at most one a zone.
///
/// `public` is asked only where [`needs_routes`] says so.
///
/// # Errors
///
/// `InvalidSpec` where only an edit of the Service helps; `Conflict` where AWS's side may change too: the message names every
/// subnet in question, what is wrong with it, and what to do. `Unavailable` if `all` lacks a subnet that is in use.
pub(crate) fn choose(
    wish: &SubnetWish<'_>,
    all: &[SubnetSeen],
    public: Option<&PublicSubnets>,
) -> Result<Vec<SubnetSeen>, Failure> {
    if !wish.explicit.is_empty() {
        return named(wish, all);
    }
    match wish.current {
        None | Some([]) => discover(wish, all, public),
        Some(current) => with_families(wish, kept(wish, current, all)?),
    }
}

/// Those of the existing load balancer: all of them, or the list is older than it.
fn kept<'a>(
    wish: &SubnetWish<'_>,
    current: &[SubnetId],
    all: &'a [SubnetSeen],
) -> Result<Vec<&'a SubnetSeen>, Failure> {
    let find = |id: &SubnetId| {
        let found = all.iter().find(|subnet| subnet.id == *id);
        found.ok_or_else(|| {
            Failure::refused(
                ErrorKind::Unavailable,
                format!(
                    "the load balancer is in {id}, which AWS does not list in {}",
                    wish.vpc
                ),
            )
        })
    };
    current.iter().map(find).collect()
}

fn discover(
    wish: &SubnetWish<'_>,
    all: &[SubnetSeen],
    public: Option<&PublicSubnets>,
) -> Result<Vec<SubnetSeen>, Failure> {
    let by_routes = needs_routes(wish, all);
    let mut by_zone: BTreeMap<&str, &SubnetSeen> = BTreeMap::new();
    let mut rejected = Vec::new();
    for subnet in all {
        let routes = public.filter(|_| by_routes);
        let reasons = match role(wish, subnet, routes) {
            Some(reason) => vec![reason],
            None => unfit(wish, subnet),
        };
        if !reasons.is_empty() {
            rejected.push(told(subnet, &reasons));
            continue;
        }
        match by_zone.entry(&subnet.zone) {
            Entry::Vacant(free) => {
                free.insert(subnet);
            }
            Entry::Occupied(mut taken) => {
                if preference(wish, subnet) < preference(wish, taken.get()) {
                    taken.insert(subnet);
                }
            }
        }
    }
    if by_zone.is_empty() {
        return Err(none(wish, &rejected));
    }
    Ok(by_zone.into_values().cloned().collect())
}

/// Of several in a zone: the cluster's own, then the lowest id, so that the choice never changes by itself.
fn preference<'a>(wish: &SubnetWish<'_>, subnet: &'a SubnetSeen) -> (bool, &'a SubnetId) {
    (!is_own(wish, subnet), &subnet.id)
}

fn is_own(wish: &SubnetWish<'_>, subnet: &SubnetSeen) -> bool {
    wish.cluster_name.is_some_and(|name| {
        subnet
            .tags
            .contains_key(&format!("{KUBERNETES_CLUSTER}{name}"))
    })
}

/// Whether the subnet is for load balancers of this scheme: by its tag, or, where none is tagged, by its routes.
fn role(
    wish: &SubnetWish<'_>,
    subnet: &SubnetSeen,
    public: Option<&PublicSubnets>,
) -> Option<Reason> {
    let tag = role_tag(wish.scheme);
    match (subnet.tags.get(tag), public) {
        (Some(value), _) if value.is_empty() || value == "1" => None,
        (Some(value), _) => Some(Reason::RoleSwitchedOff {
            tag,
            value: value.clone(),
        }),
        (None, None) => Some(Reason::NoRole(tag)),
        (None, Some(public)) => match (wish.scheme, public.contains(&subnet.id)) {
            (Scheme::InternetFacing, true) | (Scheme::Internal, false) => None,
            (Scheme::InternetFacing, false) => Some(Reason::NotPublic(tag)),
            (Scheme::Internal, true) => Some(Reason::Public(tag)),
        },
    }
}

/// Everything else that is wrong with a subnet.
fn unfit(wish: &SubnetWish<'_>, subnet: &SubnetSeen) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if subnet.outpost.is_some() {
        reasons.push(Reason::Outpost);
    } else if subnet.zone_type != ZoneType::AvailabilityZone {
        reasons.push(Reason::Zone(subnet.zone_type.clone()));
    }
    let foreign = subnet
        .tags
        .keys()
        .find(|key| key.starts_with(KUBERNETES_CLUSTER));
    if let (Some(_), Some(tag)) = (wish.cluster_name, foreign)
        && !is_own(wish, subnet)
    {
        reasons.push(Reason::OtherCluster { tag: tag.clone() });
    }
    if subnet.free_ips < FREE_ADDRESSES {
        reasons.push(Reason::Full {
            free: subnet.free_ips,
        });
    }
    reasons.extend(family(wish, subnet));
    reasons
}

fn family(wish: &SubnetWish<'_>, subnet: &SubnetSeen) -> Option<Reason> {
    if subnet.cidr.is_none() {
        Some(Reason::NoIpv4)
    } else if wish.dualstack && subnet.ipv6_cidrs.is_empty() {
        Some(Reason::NoIpv6)
    } else {
        None
    }
}

/// The refusal that names every subnet.
fn none(wish: &SubnetWish<'_>, rejected: &[String]) -> Failure {
    let what = match wish.scheme {
        Scheme::Internal => "no subnet can take an internal load balancer",
        Scheme::InternetFacing => "no subnet can take an internet-facing load balancer",
    };
    let tag = role_tag(wish.scheme);
    let remedy = format!("tag one with {tag} or name them with {}", keys::SUBNETS);
    let each = rejected.join("; ");
    let message = if rejected.is_empty() {
        format!("{what}: {} has no subnet", wish.vpc)
    } else if each.len() > LONG {
        format!("{what} ({remedy}): {each}")
    } else {
        format!("{what}: {each}; {remedy}")
    };
    Failure::refused(ErrorKind::Conflict, message)
}
