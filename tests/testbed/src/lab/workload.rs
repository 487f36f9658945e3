//! What do the nodes run, as Kubernetes sees it?
//!
//! Writes Node, Pod and Service objects, as kubelets and users would, and keeps them true: behind each Pod object is
//! somebody who answers. The controllers of the control plane do the rest.

use std::{collections::BTreeMap, net::IpAddr};

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::{
    api::{
        core::v1::{Pod, Service, ServicePort},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Lab, node::Node, pod::Port};
use crate::{
    objects,
    wait::{DEFAULT_DEADLINE, poll_until},
};

const NAMESPACE: &str = "default";

/// The Node object of a node.
pub(super) async fn register(client: &Client, node: &Node) -> Result<()> {
    let object = objects::node(node.name())
        .address(&node.v4().to_string())
        .address(&node.v6().to_string())
        .typed_address("Hostname", node.name())
        .label("kubernetes.io/hostname", node.name());
    objects::add_node(client, object.build()).await.map(drop)
}

/// Deletes the Pod objects of a node that is gone for good.
pub(super) async fn remove_pods_of(client: &Client, node: &str) -> Result<()> {
    let what = || format!("deleting the Pods of {node}");
    let of_node = ListParams::default().fields(&format!("spec.nodeName={node}"));
    let all = Api::<Pod>::all(client.clone());
    for pod in all.list(&of_node).await.with_context(what)? {
        let namespace = pod.metadata.namespace.unwrap_or_default();
        let name = pod.metadata.name.unwrap_or_default();
        let now = DeleteParams::default().grace_period(0);
        let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
        pods.delete(&name, &now).await.with_context(what)?;
    }
    Ok(())
}

// === impl Lab ===

impl Lab {
    /// Creates a Service and a pod for it on each of those nodes, by their numbers, and waits until its EndpointSlices
    /// say that they serve. Pods are named `SERVICE-NODENUMBER`; a node named twice gets two.
    ///
    /// The pods have the labels that the Service selects, and answer on its target ports: [`super::Client::get`]. The Service lands in namespace `default` unless it says otherwise.
    ///
    /// # Errors
    /// The API server refuses an object, the Service names its target port or selects nothing, or there is no such
    /// node.
    pub async fn service_with_pods(&self, service: Service, nodes: &[u8]) -> Result<Service> {
        let client = self.control_plane().client().await?;
        let (name, namespace) = name_of(&service);
        let services: Api<Service> = Api::namespaced(client, &namespace);
        let created = services.create(&PostParams::default(), &service).await;
        let created = created.with_context(|| format!("creating Service {namespace}/{name}"))?;
        for (index, number) in nodes.iter().enumerate() {
            let again = nodes.iter().take(index).filter(|other| *other == number);
            let pod = match again.count() {
                0 => format!("{name}-{number}"),
                count => format!("{name}-{number}-{count}"),
            };
            self.add_pod(&created, &pod, *number).await?;
        }
        self.serving(&created, nodes.len()).await?;
        Ok(created)
    }

    /// One more pod for a Service, on node `number`.
    ///
    /// # Errors
    /// Those of [`Self::service_with_pods`].
    pub async fn add_pod(&self, service: &Service, name: &str, number: u8) -> Result<()> {
        let client = self.control_plane().client().await?;
        let node = self.try_node(number)?;
        let (_, namespace) = name_of(service);
        let spec = service.spec.as_ref();
        let labels = spec.and_then(|spec| spec.selector.clone());
        let labels =
            labels.ok_or_else(|| anyhow!("adding pod {name}: its Service selects none"))?;
        let ports = ports(
            spec.and_then(|spec| spec.ports.as_deref())
                .unwrap_or_default(),
        )?;
        let (v4, v6) = node.add_pod(name, &ports)?;
        let pods: Api<Pod> = Api::namespaced(client, &namespace);
        let what = || format!("creating Pod {namespace}/{name}");
        let pod = pod(name, node.name(), &labels).with_context(what)?;
        pods.create(&PostParams::default(), &pod)
            .await
            .with_context(what)?;
        let status = json!({ "status": {
            "phase": "Running",
            "hostIP": node.v4(),
            "podIP": v4,
            "podIPs": [{ "ip": v4 }, { "ip": v6 }],
            "conditions": [
                { "type": "ContainersReady", "status": "True" },
                { "type": "Ready", "status": "True" },
            ],
        } });
        pods.patch_status(name, &PatchParams::default(), &Patch::Merge(status))
            .await
            .with_context(what)?;
        Ok(())
    }

    /// Deletes a pod, object and all: from then on nobody answers there.
    ///
    /// # Errors
    /// There is no such pod.
    pub async fn remove_pod(&self, namespace: &str, name: &str) -> Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.control_plane().client().await?, namespace);
        let now = DeleteParams::default().grace_period(0);
        pods.delete(name, &now)
            .await
            .with_context(|| format!("deleting Pod {namespace}/{name}"))?;
        if !self.nodes().iter().any(|node| node.remove_pod(name)) {
            bail!("ending pod {name}: no node has it");
        }
        Ok(())
    }

    /// Writes a Service's addresses into its status by hand, as a controller would.
    ///
    /// # Errors
    /// There is no such Service.
    pub async fn publish(&self, service: &Service, ips: &[IpAddr]) -> Result<()> {
        let (name, namespace) = name_of(service);
        let services: Api<Service> =
            Api::namespaced(self.control_plane().client().await?, &namespace);
        let ingress: Vec<_> = ips.iter().map(|ip| json!({ "ip": ip })).collect();
        let status = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
        let patched = services
            .patch_status(&name, &PatchParams::default(), &Patch::Merge(status))
            .await;
        patched.with_context(|| format!("writing the status of {namespace}/{name}"))?;
        Ok(())
    }

    /// Waits until every family of a Service has so many endpoints that serve.
    ///
    /// # Errors
    /// It has not within 30 s.
    pub async fn serving(&self, service: &Service, count: usize) -> Result<()> {
        let (name, namespace) = name_of(service);
        let client = self.control_plane().client().await?;
        let slices: Api<EndpointSlice> = Api::namespaced(client, &namespace);
        let of_service =
            ListParams::default().labels(&format!("kubernetes.io/service-name={name}"));
        let families = service
            .spec
            .as_ref()
            .and_then(|spec| spec.ip_families.as_ref());
        let wanted = count * families.map_or(1, Vec::len);
        let what = format!("{wanted} endpoints of {namespace}/{name}");
        poll_until(&what, DEFAULT_DEADLINE, async || {
            let slices = slices.list(&of_service).await.ok()?;
            (slices.iter().map(serving_in).sum::<usize>() == wanted).then_some(())
        })
        .await
    }
}

fn name_of(service: &Service) -> (String, String) {
    let metadata = &service.metadata;
    let namespace = metadata.namespace.as_deref().unwrap_or(NAMESPACE);
    (
        metadata.name.clone().unwrap_or_default(),
        namespace.to_owned(),
    )
}

fn serving_in(slice: &EndpointSlice) -> usize {
    let serving = slice.endpoints.iter().filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions.and_then(|conditions| conditions.serving) == Some(true)
    });
    serving.count()
}

/// Where pods have to answer for these ports.
fn ports(ports: &[ServicePort]) -> Result<Vec<Port>> {
    let mut wanted = Vec::new();
    for port in ports {
        let number = match &port.target_port {
            None => port.port,
            Some(IntOrString::Int(number)) => *number,
            Some(IntOrString::String(name)) => bail!("serving port {name:?}: pods name no ports"),
        };
        let number = u16::try_from(number).with_context(|| format!("serving port {number}"))?;
        let port = match port.protocol.as_deref() {
            None | Some("TCP") => Port::Tcp(number),
            Some("UDP") => Port::Udp(number),
            Some(other) => bail!("serving port {number}: {other} is not spoken here"),
        };
        if !wanted.contains(&port) {
            wanted.push(port);
        }
    }
    Ok(wanted)
}

fn pod(name: &str, node: &str, labels: &BTreeMap<String, String>) -> Result<Pod> {
    let pod = json!({
        "metadata": { "name": name, "labels": labels },
        "spec": { "nodeName": node, "containers": [{ "name": "c", "image": "none" }] },
    });
    Ok(serde_json::from_value(pod)?)
}
