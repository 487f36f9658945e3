//! Who was here, fell silent, and did not say that it would leave? It may be cut off, and hold what is held here.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::wire::hello::Station;

/// How long a station is missed: longer than it takes a switch to start again.
const MISSED_FOR: Duration = Duration::from_mins(10);

/// How many are missed at most. Only a holder of the key can make one.
const AT_MOST: usize = 4096;

/// Those who are missed, and since when.
#[derive(Debug, Default)]
pub(super) struct Missed(HashMap<Station, Instant>);

// === impl Missed ===

impl Missed {
    pub(super) fn lost(&mut self, station: Station, now: Instant) {
        if self.0.len() < AT_MOST {
            self.0.insert(station, now);
        }
    }

    pub(super) fn is_back(&mut self, station: &Station) {
        self.0.remove(station);
    }

    /// Whether anybody is.
    pub(super) fn anybody(&mut self, now: Instant) -> bool {
        self.0
            .retain(|_, since| now.saturating_duration_since(*since) < MISSED_FOR);
        !self.0.is_empty()
    }
}
