//! Does somebody who is no announcer use an address of ours? RFC 5227, with shorter times.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    Event, LetGoCause, Transmit,
    segment::Segment,
    shared::Shared,
    timers::Timer,
    vip::{Conflict, Stance},
};
use crate::{
    Mac,
    wire::{arp, ndp},
};

/// How many probes are sent before a first claim (RFC 5227 section 1.1, `PROBE_NUM`).
pub(super) const PROBES: u8 = 3;

/// How far apart. RFC 5227 has one to two seconds, which is for hosts that may still be waiting for their link, or for
/// each other after a power cut; a node has long been up when a Service is created, a host on the same segment answers
/// within milliseconds, and a user waits.
pub(super) const PROBE_EVERY: Duration = Duration::from_millis(100);

/// How long a first claim is probed for before it is answered for.
pub const PROBING: Duration = Duration::from_millis(300);

/// How long after a conflict it is probed again.
pub(super) const BARRED_FOR: Duration = Duration::from_secs(10);

/// How often an address is defended at most (RFC 5227 section 1.1, `DEFEND_INTERVAL`).
const DEFEND_EVERY: Duration = Duration::from_secs(10);

/// How long a stranger must not be seen for the conflict to be over.
const OVER_AFTER: Duration = Duration::from_mins(1);

/// How long a stranger has to turn out to be a station that was not heard before.
const STRANGER_FOR: Duration = Duration::from_millis(300);

/// What was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// Somebody says to have the address.
    Use,
    /// Somebody asks whether he may have it. Of who holds it, he learns that he may not; two who both only ask both stop
    /// (RFC 5227 section 2.1.1).
    Probe,
}

// === impl Segment ===

impl Segment {
    /// Somebody with this Ethernet address uses `address`, or is about to. Whether that is a conflict.
    pub(super) fn see_use(
        &mut self,
        address: IpAddr,
        mac: Mac,
        sign: Sign,
        now: Instant,
        shared: &mut Shared,
    ) -> bool {
        let Some(vip) = self.vips.get_mut(&address) else {
            return false;
        };
        let probing = match (vip.stance, sign) {
            (Stance::Probing { .. }, Sign::Use | Sign::Probe) => true,
            (Stance::Holding | Stance::HandingOver { .. } | Stance::Barred, Sign::Use) => false,
            (_, Sign::Probe) | (Stance::Away | Stance::InLine { .. }, Sign::Use) => return false,
        };
        if shared.is_own(mac) || self.peers.has_mac(mac) {
            return false;
        }
        let holding = vip.stance == Stance::Holding;
        let conflict = vip.conflict.get_or_insert_with(|| {
            self.timers.at(now + STRANGER_FOR, Timer::Conflict(address));
            Conflict {
                mac,
                last: now,
                told: false,
                defended: None,
            }
        });
        (conflict.mac, conflict.last) = (mac, now);
        let defended = |at: Instant| now.saturating_duration_since(at) < DEFEND_EVERY;
        if holding && !conflict.defended.is_some_and(defended) {
            conflict.defended = Some(now);
            self.send_gratuitous(address, shared);
        }
        if probing {
            self.let_go(address, LetGoCause::Conflict { mac }, now, shared);
            self.greeting.release(address, now);
            if let Some(ticket) = self.take_stance(address, Stance::Barred, now) {
                self.timers
                    .at(now + BARRED_FOR, Timer::Stance(address, ticket));
            }
        }
        true
    }

    /// A conflict is to be told, or over, or goes on.
    pub(super) fn conflict_due(&mut self, address: IpAddr, now: Instant, shared: &mut Shared) {
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        let Some(conflict) = &mut vip.conflict else {
            return;
        };
        let known = self.peers.has_mac(conflict.mac) || shared.is_own(conflict.mac);
        if conflict.last + OVER_AFTER <= now || (!conflict.told && known) {
            let mistaken = !conflict.told && vip.stance == Stance::Barred;
            self.conflict_over(address, shared);
            if mistaken {
                // Two stations asked in the same moment, and had not heard of each other.
                self.take_stance(address, Stance::Away, now);
                self.consider(address, now, shared);
            }
            return;
        }
        self.timers
            .at(conflict.last + OVER_AFTER, Timer::Conflict(address));
        if !conflict.told {
            conflict.told = true;
            let mac = conflict.mac;
            shared.stats.conflicts += 1;
            shared.tell(Event::Conflict {
                address,
                interface: self.interface.index,
                mac,
            });
        }
    }

    /// Forgets a conflict, and says so if it was told.
    pub(super) fn conflict_over(&mut self, address: IpAddr, shared: &mut Shared) {
        let conflict = self
            .vips
            .get_mut(&address)
            .and_then(|vip| vip.conflict.take());
        if conflict.is_some_and(|conflict| conflict.told) {
            shared.tell(Event::ConflictOver {
                address,
                interface: self.interface.index,
            });
        }
    }

    /// Asks whether anybody has `address`.
    pub(super) fn probe(&self, address: IpAddr, shared: &mut Shared) {
        let mac = self.interface.mac;
        let frame = match address {
            IpAddr::V4(v4) => arp::probe(mac, v4),
            IpAddr::V6(v6) => ndp::probe(mac, v6),
        };
        shared.stats.probes_sent += 1;
        shared.send(self.interface.index, frame);
    }

    /// Receives what is asked about `address`, and at once.
    pub(super) fn heed(&mut self, address: IpAddr, shared: &mut Shared) {
        let interface = self.interface.index;
        let v6 = match address {
            IpAddr::V4(address) => {
                shared.send_urgently(Transmit::Heed { interface, address });
                return;
            }
            IpAddr::V6(v6) => v6,
        };
        let group = ndp::solicited_node(v6);
        let joined = self.groups.entry(group).or_default();
        *joined += 1;
        if *joined == 1 {
            shared.send_urgently(Transmit::Join { interface, group });
        }
    }

    /// Receives it no more, or not at once.
    pub(super) fn disregard(&mut self, address: IpAddr, shared: &mut Shared) {
        let interface = self.interface.index;
        let v6 = match address {
            IpAddr::V4(address) => {
                shared.send_urgently(Transmit::Disregard { interface, address });
                return;
            }
            IpAddr::V6(v6) => v6,
        };
        let group = ndp::solicited_node(v6);
        let Some(joined) = self.groups.get_mut(&group) else {
            return;
        };
        *joined = joined.saturating_sub(1);
        if *joined == 0 {
            self.groups.remove(&group);
            shared.send_urgently(Transmit::Leave { interface, group });
        }
    }
}
