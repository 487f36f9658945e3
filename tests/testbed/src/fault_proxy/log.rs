//! Which calls were made, and which one is awaited?
//!
//! The proxy's memory. It decides nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::call::{Call, Calls};

/// A moment in the log: calls that arrived later have come since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

#[derive(Debug)]
pub(super) struct Log {
    entries: Mutex<Entries>,
    /// Says that something changed.
    news: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Entries {
    /// Of the last call that arrived.
    last: u64,
    /// Their numbers have no gap: the first one's is known from the last one's.
    calls: Vec<Call>,
}

// === impl Log ===

impl Log {
    pub(super) fn new() -> Self {
        Self {
            entries: Mutex::default(),
            news: watch::Sender::new(()),
        }
    }

    /// Enters a call that `read` makes of its number, and returns a copy of it.
    pub(super) fn enter(&self, read: impl FnOnce(u64) -> Call) -> Call {
        let mut entries = self.entries();
        entries.last += 1;
        let call = read(entries.last);
        entries.calls.push(call.clone());
        drop(entries);
        self.news.send_replace(());
        call
    }

    /// Notes what became of a call; one that was forgotten meanwhile stays so.
    pub(super) fn note(&self, number: u64, change: impl FnOnce(&mut Call)) {
        let mut entries = self.entries();
        let found = entries
            .calls
            .binary_search_by_key(&number, |call| call.number);
        if let Some(call) = found.ok().and_then(|index| entries.calls.get_mut(index)) {
            change(call);
        }
        drop(entries);
        self.news.send_replace(());
    }

    pub(super) fn all(&self) -> Calls {
        Calls(self.entries().calls.clone())
    }

    pub(super) fn since(&self, Mark(mark): Mark) -> Calls {
        let entries = self.entries();
        let start = entries.calls.partition_point(|call| call.number <= mark);
        Calls(entries.calls.get(start..).unwrap_or_default().to_vec())
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.entries().last)
    }

    pub(super) fn forget(&self) {
        self.entries().calls.clear();
    }

    /// Waits until a call is in the log for which `check` holds.
    pub(super) async fn wait_for(&self, check: impl Fn(&Call) -> bool) -> Option<Call> {
        let mut news = self.news.subscribe();
        loop {
            if let Some(call) = self.entries().calls.iter().find(|call| check(call)) {
                return Some(call.clone());
            }
            news.changed().await.ok()?;
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Mark ===

impl Mark {
    pub(super) fn is_before(self, call: &Call) -> bool {
        call.number > self.0
    }
}
