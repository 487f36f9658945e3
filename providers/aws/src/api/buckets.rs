//! May this call be sent now, so that AWS does not refuse it? Token buckets; time is an argument. Pure.
//!
//! AWS takes a call's token when the call arrives, which is some time between sending and answer. So a call in flight keeps its
//! place in the bucket until it is answered: what these buckets allow AWS's buckets have, however long a call is under way.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Priority,
    actions::{Action, Category},
    limits::{Limit, Limits},
};

#[cfg(test)]
mod tests;

/// Kept free in each bucket, against clocks that differ: tokens, and the part of the rate.
const SPARE_TOKENS: f64 = 1.0;
const SPARE_RATE: f64 = 0.02;

/// The part of what all calls need, or all reads, that checks leave to those for whom a user waits.
const KEPT: f64 = 0.25;

/// Time comes in nanoseconds: a token that lacks no more than one fills is one.
const ALMOST: f64 = 1e-6;

/// Tokens owed besides, by how many times in a row AWS refused: others use the account, too.
const OWED: [f64; 4] = [0.0, 1.0, 3.0, 7.0];

/// The buckets of an account in a region. Time is counted from any beginning.
#[derive(Debug)]
pub(super) struct Buckets {
    limits: Limits,
    levels: BTreeMap<Bucket, Level>,
}

/// Whose calls take from the same bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bucket {
    /// All actions of the category.
    Shared(Category),
    /// The one action: EC2 has one for each.
    Own(Action),
}

/// How full a bucket is.
#[derive(Clone, Copy, Debug)]
struct Level {
    capacity: f64,
    per_second: f64,
    /// Tokens that a check does not take.
    kept: f64,
    tokens: f64,
    at: Duration,
    in_flight: u32,
    throttled: Option<Throttled>,
}

/// That AWS refused although there was a token.
#[derive(Clone, Copy, Debug)]
struct Throttled {
    at: Duration,
    in_a_row: usize,
}

// === impl Buckets ===

impl Buckets {
    /// All full.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            levels: BTreeMap::new(),
        }
    }

    /// Takes a token of every bucket that the action counts against, or of none; whether it did.
    ///
    /// What was taken is either used, and ends with [`Buckets::answered`] or [`Buckets::throttled`], or given back.
    pub(super) fn take(&mut self, now: Duration, action: Action, priority: Priority) -> bool {
        let free = self.all(now, action, |level| level.has_enough(priority));
        if free {
            self.each(now, action, |level| {
                level.tokens -= 1.0;
                level.in_flight += 1;
            });
        }
        free
    }

    /// How long until [`Buckets::take`] has what it needs; `None`: not before a call is answered.
    pub(super) fn ready_in(
        &mut self,
        now: Duration,
        action: Action,
        priority: Priority,
    ) -> Option<Duration> {
        let mut longest = Some(Duration::ZERO);
        self.each(now, action, |level| {
            longest = longest.and_then(|longest| Some(longest.max(level.ready_in(priority)?)));
        });
        longest
    }

    /// A token was taken and not used.
    pub(super) fn give_back(&mut self, now: Duration, action: Action) {
        self.each(now, action, |level| {
            level.in_flight = level.in_flight.saturating_sub(1);
            level.tokens = (level.tokens + 1.0).min(level.room());
        });
    }

    /// The call that was sent at `sent` has an answer, or none is waited for any longer.
    pub(super) fn answered(&mut self, now: Duration, action: Action, sent: Duration) {
        self.each(now, action, |level| {
            level.in_flight = level.in_flight.saturating_sub(1);
            if level.throttled.is_some_and(|throttled| throttled.at < sent) {
                level.throttled = None;
            }
        });
    }

    /// AWS refused the call that was sent at `sent`: the buckets are empty, whatever was thought.
    pub(super) fn throttled(&mut self, now: Duration, action: Action, sent: Duration) {
        self.each(now, action, |level| {
            level.in_flight = level.in_flight.saturating_sub(1);
            let in_a_row = match level.throttled {
                // Sent before that was known: it says nothing new.
                Some(Throttled { at, in_a_row }) if at >= sent => in_a_row,
                Some(Throttled { in_a_row, .. }) => in_a_row + 1,
                None => 0,
            }
            .min(OWED.len() - 1);
            let owed = OWED.get(in_a_row).copied().unwrap_or_default();
            level.tokens = level.tokens.min(-owed);
            level.throttled = Some(Throttled { at: now, in_a_row });
        });
    }

    fn all(
        &mut self,
        now: Duration,
        action: Action,
        mut holds: impl FnMut(&Level) -> bool,
    ) -> bool {
        let mut all = true;
        self.each(now, action, |level| all &= holds(level));
        all
    }

    /// Does something to every bucket that the action counts against, as full as it is now.
    fn each(&mut self, now: Duration, action: Action, mut what: impl FnMut(&mut Level)) {
        for bucket in Bucket::of(action) {
            let Some(limit) = self.limits.get(bucket.category()) else {
                continue;
            };
            let level = self
                .levels
                .entry(bucket)
                .or_insert_with(|| Level::full(limit, bucket.keeps_some(), now));
            level.fill(now);
            what(level);
        }
    }
}

// === impl Bucket ===

impl Bucket {
    fn of(action: Action) -> impl Iterator<Item = Self> {
        let category = action.category();
        let buckets = if category.is_per_action() {
            [None, Some(Self::Own(action))]
        } else {
            [
                Some(Self::Shared(Category::Account)),
                Some(Self::Shared(category)),
            ]
        };
        buckets.into_iter().flatten()
    }

    fn category(self) -> Category {
        match self {
            Self::Shared(category) => category,
            Self::Own(action) => action.category(),
        }
    }

    /// Whether both checks and those for whom a user waits take from it.
    fn keeps_some(self) -> bool {
        match self {
            Self::Shared(category) => matches!(category, Category::Account | Category::Describe),
            Self::Own(_) => false,
        }
    }
}

// === impl Level ===

impl Level {
    fn full(limit: Limit, keeps_some: bool, now: Duration) -> Self {
        let capacity = (f64::from(limit.burst) - SPARE_TOKENS).max(1.0);
        let kept = (capacity * KEPT).floor();
        Self {
            kept: if keeps_some { kept } else { 0.0 },
            capacity,
            per_second: limit.per_second * (1.0 - SPARE_RATE),
            tokens: capacity,
            at: now,
            in_flight: 0,
            throttled: None,
        }
    }

    /// How many tokens there can be while some calls are in flight.
    fn room(&self) -> f64 {
        self.capacity - f64::from(self.in_flight)
    }

    fn fill(&mut self, now: Duration) {
        let past = now.saturating_sub(self.at).as_secs_f64();
        self.tokens = (self.tokens + past * self.per_second).min(self.room());
        self.at = self.at.max(now);
    }

    /// How many tokens there must be.
    fn needed(&self, priority: Priority) -> f64 {
        match priority {
            Priority::Serve | Priority::Release => 1.0,
            Priority::Check => 1.0 + self.kept,
        }
    }

    fn has_enough(&self, priority: Priority) -> bool {
        self.tokens >= self.needed(priority) - ALMOST
    }

    fn ready_in(&self, priority: Priority) -> Option<Duration> {
        if self.has_enough(priority) {
            return Some(Duration::ZERO);
        }
        let needed = self.needed(priority);
        if self.room() < needed - ALMOST {
            return None;
        }
        let seconds = (needed - self.tokens) / self.per_second;
        let wait = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Some(wait.saturating_add(Duration::from_nanos(1)))
    }
}
