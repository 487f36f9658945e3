//! Where do the provider and those who tell it of pools meet? The allocator behind a lock, and who is to be told what of
//! its changes. Decides nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::gauge::ConstGauge,
};
use roadstead_core::{LoadBalancerId, NamespacedName};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use crate::pool::{Allocator, Findings, Pool, Usage, findings};

/// The addresses of one cluster, as the controller's half of the provider knows them.
#[derive(Debug)]
pub struct Addresses {
    state: Mutex<State>,
    /// Somebody is to be looked at.
    arrived: Notify,
    /// Whether the pools are known.
    known: watch::Sender<bool>,
    /// Counts up with everything that may change how full a pool is.
    changes: watch::Sender<u64>,
}

/// What is behind the lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) allocator: Allocator,
    /// Whether the addresses that Services carry are known.
    restored: bool,
    /// Why the pools are not known.
    trouble: Option<String>,
    /// Services that could not get all they want.
    waiting: BTreeMap<LoadBalancerId, NamespacedName>,
    woken: BTreeSet<NamespacedName>,
}

// === impl Addresses ===

impl Addresses {
    /// No addresses yet. What an edit of pools takes from a Service it keeps for the time of `notice`.
    #[must_use]
    pub fn new(notice: Duration) -> Self {
        Self {
            state: Mutex::new(State {
                allocator: Allocator::new(notice),
                restored: false,
                trouble: None,
                waiting: BTreeMap::new(),
                woken: BTreeSet::new(),
            }),
            arrived: Notify::new(),
            known: watch::Sender::new(false),
            changes: watch::Sender::new(0),
        }
    }

    /// The pools are these now; every Service is looked at, if that is news.
    pub fn set_pools(&self, pools: Vec<Pool>) {
        self.with(|state| {
            if self.is_known() && state.has_pools(&pools) {
                return;
            }
            state.allocator.set_pools(pools);
            state.trouble = None;
            state.wake_all();
            self.changed();
        });
        self.known.send_replace(true);
    }

    /// The pools cannot be read for the first time: why.
    pub fn set_trouble(&self, trouble: impl Into<String>) {
        let trouble = Some(trouble.into());
        self.with(|state| {
            if state.trouble != trouble && !self.is_known() {
                state.trouble = trouble;
                state.wake_all();
            }
        });
    }

    /// The nodes' own addresses, each with its node; every Service is looked at, if that is news.
    pub fn set_nodes(&self, nodes: BTreeMap<IpAddr, Arc<str>>) {
        self.with(|state| {
            if *state.allocator.nodes() != nodes {
                state.allocator.set_nodes(nodes);
                state.wake_all();
                self.changed();
            }
        });
    }

    /// How full the pools are; `None` while the addresses that Services carry are not known.
    #[must_use]
    pub fn usage(&self) -> Option<Vec<Usage>> {
        let now = Instant::now().into_std();
        self.with(|state| state.restored.then(|| state.allocator.usage(now)))
    }

    /// What is wrong with the pools, by their names.
    #[must_use]
    pub fn findings(&self) -> BTreeMap<Arc<str>, Findings> {
        let (pools, nodes) = self.with(|state| {
            let allocator = &state.allocator;
            (allocator.pools().to_vec(), allocator.nodes().clone())
        });
        findings(&pools, &nodes)
    }

    /// Counts up with everything that may change how full a pool is, or what is wrong with it.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn is_known(&self) -> bool {
        *self.known.borrow()
    }

    /// Waits until the pools are known, but not for longer than `patience`.
    pub(crate) async fn known_within(&self, patience: Duration) {
        let mut known = self.known.subscribe();
        // Whether they are, the next look at them tells.
        let _ = tokio::time::timeout(patience, known.wait_for(|known| *known)).await;
    }

    /// Waits until Services are to be looked at, and takes their names.
    pub(crate) async fn woken(&self) -> Vec<NamespacedName> {
        loop {
            let woken = std::mem::take(&mut self.lock().woken);
            if !woken.is_empty() {
                return woken.into_iter().collect();
            }
            self.arrived.notified().await;
        }
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        let result = act(&mut state);
        let woken = !state.woken.is_empty();
        drop(state);
        if woken {
            self.arrived.notify_one();
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    pub(crate) fn restored(&mut self) {
        self.restored = true;
    }

    /// Why the pools are not known.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// A Service could not get all it wants, and is looked at when that may have changed.
    pub(crate) fn waits(&mut self, id: &LoadBalancerId, service: &NamespacedName) {
        self.waiting.insert(id.clone(), service.clone());
    }

    /// A Service got all it wants, or wants nothing any more.
    pub(crate) fn waits_no_more(&mut self, id: &LoadBalancerId) {
        self.waiting.remove(id);
    }

    /// Who waits may get now what it wants.
    pub(crate) fn wake_waiting(&mut self) {
        self.woken.extend(self.waiting.values().cloned());
    }

    fn wake_all(&mut self) {
        let holders = self
            .allocator
            .holders()
            .map(|(_, service, _)| service.clone());
        self.woken.extend(holders);
        self.wake_waiting();
    }

    fn has_pools(&self, pools: &[Pool]) -> bool {
        let there = self.allocator.pools();
        there.len() == pools.len() && pools.iter().all(|pool| there.contains(pool))
    }
}

/// One of the numbers of a pool.
type Number = fn(&Usage) -> u128;

/// Makes the pools' numbers readable as metrics; by name of the pool, never of an address.
#[derive(Debug)]
pub struct PoolMetrics(pub Arc<Addresses>);

impl Collector for PoolMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let usage = self.0.usage().unwrap_or_default();
        let gauges: [(&str, &str, Number); 3] = [
            (
                "arp_pool_addresses",
                "How many addresses a pool has",
                |usage| usage.total,
            ),
            (
                "arp_pool_addresses_in_use",
                "How many addresses of a pool Services have",
                |usage| usage.in_use,
            ),
            (
                "arp_pool_addresses_free",
                "How many addresses of a pool a Service could get",
                |usage| usage.free,
            ),
        ];
        for (name, help, number) in gauges {
            let first = ConstGauge::new(0_i64);
            let mut metric = encoder.encode_descriptor(name, help, None, first.metric_type())?;
            for usage in &usage {
                // A gauge has 64 bits; more addresses than that nobody counts.
                let value = i64::try_from(number(usage)).unwrap_or(i64::MAX);
                let labels = [("pool", &*usage.pool)];
                ConstGauge::new(value).encode(metric.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
