//! Which subnets does a load balancer get? A choice among all subnets of the VPC that explains every refusal. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
};

use roadstead_core::ErrorKind;

use super::Failure;
use crate::{
    ids::{SubnetId, VpcId},
    params::{ByIdOrName, keys},
    seen::{PublicSubnets, SubnetSeen, ZoneType},
    tags,
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

/// Why a subnet is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    NoRole(&'static str),
    RoleSwitchedOff { tag: &'static str, value: String },
    NotPublic(&'static str),
    Public(&'static str),
    Outpost,
    Zone(ZoneType),
    OtherCluster { tag: String },
    Full { free: u32 },
    NoIpv6,
    NoIpv4,
}

/// AWS needs so many free addresses in a subnet to make a Network Load Balancer there and let it grow.
const FREE_ADDRESSES: u32 = 8;

/// What the tags begin with that say which clusters a subnet or security group is for.
pub(super) const CLUSTER_TAG: &str = "kubernetes.io/cluster/";

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
        && kept(wish, all).is_empty()
        && !all.iter().any(|subnet| subnet.tags.contains_key(tag))
}

/// The subnets of `all`, the VPC's, that fulfil `wish`: at least one, at most one a zone.
///
/// `public` is asked only where [`needs_routes`] says so.
///
/// # Errors
///
/// `InvalidSpec` where only an edit of the Service helps; `Conflict` where AWS's side may change too. The message names every
/// subnet in question, what is wrong with it, and what to do.
pub(crate) fn choose(
    wish: &SubnetWish<'_>,
    all: &[SubnetSeen],
    public: Option<&PublicSubnets>,
) -> Result<Vec<SubnetSeen>, Failure> {
    if !wish.explicit.is_empty() {
        return named(wish, all);
    }
    let kept = kept(wish, all);
    if kept.is_empty() {
        discover(wish, all, public)
    } else {
        with_families(wish, kept)
    }
}

/// Those of the existing load balancer.
fn kept<'a>(wish: &SubnetWish<'_>, all: &'a [SubnetSeen]) -> Vec<&'a SubnetSeen> {
    let current = wish.current.unwrap_or_default();
    current
        .iter()
        .filter_map(|id| all.iter().find(|subnet| subnet.id == *id))
        .collect()
}

// The subnets that the user names.

fn named(wish: &SubnetWish<'_>, all: &[SubnetSeen]) -> Result<Vec<SubnetSeen>, Failure> {
    let mut chosen: Vec<&SubnetSeen> = Vec::new();
    let mut missing = Vec::new();
    for (n, wanted) in wish.explicit.iter().enumerate() {
        match wanted {
            ByIdOrName::Id(id) => match all.iter().find(|s| s.id.as_str() == id) {
                Some(subnet) => chosen.push(subnet),
                None => missing.push(format!("there is no subnet {id}")),
            },
            ByIdOrName::Name(name) => {
                let earlier = wish.explicit.iter().take(n).filter(|it| *it == wanted);
                match by_name(name, wish, all, earlier.count()) {
                    Ok(subnet) => chosen.push(subnet),
                    Err(why) if missing.contains(&why) => {}
                    Err(why) => missing.push(why),
                }
            }
        }
    }
    if !missing.is_empty() {
        return Err(Failure::refused(
            ErrorKind::Conflict,
            format!(
                "{} asks for subnets that cannot be had in {}: {}",
                keys::SUBNETS,
                wish.vpc,
                missing.join("; ")
            ),
        ));
    }
    one_place_each(&chosen)?;
    with_families(wish, chosen)
}

/// The subnet that the `n`-th mention of a `Name` tag means: a tag that several carry is mentioned once for each.
fn by_name<'a>(
    name: &str,
    wish: &SubnetWish<'_>,
    all: &'a [SubnetSeen],
    n: usize,
) -> Result<&'a SubnetSeen, String> {
    let mut carrying: Vec<&SubnetSeen> = all
        .iter()
        .filter(|subnet| subnet.tags.get(tags::NAME).is_some_and(|it| it == name))
        .collect();
    carrying.sort_by(|a, b| a.id.cmp(&b.id));
    let mentioned = wish
        .explicit
        .iter()
        .filter(|it| matches!(it, ByIdOrName::Name(it) if it == name))
        .count();
    match carrying.get(n) {
        None if carrying.is_empty() => Err(format!("no subnet has the tag Name={name}")),
        Some(subnet) if carrying.len() == mentioned => Ok(subnet),
        _ => Err(format!(
            "{mentioned} with the tag Name={name} are asked for and {} have it ({}): name them by id",
            carrying.len(),
            list(carrying.iter().map(|subnet| &subnet.id))
        )),
    }
}

/// One a zone, and all in zones of one kind or on one outpost.
fn one_place_each(chosen: &[&SubnetSeen]) -> Result<(), Failure> {
    let invalid = |what: String| {
        Failure::refused(
            ErrorKind::InvalidSpec,
            format!("{} names {what}", keys::SUBNETS),
        )
    };
    let mut zones: BTreeMap<&str, &SubnetSeen> = BTreeMap::new();
    for subnet in chosen {
        if let Some(other) = zones.insert(&subnet.zone, subnet) {
            return Err(invalid(format!(
                "two subnets in {}, {} and {}: a load balancer takes one in each zone",
                subnet.zone, other.id, subnet.id
            )));
        }
    }
    let kinds: BTreeSet<String> = chosen.iter().map(|subnet| place(subnet)).collect();
    if kinds.len() > 1 {
        let where_ = chosen
            .iter()
            .map(|subnet| format!("{} in {}", subnet.id, place(subnet)));
        return Err(invalid(format!(
            "subnets in places of different kinds: {}",
            list(where_)
        )));
    }
    Ok(())
}

fn place(subnet: &SubnetSeen) -> String {
    match &subnet.outpost {
        Some(outpost) => format!("the outpost {outpost}"),
        None => kind_of_zone(&subnet.zone_type).to_owned(),
    }
}

fn kind_of_zone(zone: &ZoneType) -> &str {
    match zone {
        ZoneType::AvailabilityZone => "an availability zone",
        ZoneType::LocalZone => "a local zone",
        ZoneType::WavelengthZone => "a wavelength zone",
        ZoneType::Other(kind) => kind,
    }
}

/// Checks subnets that were not discovered for what no load balancer can do without.
fn with_families(
    wish: &SubnetWish<'_>,
    chosen: Vec<&SubnetSeen>,
) -> Result<Vec<SubnetSeen>, Failure> {
    let lacking: Vec<String> = chosen
        .iter()
        .filter_map(|subnet| Some(told(subnet, &[family(wish, subnet)?])))
        .collect();
    if lacking.is_empty() {
        return Ok(chosen.into_iter().cloned().collect());
    }
    Err(Failure::refused(
        ErrorKind::Conflict,
        format!(
            "the load balancer's subnets do not have the address families it needs: {}; add the range, choose others with {}, or change {}",
            lacking.join("; "),
            keys::SUBNETS,
            keys::IP_ADDRESS_TYPE
        ),
    ))
}

// Discovery.

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
    wish.cluster_name
        .is_some_and(|name| subnet.tags.contains_key(&format!("{CLUSTER_TAG}{name}")))
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
    let foreign = subnet.tags.keys().find(|key| key.starts_with(CLUSTER_TAG));
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

fn told(subnet: &SubnetSeen, reasons: &[Reason]) -> String {
    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    format!("{} ({}): {}", subnet.id, subnet.zone, reasons.join(" and "))
}

fn list(things: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let things: Vec<String> = things.into_iter().map(|it| it.to_string()).collect();
    things.join(", ")
}

// === impl Reason ===

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRole(tag) => write!(f, "has no tag {tag}"),
            Self::RoleSwitchedOff { tag, value } => {
                write!(
                    f,
                    "its tag {tag} says {value:?}, only \"1\" or nothing counts"
                )
            }
            Self::NotPublic(tag) => {
                write!(f, "has no tag {tag} and no route to an internet gateway")
            }
            Self::Public(tag) => {
                write!(f, "has no tag {tag} and a route to an internet gateway")
            }
            Self::Outpost => f.write_str("is on an outpost"),
            Self::Zone(kind) => write!(f, "is in {}", kind_of_zone(kind)),
            Self::OtherCluster { tag } => write!(f, "is for another cluster by its tag {tag}"),
            Self::Full { free } => {
                write!(f, "{free} free addresses, {FREE_ADDRESSES} are needed")
            }
            Self::NoIpv6 => f.write_str("has no IPv6 range, which dualstack needs"),
            Self::NoIpv4 => f.write_str("has no IPv4 range"),
        }
    }
}
