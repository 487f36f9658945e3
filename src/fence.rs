//! May a provider be called? Only while this process leads: a call is refused after the renew deadline, and one that is
//! under way then is cut off.

use std::sync::Arc;

use async_trait::async_trait;
use roadstead_core::{
    Ensured, Error, ErrorKind, LoadBalancer, LoadBalancerId, LoadBalancerProvider, NamespacedName,
    Owned, Plan, ProviderName, Published, Released, Result, TargetKind, Vocabulary,
};

use crate::leader::Leadership;

/// A provider behind the fence.
#[derive(Debug)]
pub struct Fenced {
    inner: Arc<dyn LoadBalancerProvider>,
    leadership: Leadership,
}

// === impl Fenced ===

impl Fenced {
    /// `inner`, while `leadership` lasts.
    #[must_use]
    pub fn new(inner: Arc<dyn LoadBalancerProvider>, leadership: Leadership) -> Self {
        Self { inner, leadership }
    }

    async fn while_leading<T>(&self, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let mut leadership = self.leadership.clone();
        if !leadership.is_current() {
            return Err(self.refused());
        }
        tokio::select! {
            biased;
            () = leadership.lost() => Err(self.refused()),
            result = call => result,
        }
    }

    fn refused(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            self.inner.name(),
            "this process does not lead any more",
        )
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl LoadBalancerProvider for Fenced {
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
        self.while_leading(self.inner.plan(want)).await
    }

    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured> {
        self.while_leading(self.inner.ensure(want)).await
    }

    async fn release(&self, id: &LoadBalancerId) -> Result<Released> {
        self.while_leading(self.inner.release(id)).await
    }

    async fn owned(&self) -> Result<Vec<Owned>> {
        self.while_leading(self.inner.owned()).await
    }

    async fn restore(&self, published: &[Published]) -> Result<()> {
        self.while_leading(self.inner.restore(published)).await
    }
}
