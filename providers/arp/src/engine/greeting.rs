//! When does this station say something of itself? Regularly, and at once when there is news.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    time::{Duration, Instant},
};

use super::peers::low_half;

/// How often everything held is told.
const FULL_EVERY: Duration = Duration::from_secs(1);

/// In how many regular hellos a claim is repeated.
const REPEATS: u8 = 3;

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
    pub(super) next: Instant,
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
    pub(super) news: Option<Instant>,
    /// How often each is still to be said; `REPEATS + 1`: not said yet.
    claimed: BTreeMap<IpAddr, u8>,
    pub(super) released: BTreeSet<IpAddr>,
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

    /// Everything held is to be told at once, and again, for what is lost once would be missed for a second: somebody is
    /// new, or something is not held any more that others believe is.
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

    /// A regular hello, which promises another one every `interval`; the next comes after `pace`, which is no longer.
    pub(super) fn begin_regular(&mut self, now: Instant, interval: Duration, pace: Duration) {
        self.interval = interval;
        self.last = now;
        self.next += pace;
        if self.next <= now {
            self.next = now + pace;
        }
        if self.said.len() == REMEMBERED {
            self.said.pop_front();
        }
        self.said.push_back((self.sequence + 1, now));
    }

    /// The next regular hello comes no later than `pace` after the last.
    pub(super) fn hasten(&mut self, pace: Duration) {
        self.next = self.next.min(self.last + pace);
    }

    /// Whether everything is to be told now.
    pub(super) fn take_full(&mut self, now: Instant, regular: bool) -> bool {
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

    pub(super) fn take_claimed(&mut self, regular: bool) -> VecDeque<IpAddr> {
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
