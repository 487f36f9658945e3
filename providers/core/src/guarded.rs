//! What protects the controller from a provider? A deadline on every call, a panic turned into an error, and a measure
//! of both. Decides nothing else.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::FutureExt;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};
use tokio::time::Instant;

use crate::{
    Ensured, Error, ErrorKind, LoadBalancer, LoadBalancerId, LoadBalancerProvider, NamespacedName,
    Owned, Plan, ProviderName, Published, Released, Result, TargetKind, Vocabulary,
};

/// A provider with a deadline, a safety net and a stop-watch around every call.
#[derive(Debug)]
pub struct Guarded {
    inner: Arc<dyn LoadBalancerProvider>,
    deadline: Duration,
    metrics: ProviderMetrics,
}

/// Calls of providers: how many, how they ended, how long they took.
#[derive(Clone, Debug)]
pub struct ProviderMetrics {
    calls: Family<CallLabels, Counter>,
    errors: Family<ErrorLabels, Counter>,
    seconds: Family<MethodLabels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    provider: &'static str,
    method: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    provider: &'static str,
    method: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    provider: &'static str,
    method: &'static str,
}

/// From a call that stays in memory to one that waits for a cloud.
const BUCKETS: [f64; 11] = [
    0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0,
];

// === impl ProviderMetrics ===

impl Default for ProviderMetrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            errors: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
        }
    }
}

impl ProviderMetrics {
    /// Makes them readable through `registry`, below its prefix.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "provider_calls",
            "Calls of a provider, by method and result (ok, pending, error)",
            self.calls.clone(),
        );
        registry.register(
            "provider_errors",
            "Failed calls of a provider, by method and kind of error",
            self.errors.clone(),
        );
        registry.register_with_unit(
            "provider_call_duration",
            "How long calls of a provider took",
            Unit::Seconds,
            self.seconds.clone(),
        );
    }

    fn observe<T>(
        &self,
        provider: ProviderName,
        method: &'static str,
        took: Duration,
        result: &Result<T>,
        waits: bool,
    ) {
        let provider = provider.as_str();
        let label = match (result, waits) {
            (Ok(_), false) => "ok",
            (Ok(_), true) => "pending",
            (Err(_), _) => "error",
        };
        self.calls
            .get_or_create(&CallLabels {
                provider,
                method,
                result: label,
            })
            .inc();
        if let Err(error) = result {
            self.errors
                .get_or_create(&ErrorLabels {
                    provider,
                    method,
                    kind: error.kind().label(),
                })
                .inc();
        }
        self.seconds
            .get_or_create(&MethodLabels { provider, method })
            .observe(took.as_secs_f64());
    }
}

// === impl Guarded ===

impl Guarded {
    /// Guards `inner`; a call that takes longer than `deadline` fails as unavailable.
    #[must_use]
    pub fn new(
        inner: Arc<dyn LoadBalancerProvider>,
        deadline: Duration,
        metrics: ProviderMetrics,
    ) -> Self {
        Self {
            inner,
            deadline,
            metrics,
        }
    }

    async fn call<T>(
        &self,
        method: &'static str,
        waits: fn(&T) -> bool,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let provider = self.inner.name();
        let start = Instant::now();
        let result = match tokio::time::timeout(
            self.deadline,
            AssertUnwindSafe(call).catch_unwind(),
        )
        .await
        {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(Error::new(
                ErrorKind::Internal,
                provider,
                format!(
                    "the {provider} provider panicked in {method}: {}; this is a bug, please report it",
                    panic_text(panic.as_ref())
                ),
            )),
            Err(_elapsed) => Err(Error::new(
                ErrorKind::Unavailable,
                provider,
                format!(
                    "the {provider} provider did not answer {method} within {:?}; --provider-timeout is the limit",
                    self.deadline
                ),
            )),
        };
        let waiting = result.as_ref().is_ok_and(waits);
        self.metrics
            .observe(provider, method, start.elapsed(), &result, waiting);
        result
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

fn never<T>(_: &T) -> bool {
    false
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl LoadBalancerProvider for Guarded {
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
        self.call("plan", never, self.inner.plan(want)).await
    }

    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured> {
        let waits = |ensured: &Ensured| matches!(ensured, Ensured::Pending { .. });
        self.call("ensure", waits, self.inner.ensure(want)).await
    }

    async fn release(&self, id: &LoadBalancerId) -> Result<Released> {
        let waits = |released: &Released| matches!(released, Released::InProgress { .. });
        self.call("release", waits, self.inner.release(id)).await
    }

    async fn owned(&self) -> Result<Vec<Owned>> {
        self.call("owned", never, self.inner.owned()).await
    }

    async fn restore(&self, published: &[Published]) -> Result<()> {
        self.call("restore", never, self.inner.restore(published))
            .await
    }
}
