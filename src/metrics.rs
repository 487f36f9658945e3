//! What is measured of the controller itself? Names, labels and how they are kept; providers' calls are measured in core.
//!
//! No label ever carries the name of a Service or an address.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};
use roadstead_core::{ProviderMetrics, ProviderName};

/// The metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    /// Calls of providers.
    pub providers: ProviderMetrics,
    reconciles: Family<OutcomeLabels, Counter>,
    reconcile_seconds: Family<OutcomeLabels, Histogram, fn() -> Histogram>,
    time_to_address: Family<ProviderLabels, Histogram, fn() -> Histogram>,
    api_requests: Family<ApiLabels, Counter>,
    load_balancers: Family<StateLabels, Gauge>,
    orphans: Family<ProviderLabels, Gauge>,
    orphans_released: Family<ProviderLabels, Counter>,
    events_dropped: Counter,
    queue_depth: Gauge,
    leader: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ProviderLabels {
    provider: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ApiLabels {
    verb: &'static str,
    resource: String,
    code: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    provider: &'static str,
    state: String,
}

/// From a reconcile that finds nothing to do to one that waits for a cloud.
const SECONDS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0, 300.0,
];

// === impl Metrics ===

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self::unregistered();
        metrics.register();
        metrics.register_common();
        metrics
    }
}

impl Metrics {
    /// The metrics of an announcer: those of a controller are not among them.
    #[must_use]
    pub fn of_announcer() -> Self {
        let mut metrics = Self::unregistered();
        metrics.register_common();
        metrics
    }

    fn unregistered() -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            registry: Mutex::new(Registry::with_prefix("roadstead")),
            providers: ProviderMetrics::default(),
            reconciles: Family::default(),
            reconcile_seconds: Family::new_with_constructor(histogram),
            time_to_address: Family::new_with_constructor(histogram),
            api_requests: Family::default(),
            load_balancers: Family::default(),
            orphans: Family::default(),
            orphans_released: Family::default(),
            events_dropped: Counter::default(),
            queue_depth: Gauge::default(),
            leader: Gauge::default(),
        }
    }

    /// What every process measures.
    fn register_common(&mut self) {
        let registry = self
            .registry
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "api_requests",
            "Requests to the Kubernetes API server by verb, resource and status code (0: no answer)",
            self.api_requests.clone(),
        );
        registry.register(
            "events_dropped",
            "Kubernetes events that could not be written",
            self.events_dropped.clone(),
        );
        registry.register(
            "build",
            "What runs",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
    }

    fn register(&mut self) {
        let registry = self
            .registry
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "reconciles",
            "Reconciles by outcome",
            self.reconciles.clone(),
        );
        registry.register_with_unit(
            "reconcile_duration",
            "How long reconciles took, by outcome",
            Unit::Seconds,
            self.reconcile_seconds.clone(),
        );
        registry.register_with_unit(
            "time_to_address",
            "From the creation of a Service to its address in the status",
            Unit::Seconds,
            self.time_to_address.clone(),
        );
        registry.register(
            "load_balancers",
            "Services by provider and by the reason of their condition Programmed (None: not written yet)",
            self.load_balancers.clone(),
        );
        registry.register(
            "orphans",
            "Load balancers without a Service that were found and are still there",
            self.orphans.clone(),
        );
        registry.register(
            "orphans_released",
            "Load balancers without a Service that were released",
            self.orphans_released.clone(),
        );
        registry.register(
            "queue_depth",
            "Services that wait for their turn, for the API server or for their provider",
            self.queue_depth.clone(),
        );
        registry.register(
            "leader",
            "1 in the process that acts, 0 in one that stands by",
            self.leader.clone(),
        );
        self.providers.register(registry);
    }

    /// Adds what a provider measures of itself: `register` names it, all of it under `roadstead_`.
    pub fn add(&self, register: impl FnOnce(&mut Registry)) {
        register(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// A reconcile ended like this after so long.
    pub fn reconciled(&self, outcome: &'static str, took: Duration) {
        let labels = OutcomeLabels { outcome };
        self.reconciles.get_or_create(&labels).inc();
        self.reconcile_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// A Service has its first address so long after its creation.
    pub fn address_after(&self, provider: ProviderName, took: Duration) {
        let labels = ProviderLabels {
            provider: provider.as_str(),
        };
        self.time_to_address
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// A request to the API server ended; code 0 if without an answer.
    pub fn api_request(&self, verb: &'static str, resource: String, code: u16) {
        self.api_requests
            .get_or_create(&ApiLabels {
                verb,
                resource,
                code,
            })
            .inc();
    }

    /// How many Services there are by provider and state, right now.
    pub fn load_balancers(&self, counts: impl IntoIterator<Item = ((ProviderName, String), i64)>) {
        self.load_balancers.clear();
        for ((provider, state), count) in counts {
            let labels = StateLabels {
                provider: provider.as_str(),
                state,
            };
            self.load_balancers.get_or_create(&labels).set(count);
        }
    }

    /// So many orphans of `provider` are there.
    pub fn orphans(&self, provider: ProviderName, count: usize) {
        let labels = ProviderLabels {
            provider: provider.as_str(),
        };
        self.orphans
            .get_or_create(&labels)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// An orphan of `provider` is gone.
    pub fn orphan_released(&self, provider: ProviderName) {
        let labels = ProviderLabels {
            provider: provider.as_str(),
        };
        self.orphans_released.get_or_create(&labels).inc();
    }

    /// An event could not be written.
    pub fn event_dropped(&self) {
        self.events_dropped.inc();
    }

    /// So many Services wait.
    pub fn queue_depth(&self, depth: usize) {
        self.queue_depth
            .set(i64::try_from(depth).unwrap_or(i64::MAX));
    }

    /// Whether this process acts.
    pub fn leader(&self, leads: bool) {
        self.leader.set(i64::from(leads));
    }

    /// Everything, in the text format of `OpenMetrics`.
    pub fn render(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
