//! Who tells the provider of pools and nodes, and the pools how they fare? Tasks of the controller; they decide nothing.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use futures::TryStreamExt;
use k8s_openapi::{api::core::v1::Node, jiff::Timestamp};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectMeta, Patch, PatchParams},
    runtime::{
        WatchStreamExt,
        reflector::{Store, reflector, store},
        utils::Backoff,
        watcher::{self, watcher},
    },
};
use roadstead_arp::{
    Addresses,
    pool::{Pool, Range},
};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

use super::{
    crd::{AddressPool, RESOURCE},
    of_flags, read,
    read::Reading,
    status::status,
};
use crate::{
    controller::{caches::Caches, watches::follow, writes::FIELD_MANAGER},
    explain::explain,
    leader::Leadership,
    service::nodes,
};

/// Where pools come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `--arp-pool`.
    Flags(Pool),
    /// `AddressPool` objects.
    Objects,
}

/// What its tasks work with.
#[derive(Clone)]
pub struct Keeper {
    /// Whom they tell.
    pub addresses: Arc<Addresses>,
    /// What knows the nodes.
    pub caches: Arc<Caches>,
    /// The way to the API server.
    pub client: Client,
    /// Only who leads writes.
    pub leadership: Leadership,
    /// The only namespace whose Services are watched; `None`: all.
    pub namespace: Option<String>,
}

/// Changes of nodes, and of how full pools are, are gathered for so long: a hundred new Services are one write of their pool.
const PAUSE: Duration = Duration::from_secs(2);

/// How long a write may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// How often pools that cannot be read are asked for again: while there are none, every new Service waits.
const AGAIN: Duration = Duration::from_secs(3);

/// Never longer and never shorter than [`AGAIN`].
struct Steadily;

// === impl Steadily ===

impl Iterator for Steadily {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(AGAIN)
    }
}

impl Backoff for Steadily {
    fn reset(&mut self) {}
}

// === impl Source ===

impl Source {
    /// Flags, where there are any; else objects.
    #[must_use]
    pub fn of(ranges: &[Range]) -> Self {
        of_flags(ranges).map_or(Self::Objects, Self::Flags)
    }
}

/// The pools as the API server has them now.
pub async fn list(client: &Client) -> kube::Result<Vec<Reading>> {
    let pools = Api::<AddressPool>::all(client.clone());
    let pools = pools.list(&ListParams::default()).await?;
    Ok(pools.iter().map(read).collect())
}

/// The nodes' own addresses, each with its node.
pub(crate) fn addresses_of<'n>(
    nodes: impl IntoIterator<Item = &'n Node>,
) -> BTreeMap<IpAddr, Arc<str>> {
    let each = nodes.into_iter().flat_map(|node| {
        let name: Arc<str> = node.name_any().into();
        nodes::all_addresses(node)
            .into_iter()
            .map(move |address| (address, Arc::clone(&name)))
    });
    each.collect()
}

// === impl Keeper ===

impl Keeper {
    /// Begins to tell; the tasks end only with `tasks`.
    pub fn start(self, source: Source, tasks: &mut JoinSet<()>) {
        match source {
            Source::Flags(pool) => {
                tasks.spawn(async move {
                    self.caches.synced().await;
                    self.tell_nodes();
                    self.addresses.set_pools(vec![pool]);
                    self.follow_nodes().await;
                });
            }
            Source::Objects => {
                let (pools, writer) = store();
                let (listed, seen) = watch::channel(false);
                let addresses = Arc::clone(&self.addresses);
                let stream = watcher(
                    Api::<AddressPool>::all(self.client.clone()),
                    watcher::Config::default(),
                )
                .backoff(Steadily)
                .inspect_err(move |error| addresses.set_trouble(trouble(error)));
                let health = self.caches.health_of_watches();
                tasks.spawn(follow(
                    RESOURCE,
                    reflector(writer, stream),
                    health,
                    move |_| {
                        listed.send_replace(true);
                    },
                ));
                tasks.spawn(self.clone().follow_pools(pools.clone(), seen.clone()));
                tasks.spawn(self.clone().write(pools, seen));
                tasks.spawn(async move {
                    self.caches.synced().await;
                    self.follow_nodes().await;
                });
            }
        }
    }

    async fn follow_pools(self, pools: Store<AddressPool>, mut seen: watch::Receiver<bool>) {
        // Before anything is given the nodes' addresses are known.
        self.caches.synced().await;
        self.tell_nodes();
        while seen.wait_for(|listed| *listed).await.is_ok() {
            seen.mark_unchanged();
            let readings = pools.state();
            let pools = readings.iter().map(|object| read(object).pool);
            self.addresses.set_pools(pools.collect());
            if seen.changed().await.is_err() {
                break;
            }
        }
    }

    async fn follow_nodes(&self) {
        let mut changes = self.caches.inbox.node_changes();
        loop {
            self.tell_nodes();
            if changes.changed().await.is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
            changes.mark_unchanged();
        }
    }

    fn tell_nodes(&self) {
        let nodes = self.caches.nodes();
        let addresses = addresses_of(nodes.iter().map(AsRef::as_ref));
        self.addresses.set_nodes(addresses);
    }

    /// Keeps the status of each pool true.
    async fn write(mut self, pools: Store<AddressPool>, mut seen: watch::Receiver<bool>) {
        let mut changes = self.addresses.changes();
        self.leadership.acquired().await;
        loop {
            changes.mark_unchanged();
            seen.mark_unchanged();
            if !self.write_all(&pools).await {
                // Nothing else may come to remind us.
                changes.mark_changed();
            }
            let both = async {
                tokio::select! {
                    used = changes.changed() => used,
                    edited = seen.changed() => edited,
                }
            };
            if both.await.is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Whether nobody else gives addresses of `pool`: who watches one namespace does not see what others have of a pool
    /// that is for more, and two who each wrote what they see would never end.
    fn is_ours(&self, pool: &AddressPool) -> bool {
        let spec = &pool.spec;
        self.namespace.as_ref().is_none_or(|namespace| {
            spec.namespaces == [namespace.clone()] && spec.namespace_selector.is_none()
        })
    }

    /// Writes each status that is not as it should be; false if one could not be written.
    async fn write_all(&self, pools: &Store<AddressPool>) -> bool {
        let Some(usage) = self.addresses.usage() else {
            return true;
        };
        let findings = self.addresses.findings();
        let mut written = true;
        for pool in pools.state() {
            if !self.is_ours(&pool) {
                continue;
            }
            let name = pool.name_any();
            let Some(usage) = usage.iter().find(|usage| *usage.pool == *name) else {
                continue;
            };
            let Reading { pool: _, problems } = read(&pool);
            let wanted = status(
                &pool,
                &problems,
                usage,
                findings.get(name.as_str()),
                Timestamp::now(),
            );
            if pool.status.as_ref() == Some(&wanted) || !self.leadership.is_current() {
                continue;
            }
            let patch = json!({
                "apiVersion": "roadstead.dev/v1alpha1",
                "kind": "AddressPool",
                "metadata": ObjectMeta { name: Some(name.clone()), uid: pool.uid(), ..ObjectMeta::default() },
                "status": wanted,
            });
            let api = Api::<AddressPool>::all(self.client.clone());
            let params = PatchParams::apply(FIELD_MANAGER).force();
            let patch = Patch::Apply(&patch);
            let write = api.patch_status(&name, &params, &patch);
            match tokio::time::timeout(TIMEOUT, write).await {
                Ok(Ok(_)) => {}
                // Deleted meanwhile, or another one of the name: the watch tells.
                Ok(Err(kube::Error::Api(answer))) if [404, 409].contains(&answer.code) => {}
                Ok(Err(error)) => {
                    tracing::warn!(
                        pool = name,
                        error = explain(&error),
                        "writing the status of a pool failed; trying again"
                    );
                    written = false;
                }
                Err(_elapsed) => {
                    tracing::warn!(
                        pool = name,
                        "writing the status of a pool had no answer within {TIMEOUT:?}; trying again"
                    );
                    written = false;
                }
            }
        }
        written
    }
}

fn trouble(error: &watcher::Error) -> String {
    let missing =
        |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.code == 404);
    let hint = match error {
        watcher::Error::InitialListFailed(error) if missing(error) => {
            "; the API server does not know AddressPool: apply its definition (the chart and deploy/manifests/arp.yaml have \
             it), or name addresses with --arp-pool"
        }
        _ => "",
    };
    format!("{}{hint}", explain(error))
}
