//! What is due, and when? A heap; what is no longer meant is left in it and passed over when its time comes.

use std::{cmp::Reverse, collections::BinaryHeap, net::IpAddr, time::Instant};

use super::{peers::PeerId, vip::Ticket};

/// Something to look at when its time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Whether a peer is still heard.
    Peer(PeerId),
    /// The end of listening, early or late.
    Listening,
    /// What an address's stance waits for; void if the stance changed since.
    Stance(IpAddr, Ticket),
    /// An address's next unasked announcement; void if it was let go, or announced anew, since.
    Gratuitous(IpAddr, Ticket),
    /// Saying once more that an address was given up.
    Released(IpAddr, Ticket),
    /// Two stations claim an address, and one of them was not known before.
    Disputed(IpAddr),
    /// A stranger was seen to use an address.
    Conflict(IpAddr),
    /// Moving an address to where it would go first.
    Rebalance,
}

/// What is due when, the earliest first; of the same moment, what was asked for first.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, u64, Timer)>>,
    asked: u64,
}

// === impl Timers ===

impl Timers {
    pub(super) fn at(&mut self, when: Instant, timer: Timer) {
        self.asked += 1;
        self.heap.push(Reverse((when, self.asked, timer)));
    }

    /// The next that is due by `now`.
    pub(super) fn due(&mut self, now: Instant) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, _, timer))| timer)
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((when, _, _))| *when)
    }
}
