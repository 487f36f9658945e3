//! What is reconciled next, and when? A queue in which a key waits once and runs once. Pure: the clock is an argument.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use tokio::time::Instant;

/// Why a key is due. The stronger one wins when two meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// Something about it changed, or may have: an unchanged object needs no call.
    Changed,
    /// Its provider asks for it: something happened that the API server knows nothing of.
    Woken,
    /// It is looked at because time has passed: what exists is compared with what is wanted.
    Elapsed,
}

/// The queue.
#[derive(Debug)]
pub struct Queue<K> {
    entries: HashMap<K, Entry>,
    due: BTreeMap<(Instant, u64), K>,
    sequence: u64,
    ready: usize,
}

#[derive(Debug)]
enum Entry {
    Waiting {
        at: Instant,
        sequence: u64,
        cause: Cause,
        at_once: bool,
    },
    Running {
        again: Option<Cause>,
    },
}

// === impl Queue ===

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            entries: HashMap::new(),
            due: BTreeMap::new(),
            sequence: 0,
            ready: 0,
        }
    }
}

impl<K: Clone + Eq + Hash> Queue<K> {
    /// `key` is due now. If it waits for later, it waits no longer; if it runs, it runs once more afterwards.
    pub fn now(&mut self, key: K, now: Instant, cause: Cause) {
        match self.entries.get_mut(&key) {
            Some(Entry::Running { again }) => *again = (*again).max(Some(cause)),
            Some(Entry::Waiting {
                at_once: true,
                cause: before,
                ..
            }) => *before = (*before).max(cause),
            Some(Entry::Waiting {
                at_once: false,
                cause: before,
                at,
                sequence,
            }) => {
                // Due again because time has passed, and now it changed: the change alone decides what is to be done,
                // unless it was about to be looked at anyway.
                let cause = if *at <= now {
                    cause.max(*before)
                } else {
                    cause
                };
                let old = (*at, *sequence);
                self.due.remove(&old);
                self.wait(key, now, cause, true);
            }
            None => self.wait(key, now, cause, true),
        }
    }

    /// The next key that is due; it runs from here on, until [`done`](Self::done).
    pub fn next(&mut self, now: Instant) -> Option<(K, Cause)> {
        let first = self
            .due
            .first_entry()
            .filter(|first| first.key().0 <= now)?;
        let key = first.remove();
        let before = self
            .entries
            .insert(key.clone(), Entry::Running { again: None });
        match before {
            Some(Entry::Waiting { cause, at_once, .. }) => {
                self.ready -= usize::from(at_once);
                Some((key, cause))
            }
            Some(Entry::Running { .. }) | None => None,
        }
    }

    /// `key` has run; it is due again `at` that time, or at once if something came up meanwhile.
    pub fn done(&mut self, key: K, now: Instant, at: Option<Instant>) {
        match self.entries.remove(&key) {
            Some(Entry::Running { again: Some(cause) }) => self.wait(key, now, cause, true),
            _ => {
                if let Some(at) = at {
                    self.wait(key, at, Cause::Elapsed, false);
                }
            }
        }
    }

    /// When the next key is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many keys wait for no other reason than that others are before them.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.ready
    }

    fn wait(&mut self, key: K, at: Instant, cause: Cause, at_once: bool) {
        self.sequence += 1;
        self.ready += usize::from(at_once);
        self.due.insert((at, self.sequence), key.clone());
        let entry = Entry::Waiting {
            at,
            sequence: self.sequence,
            cause,
            at_once,
        };
        self.entries.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const LATER: Duration = Duration::from_mins(1);

    #[test]
    fn a_key_waits_once_and_never_runs_twice_at_a_time() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.now("a", now, Cause::Changed);
        queue.now("a", now, Cause::Changed);
        assert_eq!(queue.depth(), 1);
        assert_eq!(queue.next(now), Some(("a", Cause::Changed)));
        queue.now("a", now, Cause::Changed);
        assert_eq!(queue.next(now), None, "it runs");
        queue.done("a", now, Some(now + LATER));
        assert_eq!(
            queue.next(now),
            Some(("a", Cause::Changed)),
            "it changed while it ran"
        );
        queue.done("a", now, Some(now + LATER));
        assert_eq!(
            (queue.next(now), queue.next_due()),
            (None, Some(now + LATER))
        );
    }

    #[test]
    fn a_change_does_not_wait_for_a_retry() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.now("a", now, Cause::Changed);
        queue.next(now);
        queue.done("a", now, Some(now + LATER));
        queue.now("a", now, Cause::Changed);
        assert_eq!(queue.next(now), Some(("a", Cause::Changed)));
        queue.done("a", now, None);
        assert_eq!(queue.next_due(), None, "the old retry is forgotten");
    }

    #[test]
    fn time_that_has_passed_is_no_mere_change() {
        let now = Instant::now();
        let mut queue = Queue::default();
        queue.now("a", now, Cause::Changed);
        queue.next(now);
        queue.done("a", now, Some(now + LATER));
        queue.now("a", now + LATER, Cause::Changed);
        assert_eq!(queue.next(now + LATER), Some(("a", Cause::Elapsed)));
    }

    proptest! {
        #[test]
        fn nothing_added_is_lost(steps in prop::collection::vec((0..5_u8, 0..3_u8), 1..200)) {
            let mut now = Instant::now();
            let mut queue = Queue::default();
            let mut owed = std::collections::HashSet::new();
            let mut running = std::collections::HashSet::new();
            for (key, step) in steps {
                match step {
                    0 => { queue.now(key, now, Cause::Changed); owed.insert(key); }
                    1 => if let Some((key, _)) = queue.next(now) {
                        prop_assert!(running.insert(key), "{key} runs twice");
                        owed.remove(&key);
                    },
                    _ => if running.remove(&key) { queue.done(key, now, None); },
                }
                now += Duration::from_millis(1);
            }
            for key in running { queue.done(key, now, None); }
            while let Some((key, _)) = queue.next(now) { owed.remove(&key); }
            prop_assert!(owed.is_empty(), "never ran: {owed:?}");
            prop_assert_eq!(queue.depth(), 0);
        }
    }
}
