//! A provider that keeps what it was asked, and whose answers a test may bend.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use roadstead_core::{
    Ensured, LoadBalancer, LoadBalancerId, LoadBalancerProvider, NamespacedName, Outcome, Owned,
    Plan, ProviderName, Published, Released, Result, TargetKind, Vocabulary,
};
use roadstead_mock::MockProvider;

use super::Place;

/// The mock of a place, watched.
pub(crate) struct Witness {
    inner: MockProvider,
    asked: Mutex<Vec<LoadBalancer>>,
    bend: fn(&mut Outcome),
}

// === impl Witness ===

impl Witness {
    /// Watches the mock of `place`, and has `bend` change what it answers when it is ready.
    pub(crate) fn of(place: &Place, bend: fn(&mut Outcome)) -> Arc<Self> {
        let (cloud, settings) = (
            Arc::clone(&place.cloud),
            roadstead_mock::Settings::default(),
        );
        Arc::new(Self {
            inner: MockProvider::new(cloud, place.cluster.clone(), settings),
            asked: Mutex::default(),
            bend,
        })
    }

    /// What `ensure` was asked for the Service of this name, in order.
    pub(crate) fn asked(&self, name: &str) -> Vec<LoadBalancer> {
        let asked = self.asked.lock().unwrap();
        let of_name = asked.iter().filter(|want| &*want.service.name == name);
        of_name.cloned().collect()
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl LoadBalancerProvider for Witness {
    fn name(&self) -> ProviderName {
        self.inner.name()
    }

    fn vocabulary(&self) -> Vocabulary {
        self.inner.vocabulary()
    }

    fn outlives_service(&self) -> bool {
        self.inner.outlives_service()
    }

    fn needs_provider_ids(&self) -> bool {
        self.inner.needs_provider_ids()
    }

    fn reports_health(&self) -> bool {
        self.inner.reports_health()
    }

    fn target_kind(&self, want: &LoadBalancer) -> TargetKind {
        self.inner.target_kind(want)
    }

    fn chooses_by_label(&self, want: &LoadBalancer) -> bool {
        self.inner.chooses_by_label(want)
    }

    fn reads_labels(&self) -> bool {
        self.inner.reads_labels()
    }

    async fn woken(&self) -> Vec<NamespacedName> {
        self.inner.woken().await
    }

    async fn plan(&self, want: &LoadBalancer) -> Result<Plan> {
        self.inner.plan(want).await
    }

    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured> {
        self.asked.lock().unwrap().push(want.clone());
        let mut ensured = self.inner.ensure(want).await?;
        match &mut ensured {
            Ensured::Ready(outcome) => (self.bend)(outcome),
            Ensured::Pending { .. } => {}
        }
        Ok(ensured)
    }

    async fn release(&self, id: &LoadBalancerId) -> Result<Released> {
        self.inner.release(id).await
    }

    async fn owned(&self) -> Result<Vec<Owned>> {
        self.inner.owned().await
    }

    async fn restore(&self, published: &[Published]) -> Result<()> {
        self.inner.restore(published).await
    }
}
