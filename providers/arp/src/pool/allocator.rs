//! Who has which address, over time? Decisions are made and carried out here; each leaves the books such that no address
//! has two owners who may not share it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use roadstead_core::{LoadBalancerId, NamespacedName};

use super::{
    Pool, Refusal, Wish,
    choice::Choice,
    ledger::{Holder, Ledger},
    sharing::Facts,
};

/// Gives addresses out of pools.
#[derive(Clone, Debug)]
pub struct Allocator {
    /// In the order in which they are used.
    pools: Vec<Pool>,
    ledger: Ledger,
    notice: Duration,
}

/// What one Service shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// Its addresses, in the order of its families.
    pub addresses: Vec<Kept>,
    /// What it had and shall have no longer, and why.
    pub lost: Vec<(IpAddr, String)>,
    /// What the user should know.
    pub notes: Vec<String>,
    /// When to decide anew: a time of notice ends.
    pub look_again: Option<Instant>,
    /// Whether it has an address of every family that it wants.
    pub complete: bool,
}

/// An address that a Service shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Which.
    pub address: IpAddr,
    /// The pool that it is taken from; `None` if the Service has it already.
    pub pool: Option<Arc<str>>,
    /// It does not fit any more, and since when that is known.
    pub leaving: Option<Instant>,
}

/// How full a pool is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The pool.
    pub pool: Arc<str>,
    /// How many addresses it has.
    pub total: u128,
    /// How many of them Services have.
    pub in_use: u128,
    /// How many of them a Service could get.
    pub free: u128,
}

// === impl Allocator ===

impl Allocator {
    /// An allocator without pools. What an edit of pools takes from a Service it keeps for the time of `notice`.
    #[must_use]
    pub fn new(notice: Duration) -> Self {
        Self {
            pools: Vec::new(),
            ledger: Ledger::default(),
            notice,
        }
    }

    /// The pools are these now. Who has an address keeps it until it is decided about.
    pub fn set_pools(&mut self, mut pools: Vec<Pool>) {
        pools.sort_by_cached_key(Pool::rank);
        self.ledger.rebuild(&pools);
        self.pools = pools;
    }

    /// The pools, in the order in which they are used.
    #[must_use]
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The nodes' own addresses, each with its node: no Service gets one of them.
    pub fn set_nodes(&mut self, nodes: BTreeMap<IpAddr, Arc<str>>) {
        self.ledger.set_nodes(nodes);
    }

    /// The nodes' own addresses.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<IpAddr, Arc<str>> {
        self.ledger.nodes()
    }

    /// `id` has `addresses` since before our time; `wish` is what it asks for, if that can be read. What a Service before
    /// it has, and may not share with it, it does not get.
    pub fn restore(
        &mut self,
        id: &LoadBalancerId,
        service: &NamespacedName,
        addresses: &[IpAddr],
        wish: Option<&Wish>,
    ) {
        if self.ledger.holder(id).is_some() {
            return;
        }
        let facts = wish.map(Facts::of);
        let free = |address: &IpAddr| {
            self.ledger
                .others(*address, id)
                .all(|other| match (&facts, &other.facts) {
                    (Some(ours), Some(theirs)) => ours.clash(theirs).is_none(),
                    // Nobody knows; both have it until somebody does.
                    (None, _) | (_, None) => true,
                })
        };
        let addresses: Vec<IpAddr> = addresses.iter().copied().filter(free).collect();
        if addresses.is_empty() {
            return;
        }
        let holder = Holder {
            service: service.clone(),
            addresses,
            facts,
            leaving: BTreeMap::new(),
        };
        self.ledger.hold(id, holder);
    }

    /// What `id` shall have; changes nothing.
    pub fn decide(
        &self,
        id: &LoadBalancerId,
        wish: &Wish,
        now: Instant,
    ) -> Result<Decision, Refusal> {
        let choice = Choice {
            pools: &self.pools,
            ledger: &self.ledger,
            id,
            wish,
            now,
            notice: self.notice,
        };
        choice.decide()
    }

    /// Carries out what was decided about `id` just now; true if that freed an address.
    pub fn take(
        &mut self,
        id: &LoadBalancerId,
        wish: &Wish,
        decision: &Decision,
        now: Instant,
    ) -> bool {
        for (address, _) in &decision.lost {
            if wish.in_conflict.contains(address) {
                self.ledger.bar(*address, now);
            }
        }
        let leaving = decision
            .addresses
            .iter()
            .filter_map(|kept| Some((kept.address, kept.leaving?)));
        let holder = Holder {
            service: wish.service.clone(),
            addresses: decision.addresses.iter().map(|kept| kept.address).collect(),
            facts: Some(Facts::of(wish)),
            leaving: leaving.collect(),
        };
        self.ledger.hold(id, holder)
    }

    /// `id` wants nothing any more; true if that freed an address.
    pub fn release(&mut self, id: &LoadBalancerId) -> bool {
        self.ledger.let_go(id, None)
    }

    /// The addresses that `id` has.
    #[must_use]
    pub fn held(&self, id: &LoadBalancerId) -> &[IpAddr] {
        self.ledger
            .holder(id)
            .map_or(&[], |holder| &holder.addresses)
    }

    /// The ports that `id` was given its addresses for; `None` if that is not known.
    #[must_use]
    pub fn ports(
        &self,
        id: &LoadBalancerId,
    ) -> Option<&BTreeSet<(roadstead_core::PortNumber, roadstead_core::Protocol)>> {
        let holder = self.ledger.holder(id)?;
        holder.facts.as_ref().map(|facts| &facts.ports)
    }

    /// Everybody who has an address.
    pub fn holders(&self) -> impl Iterator<Item = (&LoadBalancerId, &NamespacedName, &[IpAddr])> {
        let holders = self.ledger.holders();
        holders.map(|(id, holder)| (id, &holder.service, holder.addresses.as_slice()))
    }

    /// How full the pools are, in the order in which they are used.
    #[must_use]
    pub fn usage(&self, now: Instant) -> Vec<Usage> {
        let usage = self.pools.iter().enumerate().map(|(place, pool)| {
            let (total, in_use) = (pool.total(), self.ledger.in_use(place));
            let barred = self.ledger.barred_in(pool, now) as u128;
            Usage {
                pool: Arc::clone(&pool.name),
                total,
                in_use,
                free: total.saturating_sub(in_use).saturating_sub(barred),
            }
        });
        usage.collect()
    }
}
