//! What does the API server hold, as far as this process has heard? Watched from the start, leader or not, so that a
//! standby takes over with warm caches. Writes nothing.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
};

use futures::TryStreamExt;
use k8s_openapi::{
    api::{
        core::v1::{Namespace, Node, Pod, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        reflector::{ObjectRef, Store, reflector, store},
        watcher::{self, watcher},
    },
};
use roadstead_core::{NamespacedName, Target};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use super::{
    inbox::Inbox,
    pods::Pods,
    slices::Slices,
    wanted::while_wanted,
    watches::{
        Change, Health, NAMESPACES, NODES, PODS, SERVICES, SLICES, WatchState, follow, lock,
    },
};
use crate::service::{annotations::LAST_APPLIED, endpoints, nodes, request::name_in};

/// The watched objects.
#[derive(Debug)]
pub struct Caches {
    services: Store<Service>,
    nodes: Store<Node>,
    slices: Arc<Slices>,
    pods: Arc<Pods>,
    /// The Services whose load balancers point at pods.
    pods_wanted: watch::Sender<HashSet<NamespacedName>>,
    /// Only where a provider chooses by them.
    namespaces: Option<Store<Namespace>>,
    /// Tells of every list.
    listed: watch::Sender<()>,
    /// What changed since it was last asked for.
    pub inbox: Arc<Inbox>,
    health: Arc<Mutex<Health>>,
}

/// Which labels are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptLabels {
    /// Those of Services, and the selectors of their pods.
    pub services: bool,
    /// Those of namespaces, which are watched only for them.
    pub namespaces: bool,
}

// === impl Caches ===

impl Caches {
    /// Begins to watch; the tasks end only with `tasks`. With a `namespace` only its Services count.
    #[must_use]
    pub fn start(
        client: &Client,
        namespace: Option<&str>,
        labels: KeptLabels,
        tasks: &mut JoinSet<()>,
    ) -> Self {
        let (services, service_writer) = store();
        let (nodes, node_writer) = store();
        let pods_wanted = watch::Sender::default();
        let inbox = Arc::<Inbox>::default();
        let listed = watch::Sender::new(());
        let health = Arc::<Mutex<Health>>::default();
        let config = watcher::Config::default();

        let api = scoped(client, namespace);
        let stream = watcher(api, config.clone())
            .default_backoff()
            .modify(move |service| shrink_service(service, labels));
        let (to, on) = (Arc::clone(&inbox), Arc::clone(&health));
        let tell = listed.clone();
        tasks.spawn(follow(
            SERVICES,
            reflector(service_writer, stream),
            on,
            move |change| match change {
                Change::Touched(service) => to.service(name_in(&service.metadata)),
                Change::Listed => {
                    to.relisted();
                    tell.send_replace(());
                }
            },
        ));

        let stream = watcher(Api::all(client.clone()), config.clone())
            .default_backoff()
            .modify(nodes::shrink);
        let (to, on) = (Arc::clone(&inbox), Arc::clone(&health));
        let tell = listed.clone();
        tasks.spawn(follow(
            NODES,
            reflector(node_writer, stream),
            on,
            move |change| {
                to.node();
                tell_if_listed(&tell, &change);
            },
        ));

        let namespaces = labels.namespaces.then(|| {
            let (namespaces, writer) = store();
            let stream = watcher(Api::all(client.clone()), config.clone())
                .default_backoff()
                .modify(shrink_namespace);
            let (to, on) = (Arc::clone(&inbox), Arc::clone(&health));
            let mut seen = HashMap::new();
            let tell = listed.clone();
            let work = follow(NAMESPACES, reflector(writer, stream), on, move |change| {
                tell_if_listed(&tell, &change);
                if is_news(&mut seen, change) {
                    to.everything();
                }
            });
            tasks.spawn(work);
            namespaces
        });

        let (slices, pods) = (Arc::<Slices>::default(), Arc::<Pods>::default());
        let targets = Arc::new(PodTargets {
            slices: Arc::clone(&slices),
            pods: Arc::clone(&pods),
            inbox: Arc::clone(&inbox),
            health: Arc::clone(&health),
        });
        // Only where a provider wants pods: they and their slices are the most talkative objects of a cluster.
        let (slice_api, pod_api) = (scoped(client, namespace), scoped(client, namespace));
        let following = Arc::clone(&targets);
        let follow = move || Arc::clone(&following).follow(slice_api.clone(), pod_api.clone());
        let stop = move || targets.stop();
        tasks.spawn(while_wanted(pods_wanted.clone(), follow, stop));

        Self {
            services,
            nodes,
            slices,
            pods,
            pods_wanted,
            namespaces,
            listed,
            inbox,
            health,
        }
    }

    /// Waits for the first list of everything that is needed of every Service. Any number may wait: a store of kube's
    /// wakes only one of those who wait for it.
    pub async fn synced(&self) {
        let mut listed = self.listed.subscribe();
        while !self.is_synced() {
            if listed.changed().await.is_err() {
                // The watching tasks are gone, and whoever owns them ends the process.
                std::future::pending::<()>().await;
            }
        }
    }

    fn is_synced(&self) -> bool {
        let health = lock(&self.health);
        let namespaces = self.namespaces.as_ref().map(|_| NAMESPACES);
        [SERVICES, NODES]
            .into_iter()
            .chain(namespaces)
            .all(|resource| {
                let state = health.watches.get(resource);
                state.is_some_and(WatchState::is_synced)
            })
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

    /// The labels of a namespace; none where they are not kept.
    #[must_use]
    pub fn namespace_labels(&self, name: &str) -> Arc<BTreeMap<String, String>> {
        let namespaces = self.namespaces.as_ref();
        let namespace = namespaces.and_then(|namespaces| namespaces.get(&ObjectRef::new(name)));
        let labels = namespace.and_then(|namespace| namespace.metadata.labels.clone());
        Arc::new(labels.unwrap_or_default())
    }

    /// The pods that receive the traffic of a Service; `None` while the first lists are under way, which this call begins
    /// if need be.
    #[must_use]
    pub fn endpoints(&self, key: &NamespacedName) -> Option<Vec<Target>> {
        self.pods_wanted
            .send_if_modified(|wanted| !wanted.contains(key) && wanted.insert(key.clone()));
        let known = lock(&self.health).pods_are_known();
        known.then(|| {
            let slices = self.slices.of(key);
            endpoints::targets(slices.iter().map(AsRef::as_ref), |pod, address| {
                self.pods.is_fit(pod, address)
            })
        })
    }

    /// The load balancer of a Service does not point at pods, or is gone. When none does for a while, pods are not watched
    /// any more.
    pub fn needs_no_endpoints(&self, key: &NamespacedName) {
        self.pods_wanted
            .send_if_modified(|wanted| wanted.remove(key));
    }

    /// The pods that wait for their load balancer before they are ready.
    #[must_use]
    pub fn gated(&self) -> &Pods {
        &self.pods
    }

    /// Where it is kept how the watches fare, for whoever has one more.
    #[cfg(feature = "arp")]
    pub(crate) fn health_of_watches(&self) -> Arc<Mutex<Health>> {
        Arc::clone(&self.health)
    }

    /// How the watches fare.
    #[must_use]
    pub fn health(&self) -> Health {
        lock(&self.health).clone().at(Instant::now())
    }
}

/// What says which pods a Service has, and its watches.
struct PodTargets {
    slices: Arc<Slices>,
    pods: Arc<Pods>,
    inbox: Arc<Inbox>,
    health: Arc<Mutex<Health>>,
}

// === impl PodTargets ===

impl PodTargets {
    /// Watches for ever, and has the Services looked at whose targets may have changed.
    async fn follow(self: Arc<Self>, slices: Api<EndpointSlice>, pods: Api<Pod>) {
        let config = watcher::Config::default();
        let slices = watcher(slices, config.clone())
            .default_backoff()
            .modify(endpoints::shrink)
            .inspect_ok(|event| {
                for service in self.slices.take(event) {
                    self.inbox.service(service);
                }
            });
        let pods = watcher(pods, config).default_backoff().inspect_ok(|event| {
            let changed = self.pods.take(event);
            for service in changed.iter().flat_map(|pod| self.slices.with_pod(pod)) {
                self.inbox.service(service);
            }
        });
        tokio::join!(
            follow(SLICES, slices, Arc::clone(&self.health), |change| {
                self.listed(&change);
            }),
            follow(PODS, pods, Arc::clone(&self.health), |change| {
                self.listed(&change);
            }),
        );
    }

    /// Forgets what was seen, and that anything was: the next who asks waits for new lists.
    fn stop(&self) {
        let mut health = lock(&self.health);
        health.watches.remove(SLICES);
        health.watches.remove(PODS);
        drop(health);
        self.slices.clear();
        self.pods.clear();
        tracing::debug!("no load balancer points at pods any more; they are not watched");
    }

    /// What one change touches was told by whoever took it in.
    fn listed<K>(&self, change: &Change<K>) {
        match change {
            Change::Touched(_) => {}
            Change::Listed => self.inbox.everything(),
        }
    }
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
fn shrink_service(service: &mut Service, labels: KeptLabels) {
    service.metadata.managed_fields = None;
    service.metadata.owner_references = None;
    if let Some(annotations) = &mut service.metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
    if !labels.services {
        service.metadata.labels = None;
        if let Some(spec) = &mut service.spec {
            spec.selector = None;
        }
    }
}

fn shrink_namespace(namespace: &mut Namespace) {
    namespace.metadata.managed_fields = None;
    namespace.metadata.annotations = None;
    namespace.spec = None;
    namespace.status = None;
}

fn tell_if_listed<K>(tell: &watch::Sender<()>, change: &Change<K>) {
    match change {
        Change::Touched(_) => {}
        Change::Listed => {
            tell.send_replace(());
        }
    }
}

/// Whether a change is one of labels: namespaces change for many other reasons.
fn is_news(
    seen: &mut HashMap<String, BTreeMap<String, String>>,
    change: Change<Namespace>,
) -> bool {
    match change {
        Change::Touched(namespace) => {
            let labels = namespace.metadata.labels.unwrap_or_default();
            let name = namespace.metadata.name.unwrap_or_default();
            seen.insert(name, labels.clone()) != Some(labels)
        }
        Change::Listed => {
            seen.clear();
            true
        }
    }
}
