//! Which addresses shall be announced, by whom, and what of that is news to the engine? Changes go in, orders come out; an
//! unchanged address costs nothing. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use roadstead_arp::engine::{Candidates, Selection, Wanted};
use roadstead_core::NamespacedName;

use super::{
    eligibility::{Ground, MayNot, Serving},
    wish::Wish,
};

/// What is wanted, as far as the cluster says.
#[derive(Debug)]
pub struct Board {
    me: Arc<str>,
    ground: Ground,
    services: HashMap<NamespacedName, Wish>,
    vips: BTreeMap<IpAddr, Vip>,
    /// Addresses that something changed about.
    touched: BTreeSet<IpAddr>,
}

#[derive(Debug, Default)]
struct Vip {
    /// The Services that carry it.
    sharers: BTreeSet<NamespacedName>,
    /// What the engine was told.
    told: Option<Wanted>,
}

/// What the engine is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// This address is one of ours.
    Want(Wanted),
    /// This one is none any more.
    Unwant(IpAddr),
}

// === impl Board ===

impl Board {
    /// Nothing is wanted yet; `me` is this node's name.
    #[must_use]
    pub fn new(me: Arc<str>) -> Self {
        Self {
            me,
            ground: Ground::default(),
            services: HashMap::new(),
            vips: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// The nodes and pools are these from now on.
    pub fn stand_on(&mut self, ground: Ground) {
        self.ground = ground;
        self.touched.extend(self.vips.keys());
    }

    /// A Service asks for this from now on.
    pub fn put(&mut self, key: &NamespacedName, wish: Option<Wish>) {
        if self.services.get(key) == wish.as_ref() {
            return;
        }
        let before = self.services.remove(key);
        for address in before.iter().flat_map(|wish| &wish.addresses) {
            self.touched.insert(*address);
            if let Some(vip) = self.vips.get_mut(address) {
                vip.sharers.remove(key);
            }
        }
        let Some(wish) = wish else {
            return;
        };
        for address in &wish.addresses {
            self.touched.insert(*address);
            let vip = self.vips.entry(*address).or_default();
            vip.sharers.insert(key.clone());
        }
        self.services.insert(key.clone(), wish);
    }

    /// The Services that ask for something.
    pub fn services(&self) -> impl Iterator<Item = (&NamespacedName, &Wish)> {
        self.services.iter()
    }

    /// What a Service asks for.
    #[must_use]
    pub fn wish(&self, key: &NamespacedName) -> Option<&Wish> {
        self.services.get(key)
    }

    /// The Services that carry `address`.
    pub fn sharers(&self, address: IpAddr) -> impl Iterator<Item = &NamespacedName> {
        self.vips
            .get(&address)
            .into_iter()
            .flat_map(|vip| &vip.sharers)
    }

    /// What the engine does not know yet. It is taken to know it from now on.
    pub fn orders(&mut self) -> Vec<Order> {
        let mut orders = Vec::new();
        for address in std::mem::take(&mut self.touched) {
            let Some(vip) = self.vips.get(&address) else {
                continue;
            };
            if vip.sharers.is_empty() {
                if vip.told.is_some() {
                    orders.push(Order::Unwant(address));
                }
                self.vips.remove(&address);
                continue;
            }
            // What is not known yet changes nothing.
            let Some(wanted) = self.wanted(address, vip) else {
                continue;
            };
            if !vip.told.as_ref().is_some_and(|told| same(told, &wanted)) {
                orders.push(Order::Want(wanted.clone()));
                if let Some(vip) = self.vips.get_mut(&address) {
                    vip.told = Some(wanted);
                }
            }
        }
        orders
    }

    /// Why this node may not announce `address`; `None` if it may, or if nobody asks for it.
    #[must_use]
    pub fn may_not(&self, address: IpAddr) -> Option<MayNot> {
        let vip = self.vips.get(&address)?;
        let (sharers, _) = self.sharing(vip)?;
        self.ground.may_not(&self.me, address, &sharers)
    }

    /// The ground that is stood on.
    #[must_use]
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    fn wanted(&self, address: IpAddr, vip: &Vip) -> Option<Wanted> {
        let (sharers, wishes) = self.sharing(vip)?;
        let candidates = self.ground.candidates(address, &sharers);
        let may_not = self.ground.may_not(&self.me, address, &sharers);
        // Every announcer must take the same one.
        let firsts = wishes.iter().filter_map(|wish| wish.addresses.first());
        let named = self
            .ground
            .pool(address)
            .and_then(|pool| pool.interfaces.clone());
        Some(Wanted {
            address,
            key: firsts.min().copied().unwrap_or(address),
            may: may_not.is_none(),
            candidates: Candidates::Nodes(candidates),
            interfaces: named.map_or(Selection::OnSubnet, Selection::Named),
            seen_before: wishes.iter().any(|wish| wish.announced_before),
            lets_go_at_once: may_not == Some(MayNot::NoServingEndpoint),
        })
    }

    /// Where the traffic of each sharer is welcome; `None` while that is not known of one of them.
    fn sharing(&self, vip: &Vip) -> Option<(Vec<&Serving>, Vec<&Wish>)> {
        let wishes: Vec<&Wish> = vip
            .sharers
            .iter()
            .filter_map(|key| self.services.get(key))
            .collect();
        let serving: Option<Vec<&Serving>> =
            wishes.iter().map(|wish| wish.serving.as_ref()).collect();
        Some((serving?, wishes))
    }
}

/// Whether the engine would do the same; what was said before it came to know an address is of no interest later.
fn same(told: &Wanted, wanted: &Wanted) -> bool {
    let Wanted {
        address,
        key,
        may,
        candidates,
        interfaces,
        seen_before: _,
        lets_go_at_once,
    } = told;
    *address == wanted.address
        && *key == wanted.key
        && *may == wanted.may
        && *candidates == wanted.candidates
        && *interfaces == wanted.interfaces
        && *lets_go_at_once == wanted.lets_go_at_once
}

#[cfg(test)]
mod tests;
