//! What does the cluster hold that a plan depends on? Reads only, and says what it may not read.

use std::collections::HashMap;

use k8s_openapi::api::{
    core::v1::{Node, Pod, Service},
    discovery::v1::EndpointSlice,
};
use kube::{Api, ResourceExt, api::ListParams};
use roadstead_core::{LoadBalancerProvider, ProviderName, Published, Target, TargetKind, Targets};

use super::{Answer, Error, Planner, cluster};
use crate::service::{endpoints, gates::GatedPod, intent, nodes, request};

// === impl Planner ===

impl Planner {
    /// The addresses that Services carry; of this one alone where the user may not list the others.
    pub(super) async fn published(
        &self,
        service: &Service,
        provider: ProviderName,
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
        let published =
            |service| intent::published(service, &self.cluster, &self.classes, provider);
        Ok(services.iter().filter_map(published).collect())
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
