//! What does this station say of itself, and when? Regularly, and at once when there is news.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use super::{
    Transmit,
    chunks::Chunks,
    peers::low_half,
    segment::Segment,
    shared::{Shared, millis},
};
use crate::wire::hello::{self, Hello};

/// How often everything held is told.
const FULL_EVERY: Duration = Duration::from_secs(1);

/// In how many regular hellos a claim is repeated.
const REPEATS: u8 = 3;

/// The longest payload of a hello, in bytes; less where the interface takes less.
const LONGEST: usize = 1400;

/// And never less than this, or a list could not be told at all.
const SHORTEST: usize = 640;

/// What of an interface's MTU goes to IPv6 (40 bytes) and UDP (8), with some to spare.
const HEADERS: u16 = 60;

/// How often everything is told to newcomers at most, beyond a burst of eight.
const ANSWER_EVERY: Duration = Duration::from_millis(10);
const ANSWER_BURST: Duration = Duration::from_millis(70);

/// How many regular hellos back it is known when they were said.
const REMEMBERED: usize = 32;

/// What is to be said, and what was said when.
#[derive(Debug)]
pub(super) struct Greeting {
    /// The number of the last hello.
    pub(super) sequence: u64,
    /// How often hellos are said at present.
    pub(super) interval: Duration,
    /// When the last regular hello was said.
    pub(super) last: Instant,
    next: Instant,
    /// The first number said at each of the last regular hellos, and when.
    said: VecDeque<(u64, Instant)>,
    full_next: Instant,
    /// Somebody is to be told everything.
    full_asked: bool,
    /// In how many of the next regular hellos everything is told.
    full_repeats: u8,
    /// By when all answers given so far are paid for.
    answers: Instant,
    /// Since when there is something to be said at once.
    news: Option<Instant>,
    /// How often each is still to be said; `REPEATS + 1`: not said yet.
    claimed: BTreeMap<IpAddr, u8>,
    released: BTreeSet<IpAddr>,
}

/// All that one greeting says; more than one packet, if need be.
struct Script {
    heard: Chunks<hello::Session, hello::Heard>,
    held_v4: Chunks<Ipv4Addr, Ipv4Addr>,
    held_v6: Chunks<Ipv6Addr, Ipv6Addr>,
    claimed: VecDeque<IpAddr>,
    released: VecDeque<IpAddr>,
}

// === impl Greeting ===

impl Greeting {
    /// Goes on after `sequence`; the first is due at once.
    pub(super) fn new(sequence: u64, interval: Duration, now: Instant) -> Self {
        Self {
            sequence,
            interval,
            last: now,
            next: now,
            said: VecDeque::with_capacity(REMEMBERED),
            full_next: now,
            full_asked: false,
            full_repeats: 0,
            answers: now,
            news: None,
            claimed: BTreeMap::new(),
            released: BTreeSet::new(),
        }
    }

    /// A hello is to be said at once: something about the station itself changed.
    pub(super) fn ask(&mut self, now: Instant) {
        self.news.get_or_insert(now);
    }

    /// Everything held is to be told at once.
    pub(super) fn ask_in_full(&mut self) {
        self.full_asked = true;
    }

    /// Everything held is to be told at once, and again: something is not held any more that others believe is.
    pub(super) fn insist_in_full(&mut self) {
        self.full_asked = true;
        self.full_repeats = REPEATS;
    }

    pub(super) fn claim(&mut self, address: IpAddr, now: Instant) {
        self.released.remove(&address);
        self.claimed.insert(address, REPEATS + 1);
        self.ask(now);
    }

    pub(super) fn release(&mut self, address: IpAddr, now: Instant) {
        self.claimed.remove(&address);
        self.released.insert(address);
        self.ask(now);
    }

    /// Says no more about `address`.
    pub(super) fn drop(&mut self, address: IpAddr) {
        self.claimed.remove(&address);
        self.released.remove(&address);
    }

    /// When something is to be said.
    pub(super) fn due(&self) -> Instant {
        let answer = self.full_asked.then(|| self.answer_due());
        [self.news, answer]
            .into_iter()
            .flatten()
            .fold(self.next, Instant::min)
    }

    fn answer_due(&self) -> Instant {
        self.answers
            .checked_sub(ANSWER_BURST)
            .unwrap_or(self.answers)
    }

    /// When the hello of this station that ends in `named` was said, if that is not long ago.
    pub(super) fn said_at(&self, named: u16) -> Option<Instant> {
        let back = low_half(self.sequence).wrapping_sub(named);
        let sequence = self.sequence.checked_sub(back.into())?;
        self.said
            .iter()
            .rev()
            .find(|(first, _)| *first <= sequence)
            .map(|(_, at)| *at)
    }

    fn begin_regular(&mut self, now: Instant, interval: Duration) {
        self.interval = interval;
        self.last = now;
        self.next += interval;
        if self.next <= now {
            self.next = now + interval;
        }
        if self.said.len() == REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back((self.sequence + 1, now));
    }

    /// Whether everything is to be told now.
    fn take_full(&mut self, now: Instant, regular: bool) -> bool {
        let again = regular && self.full_repeats > 0;
        if again {
            self.full_repeats -= 1;
        }
        let by_clock = again || (regular && now + self.interval / 2 >= self.full_next);
        let by_question = self.full_asked && now >= self.answer_due();
        if by_question {
            self.answers = self.answers.max(now) + ANSWER_EVERY;
        }
        if by_clock || by_question {
            self.full_asked = false;
            self.full_next = now + FULL_EVERY;
        }
        by_clock || by_question
    }

    fn take_claimed(&mut self, regular: bool) -> VecDeque<IpAddr> {
        let mut said = VecDeque::new();
        self.claimed.retain(|address, left| {
            if regular || *left > REPEATS {
                said.push_back(*address);
                *left -= 1;
            }
            *left > 0
        });
        said
    }
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
            let interval = self.interval_for_all(shared);
            self.greeting.begin_regular(now, interval);
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
        };
        self.say(script, now, shared);
    }

    /// So long that nobody handles more than a thousand hellos a second.
    fn interval_for_all(&self, shared: &Shared) -> Duration {
        let stations = u64::try_from(self.peers.len()).unwrap_or(u64::MAX);
        let least = stations.saturating_add(1);
        Duration::from_millis(
            millis(shared.settings.interval)
                .max(least)
                .min(u16::MAX.into()),
        )
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
        } = self;
        heard.is_said()
            && held_v4.is_said()
            && held_v6.is_said()
            && claimed.is_empty()
            && released.is_empty()
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
