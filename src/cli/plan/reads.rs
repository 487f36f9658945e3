//! What does the cluster hold that a plan depends on? Reads only, and says what it may not read.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use k8s_openapi::api::{
    core::v1::{Namespace, Node, Pod, Service},
    discovery::v1::EndpointSlice,
};
#[cfg(feature = "arp")]
use kube::Client;
use kube::{Api, ResourceExt, api::ListParams};
use roadstead_core::{LoadBalancerProvider, Published, Target, TargetKind, Targets};

use super::{Answer, Error, Planner, cluster};
#[cfg(feature = "arp")]
use crate::pools;
use crate::service::{
    endpoints,
    gates::GatedPod,
    intent::{self, Traits},
    nodes, request,
};

/// The labels of namespaces, by name.
#[derive(Debug, Default)]
pub(super) struct Namespaces(HashMap<String, Arc<BTreeMap<String, String>>>);

/// Tells `addresses` of the pools and of the nodes' own addresses.
#[cfg(feature = "arp")]
pub(super) async fn tell(
    addresses: &roadstead_arp::Addresses,
    client: &Client,
    flags: &[roadstead_arp::pool::Range],
) -> Result<(), Error> {
    let nodes: Api<Node> = Api::all(client.clone());
    let nodes = nodes.list(&ListParams::default()).await;
    let nodes = nodes.map_err(|error| cluster("nodes", error))?;
    addresses.set_nodes(pools::addresses_of(&nodes.items));
    let pools = match pools::Source::of(flags) {
        pools::Source::Flags(pool) => vec![pool],
        pools::Source::Objects => {
            let listed = pools::list(client).await;
            let listed = listed.map_err(|error| cluster("AddressPools", error))?;
            listed.into_iter().map(|reading| reading.pool).collect()
        }
    };
    addresses.set_pools(pools);
    Ok(())
}

// === impl Namespaces ===

impl Namespaces {
    pub(super) fn of(&self, name: &str) -> Arc<BTreeMap<String, String>> {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

// === impl Planner ===

impl Planner {
    /// The addresses that Services carry; of this one alone where the user may not list the others.
    pub(super) async fn published(
        &self,
        service: &Service,
        traits: &Traits,
        namespaces: &Namespaces,
        answer: &mut Answer,
    ) -> Result<Vec<Published>, Error> {
        let services: Api<Service> = Api::all(self.client.clone());
        let services = match services.list(&ListParams::default()).await {
            Ok(list) => list.items,
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                answer.warnings.push(format!(
                    "{}; an address that another Service has may be shown as free",
                    status.message
                ));
                vec![service.clone()]
            }
            Err(error) => return Err(cluster("Services", error)),
        };
        let published = services.iter().filter_map(|service| {
            let mut published = intent::published(service, &self.cluster, &self.classes, traits)?;
            if let Some(want) = &mut published.want {
                want.labels.namespace = namespaces.of(&want.service.namespace);
            }
            Some(published)
        });
        Ok(published.collect())
    }

    /// The labels of namespaces, for a provider that reads labels.
    pub(super) async fn namespaces(
        &self,
        provider: &dyn LoadBalancerProvider,
        answer: &mut Answer,
    ) -> Result<Namespaces, Error> {
        if !provider.reads_labels() {
            return Ok(Namespaces::default());
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        match namespaces.list(&ListParams::default()).await {
            Ok(list) => {
                let labels = list.items.into_iter().map(|namespace| {
                    let labels = Arc::new(namespace.metadata.labels.unwrap_or_default());
                    (namespace.metadata.name.unwrap_or_default(), labels)
                });
                Ok(Namespaces(labels.collect()))
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                answer.warnings.push(format!(
                    "{}; a pool that selects namespaces by label is taken for one of others",
                    status.message
                ));
                Ok(Namespaces::default())
            }
            Err(error) => Err(cluster("namespaces", error)),
        }
    }

    pub(super) async fn targets(
        &self,
        service: &Service,
        provider: &dyn LoadBalancerProvider,
        kind: TargetKind,
        answer: &mut Answer,
    ) -> Result<Targets, Error> {
        let targets = match kind {
            TargetKind::Nodes => {
                let nodes: Api<Node> = Api::all(self.client.clone());
                let nodes = nodes
                    .list(&ListParams::default())
                    .await
                    .map_err(|error| cluster("nodes", error))?;
                let targets = nodes::select(&nodes.items, provider.needs_provider_ids());
                if targets.is_empty() {
                    return Ok(Targets::Keep);
                }
                targets
            }
            TargetKind::Nothing => Vec::new(),
            TargetKind::Endpoints => {
                let namespace = service.namespace().unwrap_or_default();
                let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), &namespace);
                let label = format!("{}={}", endpoints::SERVICE_LABEL, service.name_any());
                let slices = slices.list(&ListParams::default().labels(&label)).await;
                let slices = slices.map_err(|error| cluster("EndpointSlices", error))?;
                self.pods(&slices.items, &namespace, answer).await?
            }
        };
        Ok(Targets::Exactly(targets.into()))
    }

    /// The pods in `slices` that would be targets. Pods themselves are read only if one might wait for its load balancer.
    async fn pods(
        &self,
        slices: &[EndpointSlice],
        namespace: &str,
        answer: &mut Answer,
    ) -> Result<Vec<Target>, Error> {
        let ready = endpoints::targets(slices, |_, _| false);
        if endpoints::targets(slices, |_, _| true) == ready {
            return Ok(ready);
        }
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        match pods.list(&ListParams::default()).await {
            Ok(pods) => {
                let gated = pods.iter().filter_map(|pod| {
                    Some((request::name_in(&pod.metadata), GatedPod::read(pod)?))
                });
                let gated: HashMap<_, _> = gated.collect();
                Ok(endpoints::targets(slices, |pod, address| {
                    gated.get(pod).is_some_and(|gated| gated.is_fit_at(address))
                }))
            }
            Err(kube::Error::Api(status)) if status.is_forbidden() => {
                answer.warnings.push(format!(
                    "{}; pods that wait for the load balancer before they are ready are left out",
                    status.message
                ));
                Ok(ready)
            }
            Err(error) => Err(cluster("pods", error)),
        }
    }
}
