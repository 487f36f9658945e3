//! Which station answers for which address? Decided here, without sockets, clocks or chance: time is an argument, and
//! what is to be sent is handed out for somebody else to send.

mod output;
mod settings;
mod stats;
mod view;

use std::{net::IpAddr, sync::Arc, time::Instant};

pub use self::{
    output::{ClaimCause, Event, LetGoCause, PeerLostCause, Transmit},
    settings::{Candidates, DEFAULT_INTERVAL, Selection, Settings, Wanted},
    stats::{Claims, Ignored, Lateness, Stats},
    view::{AddressView, Holder, InterfaceView, PeerView, StanceView, Standing, View},
};
use crate::{Interface, InterfaceIndex};

/// One node's announcer.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    stats: Stats,
}

// === impl Engine ===

impl Engine {
    /// An engine without interfaces and without addresses.
    #[must_use]
    pub fn new(settings: Settings, _now: Instant) -> Self {
        Self {
            settings,
            stats: Stats::default(),
        }
    }

    /// All interfaces that can announce at present. What is missing is let go; what is new listens first; a changed
    /// Ethernet address is announced.
    pub fn set_interfaces(&mut self, _now: Instant, _interfaces: Vec<Interface>) {}

    /// Adds an address, or changes what is known about it.
    pub fn want(&mut self, _now: Instant, _wanted: Wanted) {}

    /// Removes an address: it is let go at once, and nobody is asked to take it.
    pub fn unwant(&mut self, _now: Instant, _address: IpAddr) {}

    /// Whether this node forwards at all. It does, until told otherwise.
    pub fn set_fit(&mut self, _now: Instant, _fit: bool) {}

    /// Takes in a whole Ethernet frame that carries ARP, or a neighbour solicitation or advertisement.
    pub fn handle_frame(
        &mut self,
        _now: Instant,
        _interface: InterfaceIndex,
        _frame: &[u8],
    ) -> Result<(), Ignored> {
        Err(self.stats.ignore(Ignored::OtherProtocol))
    }

    /// Takes in a hello's datagram.
    pub fn handle_hello(
        &mut self,
        _now: Instant,
        _interface: InterfaceIndex,
        _hop_limit: u8,
        _payload: &[u8],
    ) -> Result<(), Ignored> {
        Err(self.stats.ignore(Ignored::MalformedHello))
    }

    /// Does what is due by now.
    pub fn handle_timeout(&mut self, _now: Instant) {
        self.stats.lateness.record(std::time::Duration::ZERO);
    }

    /// When [`Self::handle_timeout`] is to be called at the latest.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Begins to hand everything over; [`Self::is_drained`] tells when that is done, within half a second.
    pub fn drain(&mut self, _now: Instant) {}

    /// Whether, after [`Self::drain`], nothing is held any more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        true
    }

    /// The next thing to send. To be called until it is empty after every other call that takes `now`.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// The next thing to tell. To be called until it is empty after every other call that takes `now`.
    pub fn poll_event(&mut self) -> Option<Event> {
        None
    }

    /// What the engine sees and does.
    #[must_use]
    pub fn view(&self, _now: Instant) -> View {
        View {
            node: Arc::clone(&self.settings.node),
            incarnation: self.settings.incarnation,
            fit: true,
            leaving: false,
            interfaces: Vec::new(),
        }
    }

    /// Who holds `address`, on any segment, this node included.
    #[must_use]
    pub fn holders(&self, _address: IpAddr) -> Vec<Holder> {
        Vec::new()
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }
}
