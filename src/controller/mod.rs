//! Makes it so: what happens from a change at the API server to a load balancer, and in which order.
//!
//! `trigger` feeds `queue`, `reconcile` handles one Service, everything else serves them.

mod aim;
mod begin;
pub mod caches;
mod ensure;
pub mod events;
mod finalizer;
pub mod gates;
pub mod inbox;
pub mod memory;
pub mod orphans;
pub mod pods;
mod publish;
pub mod queue;
mod reconcile;
mod release;
pub mod report;
pub mod retry;
pub mod said;
pub mod slices;
pub mod targets;
mod trigger;
mod wanted;
pub mod watches;
pub mod writes;

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use rand::Rng;
use roadstead_core::{
    ClusterUid, LoadBalancer, LoadBalancerProvider, NamespacedName, ProviderName,
};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use self::{
    caches::Caches, events::Events, gates::Gates, memory::Memory, orphans::Orphanage,
    retry::Retries, targets::NodeTargets, writes::Writes,
};
use crate::{
    fence::Fenced,
    leader::Leadership,
    metrics::Metrics,
    service::{
        class::Classes,
        conditions::Kind,
        intent::{self, Traits},
        status,
    },
};

/// How the controller works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which cluster this is.
    pub cluster: ClusterUid,
    /// The classes it answers to.
    pub classes: Classes,
    /// The only namespace it watches; `None`: all.
    pub namespace: Option<String>,
    /// How often an unchanged Service is compared with what exists.
    pub resync: Duration,
    /// What happens to orphans.
    pub orphanage: Orphanage,
    /// How long running calls may take to end at shutdown.
    pub shutdown_grace: Duration,
}

/// The controller: made once, run once.
#[derive(Debug)]
pub struct Controller {
    context: Arc<Context>,
    leadership: Leadership,
    event_writer: tokio::task::JoinHandle<()>,
    shutdown_grace: Duration,
}

/// What a reconcile works with.
#[derive(Debug)]
pub struct Context {
    cluster: ClusterUid,
    classes: Classes,
    namespace: Option<String>,
    resync: Duration,
    orphanage: Orphanage,
    providers: Vec<Arc<dyn LoadBalancerProvider>>,
    traits: Vec<Traits>,
    caches: Arc<Caches>,
    nodes: NodeTargets,
    memory: Memory,
    gates: Gates,
    retries: Retries<NamespacedName>,
    writes: Arc<Writes>,
    events: Events,
    metrics: Arc<Metrics>,
    acting: AtomicBool,
    /// Providers that could not be told what is published, and why.
    unrestored: Mutex<BTreeMap<ProviderName, String>>,
}

/// Why the controller stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was asked to, and everything that ran has ended or was cut off after the grace period.
    Asked,
    /// It may not act any more.
    LeadershipLost,
}

/// An unchanged Service is looked at up to this share of the resync earlier or later, so that they do not come at once.
const RESYNC_JITTER: f64 = 0.2;

/// How long events may take to be written at shutdown.
const EVENT_GRACE: Duration = Duration::from_secs(2);

// === impl Controller ===

impl Controller {
    /// A controller over `caches` that are already watching; acts only while `leadership` lasts.
    #[must_use]
    pub fn new(
        settings: Settings,
        providers: Vec<Arc<dyn LoadBalancerProvider>>,
        client: Client,
        caches: Arc<Caches>,
        leadership: Leadership,
        metrics: Arc<Metrics>,
    ) -> Self {
        let Settings {
            cluster,
            classes,
            namespace,
            resync,
            orphanage,
            shutdown_grace,
        } = settings;
        let traits = providers
            .iter()
            .map(|provider| Traits::of(&**provider))
            .collect();
        let providers = providers.into_iter().map(|provider| {
            let fenced: Arc<dyn LoadBalancerProvider> =
                Arc::new(Fenced::new(provider, leadership.clone()));
            fenced
        });
        let writes = Arc::new(Writes::new(client, leadership.clone()));
        let (events, write_events) = Events::new(Arc::clone(&writes), Arc::clone(&metrics));
        let context = Arc::new(Context {
            cluster,
            classes,
            namespace,
            resync,
            orphanage,
            providers: providers.collect(),
            traits,
            caches,
            nodes: NodeTargets::default(),
            memory: Memory::default(),
            gates: Gates::default(),
            retries: Retries::default(),
            writes,
            events,
            metrics,
            acting: AtomicBool::new(false),
            unrestored: Mutex::default(),
        });
        Self {
            context,
            leadership,
            event_writer: tokio::spawn(write_events),
            shutdown_grace,
        }
    }

    /// What there is to see from outside.
    #[must_use]
    pub fn context(&self) -> Arc<Context> {
        Arc::clone(&self.context)
    }

    /// Waits for leadership and caches, then reconciles until `shutdown` or until leadership is lost.
    pub async fn run(self, shutdown: CancellationToken) -> Stopped {
        let mut leadership = self.leadership.clone();
        let stopped = tokio::select! {
            biased;
            () = leadership.lost() => Stopped::LeadershipLost,
            stopped = self.act(&shutdown) => stopped,
        };
        let Self {
            context,
            event_writer,
            ..
        } = self;
        match stopped {
            Stopped::Asked => {
                context.events.close();
                if tokio::time::timeout(EVENT_GRACE, event_writer)
                    .await
                    .is_err()
                {
                    tracing::warn!("some events were not written before the shutdown");
                }
            }
            Stopped::LeadershipLost => event_writer.abort(),
        }
        stopped
    }

    async fn act(&self, shutdown: &CancellationToken) -> Stopped {
        let context = &self.context;
        tokio::select! {
            () = shutdown.cancelled() => return Stopped::Asked,
            () = self.stand_by() => {}
            // What arrives while somebody else acts is in the caches; all of it is looked at afterwards.
            () = async { loop { context.caches.inbox.take().await; } } => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return Stopped::Asked,
            () = context.begin() => {}
        }
        let needs_provider_ids = context.needs_provider_ids();
        let sweep = orphans::sweep_until(context, shutdown, self.shutdown_grace);
        let work =
            async { tokio::join!(trigger::run(context, shutdown, self.shutdown_grace), sweep) };
        tokio::select! {
            _ = work => {}
            () = context.nodes.follow(&context.caches, &context.events, needs_provider_ids) => {}
            () = context.restore_the_rest() => {}
            () = context.listen() => {}
        }
        Stopped::Asked
    }

    async fn stand_by(&self) {
        let mut leadership = self.leadership.clone();
        leadership.acquired().await;
        self.context.caches.synced().await;
    }
}

// === impl Context ===

impl Context {
    fn provider(&self, name: ProviderName) -> Option<&dyn LoadBalancerProvider> {
        self.providers
            .iter()
            .find(|provider| provider.name() == name)
            .map(|provider| &**provider)
    }

    fn needs_provider_ids(&self) -> bool {
        self.providers
            .iter()
            .any(|provider| provider.needs_provider_ids())
    }

    /// Adds the labels of its namespace to a request, if `provider` reads labels.
    fn add_namespace(&self, provider: ProviderName, want: &mut LoadBalancer) {
        let reads = |traits: &Traits| traits.name == provider && traits.reads_labels;
        if self.traits.iter().any(reads) {
            want.labels.namespace = self.caches.namespace_labels(&want.service.namespace);
        }
    }

    /// Has the Services looked at for which their provider asks; never ends.
    async fn listen(&self) {
        let each = self.providers.iter().map(async |provider| {
            loop {
                for key in provider.woken().await {
                    self.caches.inbox.woken(key);
                }
            }
        });
        join_all(each).await;
    }

    fn next_resync(&self) -> Instant {
        let jitter = rand::rng().random_range(1.0 - RESYNC_JITTER..1.0 + RESYNC_JITTER);
        Instant::now() + self.resync.mul_f64(jitter)
    }

    /// The providers that run.
    #[must_use]
    pub fn providers(&self) -> &[ProviderName] {
        self.classes.providers()
    }

    /// The watched objects.
    #[must_use]
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Whether this process reconciles, or waits for leadership or caches.
    #[must_use]
    pub fn is_acting(&self) -> bool {
        self.acting.load(Ordering::Relaxed)
    }

    /// The Services of ours, with their providers.
    #[must_use]
    pub fn services(&self) -> Vec<(ProviderName, Arc<Service>)> {
        let ours = self.caches.services().into_iter().filter_map(|service| {
            let finalized = || {
                self.classes
                    .providers()
                    .iter()
                    .copied()
                    .find(|p| intent::has_finalizer(&service, *p))
            };
            Some((
                self.classes.provider_of(&service).or_else(finalized)?,
                service,
            ))
        });
        ours.collect()
    }

    /// Counts the Services of ours by provider and by the reason of their condition Programmed.
    pub fn measure(&self) {
        let mut counts: BTreeMap<(ProviderName, String), i64> = BTreeMap::new();
        for (provider, service) in self.services() {
            let reason = status::condition(&service, Kind::Programmed)
                .map(|condition| condition.reason.clone());
            *counts
                .entry((provider, reason.unwrap_or_else(|| "None".to_owned())))
                .or_default() += 1;
        }
        self.metrics.load_balancers(counts);
    }
}

/// Owns tasks that must not end: the death of one is the end of the process.
pub async fn watch_over(tasks: &mut JoinSet<()>) {
    match tasks.join_next().await {
        Some(Ok(())) => tracing::error!("a task that must not end has ended"),
        Some(Err(error)) => tracing::error!(%error, "a task that must not end has failed"),
        None => std::future::pending().await,
    }
}
