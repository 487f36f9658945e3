//! May an address move to where it would have gone first? Only if a user asked for it, and one at a time.

use std::{net::IpAddr, ops::Bound, time::Instant};

use super::{segment::Segment, shared::Shared, timers::Timer, vip::Stance};

// === impl Segment ===

impl Segment {
    /// The first time at a moment of its own, so that not all stations move something in the same one.
    pub(super) fn begin_rebalancing(&mut self, now: Instant, shared: &Shared) {
        if let Some(every) = shared.settings.rebalance {
            let part = shared.chance(u64::from(self.session.0)) % 1000;
            let phase = every.mul_f64(f64::from(u32::try_from(part).unwrap_or(0)) / 1000.0);
            self.timers.at(now + every + phase, Timer::Rebalance);
        }
    }

    /// Hands over the next address, after the one that was looked at last, for which another would be the first choice.
    pub(super) fn rebalance(&mut self, now: Instant, shared: &mut Shared) {
        let Some(every) = shared.settings.rebalance else {
            return;
        };
        self.timers.at(now + every, Timer::Rebalance);
        let after = self.rebalanced.map_or(Bound::Unbounded, Bound::Excluded);
        let misplaced = |address: &&IpAddr| {
            self.vips
                .get(*address)
                .is_some_and(|vip| vip.stance == Stance::Holding && self.has_better(vip, now))
        };
        let found = self
            .claimed
            .range((after, Bound::Unbounded))
            .find(misplaced)
            .copied();
        self.rebalanced = found;
        if let Some(address) = found {
            self.hand_over(address, true, now, shared);
        }
    }
}
