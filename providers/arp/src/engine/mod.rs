//! Which station answers for which address? Decided here, without sockets, clocks or chance: time is an argument, and
//! what is to be sent is handed out for somebody else to send.

mod chunks;
mod claims;
mod conflict;
mod dispute;
mod gratuitous;
mod greeting;
mod handover;
mod hearing;
mod line;
mod listening;
mod missed;
mod output;
mod peers;
mod rebalance;
mod responder;
mod score;
mod segment;
mod settings;
mod shared;
mod show;
mod speech;
mod stats;
mod timers;
mod told;
mod twins;
mod view;
mod vip;
mod watermark;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Instant,
};

pub use self::{
    conflict::PROBING,
    handover::{HANDOVER_REPEATED, HANDOVER_WITHIN},
    line::{TURN, TURN_OF_THE_SILENT, TURN_OF_THE_UNKNOWN},
    listening::{LISTENS_AT_LEAST, LISTENS_FOR},
    output::{ClaimCause, Event, LetGoCause, PeerLostCause, Transmit},
    settings::{Candidates, DEFAULT_INTERVAL, Selection, Settings, Wanted},
    stats::{Claims, Ignored, Lateness, Stats},
    view::{AddressView, Holder, InterfaceView, PeerView, StanceView, Standing, View},
};
use self::{segment::Segment, shared::Shared, twins::Twins};
use crate::{
    Interface, InterfaceIndex,
    wire::hello::{HOP_LIMIT, Keys},
};

/// One node's announcer.
///
/// Whoever runs it reads the clock before each call, calls [`Engine::handle_timeout`] by [`Engine::poll_timeout`] at the
/// latest, having first handed in what had arrived by then, and empties [`Engine::poll_transmit`] and
/// [`Engine::poll_event`] after each call.
#[derive(Debug)]
pub struct Engine {
    shared: Shared,
    segments: BTreeMap<InterfaceIndex, Segment>,
    wanted: BTreeMap<IpAddr, Wanted>,
    /// The last hello's number of interfaces that are gone; one that comes back goes on from there.
    sequences: BTreeMap<Arc<str>, u64>,
    twins: Twins,
    /// When it was last called.
    turned: Instant,
}

// === impl Engine ===

impl Engine {
    /// An engine without interfaces and without addresses.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            turned: settings.started,
            twins: Twins::default(),
            shared: Shared::new(settings),
            segments: BTreeMap::new(),
            wanted: BTreeMap::new(),
            sequences: BTreeMap::new(),
        }
    }

    /// All interfaces that can announce at present. What is missing is let go; what is new listens first; a changed
    /// Ethernet address is announced.
    pub fn set_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        self.turn(now);
        let there: BTreeMap<InterfaceIndex, Arc<str>> = interfaces
            .iter()
            .map(|interface| (interface.index, Arc::clone(&interface.name)))
            .collect();
        let gone: BTreeSet<InterfaceIndex> = self
            .segments
            .iter()
            .filter(|(index, segment)| there.get(index) != Some(&segment.interface.name))
            .map(|(index, _)| *index)
            .collect();
        for index in gone {
            self.remove_interface(index, now);
        }
        for interface in interfaces {
            self.add_interface(interface, now);
        }
    }

    fn remove_interface(&mut self, index: InterfaceIndex, now: Instant) {
        let Some(mut segment) = self.segments.remove(&index) else {
            return;
        };
        segment.let_all_go(&LetGoCause::InterfaceGone, now, &mut self.shared);
        let (me, sequence) = (segment.me, segment.greeting.sequence);
        self.sequences.insert(Arc::clone(&me.interface), sequence);
        // Where it was heard by another interface of this node, nobody needs to wait until it is silent.
        for segment in self.segments.values_mut() {
            if let Some(id) = segment.peers.id(&me) {
                segment.lose(id, PeerLostCause::Left, now, &mut self.shared);
            }
        }
    }

    fn add_interface(&mut self, interface: Interface, now: Instant) {
        let index = interface.index;
        self.shared.add_own(interface.mac);
        if let Some(segment) = self.segments.get_mut(&index) {
            if segment.interface == interface {
                return;
            }
            segment.change(interface, now, &mut self.shared);
        } else {
            let said = self.sequences.get(&interface.name).copied().unwrap_or(0);
            let segment = Segment::new(interface, said, now, &self.shared);
            self.segments.insert(index, segment);
        }
        if let Some(segment) = self.segments.get_mut(&index) {
            for wanted in self.wanted.values() {
                segment.want(wanted, now, &mut self.shared);
            }
        }
    }

    /// Adds an address, or changes what is known about it.
    pub fn want(&mut self, now: Instant, wanted: Wanted) {
        self.turn(now);
        for segment in self.segments.values_mut() {
            segment.want(&wanted, now, &mut self.shared);
        }
        self.wanted.insert(wanted.address, wanted);
    }

    /// Removes an address: it is let go at once, and nobody is asked to take it.
    pub fn unwant(&mut self, now: Instant, address: IpAddr) {
        self.turn(now);
        self.wanted.remove(&address);
        for segment in self.segments.values_mut() {
            segment.unwant(address, now, &mut self.shared);
        }
    }

    /// Whether this node forwards at all. It does, until told otherwise.
    pub fn set_fit(&mut self, now: Instant, fit: bool) {
        self.turn(now);
        if self.shared.fit != fit {
            self.shared.fit = fit;
            for segment in self.segments.values_mut() {
                segment.readiness_changed(now, &mut self.shared);
            }
        }
    }

    /// What hellos are signed with and believed by from now on. Nothing moves where the others believe the new signing key
    /// already, and sign with one that is still believed here.
    pub fn set_keys(&mut self, keys: Keys) {
        self.shared.settings.keys = keys;
    }

    /// Begins to hand everything over; [`Self::is_drained`] tells when that is done, within half a second.
    pub fn drain(&mut self, now: Instant) {
        self.turn(now);
        if self.shared.draining.is_none() {
            self.shared.draining = Some(now);
            for segment in self.segments.values_mut() {
                segment.readiness_changed(now, &mut self.shared);
            }
        }
    }

    /// Whether, after [`Self::drain`], nothing is held any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.shared.draining.is_some() && self.segments.values().all(Segment::is_empty)
    }

    /// Takes in a whole Ethernet frame that carries ARP, or a neighbour solicitation or advertisement.
    ///
    /// # Errors
    ///
    /// Why it changes nothing; counted already.
    pub fn handle_frame(
        &mut self,
        now: Instant,
        interface: InterfaceIndex,
        frame: &[u8],
    ) -> Result<(), Ignored> {
        self.turn(now);
        self.shared.stats.frames_received += 1;
        self.meet(interface, frame, now);
        let Some(segment) = self.segments.get_mut(&interface) else {
            return Err(self.shared.stats.ignore(Ignored::WrongInterface));
        };
        segment
            .handle_frame(frame, now, &mut self.shared)
            .map_err(|reason| self.shared.stats.ignore(reason))
    }

    /// Takes in a hello's datagram.
    ///
    /// # Errors
    ///
    /// Why it changes nothing; counted already.
    pub fn handle_hello(
        &mut self,
        now: Instant,
        interface: InterfaceIndex,
        hop_limit: u8,
        payload: &[u8],
    ) -> Result<(), Ignored> {
        self.turn(now);
        let Some(segment) = self.segments.get_mut(&interface) else {
            return Err(self.shared.stats.ignore(Ignored::WrongInterface));
        };
        segment
            .handle_hello(hop_limit, payload, now, &mut self.shared)
            .map_err(|reason| self.shared.stats.ignore(reason))?;
        segment.greet(now, &mut self.shared);
        Ok(())
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(late) = self
            .poll_timeout()
            .and_then(|due| now.checked_duration_since(due))
        {
            self.shared.stats.lateness.record(late);
        }
        self.turn(now);
        self.hear_twins(now);
        for segment in self.segments.values_mut() {
            segment.run(now, &mut self.shared);
        }
    }

    /// Looks at whether `frame` came from another interface of this node.
    fn meet(&mut self, interface: InterfaceIndex, frame: &[u8], now: Instant) {
        let source = frame.get(6..12);
        let is_it = |segment: &&Segment| source == Some(&segment.interface.mac.0);
        let other = self.segments.values().find(is_it);
        if let (Some(one), Some(other)) = (self.segments.get(&interface), other) {
            self.twins.met(&one.interface, &other.interface, now);
        }
    }

    /// Has interfaces of this node that are on one segment hear each other.
    fn hear_twins(&mut self, now: Instant) {
        self.twins
            .forget(now, |index| self.segments.contains_key(&index));
        while let Some(said) = self.twins.next() {
            let Some(segment) = self.segments.get_mut(&said.to) else {
                continue;
            };
            match segment.handle_hello(HOP_LIMIT, &said.payload, now, &mut self.shared) {
                Ok(()) => segment.greet(now, &mut self.shared),
                Err(reason) => {
                    self.shared.stats.ignore(reason);
                }
            }
        }
    }

    /// When [`Self::handle_timeout`] is to be called at the latest. It may be at once: what follows from several calls is
    /// said together.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.twins.is_waiting() {
            return Some(self.turned);
        }
        self.segments.values().map(Segment::due).min()
    }

    /// The next thing to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let transmit = self.shared.next_transmit()?;
        self.twins.overhear(&transmit);
        Some(transmit)
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.shared.next_event()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// If the others must have taken this station for dead, it lets go of everything before it does anything else.
    fn turn(&mut self, now: Instant) {
        self.turned = now;
        let stalled = |segment: &Segment| segment.stalled_by(now);
        let Some(by) = self.segments.values().filter_map(stalled).max() else {
            return;
        };
        self.shared.stats.stalls += 1;
        self.shared.tell(Event::Stalled { by });
        for segment in self.segments.values_mut() {
            segment.stall(now, &mut self.shared);
        }
    }
}
