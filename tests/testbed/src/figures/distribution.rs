//! How are measured durations spread? Pure.

use std::time::Duration;

/// Durations in milliseconds, ascending.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution(Vec<f64>);

// === impl Distribution ===

impl Distribution {
    /// How many were measured.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The shortest duration that at least `share` of all do not exceed; 0 where nothing was measured.
    #[must_use]
    pub fn quantile(&self, share: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank among some thousands"
        )]
        let rank = (share * self.0.len() as f64).ceil().max(1.0) as usize - 1;
        self.0.get(rank).copied().unwrap_or_default()
    }

    /// The longest one; 0 where nothing was measured.
    #[must_use]
    pub fn longest(&self) -> f64 {
        self.0.last().copied().unwrap_or_default()
    }

    /// Each duration with the share of all that do not exceed it, ascending.
    pub fn cumulated(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        #[expect(clippy::cast_precision_loss, reason = "a rank among some thousands")]
        let share = |rank: usize| (rank + 1) as f64 / self.0.len() as f64;
        self.0
            .iter()
            .enumerate()
            .map(move |(rank, duration)| (share(rank), *duration))
    }
}

impl FromIterator<Duration> for Distribution {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let durations = durations.into_iter();
        durations.map(|took| took.as_secs_f64() * 1e3).collect()
    }
}

impl FromIterator<f64> for Distribution {
    fn from_iter<I: IntoIterator<Item = f64>>(durations: I) -> Self {
        let mut durations: Vec<f64> = durations.into_iter().collect();
        durations.sort_by(f64::total_cmp);
        Self(durations)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::float_cmp,
        reason = "a quantile is one of the values, not computed from them"
    )]
    fn a_quantile_is_a_duration_that_was_measured() {
        let hundred: Distribution = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            (hundred.quantile(0.5), hundred.quantile(0.99)),
            (50.0, 99.0)
        );
        assert_eq!((hundred.quantile(1.0), hundred.longest()), (100.0, 100.0));
        assert_eq!(hundred.quantile(0.0), 1.0);
        assert_eq!(Distribution::default().quantile(0.5), 0.0);
        let two: Distribution = [2, 1].map(Duration::from_secs).into_iter().collect();
        assert_eq!((two.quantile(0.5), two.longest()), (1_000.0, 2_000.0));
    }
}
