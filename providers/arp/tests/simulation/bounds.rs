//! How long may nobody, or more than one, answer? Each bound with where it comes from.

use std::time::Duration;

use roadstead_arp::engine::{
    DEFAULT_INTERVAL, HANDOVER_REPEATED, LISTENS_FOR, PROBING, TURN, TURN_OF_THE_SILENT,
    TURN_OF_THE_UNKNOWN,
};

use crate::world::World;

/// What the others wait before a silent station is dead to them: 3.5 intervals.
pub(crate) const DEAD: Duration = Duration::from_millis(350);

/// How often a station tells everything it holds.
const FULL: Duration = Duration::from_secs(1);

/// How much later an answer to a newcomer may come when many come at once.
const ANSWER_SPACING: Duration = Duration::from_millis(10);

/// The bounds in a world, which come from its delays and its nodes' lateness.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The longest way of a packet.
    delay: Duration,
    /// The latest that an engine is run.
    late: Duration,
    in_order: bool,
    nodes: u32,
}

// === impl Bounds ===

impl Bounds {
    pub(crate) fn of(world: &World) -> Self {
        Self {
            delay: world.net.most_delay,
            late: (world.nodes.iter().map(|node| node.lateness).max()).unwrap_or_default(),
            in_order: world.net.in_order,
            nodes: u32::try_from(world.nodes.len()).unwrap(),
        }
    }

    /// A holder is gone without a word: its last hello was heard a delay after it was said, when the station still lived;
    /// the first in line claims as soon as it is run after the holder's time is over. If that one was silent once, it has
    /// a head start.
    pub(crate) fn crash(self) -> Duration {
        DEAD + self.delay + self.late + TURN_OF_THE_SILENT
    }

    /// Only newcomers are left: they listen, wait for no one who listens as well and comes first by less than that one's
    /// listening, and may not know that it was ever announced.
    pub(crate) fn newcomers(self, spread: Duration) -> Duration {
        spread + LISTENS_FOR + self.first_claim()
    }

    /// Nobody had it ever: from the moment at which the first in line knows of it, as long as the probes take, each sent
    /// a bit late.
    pub(crate) fn first_claim(self) -> Duration {
        PROBING + 4 * self.late + self.delay
    }

    /// The holder answers until it hears that the next one does: one delay. What is overtaken on the way was not said;
    /// the holder says again after 5 ms that it gives up, and the next one that it claims.
    pub(crate) fn both_at_handover(self) -> Duration {
        if self.in_order {
            self.delay
        } else {
            HANDOVER_REPEATED + 2 * self.delay + self.late
        }
    }

    /// The holder lets go at once; the next one hears it a delay later.
    pub(crate) fn gap_at_once(self) -> Duration {
        if self.in_order {
            self.delay
        } else {
            HANDOVER_REPEATED + self.delay + self.late
        }
    }

    /// Two parts meet again, and somebody is missed in one of them: the first hello to come through is half an interval
    /// away at most; the answer to it names the newcomer and all that is held, and so does the answer to the answer. What
    /// is overtaken is as lost, and said again in the next three hellos.
    pub(crate) fn both_after_healing(self) -> Duration {
        self.both_when_met_within(DEFAULT_INTERVAL / 2)
    }

    /// Two parts meet, and nobody knew of the other: they start, or started anew, while they were apart.
    pub(crate) fn both_at_first_meeting(self) -> Duration {
        self.both_when_met_within(DEFAULT_INTERVAL * 7 / 10)
    }

    fn both_when_met_within(self, pace: Duration) -> Duration {
        let met = pace + self.late + ANSWER_SPACING + 3 * self.delay;
        if self.in_order {
            met
        } else {
            met + 3 * (pace + self.late)
        }
    }

    /// Two that hear each other both answer for an address, whatever else happens: as two that meet for the first time,
    /// since after many starts and partitions they may. Where a fifth of the packets is lost, it takes ten intervals until
    /// the one has surely heard the other: once in ten millions it has not.
    pub(crate) fn both_in_a_storm(self, lossy: bool) -> Duration {
        let lost = if lossy {
            10 * DEFAULT_INTERVAL
        } else {
            Duration::ZERO
        };
        self.both_at_first_meeting() + lost
    }

    /// Nobody answers, whatever happened before: all who are gone are known to be, all newcomers have listened, and as
    /// many turns have passed as the first in line may have to wait. It waits longer if somebody let go without a word,
    /// as two do who yield to each other, and once more after those who were silent.
    pub(crate) fn nobody_in_a_storm(self, turns: u32, lossy: bool) -> Duration {
        let lost = if lossy {
            10 * DEFAULT_INTERVAL
        } else {
            Duration::ZERO
        };
        LISTENS_FOR
            + turns * TURN
            + TURN_OF_THE_UNKNOWN
            + TURN_OF_THE_SILENT
            + self.first_claim()
            + lost
    }

    /// A station hears nobody and claims; the holder that hears it lets go one delay later. Overtaken, the claim is
    /// repeated in the next hello.
    pub(crate) fn both_at_one_way(self) -> Duration {
        if self.in_order {
            self.delay
        } else {
            DEFAULT_INTERVAL + self.late + self.delay
        }
    }

    /// An address is being deleted, and the holder knows it first: the others miss it in its next full list, and may wait
    /// for all who come before and know it too.
    pub(crate) fn while_deleted(self) -> Duration {
        FULL + DEFAULT_INTERVAL
            + TURN_OF_THE_UNKNOWN
            + 2 * self.late
            + self.delay
            + self.nodes * TURN
    }

    /// How long it takes at most that nothing moves any more: everybody's turn, after the longest of the others.
    pub(crate) fn settle(self) -> Duration {
        LISTENS_FOR + FULL + self.nodes * TURN
    }
}
