//! Where does chance come from? From a seed, so that a run can be repeated.

use std::time::Duration;

/// A generator (`SplitMix64`).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

// === impl Chance ===

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// Less than `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    /// Between the two, the second included.
    pub(crate) fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from((most - least).as_nanos()).unwrap();
        least + Duration::from_nanos(self.next() % (span + 1))
    }

    /// True `per_mille` times of a thousand.
    pub(crate) fn once_in(&mut self, per_mille: u64) -> bool {
        self.next() % 1000 < per_mille
    }

    /// How many nodes a world has: mostly few, since what many do takes as many times the square to compute.
    pub(crate) fn nodes(&mut self) -> usize {
        match self.below(1000) {
            0..880 => 2 + self.below(4),
            880..990 => 6 + self.below(7),
            _ => 13 + self.below(38),
        }
    }
}
