//! Does the allocator give, keep, share and move addresses by its rules?

mod giving;
mod keeping;
mod properties;
mod sharing;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use roadstead_core::{
    ClusterUid, IpFamily, IpFamilyPolicy, LoadBalancerId, NamespacedName, OwnerUid, PortNumber,
    Protocol,
};

use super::{Allocator, Backends, Pool, Refusal, Wish};

const NOTICE: Duration = Duration::from_secs(30);

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn id(name: &str) -> LoadBalancerId {
    LoadBalancerId {
        cluster: ClusterUid::parse("cluster").unwrap(),
        owner: OwnerUid::parse(name).unwrap(),
    }
}

fn pool(name: &str, ranges: &[&str]) -> Pool {
    let ranges: Vec<_> = ranges.iter().map(|range| range.parse().unwrap()).collect();
    Pool::new(name, &ranges)
}

fn ports(numbers: &[u16]) -> BTreeSet<(PortNumber, Protocol)> {
    let port = |number: &u16| (PortNumber::new(*number).unwrap(), Protocol::Tcp);
    numbers.iter().map(port).collect()
}

/// A Service of one IPv4 address that says nothing else.
fn plain(name: &str) -> Wish {
    Wish {
        service: NamespacedName::new("shop", name),
        families: vec![IpFamily::V4],
        policy: IpFamilyPolicy::SingleStack,
        requested: Vec::new(),
        pool: None,
        sharing: None,
        ports: ports(&[80]),
        backends: Backends::Everywhere,
        labels: Arc::default(),
        namespace_labels: Arc::default(),
        in_conflict: Vec::new(),
    }
}

fn dual(name: &str, policy: IpFamilyPolicy) -> Wish {
    Wish {
        families: vec![IpFamily::V4, IpFamily::V6],
        policy,
        ..plain(name)
    }
}

fn labels(pairs: &[(&str, &str)]) -> Arc<BTreeMap<String, String>> {
    let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Arc::new(pairs.iter().map(pair).collect())
}

/// An allocator and its clock.
struct World {
    allocator: Allocator,
    now: Instant,
}

// === impl World ===

impl World {
    fn new(pools: Vec<Pool>) -> Self {
        let mut allocator = Allocator::new(NOTICE);
        allocator.set_pools(pools);
        Self {
            allocator,
            now: Instant::now(),
        }
    }

    /// Gives the Service what is decided: its addresses in text.
    fn ensure(&mut self, wish: &Wish) -> Result<Vec<String>, Refusal> {
        let id = id(&wish.service.name);
        let decision = self.allocator.decide(&id, wish, self.now)?;
        self.allocator.take(&id, wish, &decision, self.now);
        Ok(self.held(&wish.service.name))
    }

    /// As [`ensure`](Self::ensure) where it must work, on one line.
    fn give(&mut self, wish: &Wish) -> String {
        match self.ensure(wish) {
            Ok(addresses) => addresses.join(" "),
            Err(refusal) => panic!("{}: {refusal}", wish.service),
        }
    }

    /// As [`ensure`](Self::ensure) where it must not work: why.
    fn refuse(&mut self, wish: &Wish) -> String {
        match self.ensure(wish) {
            Ok(addresses) => panic!("{} was given {addresses:?}", wish.service),
            Err(refusal) => format!("{refusal:?}"),
        }
    }

    fn notes(&self, wish: &Wish) -> String {
        let decision = self
            .allocator
            .decide(&id(&wish.service.name), wish, self.now);
        decision.unwrap().notes.join("; ")
    }

    fn held(&self, name: &str) -> Vec<String> {
        self.allocator
            .held(&id(name))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn release(&mut self, name: &str) {
        self.allocator.release(&id(name));
    }
}
