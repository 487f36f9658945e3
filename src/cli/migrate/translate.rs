//! Which `AddressPool`s say the same as MetalLB's configuration, and what has no equivalent? Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt as _};

use super::{
    metallb::{AdvertisementSpec, Allocation, ChoosesPools, Configuration, Named, PoolSpec},
    selectors::{alternatives, words},
};

/// A pool as it would be here.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Proposal {
    pub(super) name: String,
    pub(super) addresses: Vec<String>,
    pub(super) auto_assign: bool,
    pub(super) avoid_buggy_ips: bool,
    /// A lower number comes first, 0 last: as with MetalLB.
    pub(super) priority: i32,
    pub(super) namespaces: Vec<String>,
    pub(super) namespace_selector: Option<LabelSelector>,
    pub(super) service_selector: Option<LabelSelector>,
    /// Where it is announced; `None`: nowhere, as with MetalLB.
    pub(super) announce: Option<Announce>,
    /// What the reader must know of this pool.
    pub(super) notes: Vec<String>,
}

/// Where a pool is announced.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Announce {
    /// On these; empty: on every one that is on the addresses' subnet.
    pub(super) interfaces: BTreeSet<String>,
    /// By nodes that this selects; `None`: by any.
    pub(super) nodes: Option<LabelSelector>,
}

/// The whole answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Translation {
    pub(super) pools: Vec<Proposal>,
    /// What the reader must know of everything else.
    pub(super) notes: Vec<String>,
}

/// Translates everything that was found.
pub(super) fn translate(found: &Configuration) -> Translation {
    let Configuration {
        pools,
        advertisements,
        bgp,
        others,
    } = found;
    let mut translation = Translation::default();
    for pool in pools {
        let by_arp: Vec<_> = advertisements
            .iter()
            .filter(|ad| ad.spec.pools.choose(pool))
            .collect();
        let by_bgp: Vec<&str> = bgp
            .iter()
            .filter(|ad| ad.spec.choose(pool))
            .map(|ad| ad.name.as_str())
            .collect();
        if by_arp.is_empty() && !by_bgp.is_empty() {
            translation.notes.push(format!(
                "pool {} is left out: MetalLB advertises it over BGP alone ({}), which Roadstead does not speak. Its \
                 Services keep their addresses only while MetalLB runs.",
                pool.name,
                by_bgp.join(", "),
            ));
            continue;
        }
        let taken: Vec<&str> = pools.iter().map(|pool| pool.name.as_str()).collect();
        let proposal = proposal(pool, &by_arp, &by_bgp);
        translation.pools.extend(divided(&proposal, pool, &taken));
    }
    if !others.is_empty() {
        translation.notes.push(format!(
            "no equivalent, because Roadstead does not speak BGP: {}.",
            others.join(", ")
        ));
    }
    translation
}

fn proposal(
    pool: &Named<PoolSpec>,
    by_arp: &[&Named<AdvertisementSpec>],
    by_bgp: &[&str],
) -> Proposal {
    let mut notes = Vec::new();
    if !by_bgp.is_empty() {
        notes.push(format!(
            "MetalLB also advertises it over BGP ({}); Roadstead announces it on the nodes' own network only.",
            by_bgp.join(", ")
        ));
    }
    unknown("the pool", &pool.spec.rest, &mut notes);
    for ad in by_arp {
        without_equivalent(ad, &mut notes);
    }
    let announce = if by_arp.is_empty() {
        notes.push(
            "no L2Advertisement selects it, so MetalLB gives its addresses away and never announces them. It is kept \
             that way here; remove announce.enabled to have it announced."
                .to_owned(),
        );
        None
    } else {
        Some(announce(by_arp, &mut notes))
    };
    let PoolSpec {
        addresses,
        auto_assign,
        avoid_buggy_ips,
        service_allocation,
        rest: _,
    } = pool.spec.clone();
    let Allocation {
        priority,
        namespaces,
        namespace_selectors: _,
        service_selectors: _,
    } = service_allocation.unwrap_or_default();
    Proposal {
        name: pool.name.clone(),
        addresses,
        auto_assign,
        avoid_buggy_ips,
        priority: priority.unwrap_or_default(),
        namespaces,
        namespace_selector: None,
        service_selector: None,
        announce,
        notes,
    }
}

/// One pool for each pair of selectors that a pool of MetalLB's has: all with the same addresses, so that every Service keeps
/// its own whichever of the selectors lets it.
fn divided(whole: &Proposal, pool: &Named<PoolSpec>, taken: &[&str]) -> Vec<Proposal> {
    let (of_namespaces, of_services) = match &pool.spec.service_allocation {
        Some(allocation) => (
            alternatives(&allocation.namespace_selectors),
            alternatives(&allocation.service_selectors),
        ),
        None => (Vec::new(), Vec::new()),
    };
    let mut names = (2..)
        .map(|number| format!("{}-{number}", whole.name))
        .filter(|name| !taken.contains(&name.as_str()));
    let mut parts: Vec<Proposal> = Vec::new();
    for (place, namespace_selector) in one_or_none(of_namespaces).into_iter().enumerate() {
        for service_selector in one_or_none(of_services.clone()) {
            let mut part = whole.clone();
            part.namespace_selector.clone_from(&namespace_selector);
            part.service_selector = service_selector;
            if place > 0 {
                part.namespaces.clear();
            }
            if !parts.is_empty() {
                part.name = names.next().unwrap_or_default();
                part.notes = vec![format!("the same addresses as {}; see there.", whole.name)];
            }
            parts.push(part);
        }
    }
    let all: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
    if let ([first, ..], true) = (parts.as_mut_slice(), all.len() > 1) {
        first.notes.push(format!(
            "MetalLB lets a Service have its addresses that any of several selectors selects. A pool has one selector of each \
             kind here, so it became {}, all with the same addresses. No address is given twice; each of them says \
             OverlapsPool until you divide the addresses. A Service that asks for a pool by name must ask for one whose \
             selectors select it.",
            all.join(" and ")
        ));
    }
    parts
}

fn one_or_none(selectors: Vec<LabelSelector>) -> Vec<Option<LabelSelector>> {
    if selectors.is_empty() {
        return vec![None];
    }
    selectors.into_iter().map(Some).collect()
}

/// The union of the advertisements, as MetalLB takes it: an empty list means all, and swallows the others.
fn announce(ads: &[&Named<AdvertisementSpec>], notes: &mut Vec<String>) -> Announce {
    let mut together = Announce::default();
    let mut selectors: Vec<LabelSelector> = Vec::new();
    let everywhere = ads.iter().any(|ad| ad.spec.interfaces.is_empty());
    let anyone = ads.iter().any(|ad| ad.spec.node_selectors.is_empty());
    for ad in ads {
        if !everywhere {
            together
                .interfaces
                .extend(ad.spec.interfaces.iter().cloned());
        }
        for selector in ad.spec.node_selectors.iter().filter(|_| !anyone) {
            if !selectors.contains(selector) {
                selectors.push(selector.clone());
            }
        }
    }
    let same = |pick: fn(&AdvertisementSpec) -> String| {
        ads.iter()
            .map(|ad| pick(&ad.spec))
            .collect::<BTreeSet<_>>()
            .len()
            == 1
    };
    if !same(|spec| format!("{:?}", spec.interfaces))
        && !same(|spec| format!("{:?}", spec.node_selectors))
    {
        let names: Vec<_> = ads.iter().map(|ad| ad.name.as_str()).collect();
        notes.push(format!(
            "the L2Advertisements {} pair certain nodes with certain interfaces; here every node chosen may use every \
             interface chosen. Split the pool in two if that matters.",
            names.join(" and ")
        ));
    }
    let mut selectors = alternatives(&selectors).into_iter();
    together.nodes = selectors.next();
    let others: Vec<String> = selectors.map(|selector| words(&selector)).collect();
    if let Some(nodes) = together.nodes.as_ref().filter(|_| !others.is_empty()) {
        notes.push(format!(
            "a pool has one nodeSelector here: only nodes with {} announce it, and those that MetalLB chooses by {} do not. \
             Give all of them a label in common, and select that.",
            words(nodes),
            others.join(" or by ")
        ));
    }
    together
}

fn without_equivalent(ad: &Named<AdvertisementSpec>, notes: &mut Vec<String>) {
    let AdvertisementSpec {
        pools: _,
        node_selectors: _,
        interfaces: _,
        service_selectors,
        preferred_node_selectors,
        rest,
    } = &ad.spec;
    let of = format!("L2Advertisement {}", ad.name);
    if !service_selectors.is_empty() {
        notes.push(format!(
            "{of} has serviceSelectors: here every Service with an address of the pool is announced. Give the others a \
             pool of their own, with announce.enabled: false."
        ));
    }
    if !preferred_node_selectors.is_empty() {
        notes.push(format!(
            "{of} has preferredNodeSelectors: here any eligible node may announce, and an address stays where it is \
             until that node fails."
        ));
    }
    unknown(&of, rest, notes);
}

fn unknown(of: &str, rest: &BTreeMap<String, serde_json::Value>, notes: &mut Vec<String>) {
    if !rest.is_empty() {
        let fields: Vec<_> = rest.keys().map(String::as_str).collect();
        notes.push(format!(
            "{of} has fields that this version does not know, left out: {}.",
            fields.join(", ")
        ));
    }
}

// === impl ChoosesPools ===

impl ChoosesPools {
    fn choose(&self, pool: &Named<PoolSpec>) -> bool {
        let Self {
            ip_address_pools: names,
            ip_address_pool_selectors: selectors,
        } = self;
        (names.is_empty() && selectors.is_empty())
            || names.contains(&pool.name)
            || selectors.iter().any(|selector| {
                // One that cannot be is one that selects nothing.
                Selector::try_from(selector.clone())
                    .is_ok_and(|selector| selector.matches(&pool.labels))
            })
    }
}
