//! What must be known before a new leader may act? What the last one wrote, which nodes there are, and which addresses
//! Services carry.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use roadstead_core::{LoadBalancerProvider, NamespacedName, ProviderName, Published, Retry, chain};
use tokio::time::Instant;

use super::Context;
use crate::{
    explain::explain,
    service::intent::{self, Traits},
};

/// How long the caches may take to show what the API server holds when this process comes to lead.
const CATCH_UP: Duration = Duration::from_secs(10);

/// How long one of them may.
const EACH: Duration = Duration::from_secs(1);

/// How often they are looked at until then, and how soon a list that failed is asked for again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
const LIST_AGAIN: Duration = Duration::from_secs(1);

// === impl Context ===

impl Context {
    /// What comes before the first reconcile of a leader.
    pub(super) async fn begin(&self) {
        self.catch_up().await;
        let nodes = self.caches.nodes();
        self.nodes.select(&nodes);
        if self.needs_provider_ids() {
            self.nodes.tell_unidentified(&nodes, &self.events);
        }
        for provider in &self.providers {
            self.restore(&**provider).await;
        }
        self.acting.store(true, Ordering::Relaxed);
    }

    /// Waits until the caches show what the API server holds: the last writes of the leader before us are in it, and the
    /// watch may be behind them.
    async fn catch_up(&self) {
        let there = loop {
            match self
                .writes
                .services_now(self.namespace.as_deref(), "spec.type=LoadBalancer")
                .await
            {
                Ok(there) => break there,
                Err(error) => {
                    tracing::warn!(
                        error = explain(&error),
                        "listing Services failed; trying again"
                    );
                    tokio::time::sleep(LIST_AGAIN).await;
                }
            }
        };
        let latest = Instant::now() + CATCH_UP;
        for service in there {
            // One that does not come at all was deleted meanwhile.
            let latest = latest.min(Instant::now() + EACH);
            while !self.caches.shows(&service.metadata) && Instant::now() < latest {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    }

    /// Tells `provider` which addresses Services already carry; true if it has taken them. Until then none of its
    /// Services is touched: what it does not know of it might give to somebody else.
    async fn restore(&self, provider: &dyn LoadBalancerProvider) -> bool {
        let name = provider.name();
        let services = self.caches.services();
        let traits = Traits::of(provider);
        let published = services.iter().filter_map(|service| {
            let mut published = intent::published(service, &self.cluster, &self.classes, &traits)?;
            if let Some(want) = &mut published.want {
                self.add_namespace(name, want);
            }
            Some(published)
        });
        let published: Vec<Published> = published.collect();
        let result = provider.restore(&published).await;
        let mut unrestored = self
            .unrestored
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                unrestored.remove(&name);
            }
            Err(error) => {
                let text = chain(&error).to_string();
                tracing::warn!(provider = %name, error = text, "restoring addresses failed; trying again");
                unrestored.insert(name, text);
                return false;
            }
        }
        if !provider.outlives_service() {
            // No finalizer says so: memory alone knows that there is something to give back.
            for Published {
                id,
                service,
                addresses: _,
                want: _,
            } in &published
            {
                self.memory.hold(service, name, id);
            }
        }
        true
    }

    /// Goes on with the providers that could not take their addresses yet; never ends.
    pub(super) async fn restore_the_rest(&self) {
        for provider in &self.providers {
            let key = NamespacedName::new("", provider.name().as_str());
            while self.unrestored(provider.name()).is_some() {
                let wait = self.retries.failed(key.clone(), Retry::Backoff);
                tokio::time::sleep(wait.unwrap_or(self.resync)).await;
                if self.restore(&**provider).await {
                    self.caches.inbox.everything();
                }
            }
            self.retries.forget(&key);
        }
        std::future::pending::<()>().await;
    }

    /// Why `provider` does not know yet which addresses Services carry; `None` if it does.
    #[must_use]
    pub fn unrestored(&self, provider: ProviderName) -> Option<String> {
        self.unrestored
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&provider)
            .cloned()
    }
}
