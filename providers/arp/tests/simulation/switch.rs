//! A segment without delays and losses, to which engines have any interfaces plugged in: what a world of one interface each does
//! not have.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use roadstead_arp::{
    Interface, InterfaceIndex, Mac,
    engine::{Engine, Event, Settings, Transmit, Wanted},
};

use crate::node::keys;

/// A node's interface on the one segment there is.
pub(crate) type Port = (usize, InterfaceIndex);

/// Engines with several interfaces each, on a segment without delays.
pub(crate) struct Switch {
    pub(crate) now: Instant,
    pub(crate) engines: Vec<Engine>,
    ports: BTreeMap<Port, Interface>,
    pub(crate) events: Vec<(usize, Event)>,
    /// Nothing arrives.
    pub(crate) divided: bool,
}

pub(crate) fn interface(index: u32, name: &str, mac: u8, address: &str) -> Interface {
    Interface {
        index: InterfaceIndex(index),
        name: name.into(),
        mac: Mac([2, 0, 0, 0, 0, mac]),
        mtu: 1500,
        addresses: vec![address.parse().unwrap()],
    }
}

// === impl Switch ===

impl Switch {
    pub(crate) fn new(nodes: &[&[Interface]]) -> Self {
        let now = Instant::now();
        let mut switch = Self {
            now,
            engines: Vec::new(),
            ports: BTreeMap::new(),
            events: Vec::new(),
            divided: false,
        };
        for (node, interfaces) in nodes.iter().enumerate() {
            switch.engines.push(Engine::new(Settings {
                node: format!("node-{node}").into(),
                incarnation: 1,
                started: now,
                started_wall: 0,
                keys: keys(),
                interval: Duration::from_millis(100),
                rebalance: None,
                seed: 1,
            }));
            switch.plug(node, interfaces);
        }
        switch
    }

    pub(crate) fn plug(&mut self, node: usize, interfaces: &[Interface]) {
        self.ports.retain(|(owner, _), _| *owner != node);
        for interface in interfaces {
            self.ports
                .insert((node, interface.index), interface.clone());
        }
        self.engines[node].set_interfaces(self.now, interfaces.to_vec());
        self.settle();
    }

    pub(crate) fn want(&mut self, wanted: &Wanted) {
        for engine in &mut self.engines {
            engine.want(self.now, wanted.clone());
        }
        self.settle();
    }

    fn settle(&mut self) {
        let mut more = true;
        while std::mem::take(&mut more) {
            for node in 0..self.engines.len() {
                while let Some(transmit) = self.engines[node].poll_transmit() {
                    more = true;
                    self.carry(node, &transmit);
                }
                while let Some(event) = self.engines[node].poll_event() {
                    self.events.push((node, event));
                }
            }
        }
    }

    fn carry(&mut self, from: usize, transmit: &Transmit) {
        let port = match transmit {
            Transmit::Frame { interface, .. } | Transmit::Hello { interface, .. } => {
                (from, *interface)
            }
            Transmit::Join { .. }
            | Transmit::Leave { .. }
            | Transmit::Heed { .. }
            | Transmit::Disregard { .. } => return,
        };
        let others: Vec<Port> = self
            .ports
            .keys()
            .copied()
            .filter(|to| *to != port && !self.divided)
            .collect();
        let hello = matches!(transmit, Transmit::Hello { .. });
        for (node, index) in others {
            // A kernel drops IPv4 that comes from an address of its own.
            if hello && node == from && !self.has_v6(port) {
                continue;
            }
            let engine = &mut self.engines[node];
            let _ignored = match transmit {
                Transmit::Frame { frame, .. } => engine.handle_frame(self.now, index, frame),
                Transmit::Hello { payload, .. } => {
                    engine.handle_hello(self.now, index, 255, payload)
                }
                Transmit::Join { .. }
                | Transmit::Leave { .. }
                | Transmit::Heed { .. }
                | Transmit::Disregard { .. } => Ok(()),
            };
        }
    }

    fn has_v6(&self, port: Port) -> bool {
        let mut own = self.ports[&port].addresses.iter();
        own.any(|address| address.addr().is_ipv6())
    }

    pub(crate) fn run_for(&mut self, length: Duration) {
        let end = self.now + length;
        loop {
            let next = (0..self.engines.len())
                .filter_map(|node| Some((self.engines[node].poll_timeout()?, node)))
                .min();
            match next {
                Some((due, node)) if due <= end => {
                    self.now = self.now.max(due);
                    self.engines[node].handle_timeout(self.now);
                    self.settle();
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// Which interfaces answer for `address`.
    pub(crate) fn answering(&self, address: IpAddr) -> Vec<Port> {
        let mut answering = BTreeSet::new();
        for (node, event) in &self.events {
            match event {
                Event::Claimed {
                    address: of,
                    interface,
                    ..
                } if *of == address => {
                    answering.insert((*node, *interface));
                }
                Event::LetGo {
                    address: of,
                    interface,
                    ..
                } if *of == address => {
                    answering.remove(&(*node, *interface));
                }
                _ => {}
            }
        }
        answering.into_iter().collect()
    }
}
