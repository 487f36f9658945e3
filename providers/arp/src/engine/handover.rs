//! How does an address go to another station without a moment in which nobody answers? The next one claims first.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    LetGoCause,
    segment::Segment,
    shared::Shared,
    timers::Timer,
    vip::{Stance, Ticket},
};

/// How long an address that is handed over is answered for if nobody claims it.
pub const HANDOVER_WITHIN: Duration = Duration::from_millis(200);

/// How long after the first time it is said again that an address was given up.
pub const HANDOVER_REPEATED: Duration = Duration::from_millis(5);

/// When it is said again that an address was given up, after the first time: packets may be lost.
const SAID_AGAIN: [Duration; 3] = [
    HANDOVER_REPEATED,
    Duration::from_millis(20),
    Duration::from_millis(50),
];

// === impl Segment ===

impl Segment {
    /// Asks the next one to take `address`, and answers until it has; `or_keep` holds it if nobody does.
    pub(super) fn hand_over(
        &mut self,
        address: IpAddr,
        or_keep: bool,
        now: Instant,
        shared: &mut Shared,
    ) {
        if matches!(self.stance(address), Some(Stance::Probing { .. })) {
            self.give_up(address, now, shared);
            return;
        }
        let Some(ticket) = self.take_stance(address, Stance::HandingOver { or_keep }, now) else {
            return;
        };
        self.timers
            .at(now + HANDOVER_WITHIN, Timer::Stance(address, ticket));
        self.release(address, ticket, now);
    }

    /// Ceases to answer for `address` at once, and asks the next one to take it.
    pub(super) fn give_up(&mut self, address: IpAddr, now: Instant, shared: &mut Shared) {
        let cause = self.cause(address, shared);
        self.let_go(address, cause, now, shared);
        if let Some(ticket) = self.take_stance(address, Stance::Away, now) {
            self.release(address, ticket, now);
        }
    }

    /// Nobody took it in time.
    pub(super) fn end_handover(
        &mut self,
        address: IpAddr,
        or_keep: bool,
        now: Instant,
        shared: &mut Shared,
    ) {
        let may = self
            .vips
            .get(&address)
            .is_some_and(super::vip::Vip::eligible);
        if or_keep && may && shared.ready() {
            self.take_stance(address, Stance::Holding, now);
            self.greeting.claim(address, now);
        } else {
            let cause = self.cause(address, shared);
            self.let_go(address, cause, now, shared);
            self.consider(address, now, shared);
        }
    }

    /// Says once more that it was given up; void if it was taken since.
    pub(super) fn release_again(&mut self, address: IpAddr, ticket: Ticket, now: Instant) {
        let waits = |vip: &super::vip::Vip| vip.ticket == ticket && !vip.claimed();
        if self.vips.get(&address).is_some_and(waits) {
            self.greeting.release(address, now);
        }
    }

    fn release(&mut self, address: IpAddr, ticket: Ticket, now: Instant) {
        if let Some(vip) = self.vips.get_mut(&address) {
            vip.released = Some(now);
        }
        self.greeting.release(address, now);
        for after in SAID_AGAIN {
            self.timers
                .at(now + after, Timer::Released(address, ticket));
        }
    }

    /// Why this station gives `address` up.
    fn cause(&self, address: IpAddr, shared: &Shared) -> LetGoCause {
        let selected = self.vips.get(&address).is_none_or(|vip| vip.selected);
        if shared.draining.is_some() {
            LetGoCause::Shutdown
        } else if selected {
            LetGoCause::MayNot
        } else {
            LetGoCause::InterfaceGone
        }
    }
}
