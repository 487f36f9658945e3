//! What is a node? An engine that may be dead, paused or without a link, and what the API server told it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::IpNet;
use roadstead_arp::{
    Interface, InterfaceIndex, Mac,
    engine::{Engine, Settings, Wanted},
    wire::hello::{Key, Keys},
};

use crate::net::Packet;

/// The index of every node's interface.
pub(crate) const ETH0: InterfaceIndex = InterfaceIndex(2);

/// One node.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is true or not by itself"
)]
pub(crate) struct Node {
    pub(crate) name: Arc<str>,
    pub(crate) mac: Mac,
    pub(crate) engine: Option<Engine>,
    /// When the process started.
    pub(crate) started: Instant,
    pub(crate) paused: bool,
    /// What arrived while it was paused.
    pub(crate) inbox: Vec<Packet>,
    pub(crate) link: bool,
    /// What it was told to announce.
    pub(crate) knows: BTreeMap<IpAddr, Wanted>,
    pub(crate) fit: bool,
    pub(crate) draining: bool,
    /// How far its wall clock is ahead.
    pub(crate) skew: Duration,
    /// What it answers for, by its events.
    pub(crate) answering: BTreeSet<IpAddr>,
    /// Who fell silent, as it told, and has not come back.
    pub(crate) misses: BTreeSet<Arc<str>>,
    pub(crate) rebalance: Option<Duration>,
    /// How late it is run.
    pub(crate) lateness: Duration,
    /// When the engine wants to be run.
    pub(crate) due: Option<Instant>,
    /// When it is run.
    pub(crate) wake: Option<Instant>,
}

/// The key of all nodes.
pub(crate) fn keys() -> Keys {
    Keys::one(Key::new(&[7; 32]).unwrap())
}

// === impl Node ===

impl Node {
    pub(crate) fn new(place: usize, now: Instant) -> Self {
        let [.., high, low] = place.to_be_bytes();
        Self {
            name: format!("node-{place}").into(),
            mac: Mac([2, 0, 0, 1, high, low]),
            engine: None,
            started: now,
            paused: false,
            inbox: Vec::new(),
            link: true,
            knows: BTreeMap::new(),
            fit: true,
            draining: false,
            skew: Duration::ZERO,
            answering: BTreeSet::new(),
            misses: BTreeSet::new(),
            rebalance: None,
            lateness: Duration::ZERO,
            due: None,
            wake: None,
        }
    }

    pub(crate) fn interface(&self) -> Interface {
        let Mac([.., high, low]) = self.mac;
        Interface {
            index: ETH0,
            name: "eth0".into(),
            mac: self.mac,
            mtu: 1500,
            // Not read from text: this is asked for at every moment.
            addresses: vec![
                IpNet::new(Ipv4Addr::new(192, 0, 128 + high, low + 1).into(), 16).unwrap(),
                IpNet::new(
                    Ipv6Addr::new(
                        0x2001,
                        0xdb8,
                        0,
                        0,
                        0,
                        0,
                        0xffff,
                        u16::from_be_bytes([high, low]),
                    )
                    .into(),
                    64,
                )
                .unwrap(),
            ],
        }
    }

    pub(crate) fn interfaces(&self) -> Vec<Interface> {
        if self.link {
            vec![self.interface()]
        } else {
            Vec::new()
        }
    }

    /// Starts the process. `wall` is the true time since 1970.
    pub(crate) fn start(&mut self, now: Instant, wall: Duration, seed: u64) {
        let wall = wall + self.skew;
        let mut engine = Engine::new(Settings {
            node: Arc::clone(&self.name),
            incarnation: u64::try_from(wall.as_nanos()).unwrap(),
            started: now,
            started_wall: u64::try_from(wall.as_millis()).unwrap(),
            keys: keys(),
            interval: roadstead_arp::engine::DEFAULT_INTERVAL,
            rebalance: self.rebalance,
            seed,
        });
        engine.set_interfaces(now, self.interfaces());
        if !self.fit {
            engine.set_fit(now, false);
        }
        for wanted in self.knows.values() {
            engine.want(now, wanted.clone());
        }
        self.engine = Some(engine);
        self.started = now;
        self.draining = false;
        self.paused = false;
        self.inbox.clear();
        self.answering.clear();
        self.misses.clear();
    }

    /// The process is gone, at once.
    pub(crate) fn kill(&mut self) {
        self.engine = None;
        self.paused = false;
        self.inbox.clear();
        self.answering.clear();
        self.misses.clear();
        self.wake = None;
    }

    pub(crate) fn runs(&self) -> bool {
        self.engine.is_some() && !self.paused
    }

    /// Whether it may announce `address` by all that it knows.
    pub(crate) fn may(&self, address: IpAddr) -> bool {
        self.runs()
            && self.link
            && self.fit
            && !self.draining
            && self.knows.get(&address).is_some_and(|wanted| {
                wanted.may && wanted.interfaces.admits(&self.interface(), address)
            })
    }
}
