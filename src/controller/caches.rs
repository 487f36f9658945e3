//! What does the API server hold, as far as this process has heard? Watched from the start, leader or not, so that a
//! standby takes over with warm caches. Writes nothing.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt};
use k8s_openapi::{
    api::{
        core::v1::{Node, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, ResourceExt,
    runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store, reflector, store},
        watcher::{self, watcher},
    },
};
use roadstead_core::NamespacedName;
use tokio::{sync::watch, task::JoinSet, time::Instant};

use super::inbox::Inbox;
use crate::explain::explain;
use crate::service::{annotations::LAST_APPLIED, endpoints, nodes, request::name_in};

/// The watched objects.
#[derive(Debug)]
pub struct Caches {
    services: Store<Service>,
    nodes: Store<Node>,
    slices: Store<EndpointSlice>,
    slices_wanted: watch::Sender<bool>,
    /// What changed since it was last asked for.
    pub inbox: Arc<Inbox>,
    health: Arc<Mutex<Health>>,
}

/// How the watches fare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// By resource; absent: not begun.
    pub watches: HashMap<&'static str, WatchState>,
}

/// How a watch fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// The first list is under way.
    Syncing,
    /// It is up to date.
    Synced,
    /// It failed, and is tried again; its objects are as they were last heard of.
    Failing {
        /// Whether there was a first list at all.
        synced: bool,
        /// When it failed last.
        last: Instant,
        /// What the API server said.
        error: String,
    },
}

/// A watch that fails is tried again within a minute, and has five seconds to connect.
const RECOVERED: Duration = Duration::from_secs(90);

/// The resources, as RBAC names them.
const SERVICES: &str = "services";
const NODES: &str = "nodes";
const SLICES: &str = "endpointslices";

// === impl Caches ===

impl Caches {
    /// Begins to watch; the tasks end only with `tasks`. With a `namespace` only its Services count.
    #[must_use]
    pub fn start(client: &Client, namespace: Option<&str>, tasks: &mut JoinSet<()>) -> Self {
        let (services, service_writer) = store();
        let (nodes, node_writer) = store();
        let (slices, slice_writer) = store();
        let (slices_wanted, mut slices_asked) = watch::channel(false);
        let inbox = Arc::<Inbox>::default();
        let health = Arc::<Mutex<Health>>::default();
        let config = watcher::Config::default();

        let api = scoped(client, namespace);
        let stream = watcher(api, config.clone())
            .default_backoff()
            .modify(shrink_service);
        let (to, on) = (Arc::clone(&inbox), Arc::clone(&health));
        tasks.spawn(follow(
            SERVICES,
            reflector(service_writer, stream),
            on,
            move |change| match change {
                Change::Touched(service) => to.service(name_in(&service.metadata)),
                Change::Listed => to.relisted(),
            },
        ));

        let stream = watcher(Api::all(client.clone()), config.clone())
            .default_backoff()
            .modify(nodes::shrink);
        let (to, on) = (Arc::clone(&inbox), Arc::clone(&health));
        tasks.spawn(follow(
            NODES,
            reflector(node_writer, stream),
            on,
            move |_| to.node(),
        ));

        let stream = watcher(scoped(client, namespace), config)
            .default_backoff()
            .modify(endpoints::shrink);
        let (to, on) = (Arc::clone(&inbox), Arc::clone(&health));
        tasks.spawn(async move {
            // Only where a provider wants pods: their slices are the most talkative objects of a cluster.
            if slices_asked.wait_for(|wanted| *wanted).await.is_err() {
                return;
            }
            let follows =
                follow(
                    SLICES,
                    reflector(slice_writer, stream),
                    on,
                    move |change| match change {
                        Change::Touched(slice) => {
                            if let Some(service) = slice.labels().get(endpoints::SERVICE_LABEL) {
                                to.service(NamespacedName::new(
                                    slice.namespace().unwrap_or_default(),
                                    service.as_str(),
                                ));
                            }
                        }
                        Change::Listed => to.everything(),
                    },
                );
            follows.await;
        });

        Self {
            services,
            nodes,
            slices,
            slices_wanted,
            inbox,
            health,
        }
    }

    /// Waits for the first list of Services and nodes.
    pub async fn synced(&self) {
        let (services, nodes) = tokio::join!(
            self.services.wait_until_ready(),
            self.nodes.wait_until_ready()
        );
        if services.is_err() || nodes.is_err() {
            // The watching tasks are gone, and whoever owns them ends the process.
            std::future::pending::<()>().await;
        }
    }

    /// The Service of this name.
    #[must_use]
    pub fn service(&self, key: &NamespacedName) -> Option<Arc<Service>> {
        self.services
            .get(&ObjectRef::new(&key.name).within(&key.namespace))
    }

    /// True if the Services shown are as new as `metadata`, or newer.
    #[must_use]
    pub fn shows(&self, metadata: &ObjectMeta) -> bool {
        let version = |metadata: &ObjectMeta| -> Option<u64> {
            metadata.resource_version.as_deref()?.parse().ok()
        };
        self.service(&name_in(metadata))
            .is_some_and(|service| version(&service.metadata) >= version(metadata))
    }

    /// Every Service.
    #[must_use]
    pub fn services(&self) -> Vec<Arc<Service>> {
        self.services.state()
    }

    /// Every node.
    #[must_use]
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.nodes.state()
    }

    /// The slices of a Service; `None` while the first list is under way, which this call begins if need be.
    #[must_use]
    pub fn slices(&self, key: &NamespacedName) -> Option<Vec<Arc<EndpointSlice>>> {
        self.slices_wanted
            .send_if_modified(|wanted| !std::mem::replace(wanted, true));
        let synced = matches!(
            lock(&self.health).watches.get(SLICES),
            Some(WatchState::Synced | WatchState::Failing { synced: true, .. })
        );
        synced.then(|| {
            self.slices.state_filter(|slice| {
                slice.metadata.namespace.as_deref() == Some(&key.namespace)
                    && slice
                        .labels()
                        .get(endpoints::SERVICE_LABEL)
                        .is_some_and(|name| **name == *key.name)
            })
        })
    }

    /// How the watches fare.
    #[must_use]
    pub fn health(&self) -> Health {
        let (mut health, now) = (lock(&self.health).clone(), Instant::now());
        for state in health.watches.values_mut() {
            *state = state.clone().at(now);
        }
        health
    }
}

enum Change<K> {
    Touched(K),
    Listed,
}

async fn follow<K>(
    resource: &'static str,
    stream: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>>,
    health: Arc<Mutex<Health>>,
    mut tell: impl FnMut(Change<K>),
) {
    let set = |state| lock(&health).watches.insert(resource, state);
    set(WatchState::Syncing);
    let mut stream = pin!(stream);
    while let Some(event) = stream.next().await {
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => {
                recover(&health, resource);
                tell(Change::Touched(object));
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(watcher::Event::InitDone) => {
                set(WatchState::Synced);
                tell(Change::Listed);
            }
            Err(error) => {
                let error = explain(&error);
                let before = lock(&health).watches.get(resource).cloned();
                let synced = before.as_ref().is_some_and(WatchState::is_synced);
                let last = Instant::now();
                let told = before
                    .map(|before| before.at(last))
                    .is_some_and(|before| before.error() == Some(error.as_str()));
                if !told {
                    tracing::warn!(resource, error, "watching failed; trying again");
                }
                set(WatchState::Failing {
                    synced,
                    last,
                    error,
                });
            }
        }
    }
}

fn recover(health: &Mutex<Health>, resource: &'static str) {
    if let Some(state @ WatchState::Failing { synced: true, .. }) =
        lock(health).watches.get_mut(resource)
    {
        *state = WatchState::Synced;
    }
}

fn lock(health: &Mutex<Health>) -> MutexGuard<'_, Health> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

fn scoped<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}

/// What nobody here reads, of ten thousand Services, is most of the memory.
fn shrink_service(service: &mut Service) {
    service.metadata.managed_fields = None;
    service.metadata.owner_references = None;
    service.metadata.labels = None;
    if let Some(annotations) = &mut service.metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
    if let Some(spec) = &mut service.spec {
        spec.selector = None;
    }
}

// === impl Health ===

impl Health {
    /// True if the watches that every Service needs have had their first list.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        [SERVICES, NODES].iter().all(|resource| {
            self.watches
                .get(resource)
                .is_some_and(WatchState::is_synced)
        })
    }

    /// Why the pods of Services are not known; `None` if they are, or if that is a matter of a moment.
    #[must_use]
    pub fn slices_trouble(&self) -> Option<&str> {
        self.watches
            .get(SLICES)
            .filter(|state| !state.is_synced())?
            .error()
    }
}

// === impl WatchState ===

impl WatchState {
    /// The state as it is at `now`: a watch that goes on where it was cut off says nothing before something changes, so
    /// one that has not failed for so long is taken to be up to date again.
    fn at(self, now: Instant) -> Self {
        match self {
            Self::Failing {
                synced: true, last, ..
            } if now >= last + RECOVERED => Self::Synced,
            Self::Syncing | Self::Synced | Self::Failing { .. } => self,
        }
    }

    /// What is wrong, if anything is.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Syncing | Self::Synced => None,
            Self::Failing { error, .. } => Some(error),
        }
    }

    /// True if there was a first list.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        matches!(self, Self::Synced | Self::Failing { synced: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_has_not_failed_for_long_is_up_to_date_again() {
        let last = Instant::now();
        let failing = |synced| WatchState::Failing {
            synced,
            last,
            error: "connection refused".to_owned(),
        };
        assert_eq!(failing(true).at(last), failing(true));
        assert_eq!(failing(true).at(last + RECOVERED), WatchState::Synced);
        assert_eq!(
            failing(false).at(last + RECOVERED),
            failing(false),
            "it still lacks its first list"
        );
    }
}
