//! What does this node know? News of the cluster and of the segments go in; out come orders to the engine, and the Services
//! that something is perhaps to be said of. Pure.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

use roadstead_arp::{InterfaceIndex, Mac, engine::Event, wire::hello::Station};
use roadstead_core::NamespacedName;

use super::{
    board::{Board, Order},
    eligibility::{Ground, MayNot, NodeFacts},
    endpoints::{Endpoints, SliceSeen},
    gather::Told,
    pool::Pool,
    watch::News,
    wish::Seen,
};

/// Everything that this node knows.
#[derive(Debug)]
pub struct Picture {
    me: Arc<str>,
    services: HashMap<NamespacedName, Seen>,
    endpoints: Endpoints,
    nodes: BTreeMap<Arc<str>, NodeFacts>,
    pools: BTreeMap<Arc<str>, Pool>,
    board: Board,
    listed: Listed,
    /// Nodes or pools changed.
    shaken: bool,
    /// Services that something is perhaps to be said of.
    stirred: BTreeSet<NamespacedName>,
    peers: BTreeSet<(InterfaceIndex, Station)>,
    held: BTreeSet<(IpAddr, InterfaceIndex)>,
    conflicts: BTreeMap<IpAddr, Mac>,
}

/// What was listed once.
#[derive(Clone, Copy, Debug, Default)]
struct Listed {
    services: bool,
    nodes: bool,
    pools: bool,
}

// === impl Picture ===

impl Picture {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(me: Arc<str>) -> Self {
        Self {
            board: Board::new(Arc::clone(&me)),
            me,
            services: HashMap::new(),
            endpoints: Endpoints::default(),
            nodes: BTreeMap::new(),
            pools: BTreeMap::new(),
            listed: Listed::default(),
            shaken: false,
            stirred: BTreeSet::new(),
            peers: BTreeSet::new(),
            held: BTreeSet::new(),
            conflicts: BTreeMap::new(),
        }
    }

    /// Takes in what the cluster says.
    pub fn take(&mut self, news: News) {
        match news {
            News::Services(told) => self.services(told),
            News::Slices(told) => self.slices(told),
            News::Nodes(Told::One(name, facts)) => {
                self.shaken |= match facts {
                    Some((name, facts)) => {
                        self.nodes.insert(name, facts.clone()).as_ref() != Some(&facts)
                    }
                    None => self.nodes.remove(&name).is_some(),
                };
            }
            News::Nodes(Told::All(nodes)) => {
                self.nodes = nodes.into_iter().collect();
                (self.listed.nodes, self.shaken) = (true, true);
            }
            News::Pools(Told::One(name, pool)) => {
                match pool {
                    Some(pool) => self.pools.insert(name, pool),
                    None => self.pools.remove(&name),
                };
                self.shaken = true;
            }
            News::Pools(Told::All(pools)) => {
                let named = pools.into_iter().map(|pool| (Arc::clone(&pool.name), pool));
                self.pools = named.collect();
                (self.listed.pools, self.shaken) = (true, true);
            }
        }
    }

    /// Takes in what happened on a segment.
    pub fn hear(&mut self, event: &Event) {
        match event {
            Event::Claimed {
                address, interface, ..
            } => {
                self.held.insert((*address, *interface));
                self.stir(*address);
            }
            Event::LetGo {
                address, interface, ..
            } => {
                self.held.remove(&(*address, *interface));
                self.stir(*address);
            }
            Event::PeerJoined { peer, interface } => {
                self.peers.insert((*interface, peer.clone()));
            }
            Event::PeerLost {
                peer, interface, ..
            } => {
                self.peers.remove(&(*interface, peer.clone()));
            }
            Event::Conflict { address, mac, .. } => {
                self.conflicts.insert(*address, *mac);
                self.stir(*address);
            }
            Event::ConflictOver { address, .. } => {
                self.conflicts.remove(address);
                self.stir(*address);
            }
            Event::Stalled { .. } => {}
        }
    }

    /// What the API server answered to a write of ours.
    pub fn written(&mut self, key: &NamespacedName, seen: Seen) {
        // One that is gone meanwhile does not come back.
        if self
            .services
            .get(key)
            .is_some_and(|known| known.uid == seen.uid)
        {
            self.services(Told::One(key.clone(), Some((key.clone(), seen))));
        }
    }

    /// What the engine does not know yet; nothing before everything was listed once.
    pub fn orders(&mut self) -> Vec<Order> {
        let Listed {
            services,
            nodes,
            pools,
        } = self.listed;
        if !(services && nodes && pools) {
            return Vec::new();
        }
        if std::mem::take(&mut self.shaken) {
            let pools = self.pools.values().cloned().collect();
            self.board.stand_on(Ground::new(self.nodes.clone(), pools));
            self.stirred.extend(self.services.keys().cloned());
        }
        let orders = self.board.orders();
        for order in &orders {
            match order {
                Order::Want(wanted) => self.stir(wanted.address),
                Order::Unwant(address) => {
                    self.conflicts.remove(address);
                }
            }
        }
        orders
    }

    /// The Services that something is perhaps to be said of, since this was asked last.
    pub fn stirred(&mut self) -> BTreeSet<NamespacedName> {
        std::mem::take(&mut self.stirred)
    }

    /// Every Service.
    pub fn everything(&self) -> impl Iterator<Item = &NamespacedName> {
        self.services.keys()
    }

    /// A Service.
    #[must_use]
    pub fn seen(&self, key: &NamespacedName) -> Option<&Seen> {
        self.services.get(key)
    }

    /// What is wanted.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Foreign hosts that use our addresses, as this node sees it.
    #[must_use]
    pub fn conflicts(&self) -> &BTreeMap<IpAddr, Mac> {
        &self.conflicts
    }

    /// How many addresses this node answers for, each once an interface.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// How many other stations there are, each once an interface of this node.
    #[must_use]
    pub fn peers(&self) -> usize {
        self.peers.len()
    }

    /// Whether a Service needs its endpoints to be known.
    #[must_use]
    pub fn wants_endpoints(&self) -> bool {
        self.services.values().any(|seen| seen.ours && seen.local)
    }

    /// Whether this node is the first by name of those that live.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.peers.iter().all(|(_, peer)| self.me <= peer.node)
    }

    /// The nodes that this one hears, itself included.
    #[must_use]
    pub fn near(&self) -> BTreeSet<Arc<str>> {
        let peers = self.peers.iter().map(|(_, peer)| Arc::clone(&peer.node));
        peers.chain([Arc::clone(&self.me)]).collect()
    }

    /// Why this node may announce nothing at all, as the cluster says; `None` while that is not known.
    #[must_use]
    pub fn trouble(&self) -> Option<MayNot> {
        match self.nodes.get(&self.me) {
            Some(facts) => facts.may_not,
            None => self.listed.nodes.then_some(MayNot::NoSuchNode),
        }
    }

    fn services(&mut self, told: Told<NamespacedName, (NamespacedName, Seen)>) {
        match told {
            Told::One(key, seen) => {
                let seen = seen.map(|(_, seen)| seen);
                let known = self.services.get(&key).and_then(|known| known.version);
                let version = seen.as_ref().and_then(|seen| seen.version);
                // The watch may be behind the answer to a write of ours.
                if version.is_some() && version < known {
                    return;
                }
                match seen {
                    Some(seen) => self.services.insert(key.clone(), seen),
                    None => self.services.remove(&key),
                };
                self.post(&key);
            }
            Told::All(services) => {
                let mut keys: BTreeSet<NamespacedName> = self.services.keys().cloned().collect();
                self.services = services.into_iter().collect();
                keys.extend(self.services.keys().cloned());
                for key in keys {
                    self.post(&key);
                }
                self.listed.services = true;
            }
        }
    }

    fn slices(&mut self, told: Told<NamespacedName, SliceSeen>) {
        let changed = match told {
            Told::One(_, Some(slice)) => self.endpoints.put(slice),
            Told::One(name, None) => self.endpoints.remove(&name),
            Told::All(slices) => {
                self.endpoints.list(slices);
                self.services.keys().cloned().collect()
            }
        };
        for key in changed {
            self.post(&key);
        }
    }

    /// Puts what a Service asks for on the board.
    fn post(&mut self, key: &NamespacedName) {
        let seen = self.services.get(key);
        let wish = seen.and_then(|seen| seen.wish(|| self.endpoints.of(key)));
        self.board.put(key, wish);
        self.stirred.insert(key.clone());
    }

    fn stir(&mut self, address: IpAddr) {
        self.stirred.extend(self.board.sharers(address).cloned());
    }
}

#[cfg(test)]
mod tests;
