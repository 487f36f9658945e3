//! When does a newcomer know enough to take part? Until then it claims nothing.

use std::time::{Duration, Instant};

use super::{segment::Segment, shared::Shared, timers::Timer};

/// How long a newcomer listens: a peer says all that it holds every second, and one such hello may be lost in part.
pub const LISTENS_FOR: Duration = Duration::from_millis(1200);

/// How long it listens at least, if it has heard everything from everybody it heard: so long that everybody alive said
/// hello at least four times.
pub const LISTENS_AT_LEAST: Duration = Duration::from_millis(500);

// === impl Segment ===

impl Segment {
    pub(super) fn listen(&mut self, now: Instant) {
        self.listening = Some(now);
        self.greeting.ask(now);
        self.timers.at(now + LISTENS_AT_LEAST, Timer::Listening);
        self.timers.at(now + LISTENS_FOR, Timer::Listening);
    }

    pub(super) fn listening_due(&mut self, now: Instant, shared: &mut Shared) {
        let Some(since) = self.listening else {
            return;
        };
        let passed = now.saturating_duration_since(since);
        if passed < LISTENS_FOR && (passed < LISTENS_AT_LEAST || !self.knows_all()) {
            return;
        }
        self.listening = None;
        self.greeting.ask(now);
        self.consider_all(now, shared);
    }

    /// Whether somebody is there, and everybody who is has told everything. Where nobody is heard, it may be that only
    /// few hellos come through.
    fn knows_all(&self) -> bool {
        let mut fresh = self.peers.iter().filter(|(_, peer)| peer.fresh).peekable();
        fresh.peek().is_some() && fresh.all(|(_, peer)| peer.told_all())
    }
}
