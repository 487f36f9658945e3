//! Who answers for each address at each moment, and for how long was it nobody, or more than one?

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use crate::{net::Place, world::World};

/// What was seen since the last [`World::forget`].
#[derive(Debug, Default)]
pub(crate) struct Watch {
    tracks: BTreeMap<(usize, IpAddr), Track>,
    now: Option<Instant>,
    /// An address went from one node to another, in this part of the segment.
    pub(crate) moves: Vec<Move>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) address: IpAddr,
    pub(crate) from: Place,
    pub(crate) to: Place,
}

/// One address in one part of the segment.
#[derive(Debug)]
struct Track {
    state: State,
    since: Instant,
    /// Who was the last to answer alone.
    last: Option<Place>,
    nobody: Duration,
    several: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nobody may.
    Idle,
    Nobody,
    One(Place),
    Several,
}

// === impl Watch ===

impl Watch {
    pub(crate) fn look(&mut self, world: &World) {
        self.now = Some(world.now);
        let parts: BTreeSet<usize> = world.net.parts.iter().copied().collect();
        let mut addresses = world.addresses();
        addresses.extend(self.tracks.keys().map(|(_, address)| *address));
        for address in addresses {
            for part in &parts {
                self.look_at(world, *part, address);
            }
        }
    }

    fn look_at(&mut self, world: &World, part: usize, address: IpAddr) {
        let here = || {
            (world.nodes.iter().enumerate()).filter(|(place, _)| world.net.parts[*place] == part)
        };
        let mut answering = here()
            .filter(|(_, node)| node.runs() && node.link && node.answering.contains(&address));
        let state = match (answering.next(), answering.next()) {
            (None, _) if here().any(|(_, node)| node.may(address)) => State::Nobody,
            (None, _) => State::Idle,
            (Some((place, _)), None) => State::One(place),
            (Some(_), Some(_)) => State::Several,
        };
        let now = world.now;
        let track = self.tracks.entry((part, address)).or_insert(Track {
            state,
            since: now,
            last: None,
            nobody: Duration::ZERO,
            several: Duration::ZERO,
        });
        if track.state == state {
            return;
        }
        track.close(now);
        track.state = state;
        track.since = now;
        if state == State::Idle {
            track.last = None;
        }
        if let State::One(to) = state {
            if let Some(from) = track.last.filter(|from| *from != to) {
                self.moves.push(Move { address, from, to });
            }
            track.last = Some(to);
        }
    }

    /// For how long at most, without a break, nobody answered for an address that somebody might have announced.
    pub(crate) fn nobody(&self) -> Duration {
        self.worst(|track, open| {
            track.nobody.max(if track.state == State::Nobody {
                open
            } else {
                Duration::ZERO
            })
        })
    }

    /// For how long at most, without a break, more than one answered.
    pub(crate) fn several(&self) -> Duration {
        self.worst(|track, open| {
            track.several.max(if track.state == State::Several {
                open
            } else {
                Duration::ZERO
            })
        })
    }

    fn worst(&self, of: impl Fn(&Track, Duration) -> Duration) -> Duration {
        let open = |track: &Track| self.now.map_or(Duration::ZERO, |now| now - track.since);
        self.tracks
            .values()
            .map(|track| of(track, open(track)))
            .max()
            .unwrap_or_default()
    }

    /// Begins anew: what was is forgotten, except who answers.
    pub(crate) fn forget(&mut self, now: Instant, parts_change: bool) {
        self.moves.clear();
        if parts_change {
            self.tracks.clear();
        }
        for track in self.tracks.values_mut() {
            track.since = now;
            track.nobody = Duration::ZERO;
            track.several = Duration::ZERO;
        }
    }
}

// === impl Track ===

impl Track {
    fn close(&mut self, now: Instant) {
        let length = now - self.since;
        match self.state {
            State::Nobody => self.nobody = self.nobody.max(length),
            State::Several => self.several = self.several.max(length),
            State::Idle | State::One(_) => {}
        }
    }
}
