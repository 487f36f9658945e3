//! What does a run begin with, and what must hold once it is quiet?

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use roadstead_arp::engine::{Candidates, Engine, Selection, StanceView, Wanted};

use crate::{
    client::Client,
    net::{Packet, Place},
    world::World,
};

/// The n-th address of a run: of both families in turn, and the key of both of a pair is the first.
pub(crate) fn address(n: usize) -> IpAddr {
    let service = u16::try_from(n / 2).unwrap();
    if n.is_multiple_of(2) {
        let [high, low] = service.to_be_bytes();
        IpAddr::from([192, 0, high + 1, low])
    } else {
        IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 1, service])
    }
}

pub(crate) fn wanted(n: usize) -> Wanted {
    Wanted {
        address: address(n),
        key: address(n - n % 2),
        may: true,
        candidates: Candidates::All,
        interfaces: Selection::OnSubnet,
        seen_before: false,
        lets_go_at_once: false,
    }
}

/// `wanted`, as the API server tells it to the node at `place` when only `nodes` may.
pub(crate) fn for_nodes(
    mut wanted: Wanted,
    nodes: &BTreeSet<Place>,
    place: Place,
    world: &World,
) -> Wanted {
    wanted.may = nodes.contains(&place);
    let names: BTreeSet<Arc<str>> = (nodes.iter())
        .map(|place| Arc::clone(&world.nodes[*place].name))
        .collect();
    wanted.candidates = Candidates::Nodes(Arc::new(names));
    wanted
}

// === impl World ===

impl World {
    /// Who answers for `address`, among those who hear each other.
    pub(crate) fn answering(&self, part: usize, address: IpAddr) -> Vec<Place> {
        (0..self.nodes.len())
            .filter(|place| {
                let node = &self.nodes[*place];
                self.net.parts[*place] == part && node.runs() && node.answering.contains(&address)
            })
            .collect()
    }

    /// Exactly one answers for every address that anybody may announce, it may, and everybody knows who it is; no one
    /// else answers a client's question.
    pub(crate) fn check_quiet(&mut self, neighbours: bool) {
        if let Err(unquiet) = self.is_quiet(neighbours) {
            panic!("{unquiet}");
        }
        self.check_answers();
    }

    /// Whether all is as it should be, but for what a client's question would show; else what is not.
    pub(crate) fn is_quiet(&self, neighbours: bool) -> Result<(), String> {
        let parts: BTreeSet<usize> = self.net.parts.iter().copied().collect();
        for address in self.addresses() {
            for part in &parts {
                self.is_settled(*part, address, neighbours)?;
            }
        }
        Ok(())
    }

    /// Whether a node waits for its turn to claim something.
    pub(crate) fn somebody_waits(&self) -> bool {
        let waits = |engine: &Engine| {
            let interfaces = engine.view(self.now).interfaces;
            let mut addresses = interfaces.iter().flat_map(|one| &one.addresses);
            addresses.any(|address| address.stance == StanceView::InLine)
        };
        let mut engines = self.nodes.iter().filter_map(|node| node.engine.as_ref());
        engines.any(waits)
    }

    fn is_settled(&self, part: usize, address: IpAddr, neighbours: bool) -> Result<(), String> {
        let here: Vec<Place> = (0..self.nodes.len())
            .filter(|place| self.net.parts[*place] == part)
            .collect();
        let may = here.iter().any(|place| self.nodes[*place].may(address));
        let answering = self.answering(part, address);
        if !may {
            ensure(answering.is_empty(), || {
                format!("{address} is answered for by {answering:?}, and must be by nobody")
            })?;
            return Ok(());
        }
        let [holder] = answering.as_slice() else {
            return Err(format!(
                "{address} is answered for by {answering:?} in part {part}, not by one"
            ));
        };
        ensure(self.nodes[*holder].may(address), || {
            format!("{address}: {holder} may not")
        })?;
        let name = &self.nodes[*holder].name;
        for place in here {
            let node = &self.nodes[place];
            if let Some(engine) = node.engine.as_ref().filter(|_| node.runs() && node.link)
                && self.net.hears(place, *holder)
            {
                let holders = engine.holders(address);
                ensure(holders.len() == 1 && holders[0].node == *name, || {
                    format!("{place} believes that {address} is held by {holders:?}, not by {name}")
                })?;
            }
        }
        let outside = self.outside();
        if neighbours && self.net.parts[outside] == part {
            let (seen, mac) = (self.client.believes(address), self.nodes[*holder].mac);
            ensure(
                !seen.is_empty() && seen.iter().all(|seen| *seen == mac),
                || format!("the client's neighbour {address} is at {seen:?}, not at {mac}"),
            )?;
        }
        Ok(())
    }

    /// Asks for every address, and counts the answers.
    fn check_answers(&mut self) {
        let outside = self.outside();
        self.client.answers.clear();
        let (lost, doubled) = (self.net.lost, self.net.doubled);
        (self.net.lost, self.net.doubled) = (0, 0);
        for address in self.addresses() {
            self.broadcast(outside, &Packet::Frame(Client::question(address)));
        }
        self.run_for(2 * self.net.most_delay + Duration::from_millis(1));
        (self.net.lost, self.net.doubled) = (lost, doubled);
        let part = self.net.parts[outside];
        for address in self.addresses() {
            let expected: Vec<_> = (self.answering(part, address).into_iter())
                .filter(|place| self.net.hears(outside, *place) && self.net.hears(*place, outside))
                .map(|place| self.nodes[place].mac)
                .collect();
            let answers = self
                .client
                .answers
                .get(&address)
                .cloned()
                .unwrap_or_default();
            assert_eq!(answers, expected, "answers for {address}");
        }
    }
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}
