//! Which `AddressPool`s say the same as MetalLB's configuration, and what has no equivalent? Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::{Selector, SelectorExt as _};

use super::metallb::{AdvertisementSpec, Allocation, ChoosesPools, Configuration, Named, PoolSpec};

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
        translation.pools.push(proposal(pool, &by_arp, &by_bgp));
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
        namespace_selectors,
        service_selectors,
    } = service_allocation.unwrap_or_default();
    Proposal {
        name: pool.name.clone(),
        addresses,
        auto_assign,
        avoid_buggy_ips,
        priority: priority.unwrap_or_default(),
        namespaces,
        namespace_selector: one_of("namespaceSelectors", namespace_selectors, &mut notes),
        service_selector: one_of("serviceSelectors", service_selectors, &mut notes),
        announce,
        notes,
    }
}

/// One selector for several of which one must match: values of one label are put together, and of selectors that differ
/// otherwise the first is kept, so that nobody is let in who was not.
fn one_of(
    field: &str,
    mut selectors: Vec<LabelSelector>,
    notes: &mut Vec<String>,
) -> Option<LabelSelector> {
    if selectors.len() < 2 {
        return selectors.pop();
    }
    let single: Option<BTreeSet<(&String, &String)>> = selectors.iter().map(only_label).collect();
    let pairs = single.unwrap_or_default();
    let keys: BTreeSet<_> = pairs.iter().map(|(key, _)| *key).collect();
    if let [key] = keys.into_iter().collect::<Vec<_>>()[..] {
        let together = LabelSelectorRequirement {
            key: key.clone(),
            operator: "In".to_owned(),
            values: Some(pairs.iter().map(|(_, value)| (*value).clone()).collect()),
        };
        return Some(LabelSelector {
            match_expressions: Some(vec![together]),
            match_labels: None,
        });
    }
    notes.push(format!(
        "of its {} {field} only the first came over, because a pool has one selector here. Give the others a pool each.",
        selectors.len()
    ));
    selectors.into_iter().next()
}

/// The one label that a selector asks for, if it asks for nothing else.
fn only_label(selector: &LabelSelector) -> Option<(&String, &String)> {
    let LabelSelector {
        match_labels,
        match_expressions,
    } = selector;
    if match_expressions.iter().flatten().next().is_some() {
        return None;
    }
    let mut labels = match_labels.iter().flatten();
    labels.next().filter(|_| labels.next().is_none())
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
    together.nodes = one_of("nodeSelectors", selectors, notes);
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
