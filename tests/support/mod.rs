//! A controller inside the test: the real one, over a real API server, with a mock whose world the test can look into, or
//! with any other provider.
//!
//! Tests of one binary share a control plane and keep apart by namespace: each controller watches one. What needs the
//! process itself (signals, flags, crashes) runs the binary instead.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "every test binary takes what it needs, and what fails here fails the test"
)]

pub(crate) mod cli;
mod look;
pub(crate) mod pods;
pub(crate) mod witness;

use std::{path::PathBuf, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use roadstead::{
    client::{self, Connection},
    controller::{
        Controller, Settings, Stopped,
        caches::{Caches, KeptLabels},
        orphans::Orphanage,
    },
    leader::Leadership,
    metrics::Metrics,
    service::class::{ClassMapping, Classes},
};
use roadstead_core::{ClusterUid, Guarded, LoadBalancerProvider};
use roadstead_mock::{Cloud, MockProvider};
use roadstead_testbed::{ControlPlane, add_node, addresses, eventually, is_true, node};
use tokio::{
    sync::OnceCell,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

pub(crate) use look::{DEADLINE, count, is_refused, reasons, said, version};

/// The class of the mock.
pub(crate) const MOCK: &str = "roadstead.dev/mock";
/// The condition that a Service is served.
pub(crate) const PROGRAMMED: &str = "roadstead.dev/Programmed";
/// The condition that its request is valid.
pub(crate) const ACCEPTED: &str = "roadstead.dev/Accepted";
/// The condition that its targets fare well.
pub(crate) const HEALTHY: &str = "roadstead.dev/Healthy";

/// A namespace of its own on the shared control plane, and the world of its mock, which outlives controllers.
pub(crate) struct Place {
    pub(crate) client: Client,
    pub(crate) cluster: ClusterUid,
    pub(crate) namespace: String,
    pub(crate) cloud: Arc<Cloud>,
    /// The administrator's, for processes.
    pub(crate) kubeconfig: PathBuf,
    /// The one of the controllers inside the test.
    connection: Connection,
}

/// How a controller differs from the usual one.
pub(crate) struct Setup {
    pub(crate) resync: Duration,
    pub(crate) classes: Vec<ClassMapping>,
    pub(crate) default_provider: Option<String>,
    pub(crate) orphanage: Orphanage,
    pub(crate) mock: roadstead_mock::Settings,
    pub(crate) provider_timeout: Duration,
}

/// A controller that runs.
pub(crate) struct Running {
    pub(crate) metrics: Arc<Metrics>,
    shutdown: CancellationToken,
    task: JoinHandle<Stopped>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            resync: Duration::from_mins(10),
            classes: Vec::new(),
            default_provider: None,
            orphanage: Orphanage {
                release: true,
                interval: Duration::from_hours(1),
                grace: Duration::from_mins(5),
            },
            mock: roadstead_mock::Settings::default(),
            provider_timeout: Duration::from_mins(1),
        }
    }
}

impl Place {
    /// A fresh namespace on the shared control plane.
    pub(crate) async fn new(prefix: &str) -> Self {
        let control_plane = ControlPlane::shared().await.unwrap();
        Self::on(control_plane, prefix).await
    }

    /// A fresh namespace on the shared control plane, with three nodes in the cluster.
    pub(crate) async fn with_nodes(prefix: &str) -> Self {
        static NODES: OnceCell<()> = OnceCell::const_new();

        let place = Self::new(prefix).await;
        NODES
            .get_or_init(async || {
                for n in 1..=3 {
                    let node = node(&format!("node-{n}"))
                        .provider_id(&format!("mock:///node-{n}"))
                        .address(&format!("10.0.0.{n}"));
                    add_node(&place.client, node.build()).await.unwrap();
                }
            })
            .await;
        place
    }

    /// A fresh namespace on that control plane.
    pub(crate) async fn on(control_plane: &ControlPlane, prefix: &str) -> Self {
        let client = control_plane.client().await.unwrap();
        Self {
            kubeconfig: control_plane.kubeconfig().to_owned(),
            connection: Connection {
                kubeconfig: Some(control_plane.kubeconfig_of("controller").unwrap()),
                context: None,
            },
            cluster: client::cluster_uid(&client).await.unwrap(),
            namespace: roadstead_testbed::namespace(&client, prefix).await.unwrap(),
            cloud: Arc::new(Cloud::recording()),
            client,
        }
    }

    /// The Services of the namespace.
    pub(crate) fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Creates a Service there.
    pub(crate) async fn create(&self, service: &Service) -> Service {
        self.services()
            .create(&PostParams::default(), service)
            .await
            .unwrap()
    }

    /// Waits until the Service has an address and says that it is served.
    pub(crate) async fn served(&self, name: &str) -> Service {
        let served = |service: Option<&Service>| {
            service.is_some_and(|service| {
                is_true(service, PROGRAMMED) && !addresses(service).is_empty()
            })
        };
        eventually(&self.services(), name, "an address and Programmed", served)
            .await
            .unwrap()
            .unwrap()
    }

    /// Waits until the Service is gone.
    pub(crate) async fn gone(&self, name: &str) {
        eventually(&self.services(), name, "gone", |service| service.is_none())
            .await
            .unwrap();
    }

    /// Waits until `check` holds of the Service.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: &str,
        check: impl Fn(&Service) -> bool,
    ) -> Service {
        eventually(&self.services(), name, what, |service| {
            service.is_some_and(&check)
        })
        .await
        .unwrap()
        .unwrap()
    }

    /// Deletes the namespace with everything in it.
    pub(crate) async fn delete_namespace(&self) {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// A controller as users run it, for this namespace alone.
    pub(crate) async fn controller(&self) -> Running {
        self.controller_with(Setup::default()).await
    }

    /// A controller that differs from the usual one.
    pub(crate) async fn controller_with(&self, setup: Setup) -> Running {
        let mock = MockProvider::new(
            Arc::clone(&self.cloud),
            self.cluster.clone(),
            setup.mock.clone(),
        );
        self.controller_of(Arc::new(mock), setup).await
    }

    /// A controller with that provider in the mock's place; it answers to the provider's own class.
    pub(crate) async fn controller_of(
        &self,
        provider: Arc<dyn LoadBalancerProvider>,
        setup: Setup,
    ) -> Running {
        let Setup {
            resync,
            classes,
            default_provider,
            orphanage,
            mock: _,
            provider_timeout,
        } = setup;
        let metrics = Arc::new(Metrics::default());
        let config = client::config(&self.connection).await.unwrap();
        let counted = client::client(config, &metrics).unwrap();
        let settings = Settings {
            cluster: self.cluster.clone(),
            classes: Classes::new(&[provider.name()], &classes, default_provider.as_deref())
                .unwrap(),
            namespace: Some(self.namespace.clone()),
            resync,
            orphanage,
            shutdown_grace: Duration::from_secs(10),
        };
        let guarded = Guarded::new(provider, provider_timeout, metrics.providers.clone());
        let shutdown = CancellationToken::new();
        let (client, end, measured) = (counted, shutdown.clone(), Arc::clone(&metrics));
        let task = tokio::spawn(async move {
            let mut tasks = JoinSet::new();
            let labels = KeptLabels::default();
            let namespace = settings.namespace.as_deref();
            let caches = Arc::new(Caches::start(&client, namespace, labels, &mut tasks));
            let providers: Vec<Arc<dyn LoadBalancerProvider>> = vec![Arc::new(guarded)];
            let controller = Controller::new(
                settings,
                providers,
                client,
                caches,
                Leadership::unopposed(),
                measured,
            );
            controller.run(end).await
        });
        Running {
            metrics,
            shutdown,
            task,
        }
    }
}

impl Running {
    /// Asks it to end, and waits until it has.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        assert_eq!(self.task.await.unwrap(), Stopped::Asked);
    }

    /// Ends it at once, wherever it is.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }

    /// How many requests it sent to the API server that were meant to change something.
    pub(crate) fn writes(&self) -> f64 {
        ["create", "update", "patch", "delete"]
            .iter()
            .map(|verb| format!("verb=\"{verb}\""))
            .map(|verb| self.metric("roadstead_api_requests_total", &[&verb]))
            .sum()
    }

    /// The value of a metric, all its series with these labels added up; 0 if there is none.
    pub(crate) fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let text = self.metrics.render().unwrap();
        let of_name = |line: &&str| {
            line.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(['{', ' ']))
        };
        let lines = text
            .lines()
            .filter(of_name)
            .filter(|line| labels.iter().all(|label| line.contains(label)));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}
