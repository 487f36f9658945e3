//! An announcer inside the test, over a real API server, on segments that the test plays.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "every test binary takes what it needs, and what fails here fails the test"
)]

use std::{
    collections::BTreeMap,
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use roadstead::{
    announcer::{
        Announcer, Ask, Ears,
        engine::Segments,
        tell::Teller,
        watch::{Scope, WatchHealth, Watches},
    },
    client::{self, Connection},
    controller::{events::Events, writes::Writes},
    leader::Leadership,
    metrics::Metrics,
    service::class::Classes,
};
use roadstead_arp::{
    InterfaceIndex, NAME,
    engine::{ClaimCause, Event, Holder, LetGoCause, Stats, View, Wanted},
    net::NetStats,
};
use roadstead_testbed::{ServiceBuilder, node, service};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::support::{DEADLINE, Place};

/// The segments, as the test plays them: everything that was asked of them, and who holds what.
#[derive(Debug)]
pub(crate) struct Stage {
    wanted: watch::Sender<BTreeMap<IpAddr, Wanted>>,
    fit: watch::Sender<bool>,
    drained: watch::Sender<bool>,
    holders: Mutex<BTreeMap<IpAddr, Vec<Holder>>>,
}

/// An announcer that runs.
pub(crate) struct Announcing {
    pub(crate) stage: Arc<Stage>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: WatchHealth,
    pub(crate) forwarding: watch::Sender<Option<String>>,
    events: mpsc::UnboundedSender<Event>,
    me: String,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
    _ask: Ask,
}

// === impl Stage ===

#[async_trait]
impl Segments for Stage {
    fn want(&self, wanted: Wanted) {
        self.wanted.send_modify(|all| {
            all.insert(wanted.address, wanted);
        });
    }

    fn unwant(&self, address: IpAddr) {
        self.wanted.send_modify(|all| {
            all.remove(&address);
        });
    }

    fn set_fit(&self, fit: bool) {
        self.fit.send_replace(fit);
    }

    async fn holders(&self, addresses: Vec<IpAddr>) -> Option<Vec<Vec<Holder>>> {
        let holders = self.holders.lock().unwrap();
        let of = |address: &IpAddr| holders.get(address).cloned().unwrap_or_default();
        Some(addresses.iter().map(of).collect())
    }

    async fn view(&self) -> Option<View> {
        None
    }

    async fn stats(&self) -> Option<(Stats, NetStats)> {
        Some((Stats::default(), NetStats::default()))
    }

    async fn drain(&self) {
        self.drained.send_replace(true);
    }
}

impl Stage {
    /// Waits until `check` holds of what is wanted of an address; `None`: nothing.
    pub(crate) async fn until(
        &self,
        address: &str,
        what: &str,
        check: impl Fn(Option<&Wanted>) -> bool,
    ) {
        let address: IpAddr = address.parse().unwrap();
        let mut wanted = self.wanted.subscribe();
        let found = wanted.wait_for(|all| check(all.get(&address)));
        let found = tokio::time::timeout(DEADLINE, found).await;
        assert!(found.is_ok(), "{address}: {what} within {DEADLINE:?}");
    }

    /// What is wanted of an address now.
    pub(crate) fn now(&self, address: &str) -> Option<Wanted> {
        self.wanted.borrow().get(&address.parse().unwrap()).cloned()
    }

    /// Waits until the engine was told whether the node is fit.
    pub(crate) async fn until_fit(&self, fit: bool) {
        let mut told = self.fit.subscribe();
        let told = tokio::time::timeout(DEADLINE, told.wait_for(|told| *told == fit)).await;
        assert!(told.is_ok(), "fit: {fit} within {DEADLINE:?}");
    }
}

// === impl Announcing ===

impl Announcing {
    /// An announcer on the node `me`, of Services of the class of `place` alone.
    pub(crate) async fn start(place: &Place, me: &str) -> Self {
        Self::through(place, &place.kubeconfig, me).await
    }

    /// The same, to which the API server is where that kubeconfig says.
    pub(crate) async fn through(place: &Place, kubeconfig: &Path, me: &str) -> Self {
        let connection = Connection {
            kubeconfig: Some(kubeconfig.to_owned()),
            context: None,
        };
        let metrics = Arc::new(Metrics::of_announcer());
        let config = client::config(&connection).await.unwrap();
        let client = client::client(config, &metrics).unwrap();
        let mapping = format!("{}=arp", class(place)).parse().unwrap();
        let classes = Classes::new(&[NAME], &[mapping], None).unwrap();
        let stage = Arc::new(Stage {
            wanted: watch::Sender::default(),
            fit: watch::Sender::new(true),
            drained: watch::Sender::new(false),
            holders: Mutex::default(),
        });
        let writes = Arc::new(Writes::new(client.clone(), Leadership::unopposed()));
        let (events, write_events) = Events::new(Arc::clone(&writes), Arc::clone(&metrics));
        let teller = Teller::new(writes, events, classes.clone());
        let mut tasks = JoinSet::new();
        tasks.spawn(write_events);
        let scope = Scope {
            classes,
            heed_label: true,
            pool: None,
        };
        let watches = Watches::start(&client, scope, &mut tasks);
        let (tell_events, events) = mpsc::unbounded_channel();
        let (forwarding, heard) = watch::channel(None);
        let (ask, questions) = Ask::new();
        let health = watches.health();
        let ears = Ears {
            watches,
            events,
            forwarding: heard,
            questions,
        };
        let segments: Arc<dyn Segments> = Arc::<Stage>::clone(&stage);
        let announcer = Announcer::new(me.into(), segments, teller);
        let shutdown = CancellationToken::new();
        let end = shutdown.clone();
        let task = tokio::spawn(async move {
            announcer.run(ears, end).await;
            drop(tasks);
        });
        Self {
            stage,
            metrics,
            health,
            forwarding,
            events: tell_events,
            me: me.to_owned(),
            shutdown,
            task,
            _ask: ask,
        }
    }

    /// How many writes of a Service's status ended with this code; 0: without an answer.
    pub(crate) fn writes(&self, code: u16) -> usize {
        let series = format!("verb=\"patch\",resource=\"services/status\",code=\"{code}\"}} ");
        let text = self.metrics.render().unwrap();
        let counts = text.lines().filter_map(|line| line.split_once(&series));
        counts
            .map(|(_, count)| count.parse::<usize>().unwrap())
            .sum()
    }

    /// Something happens on the segment.
    pub(crate) fn hear(&self, event: Event) {
        self.events.send(event).unwrap();
    }

    /// This node takes an address.
    pub(crate) fn claim(&self, address: &str) {
        let address: IpAddr = address.parse().unwrap();
        self.held_by(address, &self.me);
        self.hear(Event::Claimed {
            address,
            interface: InterfaceIndex(2),
            cause: ClaimCause::First,
        });
    }

    /// This node gives an address to another one, or to nobody.
    pub(crate) fn let_go(&self, address: &str, to: Option<&str>) {
        let address: IpAddr = address.parse().unwrap();
        match to {
            Some(node) => self.held_by(address, node),
            None => drop(self.stage.holders.lock().unwrap().remove(&address)),
        }
        self.hear(Event::LetGo {
            address,
            interface: InterfaceIndex(2),
            cause: LetGoCause::MayNot,
        });
    }

    fn held_by(&self, address: IpAddr, node: &str) {
        let holder = Holder {
            node: node.into(),
            interface: "eth0".into(),
        };
        let mut holders = self.stage.holders.lock().unwrap();
        holders.insert(address, vec![holder]);
    }

    /// Asks it to end, and waits until it has handed everything over.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
        assert!(*self.stage.drained.borrow());
    }
}

/// The class of the Services of a place.
pub(crate) fn class(place: &Place) -> String {
    format!("example.com/{}", place.namespace)
}

/// A Service of the place's class.
pub(crate) fn web(place: &Place) -> ServiceBuilder {
    service("web").class(&class(place)).port(80)
}

/// Gives a Service an address, as the controller does.
pub(crate) async fn give(place: &Place, name: &str, address: &str) {
    let status = json!({ "loadBalancer": { "ingress": [{ "ip": address }] } });
    place.edit_status(name, status).await;
}

/// A node of the place's own.
pub(crate) async fn add_node(place: &Place, name: &str) -> String {
    let name = format!("{}-{name}", place.namespace);
    roadstead_testbed::add_node(&place.client, node(&name).build())
        .await
        .unwrap();
    name
}
