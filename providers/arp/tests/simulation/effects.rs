//! How is each disturbance done to a world, and what may follow from it?

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use roadstead_arp::engine::{DEFAULT_INTERVAL, Engine};

use crate::{
    bounds::Bounds,
    disturbance::Expected,
    net::Place,
    scenario::{address, for_nodes, wanted},
    world::{Due, World},
};

/// Within what time all nodes have power again.
const SPREAD: Duration = Duration::from_millis(300);

// === impl World ===

impl World {
    pub(crate) fn crashes(&mut self, place: Place, then: &mut Expected) {
        self.kill(place);
        then.nobody = Bounds::of(self).crash();
        then.from = Some(BTreeSet::from([place]));
    }

    pub(crate) fn starts(&mut self, place: Place, then: &mut Expected) {
        self.start(place);
        then.nobody = Bounds::of(self).newcomers(Duration::ZERO);
    }

    pub(crate) fn restarts(&mut self, place: Place, after: Duration, then: &mut Expected) {
        self.kill(place);
        self.run_for(after);
        self.start(place);
        then.nobody = self.after_loss_of(place, after);
        then.from = Some(BTreeSet::from([place]));
    }

    pub(crate) fn restarts_in_the_past(&mut self, place: Place, then: &mut Expected) {
        self.nodes[place].skew = Duration::ZERO;
        self.restarts(place, Duration::from_secs(1), then);
        // The others believe it when its later self was silent for ten seconds.
        then.settle += Duration::from_secs(10);
    }

    pub(crate) fn drains(&mut self, place: Place, then: &mut Expected) {
        self.nodes[place].draining = true;
        self.with(place, Engine::drain);
        self.look();
        let step = Duration::from_millis(10);
        let mut waited = Duration::ZERO;
        while !self.nodes[place].engine.as_ref().unwrap().is_drained() {
            self.run_for(step);
            waited += step;
            assert!(waited <= Duration::from_millis(500), "not drained in time");
        }
        self.kill(place);
        then.several = Bounds::of(self).both_at_handover();
        then.from = Some(BTreeSet::from([place]));
    }

    pub(crate) fn pauses(&mut self, place: Place, length: Duration, then: &mut Expected) {
        self.pause(place, length);
        then.nobody = self.after_loss_of(place, Duration::ZERO);
        then.from = Some(BTreeSet::from([place]));
        then.settle += length;
    }

    pub(crate) fn loses_power(&mut self, then: &mut Expected) {
        let running = self.running();
        for place in &running {
            self.kill(*place);
        }
        for place in running {
            let after = self.chance.between(Duration::ZERO, SPREAD);
            self.later(after, Due::Start(place));
        }
        then.nobody = Bounds::of(self).newcomers(SPREAD);
        then.from = None;
        then.settle += SPREAD;
    }

    pub(crate) fn link_changes(&mut self, place: Place, up: bool, then: &mut Expected) {
        self.nodes[place].link = up;
        self.nodes[place].misses.clear();
        self.tell_interfaces(place);
        then.nobody = if up {
            Bounds::of(self).newcomers(Duration::ZERO)
        } else {
            Bounds::of(self).crash()
        };
        then.from = Some(BTreeSet::from([place]));
    }

    pub(crate) fn mac_changes(&mut self, place: Place) {
        self.nodes[place].mac.0[2] += 1;
        self.tell_interfaces(place);
    }

    pub(crate) fn fitness_changes(&mut self, place: Place, fit: bool, then: &mut Expected) {
        self.nodes[place].fit = fit;
        self.with(place, |engine, now| engine.set_fit(now, fit));
        self.look();
        let bounds = Bounds::of(self);
        then.several = bounds.both_at_handover();
        then.from = Some(BTreeSet::from([place]));
        if fit {
            // Where nobody was fit, it claims at once.
            then.nobody = bounds.first_claim();
        }
    }

    pub(crate) fn divides(&mut self, parts: &[usize], then: &mut Expected) {
        self.net.parts = parts.to_vec();
        self.forget(true);
        then.nobody = Bounds::of(self).crash();
    }

    pub(crate) fn heals(&mut self, then: &mut Expected) {
        // Of a client that was on its own, nobody knows that it is back: what moved meanwhile it is told within a minute.
        let outside = self.net.parts[self.outside()];
        then.neighbours = (self.nodes.iter().enumerate())
            .any(|(place, node)| self.net.parts[place] == outside && node.runs() && node.link);
        then.several = if self.claimants_miss_each_other() {
            Bounds::of(self).both_after_healing()
        } else {
            Bounds::of(self).both_at_first_meeting()
        };
        assert!(!self.net.in_order || then.several < DEFAULT_INTERVAL);
        self.net.parts.fill(0);
        self.forget(true);
        then.from = None;
    }

    pub(crate) fn is_cut(&mut self, from: Place, to: Place, then: &mut Expected) {
        self.net.cut.insert((from, to));
        then.several = Bounds::of(self).both_at_one_way();
        then.from = Some(BTreeSet::from([from]));
    }

    pub(crate) fn creates(&mut self, n: usize, after: &[Duration], then: &mut Expected) {
        for (to, after) in after.iter().enumerate() {
            let wanted = Some(wanted(n));
            let address = address(n);
            self.later(
                *after,
                Due::Tell {
                    to,
                    address,
                    wanted,
                },
            );
        }
        then.nobody = last(after) + Bounds::of(self).first_claim();
        then.settle += last(after);
    }

    pub(crate) fn deletes(&mut self, n: usize, after: &[Duration], then: &mut Expected) {
        for (to, after) in after.iter().enumerate() {
            let address = address(n);
            let wanted = None;
            self.later(
                *after,
                Due::Tell {
                    to,
                    address,
                    wanted,
                },
            );
        }
        let bounds = Bounds::of(self);
        then.nobody = bounds.while_deleted();
        then.several = bounds.both_at_one_way();
        then.from = None;
        then.settle += last(after);
    }

    pub(crate) fn restricts(
        &mut self,
        n: usize,
        nodes: &BTreeSet<Place>,
        after: &[Duration],
        at_once: bool,
        then: &mut Expected,
    ) {
        for (to, after) in after.iter().enumerate() {
            let mut wanted = for_nodes(wanted(n), nodes, to, self);
            wanted.lets_go_at_once = at_once;
            let (address, wanted) = (wanted.address, Some(wanted));
            self.later(
                *after,
                Due::Tell {
                    to,
                    address,
                    wanted,
                },
            );
        }
        let bounds = Bounds::of(self);
        then.several = bounds.both_at_handover();
        then.from = Some(
            (0..self.nodes.len())
                .filter(|place| !nodes.contains(place))
                .collect(),
        );
        then.settle += last(after);
        let may = |place: &Place| self.nodes[*place].may(address(n));
        let runs = |place: &Place| self.nodes[*place].runs();
        if !nodes.iter().any(may) || nodes.iter().any(|place| runs(place) && !may(place)) {
            // The others may wait for one that does not know as yet that it may.
            then.nobody = last(after) + bounds.crash() + bounds.settle();
        } else if at_once {
            then.nobody = bounds.gap_at_once();
        }
    }

    /// Whether, of any two nodes that answer for the same, one knows that there was another.
    fn claimants_miss_each_other(&self) -> bool {
        let nodes = &self.nodes;
        nodes.iter().all(|one| {
            nodes.iter().all(|other| {
                one.name == other.name
                    || one.answering.is_disjoint(&other.answering)
                    || one.misses.contains(&other.name)
                    || other.misses.contains(&one.name)
            })
        })
    }

    /// A holder is gone for `after`; whether others are there to take over makes the difference.
    fn after_loss_of(&self, place: Place, after: Duration) -> Duration {
        if self.others_may(place) {
            Bounds::of(self).crash()
        } else {
            Bounds::of(self).newcomers(after)
        }
    }

    /// Whether every address may be announced by somebody else, where `place` is.
    fn others_may(&self, place: Place) -> bool {
        let may = |address: IpAddr| {
            (0..self.nodes.len()).any(|other| {
                other != place
                    && self.net.parts[other] == self.net.parts[place]
                    && self.nodes[other].may(address)
            })
        };
        self.addresses().into_iter().all(may)
    }

    pub(crate) fn running(&self) -> Vec<Place> {
        (0..self.nodes.len())
            .filter(|place| self.nodes[*place].engine.is_some())
            .collect()
    }

    fn tell_interfaces(&mut self, place: Place) {
        let interfaces = self.nodes[place].interfaces();
        self.with(place, |engine, now| engine.set_interfaces(now, interfaces));
        self.look();
    }

    pub(crate) fn forget(&mut self, parts_change: bool) {
        self.watch.forget(self.now, parts_change);
        self.look();
    }
}

fn last(after: &[Duration]) -> Duration {
    after.iter().max().copied().unwrap_or_default()
}
