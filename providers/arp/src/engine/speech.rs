//! What does a station say of itself? All of it, in as many packets as it takes.

use std::{
    collections::{BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use ipnet::IpNet;

use super::{
    Transmit,
    chunks::Chunks,
    segment::Segment,
    shared::{Shared, millis},
};
use crate::wire::hello::{self, Hello};

/// The longest payload of a hello, in bytes; less where the interface takes less.
const LONGEST: usize = 1400;

/// And never less than this, or a list could not be told at all.
const SHORTEST: usize = 640;

/// What of an interface's MTU goes to IPv6 (40 bytes) and UDP (8), with some to spare.
const HEADERS: u16 = 60;

/// All that one greeting says; more than one packet, if need be.
struct Script {
    heard: Chunks<hello::Session, hello::Heard>,
    held_v4: Chunks<Ipv4Addr, Ipv4Addr>,
    held_v6: Chunks<Ipv6Addr, Ipv6Addr>,
    claimed: VecDeque<IpAddr>,
    released: VecDeque<IpAddr>,
    subnets: Option<Vec<IpNet>>,
}

// === impl Segment ===

impl Segment {
    /// Says what is due.
    pub(super) fn greet(&mut self, now: Instant, shared: &mut Shared) {
        let regular = now >= self.greeting.next;
        if self.greeting.due() > now {
            return;
        }
        if regular {
            let interval = self.interval_for_all(shared.settings.interval);
            let pace = self.pace(now, shared);
            self.greeting.begin_regular(now, interval, pace);
            self.insist(now, shared);
        }
        let full = self.greeting.take_full(now, regular);
        self.greeting.news = None;
        let (held_v4, held_v6) = if full {
            (self.held_v4(), self.held_v6())
        } else {
            (Chunks::default(), Chunks::default())
        };
        let script = Script {
            heard: Chunks::of(self.peers.heard()),
            held_v4,
            held_v6,
            claimed: self.greeting.take_claimed(regular),
            released: std::mem::take(&mut self.greeting.released)
                .into_iter()
                .collect(),
            subnets: if full { self.subnets() } else { None },
        };
        self.say(script, now, shared);
    }

    /// `interval`, or so long that nobody handles more than a thousand hellos a second.
    fn interval_for_all(&self, interval: Duration) -> Duration {
        let stations = u64::try_from(self.peers.len()).unwrap_or(u64::MAX);
        let least = stations.saturating_add(1);
        Duration::from_millis(millis(interval).max(least).min(u16::MAX.into()))
    }

    /// How long after a regular hello the next one comes: seven tenths of an interval, and half of one while somebody is
    /// missed. Two parts of a segment that meet then know it, and have one holder for each address, within less than an
    /// interval. On large segments it comes later, up to a whole one, so that nobody has more to handle.
    pub(super) fn pace(&mut self, now: Instant, shared: &Shared) -> Duration {
        let interval = shared.settings.interval;
        let missed = self.missed.anybody(now);
        self.interval_for_all(if missed {
            interval / 2
        } else {
            interval * 7 / 10
        })
    }

    fn held_v4(&self) -> Chunks<Ipv4Addr, Ipv4Addr> {
        let v4 = |address: &IpAddr| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        };
        Chunks::of(self.claimed.iter().filter_map(v4).collect())
    }

    fn held_v6(&self) -> Chunks<Ipv6Addr, Ipv6Addr> {
        let v6 = |address: &IpAddr| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(v6) => Some(*v6),
        };
        Chunks::of(self.claimed.iter().filter_map(v6).collect())
    }

    /// On which subnets hosts ask for addresses here; `None` if they are too many to be said.
    fn subnets(&self) -> Option<Vec<IpNet>> {
        let own = self.interface.addresses.iter().map(IpNet::trunc);
        let all: BTreeSet<IpNet> = own.collect();
        (all.len() <= hello::MAX_SUBNETS).then(|| all.into_iter().collect())
    }

    fn say(&mut self, mut script: Script, now: Instant, shared: &mut Shared) {
        loop {
            let hello = self.next_hello(&mut script, now, shared);
            let Ok(payload) = hello::encode(&hello, shared.settings.keys.signing()) else {
                // Names and intervals come from the node; one that no hello can carry was refused at the start.
                return;
            };
            shared.stats.hellos_sent += 1;
            shared.stats.hello_bytes_sent += u64::try_from(payload.len()).unwrap_or(0);
            shared.send_urgently(Transmit::Hello {
                interface: self.interface.index,
                payload: payload.into(),
            });
            if script.is_said() {
                return;
            }
        }
    }

    fn next_hello(&mut self, script: &mut Script, now: Instant, shared: &Shared) -> Hello {
        self.greeting.sequence += 1;
        let mut hello = Hello {
            station: self.me.clone(),
            incarnation: shared.settings.incarnation,
            sequence: self.greeting.sequence,
            sent_at: shared.wall(now),
            mac: self.interface.mac,
            interval: self.greeting.interval,
            leaving: shared.draining.is_some(),
            listening: self.listening.is_some(),
            unfit: !shared.fit,
            heard: None,
            held_v4: None,
            held_v6: None,
            claimed: Vec::new(),
            released: Vec::new(),
            subnets: script.subnets.take(),
        };
        let limit =
            usize::from(self.interface.mtu.saturating_sub(HEADERS)).clamp(SHORTEST, LONGEST);
        let mut room = limit.saturating_sub(hello::encoded_len(&hello));
        hello.heard = script.heard.next(&mut room, hello::heard_len);
        // Claims before lists: they are news.
        script.move_claims(&mut hello, limit);
        room = limit.saturating_sub(hello::encoded_len(&hello));
        hello.held_v4 = script.held_v4.next(&mut room, hello::held_v4_len);
        hello.held_v6 = script.held_v6.next(&mut room, hello::held_v6_len);
        hello
    }
}

// === impl Script ===

impl Script {
    fn is_said(&self) -> bool {
        let Self {
            heard,
            held_v4,
            held_v6,
            claimed,
            released,
            subnets,
        } = self;
        heard.is_said()
            && held_v4.is_said()
            && held_v6.is_said()
            && claimed.is_empty()
            && released.is_empty()
            && subnets.is_none()
    }

    /// As many as fit below `limit`.
    fn move_claims(&mut self, hello: &mut Hello, limit: usize) {
        // A section's head, and the longest address with its family.
        const SECTION: usize = 3;
        const ADDRESS: usize = 17;
        let mut room = limit.saturating_sub(hello::encoded_len(hello) + 2 * SECTION) / ADDRESS;
        for (from, to) in [
            (&mut self.released, &mut hello.released),
            (&mut self.claimed, &mut hello.claimed),
        ] {
            let fitting = room.min(from.len());
            room -= fitting;
            to.extend(from.drain(..fitting));
        }
    }
}
