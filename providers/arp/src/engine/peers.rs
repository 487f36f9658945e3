//! Who else is on a segment, and what has each said? Remembers; decides nothing about addresses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use ipnet::IpNet;

use super::{Standing, score::StationHash, told::Told, vip::RELEASED_FOR, watermark::Watermark};
use crate::{
    Mac,
    wire::hello::{Heard, Hello, Session, Station},
};

/// How many stations are remembered at most after they fell silent. Only a holder of the key can make one.
const REMEMBERED: usize = 4096;

/// For how many of its own intervals a newly heard station has time to say that it hears us.
const INTERVALS_TO_MEET: u32 = 2;

/// The number of a peer's life on this segment; never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct PeerId(u64);

/// Another station, as long as it is heard.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) station: Station,
    pub(super) hash: StationHash,
    pub(super) session: Session,
    pub(super) incarnation: u64,
    pub(super) sequence: u64,
    pub(super) mac: Mac,
    /// How often it says hello, by its own word.
    pub(super) interval: Duration,
    pub(super) first_heard: Instant,
    pub(super) heard: Instant,
    /// Whether it says that it hears this station.
    pub(super) hears_us: bool,
    /// Whether it ever did.
    pub(super) joined: bool,
    /// Whether it ever did, or its clock agrees with ours: then what is heard now was also said now. Of others nothing
    /// is believed.
    pub(super) fresh: bool,
    pub(super) standing: Standing,
    pub(super) holds: BTreeSet<IpAddr>,
    pub(super) released: BTreeMap<IpAddr, Instant>,
    /// On which of this station's subnets it was silent when it was its turn, and has claimed nothing since.
    pub(super) silent_on: BTreeSet<IpNet>,
    /// On which subnets its interface is; `None` while it has not said.
    pub(super) subnets: Option<Vec<IpNet>>,
    pub(super) told_v4: Told<Ipv4Addr>,
    pub(super) told_v6: Told<Ipv6Addr>,
}

/// All peers of a segment.
#[derive(Debug, Default)]
pub(super) struct Peers {
    live: BTreeMap<PeerId, Peer>,
    ids: HashMap<Station, PeerId>,
    sessions: BTreeMap<Session, PeerId>,
    /// Every station that was ever heard, the silent ones too.
    known: HashMap<Station, Watermark>,
    macs: HashSet<Mac>,
    /// Who holds what, by address: so that an address's holders are found without asking every peer.
    holders: HashMap<IpAddr, Vec<PeerId>>,
    next: PeerId,
}

// === impl Peer ===

impl Peer {
    /// Before when it must be heard again, or it is dead: 3.5 times of the interval that it said.
    pub(super) fn dies(&self) -> Instant {
        self.heard + dead_after(self.interval)
    }

    /// Until when it had time to say that it hears us, before it counts as deaf.
    pub(super) fn meets_until(&self) -> Instant {
        self.first_heard + self.interval * INTERVALS_TO_MEET
    }

    /// Whether it does not hear this station, and will not soon.
    pub(super) fn is_deaf(&self, now: Instant) -> bool {
        !self.hears_us && (self.joined || self.meets_until() <= now)
    }

    /// Whether it may claim an address that nobody holds; `listeners` count if they are worth waiting for.
    pub(super) fn is_candidate(&self, listeners: bool) -> bool {
        match self.standing {
            Standing::Ready => true,
            Standing::Listening => listeners,
            Standing::Unfit | Standing::Leaving => false,
        }
    }

    /// Whether it gave `address` up a short while ago.
    pub(super) fn released_lately(&self, address: IpAddr, now: Instant) -> bool {
        self.released
            .get(&address)
            .is_some_and(|at| now.saturating_duration_since(*at) < RELEASED_FOR)
    }

    /// Whether all that it holds is known.
    pub(super) fn told_all(&self) -> bool {
        self.told_v4.all() && self.told_v6.all()
    }

    pub(super) fn forget_told(&mut self) {
        self.told_v4 = Told::default();
        self.told_v6 = Told::default();
    }
}

// === impl Peers ===

impl Peers {
    pub(super) fn get(&self, id: PeerId) -> Option<&Peer> {
        self.live.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.live.get_mut(&id)
    }

    pub(super) fn id(&self, station: &Station) -> Option<PeerId> {
        self.ids.get(station).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        self.live.iter().map(|(id, peer)| (*id, peer))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Peer> {
        self.live.values_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// Everyone who is heard, by session. Of two with the same session, which chance may bring, the later one.
    pub(super) fn heard(&self) -> Vec<Heard> {
        self.sessions
            .iter()
            .filter_map(|(session, id)| {
                let peer = self.live.get(id)?;
                Some(Heard {
                    session: *session,
                    sequence: low_half(peer.sequence),
                })
            })
            .collect()
    }

    /// A new life of the station that said `hello`.
    pub(super) fn join(&mut self, hello: &Hello, now: Instant) -> PeerId {
        self.next.0 += 1;
        let id = self.next;
        let session = Session::of(&hello.station, hello.incarnation);
        self.ids.insert(hello.station.clone(), id);
        self.sessions.insert(session, id);
        self.live.insert(
            id,
            Peer {
                station: hello.station.clone(),
                hash: StationHash::of(&hello.station),
                session,
                incarnation: hello.incarnation,
                sequence: hello.sequence,
                mac: hello.mac,
                interval: hello.interval,
                first_heard: now,
                heard: now,
                hears_us: false,
                joined: false,
                fresh: false,
                standing: Standing::Listening,
                holds: BTreeSet::new(),
                released: BTreeMap::new(),
                silent_on: BTreeSet::new(),
                subnets: None,
                told_v4: Told::default(),
                told_v6: Told::default(),
            },
        );
        id
    }

    /// The end of a peer's life; what it held is held by it no more.
    pub(super) fn leave(&mut self, id: PeerId) -> Option<Peer> {
        let peer = self.live.remove(&id)?;
        self.ids.remove(&peer.station);
        if self.sessions.get(&peer.session) == Some(&id) {
            self.sessions.remove(&peer.session);
        }
        for address in &peer.holds {
            self.no_holder(*address, id);
        }
        Some(peer)
    }

    pub(super) fn watermark(&self, station: &Station) -> Option<&Watermark> {
        self.known.get(station)
    }

    /// Remembers which hello of a station was the last, so that none is taken twice.
    pub(super) fn mark(&mut self, hello: &Hello, now: Instant) {
        if self.known.len() >= REMEMBERED && !self.known.contains_key(&hello.station) {
            self.forget_one();
        }
        self.known.entry(hello.station.clone()).or_default().take(
            hello.incarnation,
            hello.sequence,
            now,
        );
        if self.macs.len() < REMEMBERED {
            self.macs.insert(hello.mac);
        }
    }

    fn forget_one(&mut self) {
        let oldest = self
            .known
            .iter()
            .filter(|(station, _)| !self.ids.contains_key(*station))
            .min_by_key(|(_, mark)| mark.last())
            .map(|(station, _)| station.clone());
        if let Some(station) = oldest {
            self.known.remove(&station);
        }
    }

    /// Whether a station was ever heard that has this Ethernet address.
    pub(super) fn has_mac(&self, mac: Mac) -> bool {
        self.macs.contains(&mac)
    }

    pub(super) fn holders(&self, address: IpAddr) -> &[PeerId] {
        self.holders.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Whether that is news.
    pub(super) fn hold(&mut self, id: PeerId, address: IpAddr) -> bool {
        let Some(peer) = self.live.get_mut(&id) else {
            return false;
        };
        peer.released.remove(&address);
        if !peer.holds.insert(address) {
            return false;
        }
        self.holders.entry(address).or_default().push(id);
        true
    }

    /// Whether that is news.
    pub(super) fn unhold(&mut self, id: PeerId, address: IpAddr) -> bool {
        let held = self
            .live
            .get_mut(&id)
            .is_some_and(|peer| peer.holds.remove(&address));
        if held {
            self.no_holder(address, id);
        }
        held
    }

    fn no_holder(&mut self, address: IpAddr, id: PeerId) {
        if let Some(holders) = self.holders.get_mut(&address) {
            holders.retain(|holder| *holder != id);
            if holders.is_empty() {
                self.holders.remove(&address);
            }
        }
    }
}

/// How long a station that says hello every `interval` may be silent.
pub(super) fn dead_after(interval: Duration) -> Duration {
    interval * 7 / 2
}

/// How long a station may not have said hello until it takes itself for dead: less than the others wait, since what it
/// says next must still reach them.
pub(super) fn fenced_after(interval: Duration) -> Duration {
    interval * 13 / 4
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the low half-word is what is wanted"
)]
pub(super) const fn low_half(sequence: u64) -> u16 {
    sequence as u16
}
