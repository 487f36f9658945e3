//! What does a station think of one address? Values only.

use std::time::{Duration, Instant};

use ipnet::IpNet;

use super::{
    Selection, StanceView, Wanted,
    peers::{Peer, PeerId},
    score::{KeyHash, Score, StationHash},
};
use crate::{Interface, Mac, wire::hello::Station};

/// How long a station that gave an address up is passed over for it.
pub(super) const RELEASED_FOR: Duration = Duration::from_secs(5);

/// Within what time two stations have yielded to each other, rather than one after the other: what they say of it is
/// repeated in three hellos.
const CROSSING: Duration = Duration::from_millis(500);

/// How long somebody must have held an address for it to be established: longer than it is probed for.
const ESTABLISHED_AFTER: Duration = Duration::from_millis(500);

/// Grows with every change of stance, so that what an older stance had waited for is void.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

/// An address on one segment.
#[derive(Debug)]
pub(super) struct Vip {
    pub(super) wanted: Wanted,
    pub(super) key: KeyHash,
    /// This station's own right to it.
    pub(super) score: Score,
    /// Whether the interface is one on which it may be announced.
    pub(super) selected: bool,
    /// The interface's subnet in which it is, where that is what decides.
    pub(super) subnet: Option<IpNet>,
    /// Whether somebody was known to hold it for long enough to have probed for it: then nobody needs to again.
    pub(super) seen: bool,
    /// Since when somebody else holds it, as far as this station knows.
    pub(super) held_since: Option<Instant>,
    pub(super) stance: Stance,
    pub(super) since: Instant,
    pub(super) ticket: Ticket,
    /// Of the unasked announcements.
    pub(super) round: Round,
    /// Who was the last to hold it, and how that ended; `None` if that was never known, or was this station.
    pub(super) last: Option<(Station, Ended)>,
    /// To whom this station yielded, and when.
    pub(super) yielded: Option<(Station, Instant)>,
    /// Peers that did not take it when it was their turn: it may be that they cannot have it, for a reason that no hello says.
    pub(super) silent: Vec<PeerId>,
    /// When this station gave it up.
    pub(super) released: Option<Instant>,
    pub(super) conflict: Option<Conflict>,
}

/// What a station does about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stance {
    /// Nothing: another holds it, or this station may not.
    Away,
    /// Nobody holds it: waits until those before it have had their time.
    InLine { turn: Instant },
    /// Has claimed it, does not answer yet; `sent` probes are out.
    Probing { sent: u8 },
    /// Answers.
    Holding,
    /// Answers, until the next one claims it or the time is over; then holds on if `or_keep`, else lets go.
    HandingOver { or_keep: bool },
    /// A stranger uses it.
    Barred,
}

/// How a holding ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Died,
    Released,
    /// Without a word.
    Dropped,
    /// Without a word, after this station had yielded to it: the two yielded to each other.
    Returned,
}

/// Where an address is in its unasked announcements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    /// How many are out since the claim.
    pub(super) sent: u8,
    pub(super) ticket: Ticket,
}

/// A stranger that uses an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    pub(super) mac: Mac,
    /// When it was last seen to.
    pub(super) last: Instant,
    /// Whether that was told, or may still turn out to be a station not heard as yet.
    pub(super) told: bool,
    /// When this station last announced the address against it.
    pub(super) defended: Option<Instant>,
}

// === impl Ticket ===

impl Ticket {
    pub(super) fn draw(&mut self) -> Self {
        self.0 += 1;
        *self
    }
}

// === impl Vip ===

impl Vip {
    pub(super) fn new(
        wanted: Wanted,
        interface: &Interface,
        station: StationHash,
        now: Instant,
    ) -> Self {
        let key = KeyHash::of(wanted.key);
        Self {
            key,
            score: Score::of(station, key),
            selected: wanted.interfaces.admits(interface, wanted.address),
            subnet: subnet(&wanted, interface),
            seen: wanted.seen_before,
            held_since: None,
            wanted,
            stance: Stance::Away,
            since: now,
            ticket: Ticket::default(),
            round: Round::default(),
            last: None,
            yielded: None,
            silent: Vec::new(),
            released: None,
            conflict: None,
        }
    }

    /// Takes in what is newly known about it.
    pub(super) fn update(&mut self, wanted: Wanted, interface: &Interface, station: StationHash) {
        if self.wanted.key != wanted.key {
            self.key = KeyHash::of(wanted.key);
            self.score = Score::of(station, self.key);
        }
        if self.wanted.candidates != wanted.candidates {
            self.silent.clear();
        }
        self.selected = wanted.interfaces.admits(interface, wanted.address);
        self.subnet = subnet(&wanted, interface);
        self.seen |= wanted.seen_before;
        self.wanted = wanted;
    }

    /// Whether `peer` was silent when it was its turn to claim this address, or another one of its subnet.
    pub(super) fn knows_silent(&self, id: PeerId, peer: &Peer) -> bool {
        let on_subnet = |subnet: IpNet| peer.silent_on.contains(&subnet);
        self.silent.contains(&id) || self.subnet.is_some_and(on_subnet)
    }

    /// Whether this station may have it, as far as the address goes.
    pub(super) fn eligible(&self) -> bool {
        self.selected && self.wanted.may
    }

    /// Whether this station yielded to `other` a moment ago.
    pub(super) fn yielded_to(&self, other: &Station, now: Instant) -> bool {
        self.yielded
            .as_ref()
            .is_some_and(|(to, at)| to == other && now.saturating_duration_since(*at) < CROSSING)
    }

    /// Nobody holds it any more. A claim that did not last may have met a stranger while probing.
    pub(super) fn nobody_holds(&mut self, now: Instant) {
        let held = self.held_since.take();
        self.seen |=
            held.is_some_and(|since| now.saturating_duration_since(since) >= ESTABLISHED_AFTER);
    }

    /// Whether this station gave it up a short while ago.
    pub(super) fn released_lately(&self, now: Instant) -> bool {
        self.released
            .is_some_and(|at| now.saturating_duration_since(at) < RELEASED_FOR)
    }

    /// Takes a stance; what the former one waited for is void.
    pub(super) fn take(&mut self, stance: Stance, now: Instant) -> Ticket {
        self.stance = stance;
        self.since = now;
        self.ticket.draw()
    }

    /// Whether this station answers for it.
    pub(super) fn answers(&self) -> bool {
        match self.stance {
            Stance::Holding | Stance::HandingOver { .. } => true,
            Stance::Away | Stance::InLine { .. } | Stance::Probing { .. } | Stance::Barred => false,
        }
    }

    /// Whether it counts as claimed by this station: others are told so.
    pub(super) fn claimed(&self) -> bool {
        match self.stance {
            Stance::Probing { .. } | Stance::Holding => true,
            Stance::Away | Stance::InLine { .. } | Stance::HandingOver { .. } | Stance::Barred => {
                false
            }
        }
    }
}

fn subnet(wanted: &Wanted, interface: &Interface) -> Option<IpNet> {
    match wanted.interfaces {
        Selection::Named(_) => None,
        Selection::OnSubnet => interface
            .addresses
            .iter()
            .find(|own| own.contains(&wanted.address))
            .map(IpNet::trunc),
    }
}

// === impl Stance ===

impl From<Stance> for StanceView {
    fn from(stance: Stance) -> Self {
        match stance {
            Stance::Away => Self::Away,
            Stance::InLine { .. } => Self::InLine,
            Stance::Probing { .. } => Self::Probing,
            Stance::Holding => Self::Holding,
            Stance::HandingOver { .. } => Self::HandingOver,
            Stance::Barred => Self::Barred,
        }
    }
}
