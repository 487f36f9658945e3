//! Are the subnets that a user names ones that a load balancer can have? Pure.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_core::ErrorKind;

use super::{
    SubnetWish, family,
    reason::{kind_of_zone, list, told},
};
use crate::{
    facts::Failure,
    params::{ByIdOrName, keys},
    seen::SubnetSeen,
    tags,
};

/// Exactly the subnets named, in their order.
pub(super) fn named(wish: &SubnetWish<'_>, all: &[SubnetSeen]) -> Result<Vec<SubnetSeen>, Failure> {
    let mut chosen: Vec<&SubnetSeen> = Vec::new();
    let mut missing = Vec::new();
    for (n, wanted) in wish.explicit.iter().enumerate() {
        match wanted {
            ByIdOrName::Id(id) => match all.iter().find(|s| s.id.as_str() == id) {
                Some(subnet) => chosen.push(subnet),
                None => missing.push(format!("there is no {id}")),
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
            "{mentioned} asked for by the tag Name={name}, which {} have ({}): name them by id",
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

/// Checks subnets that were not discovered for what no load balancer can do without.
pub(super) fn with_families(
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
