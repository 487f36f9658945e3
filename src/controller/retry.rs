//! When is a failed Service tried again? The only file that knows the crate `backoff`.
//!
//! The crate is unmaintained (RUSTSEC-2025-0012) and a named dependency of this project; all it does here is arithmetic,
//! and whatever replaces it replaces this file.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff};
use roadstead_core::Retry;

/// The first wait.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);
/// Each wait is so many times the one before it.
const GROWTH: f64 = 2.0;
/// Each wait is up to this share longer or shorter, so that what failed together does not come back together.
const JITTER: f64 = 0.2;

/// The failures of each key since it last succeeded.
#[derive(Debug)]
pub struct Retries<K>(Mutex<HashMap<K, ExponentialBackoff>>);

// === impl Retries ===

impl<K> Default for Retries<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> Retries<K> {
    /// How long `key` waits after one more failure; `None`: until it changes.
    pub fn failed(&self, key: K, retry: Retry) -> Option<Duration> {
        match retry {
            Retry::OnChange => None,
            Retry::After(wait) => Some(wait),
            Retry::Backoff => {
                let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                failures.entry(key).or_insert_with(fresh).next_backoff()
            }
        }
    }

    /// `key` succeeded, or is gone: its next failure is its first.
    pub fn forget(&self, key: &K) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(key);
    }
}

fn fresh() -> ExponentialBackoff {
    ExponentialBackoffBuilder::new()
        .with_initial_interval(FIRST)
        .with_max_interval(LONGEST)
        .with_multiplier(GROWTH)
        .with_randomization_factor(JITTER)
        .with_max_elapsed_time(None)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_a_second_to_five_minutes_and_never_end() {
        let retries = Retries::default();
        let waits: Vec<f64> = (0..20)
            .map(|_| retries.failed("a", Retry::Backoff).unwrap().as_secs_f64())
            .collect();
        assert!((0.8..=1.2).contains(&waits[0]), "{waits:?}");
        assert!((6.4..=9.6).contains(&waits[3]), "{waits:?}");
        assert!(
            waits[10..]
                .iter()
                .all(|wait| (240.0..=360.0).contains(wait)),
            "{waits:?}"
        );
        retries.forget(&"a");
        assert!(retries.failed("a", Retry::Backoff).unwrap() < Duration::from_secs(2));
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_and_grows_nothing() {
        let retries = Retries::default();
        let asked = Duration::from_secs(7);
        for _ in 0..5 {
            assert_eq!(retries.failed("a", Retry::After(asked)), Some(asked));
        }
        assert!(retries.failed("a", Retry::Backoff).unwrap() < Duration::from_secs(2));
        assert_eq!(retries.failed("a", Retry::OnChange), None);
    }
}
