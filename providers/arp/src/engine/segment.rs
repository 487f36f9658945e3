//! What is one interface's part of the engine made of, and what is done when something is due?

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    LetGoCause, Wanted,
    greeting::Greeting,
    missed::Missed,
    peers::{Peers, fenced_after},
    score::StationHash,
    shared::Shared,
    timers::{Timer, Timers},
    vip::{Stance, Vip},
};
use crate::{
    Interface,
    wire::hello::{Session, Station},
};

/// One interface, the station on it, and what that knows of its segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) interface: Interface,
    pub(super) me: Station,
    pub(super) hash: StationHash,
    pub(super) session: Session,
    pub(super) peers: Peers,
    pub(super) missed: Missed,
    pub(super) vips: HashMap<IpAddr, Vip>,
    /// What this station has claimed: all [`Vip::claimed`].
    pub(super) claimed: BTreeSet<IpAddr>,
    /// What it is handing over.
    pub(super) handing: BTreeSet<IpAddr>,
    /// What nobody holds, and it may have when it is its turn.
    pub(super) in_line: BTreeSet<IpAddr>,
    /// What it has claimed, and another station too.
    pub(super) disputed: BTreeSet<IpAddr>,
    /// When the line is to be looked at again.
    pub(super) review_due: Option<Instant>,
    pub(super) no_review_before: Instant,
    /// Since when it only listens.
    pub(super) listening: Option<Instant>,
    pub(super) timers: Timers,
    pub(super) greeting: Greeting,
    /// For how many addresses each solicited-node group is joined.
    pub(super) groups: BTreeMap<Ipv6Addr, u32>,
    /// The last address that rebalancing looked at.
    pub(super) rebalanced: Option<IpAddr>,
}

// === impl Segment ===

impl Segment {
    /// A station that listens first; its numbers go on after `sequence`.
    pub(super) fn new(interface: Interface, sequence: u64, now: Instant, shared: &Shared) -> Self {
        let me = Station {
            node: Arc::clone(&shared.settings.node),
            interface: Arc::clone(&interface.name),
        };
        let mut segment = Self {
            hash: StationHash::of(&me),
            session: Session::of(&me, shared.settings.incarnation),
            interface,
            me,
            peers: Peers::default(),
            missed: Missed::default(),
            vips: HashMap::new(),
            claimed: BTreeSet::new(),
            handing: BTreeSet::new(),
            in_line: BTreeSet::new(),
            disputed: BTreeSet::new(),
            review_due: None,
            no_review_before: now,
            listening: None,
            timers: Timers::default(),
            greeting: Greeting::new(sequence, shared.settings.interval, now),
            groups: BTreeMap::new(),
            rebalanced: None,
        };
        segment.listen(now);
        segment.begin_rebalancing(now, shared);
        segment
    }

    /// The interface as it is now: the same index and name, the rest may differ.
    pub(super) fn change(&mut self, interface: Interface, now: Instant, shared: &mut Shared) {
        let moved = self.interface.mac != interface.mac;
        if self.interface.addresses != interface.addresses {
            // Who is on which subnet is told with all that is held.
            self.greeting.insist_in_full();
        }
        self.interface = interface;
        if moved {
            self.greeting.ask(now);
            for address in self.claimed.clone() {
                self.announce(address, now, shared);
            }
        }
    }

    /// Adds an address, or changes what is known about it.
    pub(super) fn want(&mut self, wanted: &Wanted, now: Instant, shared: &mut Shared) {
        let address = wanted.address;
        if let Some(vip) = self.vips.get_mut(&address) {
            vip.update(wanted.clone(), &self.interface, self.hash);
            let loses = vip.claimed() && !vip.eligible();
            if vip.wanted.lets_go_at_once && !vip.wanted.may && (loses || vip.answers()) {
                self.give_up(address, now, shared);
            } else if loses {
                self.hand_over(address, false, now, shared);
            }
        } else {
            if !wanted.interfaces.admits(&self.interface, address) {
                return;
            }
            let mut vip = Vip::new(wanted.clone(), &self.interface, self.hash, now);
            vip.held_since = (!self.peers.holders(address).is_empty()).then_some(now);
            self.vips.insert(address, vip);
        }
        self.consider(address, now, shared);
    }

    /// Removes an address. Nobody is asked to take it: it is nobody's any more.
    pub(super) fn unwant(&mut self, address: IpAddr, now: Instant, shared: &mut Shared) {
        self.let_go(address, LetGoCause::NotWanted, now, shared);
        self.conflict_over(address, shared);
        self.in_line.remove(&address);
        self.vips.remove(&address);
    }

    /// The node begins or ceases to forward, or is on its way out.
    pub(super) fn readiness_changed(&mut self, now: Instant, shared: &mut Shared) {
        self.greeting.ask(now);
        if shared.ready() {
            self.consider_all(now, shared);
            return;
        }
        for address in self.claimed.clone() {
            self.hand_over(address, false, now, shared);
        }
        for address in self.in_line.clone() {
            self.consider(address, now, shared);
        }
    }

    /// Lets everything go and listens as a newcomer does.
    pub(super) fn stall(&mut self, now: Instant, shared: &mut Shared) {
        self.let_all_go(&LetGoCause::Stalled, now, shared);
        for peer in self.peers.iter_mut() {
            // What it said meanwhile is still to be read.
            peer.heard = now;
            peer.forget_told();
        }
        self.greeting.last = now;
        self.greeting.ask_in_full();
        self.listen(now);
        for address in self.in_line.clone() {
            self.consider(address, now, shared);
        }
    }

    pub(super) fn let_all_go(&mut self, cause: &LetGoCause, now: Instant, shared: &mut Shared) {
        let all: Vec<IpAddr> = self.claimed.union(&self.handing).copied().collect();
        for address in all {
            self.let_go(address, cause.clone(), now, shared);
        }
    }

    /// How long ago the last hello was said, if so long that the others took this station for dead.
    pub(super) fn stalled_by(&self, now: Instant) -> Option<Duration> {
        let silent = now.saturating_duration_since(self.greeting.last);
        (silent >= fenced_after(self.greeting.interval)).then_some(silent)
    }

    /// Does what is due by `now`.
    pub(super) fn run(&mut self, now: Instant, shared: &mut Shared) {
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Peer(id) => self.peer_due(id, now, shared),
                Timer::Listening => self.listening_due(now, shared),
                Timer::Stance(address, ticket) => self.stance_due(address, ticket, now, shared),
                Timer::Gratuitous(address, ticket) => {
                    self.gratuitous_due(address, ticket, now, shared);
                }
                Timer::Released(address, ticket) => self.release_again(address, ticket, now),
                Timer::Disputed(address) => self.dispute(address, now, shared),
                Timer::Conflict(address) => self.conflict_due(address, now, shared),
                Timer::Rebalance => self.rebalance(now, shared),
            }
        }
        self.review_line(now, shared);
        self.greet(now, shared);
    }

    /// When something is due.
    pub(super) fn due(&self) -> Instant {
        let timer = self.timers.next();
        let greeting = self.greeting.due();
        [timer, self.review_due]
            .into_iter()
            .flatten()
            .fold(greeting, Instant::min)
    }

    /// Whether nothing is held.
    pub(super) fn is_empty(&self) -> bool {
        self.claimed.is_empty() && self.handing.is_empty()
    }

    pub(super) fn stance(&self, address: IpAddr) -> Option<Stance> {
        self.vips.get(&address).map(|vip| vip.stance)
    }
}
