//! What does the cluster say? Watched for ever; with the API server gone, what was heard last holds. Every object is read
//! into what counts of it and dropped. Decides nothing.

use std::sync::{Arc, Mutex};

use futures::{Stream, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::{
    core::v1::{Node, Service},
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, Client,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use roadstead_core::NamespacedName;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use super::{
    eligibility::NodeFacts,
    endpoints::SliceSeen,
    gather::{Gathering, Told},
    pool::Pool,
    wish::Seen,
};
use crate::{
    controller::watches::{Change, Health, NODES, SERVICES, SLICES, follow, lock},
    pools::crd::{AddressPool, RESOURCE as POOLS},
    service::{class::Classes, request::name_in},
};

/// How many objects are listed at once: what is kept of each is little, but a page is read whole.
const PAGE: u32 = 100;

/// Something that the cluster says.
#[derive(Clone, Debug)]
pub enum News {
    /// Of a Service, or of all of them.
    Services(Told<NamespacedName, (NamespacedName, Seen)>),
    /// Of a node, or of all of them.
    Nodes(Told<Arc<str>, (Arc<str>, NodeFacts)>),
    /// Of a pool, or of all of them.
    Pools(Told<Arc<str>, Pool>),
    /// Of a slice of endpoints, or of all of them.
    Slices(Told<NamespacedName, SliceSeen>),
}

/// The watches.
#[derive(Debug)]
pub struct Watches {
    /// What the cluster says, in the order in which it was heard.
    pub news: mpsc::UnboundedReceiver<News>,
    /// Set to true when endpoints are needed: their slices are the most talkative objects of a cluster.
    pub slices_wanted: watch::Sender<bool>,
    health: WatchHealth,
}

/// What counts of the cluster.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Whose Services are announced.
    pub classes: Classes,
    /// Whether nodes can be taken out by their label.
    pub heed_label: bool,
    /// The only pool there is; `None`: those of the cluster.
    pub pool: Option<Pool>,
}

/// How the watches fare, for those who ask.
#[derive(Clone, Debug)]
pub struct WatchHealth {
    health: Arc<Mutex<Health>>,
    /// What must have been listed before anything is announced.
    needed: Vec<&'static str>,
}

// === impl Watches ===

impl Watches {
    /// Begins to watch; the tasks end only with `tasks`.
    #[must_use]
    pub fn start(client: &Client, scope: Scope, tasks: &mut JoinSet<()>) -> Self {
        let Scope {
            classes,
            heed_label,
            pool,
        } = scope;
        let (tell, news) = mpsc::unbounded_channel();
        let (slices_wanted, mut slices_asked) = watch::channel(false);
        let health = Arc::<Mutex<Health>>::default();

        let (mut services, to) = (Gathering::default(), tell.clone());
        let stream = watched::<Service>(client).inspect_ok(move |event| {
            let key = |service: &Service| name_in(&service.metadata);
            let keep = |service: &Service| Some((key(service), Seen::of(service, &classes)?));
            send(&to, services.take(event, key, keep).map(News::Services));
        });
        tasks.spawn(follow(SERVICES, stream, Arc::clone(&health), nothing_more));

        let (mut nodes, to) = (Gathering::default(), tell.clone());
        let stream = watched::<Node>(client).inspect_ok(move |event| {
            let key = |node: &Node| -> Arc<str> {
                node.metadata.name.as_deref().unwrap_or_default().into()
            };
            let keep = |node: &Node| Some((key(node), NodeFacts::of(node, heed_label)));
            send(&to, nodes.take(event, key, keep).map(News::Nodes));
        });
        tasks.spawn(follow(NODES, stream, Arc::clone(&health), nothing_more));

        let mut needed = vec![SERVICES, NODES];
        if let Some(pool) = pool {
            send(&tell, Some(News::Pools(Told::All(vec![pool]))));
        } else {
            needed.push(POOLS);
            let (mut pools, to) = (Gathering::default(), tell.clone());
            let stream = none_where_undefined(watched::<AddressPool>(client));
            let stream = stream.inspect_ok(move |event| {
                let key = |pool: &AddressPool| -> Arc<str> {
                    pool.metadata.name.as_deref().unwrap_or_default().into()
                };
                let keep = |pool: &AddressPool| Some(Pool::of(pool));
                send(&to, pools.take(event, key, keep).map(News::Pools));
            });
            tasks.spawn(follow(POOLS, stream, Arc::clone(&health), nothing_more));
        }

        let (mut slices, client, on) = (Gathering::default(), client.clone(), Arc::clone(&health));
        tasks.spawn(async move {
            // If nobody can ask any more, the process is about to end.
            let asked = slices_asked.wait_for(|wanted| *wanted).await.is_ok();
            if !asked {
                return std::future::pending().await;
            }
            let stream = watched::<EndpointSlice>(&client).inspect_ok(move |event| {
                let key = |slice: &EndpointSlice| name_in(&slice.metadata);
                send(
                    &tell,
                    slices.take(event, key, SliceSeen::of).map(News::Slices),
                );
            });
            follow(SLICES, stream, on, nothing_more).await;
        });

        Self {
            news,
            slices_wanted,
            health: WatchHealth { health, needed },
        }
    }

    /// How they fare, for those who ask.
    #[must_use]
    pub fn health(&self) -> WatchHealth {
        self.health.clone()
    }
}

// === impl WatchHealth ===

impl WatchHealth {
    /// How they fare.
    #[must_use]
    pub fn now(&self) -> Health {
        lock(&self.health).clone().at(Instant::now())
    }

    /// Whether everything was listed once that must be known before anything is announced.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        lock(&self.health).have_listed(&self.needed)
    }
}

fn watched<K>(
    client: &Client,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send + 'static
where
    K: kube::Resource<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + serde::de::DeserializeOwned
        + Send
        + 'static,
{
    let paged = watcher::Config::default().page_size(PAGE);
    watcher(Api::all(client.clone()), paged).default_backoff()
}

/// A cluster without the definition of pools has none: `--arp-pool` does without. It is asked again, as after any failure.
fn none_where_undefined<K>(
    stream: impl Stream<Item = Result<Event<K>, watcher::Error>>,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> {
    stream.flat_map(|event| {
        let undefined = match &event {
            Err(
                watcher::Error::InitialListFailed(kube::Error::Api(status))
                | watcher::Error::WatchStartFailed(kube::Error::Api(status))
                | watcher::Error::WatchFailed(kube::Error::Api(status)),
            ) => status.code == 404,
            _ => false,
        };
        stream::iter(if undefined {
            vec![Ok(Event::Init), Ok(Event::InitDone)]
        } else {
            vec![event]
        })
    })
}

fn send(to: &mpsc::UnboundedSender<News>, news: Option<News>) {
    if let Some(news) = news {
        // Nobody listens only at the end of the process.
        let _ = to.send(news);
    }
}

/// What one change says was told already.
fn nothing_more<K>(_: Change<K>) {}
