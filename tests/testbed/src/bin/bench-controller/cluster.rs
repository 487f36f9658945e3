//! What is measured against? A control plane with nodes, a way to make many Services, and a clock on their addresses.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use roadstead_testbed::{ControlPlane, Roadstead, add_node, addresses, node, service};
use tokio::sync::watch;

/// The class of the mock.
pub(crate) const CLASS: &str = "roadstead.dev/mock";

/// Addresses for more Services than there ever are.
const ADDRESSES: &str = "10.64.0.0/15";

/// Node ports for ten thousand Services.
const NODE_PORTS: &str = "20000-50000";

/// How many requests the benchmark itself has under way.
const PARALLEL: usize = 16;

/// A control plane for one section.
pub(crate) struct Cluster {
    pub(crate) control_plane: ControlPlane,
    pub(crate) client: Client,
}

/// When each Service was first seen with an address.
pub(crate) struct Addressed {
    seen: watch::Receiver<HashMap<String, Instant>>,
    task: tokio::task::JoinHandle<()>,
}

// === impl Cluster ===

impl Cluster {
    pub(crate) async fn start(nodes: usize, audit: bool) -> Result<Self> {
        let mut builder = ControlPlane::builder().node_port_range(NODE_PORTS);
        if audit {
            builder = builder.audit();
        }
        let control_plane = builder.start().await?;
        let client = control_plane.client_of("bench").await?;
        let cluster = Self {
            control_plane,
            client,
        };
        cluster.add_nodes(0..nodes).await?;
        Ok(cluster)
    }

    pub(crate) async fn add_nodes(&self, range: std::ops::Range<usize>) -> Result<()> {
        stream::iter(range.map(Ok))
            .try_for_each_concurrent(PARALLEL, |n| async move {
                let name = format!("node-{n}");
                let address = format!("10.{}.{}.{}", 1 + n / 62_500, n / 250 % 250, 1 + n % 250);
                let node = node(&name)
                    .provider_id(&format!("mock:///{name}"))
                    .address(&address)
                    .build();
                add_node(&self.client, node).await.map(drop)
            })
            .await
    }

    pub(crate) fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), "default")
    }

    pub(crate) async fn create(
        &self,
        names: impl IntoIterator<Item = String>,
        class: &str,
    ) -> Result<()> {
        let services = self.services();
        stream::iter(names.into_iter().map(Ok))
            .try_for_each_concurrent(PARALLEL, |name| {
                let services = services.clone();
                async move {
                    let service = service(&name).class(class).port(80).build();
                    services
                        .create(&PostParams::default(), &service)
                        .await
                        .map(drop)
                }
            })
            .await
            .context("creating Services")
    }

    pub(crate) async fn delete_all(&self) -> Result<()> {
        let services = self.services();
        let listed = services.list(&ListParams::default()).await?;
        let names = listed
            .items
            .into_iter()
            .filter_map(|service| service.metadata.name);
        stream::iter(names.filter(|name| name != "kubernetes").map(Ok))
            .try_for_each_concurrent(PARALLEL, |name| {
                let services = services.clone();
                async move {
                    services
                        .delete(&name, &DeleteParams::default())
                        .await
                        .map(drop)
                }
            })
            .await
            .context("deleting Services")
    }

    /// Waits until no Service but the API server's own is left.
    pub(crate) async fn emptied(&self) -> Result<()> {
        let services = self.services();
        roadstead_testbed::poll_until("no Service left", Duration::from_mins(3), async || {
            let list = services
                .list_metadata(&ListParams::default().limit(3))
                .await
                .ok()?;
            (list.items.len() <= 1).then_some(())
        })
        .await
    }

    /// Starts the controller, with `more` flags, and without waiting for anything.
    pub(crate) fn controller(&self, binary: &Path, more: &[&str]) -> Result<Roadstead> {
        let mut args = vec![
            "--provider",
            "mock",
            "--mock-addresses",
            ADDRESSES,
            "--log",
            "warn",
        ];
        args.extend(more);
        let kubeconfig = self.control_plane.kubeconfig_of("controller")?;
        Roadstead::start(binary, &kubeconfig, &args)
    }

    /// Starts a controller and waits until it is ready and leads.
    pub(crate) async fn ready_controller(&self, binary: &Path, more: &[&str]) -> Result<Roadstead> {
        let controller = self.controller(binary, more)?;
        controller.ready(Duration::from_mins(2)).await?;
        roadstead_testbed::poll_until("leadership", Duration::from_mins(1), async || {
            let leads = controller.metric("roadstead_leader").await.ok()??;
            (leads > 0.0).then_some(())
        })
        .await?;
        Ok(controller)
    }
}

// === impl Addressed ===

impl Addressed {
    /// Watches from now on.
    pub(crate) async fn watch(services: Api<Service>) -> Result<Self> {
        let (sender, mut seen) = watch::channel(HashMap::new());
        let (ready, begun) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut ready = Some(ready);
            let mut changes =
                std::pin::pin!(watcher(services, watcher::Config::default()).default_backoff());
            while let Some(change) = changes.next().await {
                let service = match change {
                    Ok(watcher::Event::Apply(service) | watcher::Event::InitApply(service)) => {
                        service
                    }
                    Ok(watcher::Event::InitDone) => {
                        let _ = ready.take().map(|ready| ready.send(()));
                        continue;
                    }
                    _ => continue,
                };
                let now = Instant::now();
                if !addresses(&service).is_empty()
                    && let Some(name) = service.metadata.name
                {
                    sender.send_modify(|seen| {
                        seen.entry(name).or_insert(now);
                    });
                }
            }
        });
        begun.await.context("watching Services")?;
        seen.mark_unchanged();
        Ok(Self { seen, task })
    }

    /// When `name` had its address.
    pub(crate) async fn of(&mut self, name: &str) -> Result<Instant> {
        let seen = tokio::time::timeout(
            Duration::from_mins(1),
            self.seen.wait_for(|seen| seen.contains_key(name)),
        );
        let seen = seen
            .await
            .with_context(|| format!("waiting for the address of {name}"))??;
        seen.get(name)
            .copied()
            .context("an address that was there is gone")
    }

    /// When the last of `count` whose names begin with `prefix` had its address.
    pub(crate) async fn all(&mut self, prefix: &str, count: usize) -> Result<Instant> {
        let of = |seen: &HashMap<String, Instant>| {
            seen.iter()
                .filter(|(name, _)| name.starts_with(prefix))
                .count()
        };
        let seen = tokio::time::timeout(
            Duration::from_mins(10),
            self.seen.wait_for(|seen| of(seen) >= count),
        );
        let seen = seen
            .await
            .with_context(|| format!("waiting for {count} addresses"))??;
        let times = seen
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(_, at)| *at);
        times.max().context("no address at all")
    }
}

impl Drop for Addressed {
    fn drop(&mut self) {
        self.task.abort();
    }
}
