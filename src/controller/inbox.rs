//! What changed and was not looked at yet? Filled by the watches, emptied by whoever leads. Decides nothing.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use roadstead_core::NamespacedName;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

/// What changed and was not looked at yet. Bounded by the number of objects: a key is in it once.
#[derive(Debug, Default)]
pub struct Inbox {
    services: Mutex<Arrivals>,
    arrived: Notify,
    nodes: Notify,
    nodes_seen: watch::Sender<()>,
}

/// What [`Inbox`] held.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// Services that changed, and since when that is known.
    pub services: HashMap<NamespacedName, Instant>,
    /// Services whose provider asks that they be looked at.
    pub woken: HashSet<NamespacedName>,
    /// Every Service may have changed.
    pub everything: bool,
    /// Services were listed anew.
    pub relisted: bool,
}

// === impl Inbox ===

impl Inbox {
    /// A Service changed.
    pub fn service(&self, key: NamespacedName) {
        self.lock().services.entry(key).or_insert_with(Instant::now);
        self.arrived.notify_one();
    }

    /// The provider of a Service asks that it be looked at, changed or not.
    pub fn woken(&self, key: NamespacedName) {
        self.lock().woken.insert(key);
        self.arrived.notify_one();
    }

    /// Every Service may have changed.
    pub fn everything(&self) {
        self.lock().everything = true;
        self.arrived.notify_one();
    }

    pub(super) fn relisted(&self) {
        self.lock().relisted = true;
        self.everything();
    }

    /// Waits for arrivals, and takes them.
    pub async fn take(&self) -> Arrivals {
        self.arrived.notified().await;
        std::mem::take(&mut *self.lock())
    }

    /// Something about nodes changed.
    pub(super) fn node(&self) {
        self.nodes.notify_one();
        self.nodes_seen.send_replace(());
    }

    /// Tells of every change of nodes, to whoever asks besides those who [wait](Self::nodes_changed) for one.
    #[must_use]
    pub fn node_changes(&self) -> watch::Receiver<()> {
        self.nodes_seen.subscribe()
    }

    /// Waits until something about nodes changed.
    pub async fn nodes_changed(&self) {
        self.nodes.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, Arrivals> {
        self.services.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
