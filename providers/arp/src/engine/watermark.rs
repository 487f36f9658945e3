//! Has this hello been heard before? Judged by its number, before anything is computed.

use std::time::{Duration, Instant};

use super::Ignored;

/// How long a station must have been silent before a run with an earlier start is believed: its clock was set back.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);

/// How many numbers back it is remembered which ones were heard.
const WINDOW: u64 = 64;

/// The last hello of a station, and which of those before it were heard.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Watermark {
    incarnation: u64,
    sequence: u64,
    /// The latest start of a run that was ever believed.
    latest: u64,
    /// Bit n: the hello with the number `sequence - n` was heard.
    window: u64,
    last: Option<Instant>,
}

/// What a number says about a hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judged {
    /// The next, with this many between it and the last.
    Next { missing: u64 },
    /// The first of a later run.
    LaterRun,
    /// Of another run, with a start before the latest: to be believed only if it proves to be of this moment.
    EarlierRun,
    /// To be ignored.
    Old(Ignored),
}

// === impl Watermark ===

impl Watermark {
    pub(super) fn judge(&self, incarnation: u64, sequence: u64, now: Instant) -> Judged {
        if incarnation > self.latest {
            return Judged::LaterRun;
        }
        if incarnation > self.incarnation {
            return Judged::EarlierRun;
        }
        if incarnation < self.incarnation {
            let silent = self
                .last
                .map_or(Duration::MAX, |last| now.saturating_duration_since(last));
            return if silent < FORGIVEN_AFTER {
                Judged::Old(Ignored::Replayed)
            } else {
                Judged::EarlierRun
            };
        }
        match self.sequence.checked_sub(sequence) {
            None => Judged::Next {
                missing: sequence.saturating_sub(self.sequence).saturating_sub(1),
            },
            Some(back) if back >= WINDOW => Judged::Old(Ignored::Replayed),
            Some(back) if self.window >> back & 1 == 1 => Judged::Old(Ignored::Duplicate),
            Some(_) => Judged::Old(Ignored::Late),
        }
    }

    /// Takes a hello that was judged to be believed.
    pub(super) fn take(&mut self, incarnation: u64, sequence: u64, now: Instant) {
        let ahead = sequence.saturating_sub(self.sequence);
        let same_run = self.incarnation == incarnation && self.last.is_some();
        self.window = if same_run && ahead < WINDOW {
            self.window << ahead | 1
        } else {
            1
        };
        self.incarnation = incarnation;
        self.latest = self.latest.max(incarnation);
        self.sequence = sequence;
        self.last = Some(now);
    }

    pub(super) fn last(&self) -> Option<Instant> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_once_and_only_forward() {
        let now = Instant::now();
        let mut mark = Watermark::default();
        assert_eq!(mark.judge(7, 100, now), Judged::LaterRun);
        mark.take(7, 100, now);
        assert_eq!(mark.judge(7, 100, now), Judged::Old(Ignored::Duplicate));
        assert_eq!(mark.judge(7, 103, now), Judged::Next { missing: 2 });
        mark.take(7, 103, now);
        assert_eq!(mark.judge(7, 102, now), Judged::Old(Ignored::Late));
        assert_eq!(mark.judge(7, 100, now), Judged::Old(Ignored::Duplicate));
        assert_eq!(mark.judge(7, 39, now), Judged::Old(Ignored::Replayed));
    }

    #[test]
    fn an_earlier_run_is_old_until_the_later_one_was_silent_for_long() {
        let now = Instant::now();
        let mut mark = Watermark::default();
        mark.take(7, 100, now);
        assert_eq!(mark.judge(6, 1, now), Judged::Old(Ignored::Replayed));
        assert_eq!(mark.judge(6, 1, now + FORGIVEN_AFTER), Judged::EarlierRun);
        mark.take(6, 1, now + FORGIVEN_AFTER);
        assert_eq!(
            mark.judge(7, 101, now + FORGIVEN_AFTER),
            Judged::EarlierRun,
            "the later start was a wrong clock's, and is over"
        );
        assert_eq!(mark.judge(8, 1, now + FORGIVEN_AFTER), Judged::LaterRun);
    }
}
