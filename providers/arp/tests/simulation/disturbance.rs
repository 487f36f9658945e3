//! What can go wrong, or be changed on purpose, and what may follow from it?

use std::{collections::BTreeSet, time::Duration};

use crate::{bounds::Bounds, net::Place, world::World};

/// One thing that happens to a world in which all is quiet.
#[derive(Clone, Debug)]
pub(crate) enum Disturbance {
    Crash(Place),
    Start(Place),
    /// Killed and started again, so long after.
    Restart(Place, Duration),
    /// The same, with a clock that was set back.
    RestartInThePast(Place),
    /// SIGTERM: drained, then gone.
    Drain(Place),
    /// SIGSTOP, and SIGCONT so long after.
    Pause(Place, Duration),
    PowerCut,
    LinkDown(Place),
    LinkUp(Place),
    NewMac(Place),
    Unfit(Place),
    Fit(Place),
    Divide(Vec<usize>),
    Heal,
    /// The second does not hear the first any more.
    Cut(Place, Place),
    Uncut,
    /// The n-th address is created; each node is told after its own time.
    Create(usize, Vec<Duration>),
    Delete(usize, Vec<Duration>),
    /// Only these nodes may announce the n-th address from now on.
    Restrict {
        n: usize,
        nodes: BTreeSet<Place>,
        after: Vec<Duration>,
        at_once: bool,
    },
}

/// What may follow.
#[derive(Debug)]
pub(crate) struct Expected {
    /// For how long nobody may answer.
    pub(crate) nobody: Duration,
    /// For how long more than one may.
    pub(crate) several: Duration,
    /// From which nodes addresses may go; `None`: from any.
    pub(crate) from: Option<BTreeSet<Place>>,
    /// How long until all is quiet.
    pub(crate) settle: Duration,
    /// Whether the client has been told then where everything is; else it learns so by asking.
    pub(crate) neighbours: bool,
}

// === impl Disturbance ===

impl Disturbance {
    /// Lets it happen.
    pub(crate) fn apply(&self, world: &mut World) -> Expected {
        let mut expected = Expected {
            nobody: Duration::ZERO,
            several: Duration::ZERO,
            from: Some(BTreeSet::new()),
            settle: Bounds::of(world).settle(),
            neighbours: true,
        };
        let then = &mut expected;
        match self {
            Self::Crash(place) => world.crashes(*place, then),
            Self::Start(place) => world.starts(*place, then),
            Self::Restart(place, after) => world.restarts(*place, *after, then),
            Self::RestartInThePast(place) => world.restarts_in_the_past(*place, then),
            Self::Drain(place) => world.drains(*place, then),
            Self::Pause(place, length) => world.pauses(*place, *length, then),
            Self::PowerCut => world.loses_power(then),
            Self::LinkDown(place) => world.link_changes(*place, false, then),
            Self::LinkUp(place) => world.link_changes(*place, true, then),
            Self::NewMac(place) => world.mac_changes(*place),
            Self::Unfit(place) => world.fitness_changes(*place, false, then),
            Self::Fit(place) => world.fitness_changes(*place, true, then),
            Self::Divide(parts) => world.divides(parts, then),
            Self::Heal => world.heals(then),
            Self::Cut(from, to) => world.is_cut(*from, *to, then),
            Self::Uncut => world.net.cut.clear(),
            Self::Create(n, after) => world.creates(*n, after, then),
            Self::Delete(n, after) => world.deletes(*n, after, then),
            Self::Restrict {
                n,
                nodes,
                after,
                at_once,
            } => world.restricts(*n, nodes, after, *at_once, then),
        }
        expected
    }
}
