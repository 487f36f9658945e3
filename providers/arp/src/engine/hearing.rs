//! What does a hello change? It is judged, believed or not, and its statements are taken in.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use super::{
    Event, Ignored, PeerLostCause, Standing,
    peers::{PeerId, dead_after},
    segment::Segment,
    shared::Shared,
    timers::Timer,
    vip::Ended,
    watermark::Judged,
};
use crate::wire::hello::{self, Exactly, HOP_LIMIT, Hello, Refused};

/// How far the clocks of two nodes may differ, for a station that never heard us to be believed.
const CLOCKS_WITHIN: Duration = Duration::from_mins(1);

// === impl Segment ===

impl Segment {
    pub(super) fn handle_hello(
        &mut self,
        hop_limit: u8,
        payload: &[u8],
        now: Instant,
        shared: &mut Shared,
    ) -> Result<(), Ignored> {
        let (hello, judged) = self.believed(hop_limit, payload, now, shared)?;
        shared.stats.hellos_received += 1;
        let id = self.identify(&hello, judged, now, shared);
        self.peers.mark(&hello, now);
        self.take_in(id, &hello, now, shared);
        Ok(())
    }

    /// The hello, if it is one that is to be believed.
    fn believed(
        &self,
        hop_limit: u8,
        payload: &[u8],
        now: Instant,
        shared: &Shared,
    ) -> Result<(Hello, Judged), Ignored> {
        if hop_limit != HOP_LIMIT {
            return Err(Ignored::HopLimit);
        }
        let peek = hello::peek(payload).map_err(reason)?;
        let station = peek.station();
        if station == self.me {
            return Err(Ignored::OwnHello);
        }
        let judged = self
            .peers
            .watermark(&station)
            .map_or(Judged::LaterRun, |mark| {
                mark.judge(peek.incarnation, peek.sequence, now)
            });
        if let Judged::Old(reason) = judged {
            return Err(reason);
        }
        let hello = hello::decode(payload, &shared.settings.keys).map_err(reason)?;
        if judged == Judged::EarlierRun && self.names_us(&hello, now) != Some(true) {
            return Err(Ignored::Replayed);
        }
        Ok((hello, judged))
    }

    /// Whether its sender hears this station at present; `None` if it does not say.
    fn names_us(&self, hello: &Hello, now: Instant) -> Option<bool> {
        let Exactly { range, members } = hello.heard.as_ref()?;
        if !range.contains(&self.session) {
            return None;
        }
        let Ok(place) = members.binary_search_by_key(&self.session, |heard| heard.session) else {
            return Some(false);
        };
        let said = self.greeting.said_at(members.get(place)?.sequence);
        let within = dead_after(self.greeting.interval) + dead_after(hello.interval);
        Some(said.is_some_and(|said| now.saturating_duration_since(said) <= within))
    }

    /// Whose hello it is; a new life of a station begins here.
    fn identify(
        &mut self,
        hello: &Hello,
        judged: Judged,
        now: Instant,
        shared: &mut Shared,
    ) -> PeerId {
        if let Some(id) = self.peers.id(&hello.station) {
            if let Judged::Next { missing } = judged {
                shared.stats.hellos_lost += missing;
                return id;
            }
            self.lose(id, PeerLostCause::Restarted, now, shared);
        }
        self.missed.is_back(&hello.station);
        let id = self.peers.join(hello, now);
        self.timers
            .at(now + dead_after(hello.interval), Timer::Peer(id));
        id
    }

    fn take_in(&mut self, id: PeerId, hello: &Hello, now: Instant, shared: &mut Shared) {
        let named = self.names_us(hello, now);
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let before = (peer.hears_us, peer.standing, peer.fresh);
        peer.sequence = hello.sequence;
        peer.mac = hello.mac;
        peer.interval = hello.interval;
        peer.heard = now;
        peer.standing = standing(hello);
        peer.hears_us = named.unwrap_or(peer.hears_us);
        peer.joined |= peer.hears_us;
        let apart = shared.wall(now).abs_diff(hello.sent_at);
        peer.fresh |= peer.joined || Duration::from_millis(apart) <= CLOCKS_WITHIN;
        let moved = peer.fresh && hello.subnets.is_some() && peer.subnets != hello.subnets;
        if moved {
            peer.subnets.clone_from(&hello.subnets);
        }
        let after = (peer.hears_us, peer.standing, peer.fresh);
        let back = !before.0 && peer.hears_us && peer.standing != Standing::Listening;
        let listens = peer.standing == Standing::Listening && before.1 != Standing::Listening;
        if peer.fresh && (listens || !before.2) {
            // It knows nothing of what is held. One whose voice may be a recording is only named.
            self.greeting.insist_in_full();
        }
        match (before.0, peer.hears_us) {
            (false, true) => {
                shared.stats.peers_joined += 1;
                shared.tell(Event::PeerJoined {
                    peer: peer.station.clone(),
                    interface: self.interface.index,
                });
            }
            (true, false) => self.tell_lost(id, PeerLostCause::Deaf, shared),
            (true, true) | (false, false) => {}
        }
        if back {
            // It was about all along, where this station was not heard, and may have announced what is held here.
            self.announce_again(now, shared);
        }
        if after.2 {
            self.take_statements(id, hello, now, shared);
        }
        if before != after || moved {
            self.review(now, shared);
        }
        if self.listening.is_some() {
            self.listening_due(now, shared);
        }
    }

    fn take_statements(&mut self, id: PeerId, hello: &Hello, now: Instant, shared: &mut Shared) {
        if let Some(Exactly { range, members }) = &hello.held_v4 {
            let range = IpAddr::V4(*range.start())..=IpAddr::V4(*range.end());
            self.take_held(
                id,
                range,
                members.iter().copied().map(IpAddr::V4),
                now,
                shared,
            );
        }
        if let Some(Exactly { range, members }) = &hello.held_v6 {
            let range = IpAddr::V6(*range.start())..=IpAddr::V6(*range.end());
            self.take_held(
                id,
                range,
                members.iter().copied().map(IpAddr::V6),
                now,
                shared,
            );
        }
        if let Some(peer) = self.peers.get_mut(id) {
            if let Some(Exactly { range, .. }) = &hello.held_v4 {
                peer.told_v4.add(range);
            }
            if let Some(Exactly { range, .. }) = &hello.held_v6 {
                peer.told_v6.add(range);
            }
            for address in &hello.released {
                peer.released.insert(*address, now);
            }
        }
        for address in &hello.released {
            self.not_held_by(id, *address, Ended::Released, now, shared);
            if self.claimed.contains(address) {
                // It has not heard that we claimed it, and still answers.
                self.greeting.claim(*address, now);
            }
        }
        for address in &hello.claimed {
            self.held_by(id, *address, now, shared);
        }
    }

    /// Within `range`, the peer holds `members` and nothing else. Without news, nothing is allocated.
    fn take_held(
        &mut self,
        id: PeerId,
        range: RangeInclusive<IpAddr>,
        members: impl Iterator<Item = IpAddr> + Clone,
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.holds.range(range.clone()).copied().eq(members.clone()) {
            return;
        }
        let members: BTreeSet<IpAddr> = members.collect();
        let held: BTreeSet<IpAddr> = peer.holds.range(range).copied().collect();
        // A station that listens again had stalled: it would have been dead in a moment.
        let ended = match peer.standing {
            Standing::Listening => Ended::Died,
            Standing::Ready | Standing::Unfit | Standing::Leaving => Ended::Dropped,
        };
        for address in held.difference(&members) {
            self.not_held_by(id, *address, ended, now, shared);
        }
        for address in members.difference(&held) {
            self.held_by(id, *address, now, shared);
        }
    }

    /// A peer's time may be over.
    pub(super) fn peer_due(&mut self, id: PeerId, now: Instant, shared: &mut Shared) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        let (dies, left) = (peer.dies(), peer.standing == Standing::Leaving);
        if dies > now {
            self.timers.at(dies, Timer::Peer(id));
        } else if left {
            self.lose(id, PeerLostCause::Left, now, shared);
        } else {
            self.lose(id, PeerLostCause::Silent, now, shared);
        }
    }

    /// The end of a peer's life.
    pub(super) fn lose(
        &mut self,
        id: PeerId,
        cause: PeerLostCause,
        now: Instant,
        shared: &mut Shared,
    ) {
        if self.peers.get(id).is_some_and(|peer| peer.hears_us) {
            self.tell_lost(id, cause, shared);
        }
        let Some(peer) = self.peers.leave(id) else {
            return;
        };
        for address in &peer.holds {
            self.holder_gone(&peer.station, *address, Ended::Died, now, shared);
        }
        // One that never heard this station may have been a recording.
        if cause == PeerLostCause::Silent && peer.joined {
            self.missed.lost(peer.station, now);
            let pace = self.pace(now, shared);
            self.greeting.hasten(pace);
        }
        self.review(now, shared);
    }

    fn tell_lost(&self, id: PeerId, cause: PeerLostCause, shared: &mut Shared) {
        if let Some(peer) = self.peers.get(id) {
            shared.stats.peers_lost += 1;
            shared.tell(Event::PeerLost {
                peer: peer.station.clone(),
                interface: self.interface.index,
                cause,
            });
        }
    }
}

fn standing(hello: &Hello) -> Standing {
    if hello.leaving {
        Standing::Leaving
    } else if hello.unfit {
        Standing::Unfit
    } else if hello.listening {
        Standing::Listening
    } else {
        Standing::Ready
    }
}

fn reason(refused: Refused) -> Ignored {
    match refused {
        Refused::Short | Refused::Magic | Refused::Malformed => Ignored::MalformedHello,
        Refused::Version(_) => Ignored::OtherVersion,
        Refused::Unauthentic => Ignored::WrongKey,
    }
}
