//! A controller inside the test that dies at a chosen point: before, within or after any call of its provider, and before
//! or after any write to the API server. What it was doing stays as it is, and nothing follows. Or only its connection
//! to the API server breaks there, and it lives on.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "what fails here fails the test"
)]

pub(crate) mod flow;
pub(crate) mod history;
mod mortal;

use std::{
    collections::BTreeMap,
    fmt,
    future::{pending, poll_fn},
    path::Path,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

use kube::{Client, client::ClientBuilder};
use roadstead::{
    client::{self, Connection},
    controller::{
        Controller, Settings, Stopped,
        caches::{Caches, KeptLabels},
        orphans::Orphanage,
    },
    leader::Leadership,
    metrics::Metrics,
    service::class::Classes,
};
use roadstead_core::{LoadBalancerProvider, ProviderName};
use roadstead_mock::MockProvider;
use tokio::{
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use self::mortal::{Mortal, MortalLayer};
use crate::support::Place;

/// When a controller dies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doom {
    /// It does not.
    Never,
    /// At the so-manieth point it comes to, from 1.
    Nth(usize),
    /// When it comes to this point for the so-manieth time, from 1.
    At(String, usize),
    /// It does not, but there its connection breaks, and again the next two times.
    Broken(String, usize),
}

/// What follows a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    On,
    Broken,
    End,
}

/// The points a controller comes to, and the one at which it dies.
pub(crate) struct Fate {
    doom: Doom,
    passed: Mutex<Vec<String>>,
    dead: watch::Sender<bool>,
}

/// A controller that may die.
pub(crate) struct Life {
    fate: Arc<Fate>,
    shutdown: CancellationToken,
    task: JoinHandle<Stopped>,
}

// === impl Fate ===

impl fmt::Debug for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.doom)
    }
}

impl Fate {
    fn new(doom: Doom) -> Arc<Self> {
        Arc::new(Self {
            doom,
            passed: Mutex::default(),
            dead: watch::Sender::new(false),
        })
    }

    /// Comes to a point.
    fn pass(&self, point: &str) -> Turn {
        let mut passed = self.passed.lock().unwrap();
        if *self.dead.borrow() {
            return Turn::End;
        }
        passed.push(point.to_owned());
        let comes_to = |last: &str, times: std::ops::RangeInclusive<usize>| {
            point == last && times.contains(&passed.iter().filter(|other| *other == last).count())
        };
        let turn = match &self.doom {
            Doom::Nth(n) if passed.len() == *n => Turn::End,
            Doom::At(last, n) if comes_to(last, *n..=*n) => Turn::End,
            Doom::Broken(last, n) if comes_to(last, *n..=n + 2) => Turn::Broken,
            Doom::Never | Doom::Nth(_) | Doom::At(..) | Doom::Broken(..) => Turn::On,
        };
        if turn == Turn::End {
            self.dead.send_replace(true);
        }
        turn
    }

    /// Comes to a point, and stays there for ever if it is the last one; false if the connection breaks there.
    async fn survive(&self, point: &str) -> bool {
        match self.pass(point) {
            Turn::On => true,
            Turn::Broken => false,
            Turn::End => pending().await,
        }
    }

    /// Does `call`, unless death comes before or while it waits for something.
    async fn live<T>(&self, what: &str, call: impl Future<Output = T> + Send) -> T {
        self.survive(&format!("before {what}")).await;
        let within = format!("within {what}");
        let mut call = pin!(call);
        let result = poll_fn(|context| {
            if *self.dead.borrow() {
                return Poll::Pending;
            }
            let polled = call.as_mut().poll(context);
            if polled.is_pending() {
                self.pass(&within);
            }
            polled
        })
        .await;
        self.survive(&format!("after {what}")).await;
        result
    }
}

// === impl Life ===

impl Life {
    /// Starts a controller for the place, through `kubeconfig`, that dies as `doom` says.
    pub(crate) async fn begin(place: &Place, kubeconfig: &Path, doom: Doom) -> Self {
        let mock = MockProvider::new(
            Arc::clone(&place.cloud),
            place.cluster.clone(),
            roadstead_mock::Settings::default(),
        );
        Self::begin_of(place, Arc::new(mock), kubeconfig, doom).await
    }

    /// The same with that provider in the mock's place.
    pub(crate) async fn begin_of(
        place: &Place,
        inner: Arc<dyn LoadBalancerProvider>,
        kubeconfig: &Path,
        doom: Doom,
    ) -> Self {
        let fate = Fate::new(doom);
        let connection = Connection {
            kubeconfig: Some(kubeconfig.to_owned()),
            context: None,
        };
        let config = client::config(&connection).await.unwrap();
        let layer = MortalLayer(Arc::clone(&fate));
        let client = ClientBuilder::try_from(config).unwrap().with_layer(&layer);
        let settings = settings(place, inner.name());
        let provider = Mortal {
            inner,
            fate: Arc::clone(&fate),
        };
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(run(
            settings,
            Arc::new(provider),
            client.build(),
            shutdown.clone(),
        ));
        Self {
            fate,
            shutdown,
            task,
        }
    }

    /// Returns when it has died.
    pub(crate) async fn death(&self) {
        let mut dead = self.fate.dead.subscribe();
        dead.wait_for(|dead| *dead).await.unwrap();
    }

    /// Buries it; the points it came to.
    pub(crate) async fn bury(self) -> Vec<String> {
        assert!(*self.fate.dead.borrow());
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        self.fate.passed.lock().unwrap().clone()
    }

    /// Asks it to end; the points it came to, as an error if it dies on the way.
    pub(crate) async fn end(mut self) -> Result<Vec<String>, Vec<String>> {
        self.shutdown.cancel();
        let mut dead = self.fate.dead.subscribe();
        let stopped = tokio::select! {
            biased;
            _ = dead.wait_for(|dead| *dead) => None,
            stopped = &mut self.task => Some(stopped.unwrap()),
        };
        match stopped {
            None => Err(self.bury().await),
            Some(stopped) => {
                assert_eq!(stopped, Stopped::Asked);
                Ok(self.fate.passed.lock().unwrap().clone())
            }
        }
    }
}

/// Which time each point of a life is come to.
pub(crate) fn numbered(points: &[String]) -> Vec<(String, usize)> {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    let numbered = points.iter().map(|point| {
        let time = times.entry(point).or_default();
        *time += 1;
        (point.clone(), *time)
    });
    numbered.collect()
}

async fn run(
    settings: Settings,
    provider: Arc<dyn LoadBalancerProvider>,
    client: Client,
    shutdown: CancellationToken,
) -> Stopped {
    let mut tasks = JoinSet::new();
    let caches = Caches::start(
        &client,
        settings.namespace.as_deref(),
        KeptLabels::default(),
        &mut tasks,
    );
    let controller = Controller::new(
        settings,
        vec![provider],
        client,
        Arc::new(caches),
        Leadership::unopposed(),
        Arc::new(Metrics::default()),
    );
    controller.run(shutdown).await
}

fn settings(place: &Place, provider: ProviderName) -> Settings {
    Settings {
        cluster: place.cluster.clone(),
        classes: Classes::new(&[provider], &[], None).unwrap(),
        namespace: Some(place.namespace.clone()),
        resync: Duration::from_hours(1),
        orphanage: Orphanage {
            release: true,
            interval: Duration::from_hours(1),
            grace: Duration::from_hours(1),
        },
        shutdown_grace: Duration::from_secs(10),
    }
}
