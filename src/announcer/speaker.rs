//! When is something said on a Service, and how often? Once for each change, never against another announcer, and later
//! again where the API server did not take it. Pure: time is an argument, and others write.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition as Written;
use roadstead_core::NamespacedName;
use tokio::time::Instant;

use super::{
    outage::{Outage, Turn},
    words::Word,
};
use crate::service::conditions::Condition;

/// What was said of each Service, and which are to be looked at when.
#[derive(Debug, Default)]
pub struct Speaker {
    agenda: BTreeMap<Instant, BTreeSet<NamespacedName>>,
    services: HashMap<NamespacedName, Memory>,
    outage: Outage,
}

/// What is remembered of one Service.
#[derive(Debug, Default)]
struct Memory {
    /// When it is looked at next.
    due: Option<Instant>,
    /// Since when it is not as it should be.
    odd_since: Option<Instant>,
    /// What was written last, and is to be kept from now on unless somebody else says otherwise.
    wrote: Option<Condition>,
    /// How often another announcer wrote over it.
    contested: u32,
    /// How often it could not be written.
    failed: u32,
    /// Whether a write is under way.
    writing: bool,
    /// Nothing is written before.
    not_before: Option<Instant>,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// This condition.
    Say(Condition),
    /// None any more.
    Withdraw,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// There is nothing more to be done about it.
    Done,
    /// The API server heard it and did not take it.
    Refused,
    /// The API server was not there, or said nothing; in words.
    Unheard(String),
}

/// How long something must be odd before it is said: longer than any handover, and than what a Service is short of between its
/// creation and its first endpoint.
pub const SETTLED: Duration = Duration::from_secs(5);

/// How long another announcer's words are left before they are written over a second time, and each time twice as long.
const CONTESTED: Duration = Duration::from_secs(10);

/// The same where the API server did not take it.
const FAILED: Duration = Duration::from_secs(1);

/// Neither grows beyond.
const AT_MOST: Duration = Duration::from_mins(5);

/// Nor does what waits for an API server that is away beyond this: what a Service says is wrong until then, however long
/// everybody was kept waiting.
pub const AWAY_AT_MOST: Duration = Duration::from_secs(15);

// === impl Speaker ===

impl Speaker {
    /// A Service is to be looked at by `when`.
    pub fn look(&mut self, key: &NamespacedName, when: Instant) {
        let memory = self.services.entry(key.clone()).or_default();
        if memory.due.is_some_and(|due| due <= when) {
            return;
        }
        if let Some(due) = memory.due.replace(when) {
            strike(&mut self.agenda, due, key);
        }
        self.agenda.entry(when).or_default().insert(key.clone());
    }

    /// A Service is gone, and nothing will be said of it.
    pub fn forget(&mut self, key: &NamespacedName) {
        if let Some(due) = self.services.remove(key).and_then(|memory| memory.due) {
            strike(&mut self.agenda, due, key);
        }
        self.outage.is_served(key);
    }

    /// When the next Service is to be looked at.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.agenda.keys().next().copied()
    }

    /// The Services that are to be looked at by `now`, at most so many of them.
    pub fn take_due(&mut self, now: Instant, at_most: usize) -> Vec<NamespacedName> {
        let mut taken = Vec::new();
        while taken.len() < at_most
            && let Some(mut first) = self.agenda.first_entry()
            && *first.key() <= now
        {
            let Some(key) = first.get_mut().pop_first() else {
                first.remove();
                continue;
            };
            if let Some(memory) = self.services.get_mut(&key) {
                memory.due = None;
            }
            taken.push(key);
        }
        taken
    }

    /// Whether a Service has been odd for long.
    #[must_use]
    pub fn is_settled(&self, key: &NamespacedName, now: Instant) -> bool {
        let memory = self.services.get(key);
        memory
            .and_then(|memory| memory.odd_since)
            .is_some_and(|since| now >= since + SETTLED)
    }

    /// What is to be written now of a Service that says `written`, when `word` is what it should say; `odd` if that may
    /// change by itself. The Service is looked at again when it is time.
    pub fn decide(
        &mut self,
        key: &NamespacedName,
        now: Instant,
        word: Word,
        odd: bool,
        written: Option<&Written>,
    ) -> Option<Write> {
        let memory = self.services.entry(key.clone()).or_default();
        if odd {
            let since = *memory.odd_since.get_or_insert(now);
            if now < since + SETTLED {
                self.look(key, since + SETTLED);
            }
        } else {
            memory.odd_since = None;
        }
        let write = match word {
            Word::Nothing | Word::NotYet => {
                self.unsay(key);
                return None;
            }
            Word::Say(condition) if written.is_some_and(|written| condition.is(written)) => {
                self.said(key, condition);
                return None;
            }
            Word::Say(condition) => Write::Say(condition),
            Word::Withdraw => Write::Withdraw,
        };
        let memory = self.services.entry(key.clone()).or_default();
        if memory.writing {
            return None;
        }
        if let Some(until) = memory.not_before.filter(|until| now < *until) {
            self.look(key, until);
            return None;
        }
        if let Write::Say(condition) = &write
            && memory.wrote.as_ref() == Some(condition)
            && written.is_some()
        {
            // Two segments that do not hear each other may see it differently: neither must shout the other down.
            memory.wrote = None;
            let until = now + grown(CONTESTED, memory.contested);
            memory.contested = memory.contested.saturating_add(1);
            memory.not_before = Some(until);
            self.look(key, until);
            return None;
        }
        memory.writing = true;
        Some(write)
    }

    /// A write has ended, in this way.
    pub fn wrote(&mut self, key: &NamespacedName, now: Instant, write: Write, end: End) {
        let Some(memory) = self.services.get_mut(key) else {
            return;
        };
        memory.writing = false;
        let at_most = match end {
            End::Done => {
                self.outage.is_served(key);
                memory.failed = 0;
                memory.not_before = None;
                memory.wrote = match write {
                    Write::Say(condition) => Some(condition),
                    Write::Withdraw => None,
                };
                return;
            }
            End::Refused => {
                self.outage.is_served(key);
                AT_MOST
            }
            End::Unheard(why) => {
                self.outage.unheard(key, now, why);
                AWAY_AT_MOST
            }
        };
        let until = now + grown(FAILED, memory.failed).min(at_most);
        memory.failed = memory.failed.saturating_add(1);
        memory.not_before = Some(until);
        self.look(key, until);
    }

    /// What is to be said of writes that the API server did not hear, each turn of it once.
    pub fn turn(&mut self, now: Instant) -> Option<Turn> {
        self.outage.turn(now)
    }

    fn said(&mut self, key: &NamespacedName, condition: Condition) {
        self.outage.is_served(key);
        let memory = self.services.entry(key.clone()).or_default();
        (memory.failed, memory.not_before) = (0, None);
        memory.wrote = Some(condition);
    }

    /// It is for others to speak.
    fn unsay(&mut self, key: &NamespacedName) {
        self.outage.is_served(key);
        let memory = self.services.entry(key.clone()).or_default();
        (memory.wrote, memory.contested) = (None, 0);
    }
}

fn strike(
    agenda: &mut BTreeMap<Instant, BTreeSet<NamespacedName>>,
    due: Instant,
    key: &NamespacedName,
) {
    if let Some(keys) = agenda.get_mut(&due) {
        keys.remove(key);
        if keys.is_empty() {
            agenda.remove(&due);
        }
    }
}

fn grown(from: Duration, times: u32) -> Duration {
    from.saturating_mul(2_u32.saturating_pow(times))
        .min(AT_MOST)
}

#[cfg(test)]
mod tests;
