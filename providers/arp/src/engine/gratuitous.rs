//! When are the neighbours told unasked where an address is?

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    segment::Segment,
    shared::Shared,
    timers::Timer,
    vip::{Stance, Ticket},
};
use crate::wire::{arp, ndp};

/// How many announcements follow one another after a claim.
const ROUNDS: u8 = 5;

/// And how far apart: Linux before 4.11 takes a second change of an entry only after a second (`locktime`).
const ROUND_EVERY: Duration = Duration::from_millis(1100);

/// How often after that, so that switches, which forget an idle host after 300 s by default, do not.
const REMIND_EVERY: Duration = Duration::from_mins(1);

// === impl Segment ===

impl Segment {
    /// Tells the neighbours that `address` is here, and again as the schedule has it.
    pub(super) fn announce(&mut self, address: IpAddr, now: Instant, shared: &mut Shared) {
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        if vip.stance != Stance::Holding {
            return;
        }
        vip.round.sent = 0;
        let ticket = vip.round.ticket.draw();
        self.gratuitous_due(address, ticket, now, shared);
    }

    /// Tells the neighbours once more of everything that is held. Where they are being told anyway, they are as often again:
    /// the last time may be too soon after the other's, for those that take no second change within a second.
    pub(super) fn announce_again(&mut self, now: Instant, shared: &mut Shared) {
        for address in self.claimed.clone() {
            match self.vips.get_mut(&address) {
                Some(vip) if vip.round.sent < ROUNDS => vip.round.sent = vip.round.sent.min(1),
                Some(_) | None => self.announce(address, now, shared),
            }
        }
    }

    pub(super) fn gratuitous_due(
        &mut self,
        address: IpAddr,
        ticket: Ticket,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        if vip.round.ticket != ticket || !vip.answers() {
            return;
        }
        vip.round.sent = vip.round.sent.saturating_add(1);
        let next = match vip.round.sent {
            ..ROUNDS => ROUND_EVERY,
            // The first reminder comes early, at a time of the address's own, so that not all come at once for ever.
            ROUNDS => REMIND_EVERY / 2 + vip.key.phase(shared.settings.seed, REMIND_EVERY / 2),
            _ => REMIND_EVERY,
        };
        self.timers
            .at(now + next, Timer::Gratuitous(address, ticket));
        // While the next one is about to take it, nobody is to be told that it is here.
        if vip.stance == Stance::Holding {
            self.send_gratuitous(address, shared);
        }
    }

    pub(super) fn send_gratuitous(&self, address: IpAddr, shared: &mut Shared) {
        let (interface, mac) = (self.interface.index, self.interface.mac);
        match address {
            IpAddr::V4(v4) => {
                // Some devices heed only the one, some only the other.
                shared.send(interface, arp::gratuitous_request(mac, v4));
                shared.send(interface, arp::gratuitous_reply(mac, v4));
            }
            IpAddr::V6(v6) => shared.send(interface, ndp::announcement(mac, v6)),
        }
        shared.stats.gratuitous_sent += 1;
    }
}
