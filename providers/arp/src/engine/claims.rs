//! When does this station claim an address, and when does it let it go? One decision, asked again whenever something it
//! rests on has changed.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    ClaimCause, Event, LetGoCause,
    conflict::{BARRED_FOR, PROBE_EVERY, PROBES},
    peers::PeerId,
    segment::Segment,
    shared::Shared,
    timers::Timer,
    vip::{Ended, Stance, Ticket},
};
use crate::wire::hello::Station;

/// How long a review is followed by none, for each address and peer in it: a few times of what one takes.
const REVIEW_REST: Duration = Duration::from_nanos(50);

// === impl Segment ===

impl Segment {
    /// Decides anew about an address that this station has not claimed.
    pub(super) fn consider(&mut self, address: IpAddr, now: Instant, shared: &mut Shared) {
        let held = !self.peers.holders(address).is_empty();
        let may = self.listening.is_none() && shared.ready();
        let Some(vip) = self.vips.get(&address) else {
            return;
        };
        let since = match vip.stance {
            Stance::Probing { .. } | Stance::Holding | Stance::HandingOver { .. } => return,
            Stance::Barred if !held && now < vip.since + BARRED_FOR => return,
            Stance::InLine { .. } => vip.since,
            Stance::Away | Stance::Barred => now,
        };
        if held || !may || !vip.eligible() {
            // Else what is still to be said about it would be void.
            if vip.stance != Stance::Away {
                self.take_stance(address, Stance::Away, now);
            }
            return;
        }
        let line = self.line(vip, now);
        let mut turn = since + line.wait();
        if let Stance::InLine { turn: before } = vip.stance {
            turn = line.head_start(turn, before, now);
        }
        if turn <= now {
            self.claim(address, line.silent, now, shared);
        } else if vip.stance != (Stance::InLine { turn })
            && let Some(ticket) = self.take_stance(address, Stance::InLine { turn }, since)
        {
            self.timers.at(turn, Timer::Stance(address, ticket));
        }
    }

    /// Decides anew about every address, in their order.
    pub(super) fn consider_all(&mut self, now: Instant, shared: &mut Shared) {
        let mut all: Vec<IpAddr> = self.vips.keys().copied().collect();
        all.sort_unstable();
        for address in all {
            self.consider(address, now, shared);
        }
    }

    /// Decides anew where a peer's coming, going or hearing matters: at once about what is disputed, and about what nobody
    /// holds when all that has arrived by now is taken in.
    pub(super) fn review(&mut self, now: Instant, shared: &mut Shared) {
        if !self.in_line.is_empty() {
            self.review_due
                .get_or_insert_with(|| now.max(self.no_review_before));
        }
        for address in self.disputed.clone() {
            self.dispute(address, now, shared);
        }
    }

    /// Decides anew about what nobody holds. With thousands of addresses and hundreds of peers, all of whom come at once,
    /// that may take no more than a part of the time.
    pub(super) fn review_line(&mut self, now: Instant, shared: &mut Shared) {
        if self.review_due.is_none_or(|due| due > now) {
            return;
        }
        self.review_due = None;
        let work = self.in_line.len().saturating_mul(self.peers.len());
        self.no_review_before = now + REVIEW_REST * u32::try_from(work).unwrap_or(u32::MAX);
        for address in self.in_line.clone() {
            self.consider(address, now, shared);
        }
    }

    /// A peer says that it holds `address`.
    pub(super) fn held_by(
        &mut self,
        id: PeerId,
        address: IpAddr,
        now: Instant,
        shared: &mut Shared,
    ) {
        if !self.peers.hold(id, address) {
            return;
        }
        let passed_over = self.passed_over_for(id, address, now);
        self.mark_silent(address, passed_over);
        self.not_silent(id, address);
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        vip.held_since.get_or_insert(now);
        match vip.stance {
            Stance::Away => {}
            Stance::InLine { .. } | Stance::Barred => self.consider(address, now, shared),
            Stance::Probing { .. } | Stance::Holding => self.dispute(address, now, shared),
            Stance::HandingOver { .. } => {
                if let Some(to) = self.peers.get(id).map(|peer| peer.station.clone()) {
                    self.let_go(address, LetGoCause::Handover { to }, now, shared);
                }
            }
        }
    }

    /// A peer says that it does not hold `address` any more.
    pub(super) fn not_held_by(
        &mut self,
        id: PeerId,
        address: IpAddr,
        ended: Ended,
        now: Instant,
        shared: &mut Shared,
    ) {
        let held = self.peers.unhold(id, address);
        // That it was given up may be known before it is said: from a list that overtook the word.
        let unsaid = ended == Ended::Released && self.in_line.contains(&address);
        if !held && !unsaid {
            return;
        }
        if let Some(station) = self.peers.get(id).map(|peer| peer.station.clone()) {
            self.holder_gone(&station, address, ended, now, shared);
        }
    }

    /// One of the stations that held `address` does not any more.
    pub(super) fn holder_gone(
        &mut self,
        station: &Station,
        address: IpAddr,
        ended: Ended,
        now: Instant,
        shared: &mut Shared,
    ) {
        let others = !self.peers.holders(address).is_empty();
        if let Some(vip) = self.vips.get_mut(&address) {
            let ended = match ended {
                Ended::Dropped if vip.yielded_to(station, now) => Ended::Returned,
                Ended::Died | Ended::Released | Ended::Dropped | Ended::Returned => ended,
            };
            vip.last = Some((station.clone(), ended));
            if !others {
                vip.nobody_holds(now);
            }
            if self.disputed.contains(&address) {
                self.dispute(address, now, shared);
            }
            self.consider(address, now, shared);
        }
    }

    fn claim(
        &mut self,
        address: IpAddr,
        passed_over: Vec<PeerId>,
        now: Instant,
        shared: &mut Shared,
    ) {
        self.mark_silent(address, passed_over);
        let Some(vip) = self.vips.get(&address) else {
            return;
        };
        let known = vip.seen;
        self.heed(address, shared);
        self.greeting.claim(address, now);
        if known {
            self.hold(address, now, shared);
        } else if let Some(ticket) = self.take_stance(address, Stance::Probing { sent: 1 }, now) {
            self.probe(address, shared);
            self.timers
                .at(now + PROBE_EVERY, Timer::Stance(address, ticket));
        }
    }

    /// Answers from now on.
    fn hold(&mut self, address: IpAddr, now: Instant, shared: &mut Shared) {
        self.take_stance(address, Stance::Holding, now);
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        let known = std::mem::replace(&mut vip.seen, true);
        vip.yielded = None;
        let claims = &mut shared.stats.claims;
        let cause = match vip.last.take() {
            Some((from, Ended::Died)) => {
                claims.failover += 1;
                ClaimCause::Failover { from }
            }
            Some((from, Ended::Released)) => {
                claims.handover += 1;
                ClaimCause::Handover { from }
            }
            Some((_, Ended::Dropped | Ended::Returned)) | None if known => {
                claims.unanswered += 1;
                ClaimCause::Unanswered
            }
            Some((_, Ended::Dropped | Ended::Returned)) | None => {
                claims.first += 1;
                ClaimCause::First
            }
        };
        shared.tell(Event::Claimed {
            address,
            interface: self.interface.index,
            cause,
        });
        self.conflict_over(address, shared);
        self.announce(address, now, shared);
    }

    /// Ceases to answer, or to be about to.
    pub(super) fn let_go(
        &mut self,
        address: IpAddr,
        cause: LetGoCause,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        let answered = vip.answers();
        if !answered && !vip.claimed() {
            return;
        }
        vip.round.ticket.draw();
        vip.last = None;
        self.take_stance(address, Stance::Away, now);
        self.disregard(address, shared);
        self.greeting.drop(address);
        if answered {
            match &cause {
                LetGoCause::Handover { .. } => shared.stats.handovers += 1,
                LetGoCause::Yielded { .. } => shared.stats.yielded += 1,
                LetGoCause::NotWanted
                | LetGoCause::MayNot
                | LetGoCause::Conflict { .. }
                | LetGoCause::Stalled
                | LetGoCause::InterfaceGone
                | LetGoCause::Shutdown => {}
            }
            shared.tell(Event::LetGo {
                address,
                interface: self.interface.index,
                cause,
            });
        }
    }

    /// Takes a stance, and keeps the lists that go with it.
    pub(super) fn take_stance(
        &mut self,
        address: IpAddr,
        stance: Stance,
        since: Instant,
    ) -> Option<Ticket> {
        let vip = self.vips.get_mut(&address)?;
        let ticket = vip.take(stance, since);
        let belongs = match stance {
            Stance::Away | Stance::Barred => (false, false, false),
            Stance::InLine { .. } => (true, false, false),
            Stance::Probing { .. } | Stance::Holding => (false, true, false),
            Stance::HandingOver { .. } => (false, false, true),
        };
        for (list, belongs) in [
            (&mut self.in_line, belongs.0),
            (&mut self.claimed, belongs.1),
            (&mut self.handing, belongs.2),
        ] {
            if belongs {
                list.insert(address);
            } else {
                list.remove(&address);
            }
        }
        if !belongs.1 {
            self.disputed.remove(&address);
        }
        Some(ticket)
    }

    /// What a stance waited for has come.
    pub(super) fn stance_due(
        &mut self,
        address: IpAddr,
        ticket: Ticket,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        if vip.ticket != ticket {
            return;
        }
        match vip.stance {
            Stance::Away | Stance::Holding => {}
            Stance::InLine { .. } | Stance::Barred => self.consider(address, now, shared),
            Stance::Probing { sent } if sent < PROBES => {
                vip.stance = Stance::Probing { sent: sent + 1 };
                self.probe(address, shared);
                self.timers
                    .at(now + PROBE_EVERY, Timer::Stance(address, ticket));
            }
            Stance::Probing { .. } => self.hold(address, now, shared),
            Stance::HandingOver { or_keep } => self.end_handover(address, or_keep, now, shared),
        }
    }
}
