//! What happens next? The earliest of all that is under way or due, until a given moment.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use roadstead_arp::{
    engine::{Engine, Event, PeerLostCause, Transmit, Wanted},
    wire::hello::HOP_LIMIT,
};

use crate::{
    chance::Chance,
    client::Client,
    net::{Net, Packet, Place},
    node::{ETH0, Node},
    vigil::Vigil,
    watch::Watch,
};

/// The true time since 1970 at the beginning of every run.
const EPOCH: Duration = Duration::from_hours(500_000);

/// How much of what happened is kept to be shown.
const LOGGED: usize = 400;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    Arrive {
        to: Place,
        packet: Packet,
    },
    /// The API server tells a node about an address; `None`: that it is no more.
    Tell {
        to: Place,
        address: IpAddr,
        wanted: Option<Wanted>,
    },
    Resume(Place),
    Start(Place),
}

/// Everything.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) begin: Instant,
    pub(crate) now: Instant,
    pub(crate) chance: Chance,
    pub(crate) net: Net,
    pub(crate) nodes: Vec<Node>,
    pub(crate) client: Client,
    pub(crate) watch: Watch,
    /// What must hold at every moment, where that is looked at.
    pub(crate) vigil: Option<Vigil>,
    /// What was ever announced: who starts later knows it from the Service's status.
    pub(crate) published: BTreeSet<IpAddr>,
    /// Every address that any node was ever told of.
    told: BTreeSet<IpAddr>,
    /// Every hello ever said, by whom, if they are to be kept.
    pub(crate) recorded: Option<Vec<(Place, Packet)>>,
    /// What each node told of itself, in order.
    pub(crate) history: Vec<(Duration, Place, Event)>,
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    queued: BTreeMap<u64, Due>,
    count: u64,
    last_arrival: BTreeMap<(Place, Place), Instant>,
    log: VecDeque<String>,
}

// === impl World ===

impl World {
    pub(crate) fn new(seed: u64, nodes: usize, net: Net) -> Self {
        let begin = Instant::now();
        Self {
            seed,
            begin,
            now: begin,
            chance: Chance::new(seed),
            net,
            nodes: (0..nodes).map(|place| Node::new(place, begin)).collect(),
            client: Client::default(),
            watch: Watch::default(),
            vigil: None,
            published: BTreeSet::new(),
            told: BTreeSet::new(),
            recorded: None,
            history: Vec::new(),
            queue: BinaryHeap::new(),
            queued: BTreeMap::new(),
            count: 0,
            last_arrival: BTreeMap::new(),
            log: VecDeque::new(),
        }
    }

    /// The client's place.
    pub(crate) fn outside(&self) -> Place {
        self.nodes.len()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.begin
    }

    pub(crate) fn log(&mut self, what: impl std::fmt::Display) {
        if self.log.len() == LOGGED {
            self.log.pop_front();
        }
        let at = self.elapsed();
        self.log.push_back(format!("{at:>14.6?} {what}"));
    }

    pub(crate) fn logged(&self) -> String {
        Vec::from(self.log.clone()).join("\n")
    }

    pub(crate) fn later(&mut self, after: Duration, due: Due) {
        self.at(self.now + after, due);
    }

    fn at(&mut self, at: Instant, due: Due) {
        self.count += 1;
        self.queued.insert(self.count, due);
        self.queue.push(Reverse((at, self.count)));
    }

    pub(crate) fn start(&mut self, place: Place) {
        let seed = self.chance.next();
        self.start_with(place, seed);
    }

    /// Starts a node's process with a seed of its own.
    pub(crate) fn start_with(&mut self, place: Place, seed: u64) {
        let wall = EPOCH + self.elapsed();
        let lateness = self.nodes[place].lateness;
        self.log(format_args!("start {place} (late by at most {lateness:?})"));
        for (address, wanted) in &mut self.nodes[place].knows {
            wanted.seen_before = self.published.contains(address);
        }
        self.nodes[place].start(self.now, wall, seed);
        self.after(place);
        self.look();
    }

    pub(crate) fn kill(&mut self, place: Place) {
        self.log(format!("kill {place}"));
        self.nodes[place].kill();
        self.look();
    }

    pub(crate) fn pause(&mut self, place: Place, length: Duration) {
        self.log(format!("pause {place} for {length:?}"));
        self.nodes[place].paused = true;
        self.later(length, Due::Resume(place));
        self.look();
    }

    /// Does something with a node's engine, if it runs.
    pub(crate) fn with(&mut self, place: Place, act: impl FnOnce(&mut Engine, Instant)) {
        let now = self.now;
        if self.nodes[place].runs()
            && let Some(engine) = self.nodes[place].engine.as_mut()
        {
            act(engine, now);
        }
        self.after(place);
    }

    pub(crate) fn run_for(&mut self, length: Duration) {
        let end = self.now + length;
        loop {
            let due = self.queue.peek().map(|Reverse((at, _))| *at);
            let wake = (0..self.nodes.len())
                .filter_map(|place| Some((self.nodes[place].wake?, place)))
                .min();
            match (due, wake) {
                (Some(due), wake) if due <= end && wake.is_none_or(|(at, _)| due <= at) => {
                    self.now = self.now.max(due);
                    let Reverse((_, slot)) = self.queue.pop().unwrap();
                    let due = self.queued.remove(&slot).unwrap();
                    self.happen(due);
                }
                (_, Some((at, place))) if at <= end => {
                    self.now = self.now.max(at);
                    self.with(place, Engine::handle_timeout);
                }
                _ => break,
            }
        }
        self.now = end;
        self.look();
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Arrive { to, packet } if to == self.outside() => {
                if let Packet::Frame(frame) = packet {
                    self.client.hear(self.now, &frame);
                }
            }
            Due::Arrive { to, packet } => self.arrive(to, packet),
            Due::Tell {
                to,
                address,
                wanted,
            } => self.tell(to, address, wanted),
            Due::Start(place) => self.start(place),
            Due::Resume(place) => {
                if self.nodes[place].paused {
                    self.resume(place);
                }
            }
        }
    }

    /// What arrived meanwhile comes first, then what the kernel and the API server told.
    fn resume(&mut self, place: Place) {
        self.log(format_args!("resume {place}"));
        self.nodes[place].paused = false;
        for packet in std::mem::take(&mut self.nodes[place].inbox) {
            self.arrive(place, packet);
        }
        let (interfaces, fit) = (self.nodes[place].interfaces(), self.nodes[place].fit);
        let (knows, told) = (self.nodes[place].knows.clone(), self.told.clone());
        self.with(place, |engine, now| {
            engine.set_interfaces(now, interfaces);
            engine.set_fit(now, fit);
            for address in told {
                match knows.get(&address) {
                    Some(wanted) => engine.want(now, wanted.clone()),
                    None => engine.unwant(now, address),
                }
            }
            engine.handle_timeout(now);
        });
        self.look();
    }

    fn arrive(&mut self, to: Place, packet: Packet) {
        if self.nodes[to].engine.is_none() || !self.nodes[to].link {
            return;
        }
        if self.nodes[to].paused {
            self.nodes[to].inbox.push(packet);
            return;
        }
        self.with(to, |engine, now| {
            let _ignored = match &packet {
                Packet::Hello { hop_limit, payload } => {
                    engine.handle_hello(now, ETH0, *hop_limit, payload)
                }
                Packet::Frame(frame) => engine.handle_frame(now, ETH0, frame),
            };
        });
    }

    pub(crate) fn tell(&mut self, to: Place, address: IpAddr, wanted: Option<Wanted>) {
        let what = wanted
            .as_ref()
            .map(|wanted| (wanted.may, &wanted.candidates));
        self.log(format!("tell {to}: {address} {what:?}"));
        self.told.insert(address);
        if let Some(wanted) = wanted {
            self.nodes[to].knows.insert(address, wanted.clone());
            self.with(to, |engine, now| engine.want(now, wanted));
        } else {
            self.nodes[to].knows.remove(&address);
            self.with(to, |engine, now| engine.unwant(now, address));
        }
        self.look();
    }

    /// Sends from `from` to everybody else.
    pub(crate) fn broadcast(&mut self, from: Place, packet: &Packet) {
        for to in (0..=self.outside()).filter(|to| *to != from) {
            for after in self.net.delays(from, to, &mut self.chance) {
                let mut at = self.now + after;
                if self.net.in_order {
                    let last = self.last_arrival.entry((from, to)).or_insert(at);
                    at = at.max(*last);
                    *last = at;
                }
                let packet = packet.clone();
                self.at(at, Due::Arrive { to, packet });
            }
        }
    }

    /// Carries out what a node's engine asks for, and learns what it tells.
    fn after(&mut self, place: Place) {
        let mut events = Vec::new();
        if self.nodes[place].runs() {
            while let Some(transmit) = self.nodes[place]
                .engine
                .as_mut()
                .and_then(Engine::poll_transmit)
            {
                let packet = match transmit {
                    Transmit::Frame { frame, .. } => Packet::Frame(frame),
                    Transmit::Hello { payload, .. } => Packet::Hello {
                        hop_limit: HOP_LIMIT,
                        payload,
                    },
                    Transmit::Join { .. }
                    | Transmit::Leave { .. }
                    | Transmit::Heed { .. }
                    | Transmit::Disregard { .. } => continue,
                };
                if let (Some(recorded), Packet::Hello { .. }) = (&mut self.recorded, &packet) {
                    recorded.push((place, packet.clone()));
                }
                if self.nodes[place].link {
                    self.broadcast(place, &packet);
                }
            }
            while let Some(event) = self.nodes[place]
                .engine
                .as_mut()
                .and_then(Engine::poll_event)
            {
                events.push(event);
            }
        }
        let news = !events.is_empty();
        for event in events {
            self.log(format!("{place}: {event:?}"));
            match &event {
                Event::Claimed { address, .. } => {
                    self.published.insert(*address);
                    assert!(
                        self.nodes[place].answering.insert(*address),
                        "claimed twice"
                    );
                }
                Event::LetGo { address, .. } => {
                    assert!(
                        self.nodes[place].answering.remove(address),
                        "let go what it had not"
                    );
                }
                Event::PeerJoined { peer, .. } => {
                    self.nodes[place].misses.remove(&peer.node);
                }
                Event::PeerLost { peer, cause, .. } => {
                    if *cause == PeerLostCause::Silent {
                        self.nodes[place].misses.insert(Arc::clone(&peer.node));
                    }
                }
                Event::Conflict { .. } | Event::ConflictOver { .. } | Event::Stalled { .. } => {}
            }
            self.history.push((self.now - self.begin, place, event));
        }
        let node = &mut self.nodes[place];
        let due = (node.engine.as_ref().filter(|_| !node.paused)).and_then(Engine::poll_timeout);
        if due.is_some_and(|due| due <= self.now) {
            // What is due at once is done at once: the engine's thread runs already.
            node.wake = Some(self.now);
        } else if node.due != due || node.wake.is_some_and(|wake| wake <= self.now) {
            let late = self.chance.between(Duration::ZERO, node.lateness);
            node.wake = due.map(|due| due + late);
        }
        node.due = due;
        if news {
            self.look();
        }
    }

    /// Whether something else than a packet is still to come.
    pub(crate) fn expects_more(&self) -> bool {
        let mut due = self.queued.values();
        due.any(|due| !matches!(due, Due::Arrive { .. }))
    }

    /// Sees who answers for what at this moment.
    pub(crate) fn look(&mut self) {
        let mut watch = std::mem::take(&mut self.watch);
        watch.look(self);
        self.watch = watch;
        if let Some(mut vigil) = self.vigil.take() {
            vigil.look(self);
            self.vigil = Some(vigil);
        }
    }

    /// Every address that any node knows of.
    pub(crate) fn addresses(&self) -> BTreeSet<IpAddr> {
        self.nodes
            .iter()
            .flat_map(|node| node.knows.keys().copied())
            .collect()
    }
}
