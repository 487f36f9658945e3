//! What does this process remember of a Service? Only what saves work: forgetting all of it costs calls, never correctness.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::api::core::v1::Service;
use roadstead_core::{LoadBalancerId, NamespacedName, ProviderName};
use tokio::time::Instant;

/// What is remembered, by Service.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    services: HashMap<NamespacedName, Remembered>,
    sweeping: HashSet<LoadBalancerId>,
}

#[derive(Debug, Default)]
struct Remembered {
    /// The load balancer that this process asked for, until it is gone.
    held: Option<(ProviderName, LoadBalancerId)>,
    /// What the Service looked like when everything was as asked, and when it is looked at again all the same.
    settled: Option<(u64, Option<Instant>)>,
    /// The version that our last write made; the watch may still be behind it.
    written: Option<u64>,
    /// Since when it waits for its first address.
    waiting_since: Option<Instant>,
    /// Whether the user was told that it takes a while.
    told: bool,
    /// Whether the provider asked for the next look itself.
    awaited: bool,
}

// === impl Memory ===

impl Memory {
    /// True if `service`, from the watch, is older than our own last write: the newer one is on its way.
    #[must_use]
    pub fn is_behind(&self, key: &NamespacedName, service: &Service) -> bool {
        let written = self
            .lock()
            .services
            .get(key)
            .and_then(|remembered| remembered.written);
        match (version(service), written) {
            (Some(seen), Some(written)) => seen < written,
            (None, _) | (_, None) => false,
        }
    }

    /// Notes what our own write made of the Service.
    pub fn wrote(&self, key: &NamespacedName, service: &Service) {
        let version = version(service);
        self.lock().services.entry(key.clone()).or_default().written = version;
    }

    /// Forgets what was written: a fresh list is the truth, also after the API server was restored from a backup.
    pub fn trust_the_list(&self) {
        for remembered in self.lock().services.values_mut() {
            remembered.written = None;
        }
    }

    /// If the Service looks as it did when everything was as asked: when it is looked at again, if at all.
    #[must_use]
    pub fn settled(&self, key: &NamespacedName, fingerprint: u64) -> Option<Option<Instant>> {
        let settled = self
            .lock()
            .services
            .get(key)
            .and_then(|remembered| remembered.settled);
        settled
            .filter(|(then, _)| *then == fingerprint)
            .map(|(_, again)| again)
    }

    /// Everything is as asked; it is looked at `again` at that time.
    pub fn settle(&self, key: &NamespacedName, fingerprint: u64, again: Option<Instant>) {
        let mut contents = self.lock();
        let remembered = contents.services.entry(key.clone()).or_default();
        remembered.settled = Some((fingerprint, again));
        remembered.told = false;
    }

    /// Not everything is as asked, and nothing can be done about it before `again` unless something changes.
    pub fn rest(&self, key: &NamespacedName, fingerprint: u64, again: Option<Instant>) {
        let mut contents = self.lock();
        let remembered = contents.services.entry(key.clone()).or_default();
        remembered.settled = Some((fingerprint, again));
    }

    /// Not everything is as asked.
    pub fn unsettle(&self, key: &NamespacedName) {
        if let Some(remembered) = self.lock().services.get_mut(key) {
            remembered.settled = None;
        }
    }

    /// From here on there may be a load balancer.
    pub fn hold(&self, key: &NamespacedName, provider: ProviderName, id: &LoadBalancerId) {
        self.lock().services.entry(key.clone()).or_default().held = Some((provider, id.clone()));
    }

    /// The load balancer that there may be.
    #[must_use]
    pub fn held(&self, key: &NamespacedName) -> Option<(ProviderName, LoadBalancerId)> {
        self.lock()
            .services
            .get(key)
            .and_then(|remembered| remembered.held.clone())
    }

    /// Nothing is left of the load balancer; the Service may still be there.
    pub fn let_go(&self, key: &NamespacedName) {
        if let Some(remembered) = self.lock().services.get_mut(key) {
            *remembered = Remembered {
                written: remembered.written,
                ..Remembered::default()
            };
        }
    }

    /// Nothing is left to remember of the Service.
    pub fn forget(&self, key: &NamespacedName) {
        self.lock().services.remove(key);
    }

    /// The Service waits for its first address, since `since` unless it waited before.
    pub fn waits(&self, key: &NamespacedName, since: Instant) {
        self.lock()
            .services
            .entry(key.clone())
            .or_default()
            .waiting_since
            .get_or_insert(since);
    }

    /// The Service has an address; since when it waited for it, if it did.
    pub fn served(&self, key: &NamespacedName) -> Option<Instant> {
        self.lock().services.get_mut(key)?.waiting_since.take()
    }

    /// Notes whether the provider itself asked for the next look: what it does then, it had begun before.
    pub fn awaits(&self, key: &NamespacedName, awaited: bool) {
        let mut contents = self.lock();
        contents.services.entry(key.clone()).or_default().awaited = awaited;
    }

    /// Whether the provider itself asked for the look that time has brought.
    #[must_use]
    pub fn was_awaited(&self, key: &NamespacedName) -> bool {
        let contents = self.lock();
        contents
            .services
            .get(key)
            .is_some_and(|remembered| remembered.awaited)
    }

    /// True the first time it is asked since the Service was last settled.
    pub fn tell_once(&self, key: &NamespacedName) -> bool {
        let mut contents = self.lock();
        let remembered = contents.services.entry(key.clone()).or_default();
        !std::mem::replace(&mut remembered.told, true)
    }

    /// Every Service that something is remembered of.
    #[must_use]
    pub fn keys(&self) -> Vec<NamespacedName> {
        self.lock().services.keys().cloned().collect()
    }

    /// The orphan sweep has `id` in hand until [`swept`](Self::swept).
    pub fn sweep(&self, id: &LoadBalancerId) {
        self.lock().sweeping.insert(id.clone());
    }

    /// The orphan sweep let go of `id`.
    pub fn swept(&self, id: &LoadBalancerId) {
        self.lock().sweeping.remove(id);
    }

    /// Whether the orphan sweep has `id` in hand.
    #[must_use]
    pub fn is_swept(&self, id: &LoadBalancerId) -> bool {
        self.lock().sweeping.contains(id)
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// resourceVersions of one kind are numbers that grow (KEP-5504 made that a promise); one that is none is never behind.
fn version(service: &Service) -> Option<u64> {
    service.metadata.resource_version.as_deref()?.parse().ok()
}
