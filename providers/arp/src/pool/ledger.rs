//! Who has which address, and which ones are free? Kept in order, so that a free address is found without counting through
//! a pool. Decides nothing about Services.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use roadstead_core::{IpFamily, LoadBalancerId, NamespacedName};

use super::{Pool, Range, is_buggy, range::next, sharing::Facts};

/// What is known of addresses.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    holders: BTreeMap<LoadBalancerId, Holder>,
    used: BTreeMap<IpAddr, BTreeSet<LoadBalancerId>>,
    /// The addresses under each key of sharing.
    shared: BTreeMap<Arc<str>, BTreeSet<IpAddr>>,
    /// What was given back, in that order.
    released: BTreeMap<u64, IpAddr>,
    released_at: HashMap<IpAddr, u64>,
    sequence: u64,
    /// What a foreign host was seen to use, and until when it is left alone.
    foreign: BTreeMap<IpAddr, Instant>,
    /// The nodes' own addresses.
    nodes: BTreeMap<IpAddr, Arc<str>>,
    /// By pool and range, as the pools are listed.
    tracks: Vec<Vec<Track>>,
}

/// Somebody who has addresses.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) service: NamespacedName,
    /// In the order of its families.
    pub(super) addresses: Vec<IpAddr>,
    /// What counts of it where an address is shared; `None`: not known, its request could not be read.
    pub(super) facts: Option<Facts>,
    /// Addresses that do not fit any more, and since when that is known.
    pub(super) leaving: BTreeMap<IpAddr, Instant>,
}

/// How far one range was given.
#[derive(Clone, Copy, Debug)]
struct Track {
    range: Range,
    /// Leaves out buggy addresses.
    avoid_buggy: bool,
    /// How many of its addresses are in use.
    used: u128,
    /// No address before this one was never given; `None`: none at all.
    fresh: Option<IpAddr>,
}

/// So many addresses are remembered as given back; a process that gave back more forgets the oldest, and finds them again
/// when nothing else is left.
const REMEMBERED: usize = 1 << 16;

/// How long an address is left alone that a foreign host was seen to use. Long enough that a Service which moved is not
/// sent back to it at once, short enough that an address is not lost because a host had it for a day.
pub(super) const FOREIGN: Duration = Duration::from_mins(10);

// === impl Ledger ===

impl Ledger {
    /// The pools are these now.
    pub(super) fn rebuild(&mut self, pools: &[Pool]) {
        let track = |pool: &Pool, range: &Range| Track {
            range: *range,
            avoid_buggy: pool.avoid_buggy,
            used: 0,
            fresh: Some(range.first()),
        };
        let tracks = pools.iter().map(|pool| {
            let ranges = pool.ranges().iter();
            ranges.map(|range| track(pool, range)).collect()
        });
        self.tracks = tracks.collect();
        let used: Vec<IpAddr> = self.used.keys().copied().collect();
        for address in used {
            self.count(address, true);
        }
    }

    pub(super) fn set_nodes(&mut self, nodes: BTreeMap<IpAddr, Arc<str>>) {
        // What was a node's was passed over, and is to be found again.
        for track in self.tracks.iter_mut().flatten() {
            track.fresh = Some(track.range.first());
        }
        self.nodes = nodes;
    }

    pub(super) fn node(&self, address: IpAddr) -> Option<&Arc<str>> {
        self.nodes.get(&address)
    }

    pub(super) fn nodes(&self) -> &BTreeMap<IpAddr, Arc<str>> {
        &self.nodes
    }

    pub(super) fn holder(&self, id: &LoadBalancerId) -> Option<&Holder> {
        self.holders.get(id)
    }

    pub(super) fn holders(&self) -> impl Iterator<Item = (&LoadBalancerId, &Holder)> {
        self.holders.iter()
    }

    /// Everybody who has `address`, but for `id`.
    pub(super) fn others(
        &self,
        address: IpAddr,
        id: &LoadBalancerId,
    ) -> impl Iterator<Item = &Holder> {
        let owners = self.used.get(&address).into_iter().flatten();
        owners
            .filter(move |owner| *owner != id)
            .filter_map(|owner| self.holders.get(owner))
    }

    /// The addresses that are shared under `key`.
    pub(super) fn shared(&self, key: &str) -> impl Iterator<Item = IpAddr> {
        self.shared.get(key).into_iter().flatten().copied()
    }

    /// Whether `address` is nobody's to give at the moment: a node has it, or a foreign host uses it.
    pub(super) fn is_barred(&self, address: IpAddr, now: Instant) -> bool {
        self.nodes.contains_key(&address) || self.is_foreign(address, now)
    }

    pub(super) fn is_foreign(&self, address: IpAddr, now: Instant) -> bool {
        self.foreign.get(&address).is_some_and(|until| now < *until)
    }

    /// A foreign host uses `address`.
    pub(super) fn bar(&mut self, address: IpAddr, now: Instant) {
        self.foreign.insert(address, now + FOREIGN);
    }

    /// From here on `holder` is what `id` has; true if that freed an address.
    pub(super) fn hold(&mut self, id: &LoadBalancerId, holder: Holder) -> bool {
        let freed = self.let_go(id, Some(&holder.addresses));
        for address in &holder.addresses {
            if let Some(order) = self.released_at.remove(address) {
                self.released.remove(&order);
            }
            let owners = self.used.entry(*address).or_default();
            let first = owners.is_empty();
            owners.insert(id.clone());
            if first {
                self.count(*address, true);
            }
            if let Some(key) = holder.facts.as_ref().and_then(|facts| facts.key.as_ref()) {
                self.shared
                    .entry(Arc::clone(key))
                    .or_default()
                    .insert(*address);
            }
        }
        self.holders.insert(id.clone(), holder);
        self.advance();
        freed
    }

    /// Takes everything from `id` but for what it `keeps`; true if that freed an address.
    pub(super) fn let_go(&mut self, id: &LoadBalancerId, keeps: Option<&[IpAddr]>) -> bool {
        let Some(holder) = self.holders.remove(id) else {
            return false;
        };
        let mut freed = false;
        for address in holder.addresses {
            let Some(owners) = self.used.get_mut(&address) else {
                continue;
            };
            owners.remove(id);
            let empty = owners.is_empty();
            let key = holder.facts.as_ref().and_then(|facts| facts.key.as_ref());
            if let Some(key) = key
                && !self
                    .others(address, id)
                    .any(|other| other.shares_under(key))
                && let Some(addresses) = self.shared.get_mut(key)
            {
                addresses.remove(&address);
                if addresses.is_empty() {
                    self.shared.remove(key);
                }
            }
            if empty {
                self.used.remove(&address);
                self.count(address, false);
                if keeps.is_none_or(|keeps| !keeps.contains(&address)) {
                    self.remember(address);
                    freed = true;
                }
            }
        }
        freed
    }

    fn remember(&mut self, address: IpAddr) {
        self.sequence += 1;
        self.released.insert(self.sequence, address);
        self.released_at.insert(address, self.sequence);
        while self.released.len() > REMEMBERED
            && let Some((_, oldest)) = self.released.pop_first()
        {
            self.released_at.remove(&oldest);
        }
    }

    fn count(&mut self, address: IpAddr, taken: bool) {
        for track in self
            .tracks
            .iter_mut()
            .flatten()
            .filter(|track| track.has(address))
        {
            track.used = if taken {
                track.used + 1
            } else {
                track.used.saturating_sub(1)
            };
        }
    }

    /// Moves each track's mark past what is in use or was given back.
    fn advance(&mut self) {
        let Self {
            used,
            released_at,
            tracks,
            ..
        } = self;
        for track in tracks.iter_mut().flatten() {
            while let Some(address) = track.fresh
                && (used.contains_key(&address)
                    || released_at.contains_key(&address)
                    || !track.has(address))
            {
                track.fresh = next(address).filter(|next| track.range.contains(*next));
            }
        }
    }

    /// How many addresses of the pool at `place` are in use.
    pub(super) fn in_use(&self, place: usize) -> u128 {
        self.tracks
            .get(place)
            .into_iter()
            .flatten()
            .map(|track| track.used)
            .sum()
    }

    /// How many addresses of `pool` are in nobody's use and barred all the same: the nodes' and the foreign hosts'.
    pub(super) fn barred_in(&self, pool: &Pool, now: Instant) -> usize {
        let foreign = self
            .foreign
            .iter()
            .filter(|(_, until)| now < **until)
            .map(|(address, _)| address);
        let barred: BTreeSet<&IpAddr> = self.nodes.keys().chain(foreign).collect();
        let counts =
            |address: &&&IpAddr| pool.contains(***address) && !self.used.contains_key(**address);
        barred.iter().filter(counts).count()
    }

    /// A free address of `family` in the pool at `place`: one that was never given, or that which was given back before
    /// all others; none of those in `except`.
    pub(super) fn free(
        &self,
        place: usize,
        family: IpFamily,
        except: &[IpAddr],
        now: Instant,
    ) -> Option<IpAddr> {
        let tracks = || {
            let of_family = |track: &&Track| track.range.family() == family;
            self.tracks
                .get(place)
                .into_iter()
                .flatten()
                .filter(of_family)
        };
        if tracks().all(|track| track.used >= track.size()) {
            return None;
        }
        let barred = |address: IpAddr| self.is_barred(address, now) || except.contains(&address);
        let fresh = tracks().find_map(|track| {
            let free =
                |address: &IpAddr| !self.released_at.contains_key(address) && !barred(*address);
            self.walk(track, track.fresh, free)
        });
        let given_back = || {
            let mut released = self.released.values().copied();
            released.find(|address| tracks().any(|track| track.has(*address)) && !barred(*address))
        };
        // What was forgotten: given back long ago, or barred when the mark went by.
        let forgotten = || {
            tracks().find_map(|track| {
                self.walk(track, Some(track.range.first()), |address| {
                    !barred(*address)
                })
            })
        };
        fresh.or_else(given_back).or_else(forgotten)
    }

    /// The first address of `track` from `start` on that nobody has and that is `free`.
    fn walk(
        &self,
        track: &Track,
        start: Option<IpAddr>,
        free: impl Fn(&IpAddr) -> bool,
    ) -> Option<IpAddr> {
        let mut at = start?;
        loop {
            if track.has(at) && !self.used.contains_key(&at) && free(&at) {
                return Some(at);
            }
            at = next(at).filter(|next| track.range.contains(*next))?;
        }
    }
}

// === impl Holder ===

impl Holder {
    fn shares_under(&self, key: &Arc<str>) -> bool {
        self.facts
            .as_ref()
            .is_some_and(|facts| facts.key.as_ref() == Some(key))
    }
}

// === impl Track ===

impl Track {
    fn has(&self, address: IpAddr) -> bool {
        self.range.contains(address) && !(self.avoid_buggy && is_buggy(address))
    }

    fn size(&self) -> u128 {
        self.range.size()
            - if self.avoid_buggy {
                self.range.buggy()
            } else {
                0
            }
    }
}
