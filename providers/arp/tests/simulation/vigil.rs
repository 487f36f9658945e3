//! What must hold at every moment, whatever happens at once? Nobody tells the vigil what was done to a world: it sees what
//! has changed since it looked last, and judges by how long ago that was.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use roadstead_arp::engine::Wanted;

use crate::{bounds::Bounds, net::Place, world::World};

/// How long a station whose clock was set back may not be believed, and a bit.
const DISBELIEVED: Duration = Duration::from_millis(10_500);

/// What was seen, and since when it is so.
#[derive(Debug)]
pub(crate) struct Vigil {
    bounds: Bounds,
    /// Whether packets are lost: then a station may be taken for dead at any time, and what it holds may move.
    lossy: bool,
    seen: Vec<Seen>,
    /// The segment as it was.
    parts: Vec<usize>,
    cut: BTreeSet<(Place, Place)>,
    /// By the first's place, then the second's: whether it hears the second, as far as the segment goes, and since when.
    hears: Vec<Vec<(bool, Instant)>>,
    /// Since when two that hear each other both answer for an address.
    both: BTreeMap<(Place, Place, IpAddr), Instant>,
    /// Since when nobody in a part answers for an address that somebody there may announce.
    nobody: BTreeMap<(usize, IpAddr), Instant>,
}

/// One node.
#[derive(Debug)]
struct Seen {
    up: Up,
    /// Since when that is so, or will have to be believed by others.
    up_since: Instant,
    fit: bool,
    fit_since: Instant,
    /// The latest start, by its own clock.
    latest: Duration,
    knows: BTreeMap<IpAddr, Wanted>,
    told: BTreeMap<IpAddr, Instant>,
    /// When the segment last began or ceased to carry something between it and another one.
    reach_changed: Instant,
    answers: BTreeMap<IpAddr, Instant>,
}

/// Whether a node takes part, and in which run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Up {
    started: Instant,
    runs: bool,
    link: bool,
}

// === impl Vigil ===

impl Vigil {
    /// Begins to look.
    pub(crate) fn begin(world: &World) -> Self {
        let nodes = world.nodes.len();
        let mut vigil = Self {
            bounds: Bounds::of(world),
            lossy: world.net.lost > 0,
            seen: Vec::new(),
            parts: Vec::new(),
            cut: BTreeSet::new(),
            hears: vec![vec![(true, world.now); nodes]; nodes],
            both: BTreeMap::new(),
            nobody: BTreeMap::new(),
        };
        for place in 0..nodes {
            vigil.seen.push(Seen::of(world, place));
        }
        vigil.look(world);
        vigil
    }

    /// Takes in what has changed, and judges.
    ///
    /// # Panics
    ///
    /// If something does not hold.
    pub(crate) fn look(&mut self, world: &World) {
        self.see_segment(world);
        for place in 0..world.nodes.len() {
            self.seen[place].see(world, place);
            self.see_answers(world, place);
        }
        self.see_both(world);
        self.see_nobody(world);
    }

    fn see_segment(&mut self, world: &World) {
        if self.parts == world.net.parts && self.cut == world.net.cut {
            return;
        }
        self.parts.clone_from(&world.net.parts);
        self.cut.clone_from(&world.net.cut);
        for (who, row) in self.hears.iter_mut().enumerate() {
            for (other, seen) in row.iter_mut().enumerate() {
                let hears = who == other || world.net.hears(who, other);
                if seen.0 != hears {
                    *seen = (hears, world.now);
                    self.seen[who].reach_changed = world.now;
                    self.seen[other].reach_changed = world.now;
                }
            }
        }
    }

    /// No node ceases to answer without a cause: something that was done to it, what it was told about the address, or
    /// that it and another one hear each other no more, or again; or that it had claimed in the same moment as another.
    fn see_answers(&mut self, world: &World, place: Place) {
        let node = &world.nodes[place];
        if node.answering.iter().eq(self.seen[place].answers.keys()) {
            return;
        }
        let gone: Vec<(IpAddr, Instant)> = (self.seen[place].answers.iter())
            .filter(|(address, _)| !node.answering.contains(*address))
            .map(|(address, since)| (*address, *since))
            .collect();
        for (address, since) in gone {
            self.seen[place].answers.remove(&address);
            let cause = self.cause(place, address);
            let crossed = world.now - since <= self.bounds.both_in_a_storm(self.lossy);
            let caused = world.now.saturating_duration_since(cause) <= self.bounds.settle();
            assert!(
                self.lossy || crossed || caused,
                "{place} let {address} go without a cause"
            );
        }
        for address in &node.answering {
            let seen = &mut self.seen[place].answers;
            seen.entry(*address).or_insert(world.now);
        }
    }

    /// When something happened last for which a node may cease to answer. Where another one does not hear it and is heard,
    /// that one may claim, and is yielded to, whenever anything happens to anybody.
    fn cause(&self, place: Place, address: IpAddr) -> Instant {
        let unheard = |other: &Place| self.hears[place][*other].0 && !self.hears[*other][place].0;
        let touched = self.seen[place].touched(address);
        if (0..self.seen.len()).any(|other| unheard(&other)) {
            let all = self.seen.iter().map(|seen| seen.touched(address));
            all.fold(touched, Instant::max)
        } else {
            touched
        }
    }

    /// Two that hear each other do not both answer for long.
    fn see_both(&mut self, world: &World) {
        let bound = self.bounds.both_in_a_storm(self.lossy);
        let mut both = BTreeMap::new();
        for (address, answering) in self.answering() {
            for (n, one) in answering.iter().enumerate() {
                for other in &answering[n + 1..] {
                    if let Some(contact) = self.contact(*one, *other) {
                        both.insert((*one, *other, address), contact);
                    }
                }
            }
        }
        for (key, since) in std::mem::take(&mut self.both) {
            let contact = both.get(&key).copied().unwrap_or(since);
            let length = world.now.saturating_duration_since(since.max(contact));
            assert!(
                length <= bound,
                "{} and {} both answered for {} for {length:?}, and not at most {bound:?}",
                key.0,
                key.1,
                key.2
            );
            if let Some(begin) = both.get_mut(&key) {
                *begin = since.max(contact);
            }
        }
        for ((one, other, address), since) in &mut both {
            let answer = |place: Place| self.seen[place].answers[address];
            *since = (*since).max(answer(*one)).max(answer(*other));
        }
        self.both = both;
    }

    /// Who answers for what.
    fn answering(&self) -> BTreeMap<IpAddr, Vec<Place>> {
        let mut answering: BTreeMap<IpAddr, Vec<Place>> = BTreeMap::new();
        for (place, seen) in self.seen.iter().enumerate() {
            for address in seen.answers.keys().filter(|_| seen.up.is_up()) {
                answering.entry(*address).or_default().push(place);
            }
        }
        answering
    }

    /// Since when two have been up and have heard each other, if they do.
    fn contact(&self, one: Place, other: Place) -> Option<Instant> {
        let ((there, since), (back, since_back)) = (self.hears[one][other], self.hears[other][one]);
        let (one, other) = (&self.seen[one], &self.seen[other]);
        let up = one.up.is_up() && other.up.is_up();
        (up && there && back).then(|| {
            (since.max(since_back))
                .max(one.up_since)
                .max(other.up_since)
        })
    }

    /// Nobody answers only for so long as it takes since something was done last that matters for the address.
    fn see_nobody(&mut self, world: &World) {
        let mut nobody = BTreeMap::new();
        let parts: BTreeSet<usize> = world.net.parts.iter().copied().collect();
        let answering = self.answering();
        for address in world.addresses() {
            for part in &parts {
                let is_here = |place: &Place| world.net.parts[*place] == *part;
                if (answering.get(&address)).is_some_and(|places| places.iter().any(is_here)) {
                    continue;
                }
                let here: Vec<Place> = (0..world.nodes.len()).filter(is_here).collect();
                if !here.iter().any(|place| world.nodes[*place].may(address)) {
                    continue;
                }
                let touched = here.iter().map(|place| self.seen[*place].touched(address));
                let before = self.nobody.get(&(*part, address)).copied();
                let since = touched.fold(before.unwrap_or(world.now), Instant::max);
                let length = world.now.saturating_duration_since(since);
                let bound = self.nobody_for(world, &here, address);
                assert!(
                    length <= bound,
                    "nobody of {here:?} answered for {address} for {length:?}, and not at most {bound:?}"
                );
                nobody.insert((*part, address), since);
            }
        }
        self.nobody = nobody;
    }

    fn nobody_for(&self, world: &World, here: &[Place], address: IpAddr) -> Duration {
        // Those who seem ready and may not are waited for, each for a turn; those who do not hear all others, for one turn
        // together.
        let seems_ready = |place: &&Place| {
            let node = &world.nodes[**place];
            node.runs() && node.link && node.fit && !node.may(address)
        };
        let idle = here.iter().filter(seems_ready).count();
        let deaf = |one: &Place| here.iter().any(|other| !self.hears[*one][*other].0);
        let cut = here.iter().any(deaf);
        let turns = idle + usize::from(cut);
        (self.bounds).nobody_in_a_storm(u32::try_from(turns).unwrap(), self.lossy)
    }
}

// === impl Seen ===

impl Seen {
    fn of(world: &World, place: Place) -> Self {
        let node = &world.nodes[place];
        Self {
            up: Up::of(world, place),
            up_since: world.now,
            fit: node.fit,
            fit_since: world.now,
            latest: Duration::ZERO,
            knows: node.knows.clone(),
            told: BTreeMap::new(),
            reach_changed: world.now,
            answers: BTreeMap::new(),
        }
    }

    fn see(&mut self, world: &World, place: Place) {
        let (node, now) = (&world.nodes[place], world.now);
        let up = Up::of(world, place);
        if up != self.up {
            let start = (up.started - world.begin) + node.skew;
            let restarted = up.started != self.up.started;
            self.up_since = if restarted && start < self.latest {
                now + DISBELIEVED
            } else {
                now.max(self.up_since)
            };
            self.latest = self.latest.max(start);
            self.up = up;
        }
        if node.fit != self.fit {
            (self.fit, self.fit_since) = (node.fit, now);
        }
        if node.knows != self.knows {
            for address in node.knows.keys().chain(self.knows.keys()) {
                if node.knows.get(address) != self.knows.get(address) {
                    self.told.insert(*address, now);
                }
            }
            self.knows.clone_from(&node.knows);
        }
    }

    /// When something was done last to the node that matters for `address`.
    fn touched(&self, address: IpAddr) -> Instant {
        let told = self.told.get(&address).copied();
        (self.up_since.max(self.fit_since))
            .max(self.reach_changed)
            .max(told.unwrap_or(self.up_since))
    }
}

// === impl Up ===

impl Up {
    fn of(world: &World, place: Place) -> Self {
        let node = &world.nodes[place];
        Self {
            started: node.started,
            runs: node.runs(),
            link: node.link,
        }
    }

    fn is_up(self) -> bool {
        self.runs && self.link
    }
}
