//! Which addresses shall one Service have? What it has and may keep, then what it asks for, then what is free. Reads the
//! ledger and changes nothing.

mod fit;
mod told;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use roadstead_core::{IpFamily, IpFamilyPolicy, LoadBalancerId};

use self::fit::Fit;
use super::{
    Pool, Wish,
    allocator::{Decision, Kept},
    ledger::Ledger,
};

/// Why a Service cannot have what it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It asks for something that cannot be.
    Impossible(String),
    /// Somebody else has what it asks for.
    Taken(String),
    /// No address is free.
    Full(String),
}

/// Everything that a choice is made from.
pub(super) struct Choice<'a> {
    pub(super) pools: &'a [Pool],
    pub(super) ledger: &'a Ledger,
    pub(super) id: &'a LoadBalancerId,
    pub(super) wish: &'a Wish,
    pub(super) now: Instant,
    /// How long an address that an edited pool has left is kept all the same.
    pub(super) notice: Duration,
}

// === impl Choice ===

impl Choice<'_> {
    /// The addresses that the Service shall have.
    pub(super) fn decide(&self) -> Result<Decision, Refusal> {
        let wish = self.wish;
        self.check_request()?;
        let mut decision = Decision::default();
        let mut chosen: BTreeMap<IpFamily, Kept> = BTreeMap::new();
        for address in self.held() {
            let fit = self.fit(address);
            let since = self.leaving_since(address);
            match fit {
                Fit::Stays => {
                    chosen.insert(
                        IpFamily::of(address),
                        Kept {
                            address,
                            pool: None,
                            leaving: None,
                        },
                    );
                }
                Fit::GoesAfterNotice(why) if self.now < since + self.notice => {
                    decision.notes.push(format!(
                        "{why}; another address takes its place after a notice of {:?}",
                        self.notice
                    ));
                    decision.look_again = decision.look_again.max(Some(since + self.notice));
                    let kept = Kept {
                        address,
                        pool: None,
                        leaving: Some(since),
                    };
                    chosen.insert(IpFamily::of(address), kept);
                }
                Fit::Goes(why) | Fit::GoesAfterNotice(why) => decision.lost.push((address, why)),
            }
        }
        for family in wish.wanted() {
            if !chosen.contains_key(family)
                && let Some(address) = wish.requested(*family)
            {
                let pool = self.requested_pool(address)?;
                chosen.insert(
                    *family,
                    Kept {
                        address,
                        pool: Some(Arc::clone(&pool.name)),
                        leaving: None,
                    },
                );
            }
        }
        self.fill(&mut chosen)
            .map_err(|refusal| refusal.after(&decision.lost))?;
        for family in wish.wanted() {
            decision.addresses.extend(chosen.remove(family));
        }
        decision.complete = decision.addresses.len() == wish.wanted().len();
        for kept in &decision.addresses {
            decision.notes.extend(self.remarks(kept.address));
        }
        Ok(decision)
    }

    fn held(&self) -> Vec<IpAddr> {
        let holder = self.ledger.holder(self.id);
        holder
            .map(|holder| holder.addresses.clone())
            .unwrap_or_default()
    }

    fn leaving_since(&self, address: IpAddr) -> Instant {
        let holder = self.ledger.holder(self.id);
        let since = holder.and_then(|holder| holder.leaving.get(&address).copied());
        since.unwrap_or(self.now)
    }

    fn is_named(&self, pool: &Pool) -> bool {
        self.wish
            .pool
            .as_ref()
            .is_none_or(|name| *name == pool.name)
    }

    /// Fills what is missing in `chosen`.
    fn fill(&self, chosen: &mut BTreeMap<IpFamily, Kept>) -> Result<(), Refusal> {
        let wanted = self.wish.wanted();
        let missing: Vec<IpFamily> = wanted
            .iter()
            .copied()
            .filter(|family| !chosen.contains_key(family))
            .collect();
        let Some(first) = missing.first().copied() else {
            return Ok(());
        };
        let candidates = self.candidates()?;
        if missing.len() == wanted.len() {
            // Both from one pool, if one has both.
            let whole = candidates.iter().find_map(|place| {
                missing
                    .iter()
                    .map(|family| Some((*family, self.pick(*place, *family)?)))
                    .collect::<Option<Vec<_>>>()
            });
            if let Some(whole) = whole {
                chosen.extend(whole);
                return Ok(());
            }
        }
        // The pools of what it has come first.
        let at_home = |chosen: &BTreeMap<IpFamily, Kept>| -> Vec<usize> {
            let home = |pool: &Pool| {
                chosen.values().any(|kept| pool.contains(kept.address))
                    && self.is_named(pool)
                    && pool.is_for(self.wish)
            };
            let places = self.pools.iter().enumerate().filter(|(_, pool)| home(pool));
            places.map(|(place, _)| place).collect()
        };
        for family in missing {
            // Who would be content with one family gets the second from where it has the first, or not at all.
            let must = self.wish.policy == IpFamilyPolicy::RequireDualStack
                || (family == first && wanted.first() == Some(&family));
            let home = at_home(chosen);
            let elsewhere = candidates.iter().filter(|_| must).copied();
            let found = home
                .into_iter()
                .chain(elsewhere)
                .find_map(|place| self.pick(place, family));
            match found {
                Some(kept) => {
                    chosen.insert(family, kept);
                }
                None if must => return Err(self.full(family, &candidates)),
                None => {}
            }
        }
        Ok(())
    }

    /// An address of `family` in the pool at `place`: one that the Service may share, else a free one.
    fn pick(&self, place: usize, family: IpFamily) -> Option<Kept> {
        let pool = self.pools.get(place)?;
        let conflict = &self.wish.in_conflict;
        let shareable = |address: &IpAddr| {
            IpFamily::of(*address) == family
                && pool.contains(*address)
                && !self.ledger.is_barred(*address, self.now)
                && !conflict.contains(address)
                && self.clash(*address).is_none()
                && self
                    .ledger
                    .others(*address, self.id)
                    .all(|other| other.facts.is_some())
        };
        let key = self.wish.sharing.as_deref();
        let shared = key.and_then(|key| self.ledger.shared(key).find(shareable));
        // What it has and must leave is not what it gets.
        let except: Vec<IpAddr> = conflict.iter().copied().chain(self.held()).collect();
        let address = shared.or_else(|| self.ledger.free(place, family, &except, self.now))?;
        Some(Kept {
            address,
            pool: Some(Arc::clone(&pool.name)),
            leaving: None,
        })
    }

    /// The pools, by their places, that a Service may be given an address of.
    fn candidates(&self) -> Result<Vec<usize>, Refusal> {
        let named = self.wish.pool.is_some();
        let candidate = |pool: &Pool| {
            self.is_named(pool) && (named || pool.auto_assign) && pool.is_for(self.wish)
        };
        let places: Vec<usize> = self
            .pools
            .iter()
            .enumerate()
            .filter(|(_, pool)| candidate(pool))
            .map(|(place, _)| place)
            .collect();
        if !places.is_empty() {
            return Ok(places);
        }
        match &self.wish.pool {
            Some(name) if !self.pools.iter().any(|pool| pool.name == *name) => Err(
                Refusal::Impossible(format!("there is no pool {name}; {}", self.there_are())),
            ),
            Some(name) => Err(Refusal::Impossible(format!(
                "the pool {name} is for other Services (its namespaces and selectors)"
            ))),
            None if self.pools.is_empty() => Err(Refusal::Full(
                "there is no pool of addresses yet".to_owned(),
            )),
            None => {
                let why = |pool: &Pool| {
                    let why = if pool.is_for(self.wish) {
                        "autoAssign is false"
                    } else {
                        "it is for other Services"
                    };
                    format!("{} ({why})", pool.name)
                };
                let why: Vec<String> = self.pools.iter().map(why).collect();
                Err(Refusal::Full(format!(
                    "no pool is for this Service: {}",
                    why.join(", ")
                )))
            }
        }
    }
}
