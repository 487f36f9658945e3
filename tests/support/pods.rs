//! Pods and their endpoints, as the kubelet and the controller of EndpointSlices would leave them: nobody runs them here.

use k8s_openapi::api::{core::v1::Pod, discovery::v1::EndpointSlice};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::Place;

/// The gate of pods that wait for their load balancer.
pub(crate) const GATE: &str = "roadstead.dev/target-health";

/// The pods of the namespace.
pub(crate) fn pods_of(place: &Place) -> Api<Pod> {
    Api::namespaced(place.client.clone(), &place.namespace)
}

/// A pod at `address` that waits for these gates; its containers are ready or not.
pub(crate) async fn add_pod(place: &Place, name: &str, address: &str, gates: &[&str], ready: bool) {
    let gates: Vec<_> = gates
        .iter()
        .map(|gate| json!({ "conditionType": gate }))
        .collect();
    let pod = json!({
        "metadata": { "name": name },
        "spec": { "containers": [{ "name": "c", "image": "none" }], "readinessGates": gates },
    });
    let pod = serde_json::from_value(pod).unwrap();
    pods_of(place)
        .create(&PostParams::default(), &pod)
        .await
        .unwrap();
    set_ready(place, name, address, ready).await;
}

/// What the kubelet says of the pod's containers.
pub(crate) async fn set_ready(place: &Place, name: &str, address: &str, ready: bool) {
    let status = if ready { "True" } else { "False" };
    let status = json!({ "apiVersion": "v1", "kind": "Pod", "status": {
        "podIP": address,
        "podIPs": [{ "ip": address }],
        "conditions": [{ "type": "ContainersReady", "status": status }],
    } });
    let params = PatchParams::apply("kubelet").force();
    pods_of(place)
        .patch_status(name, &params, &Patch::Apply(&status))
        .await
        .unwrap();
}

/// Endpoints that are not ready: what becomes of pods whose gate is closed.
pub(crate) async fn add_slice(place: &Place, service: &str, pods: &[(&str, &str)]) {
    let endpoints: Vec<_> = pods
        .iter()
        .map(|(pod, address)| {
            json!({
                "addresses": [address],
                "nodeName": "node-1",
                "conditions": { "ready": false, "serving": false, "terminating": false },
                "targetRef": { "kind": "Pod", "name": pod, "namespace": place.namespace },
            })
        })
        .collect();
    let slice = json!({
        "metadata": { "name": format!("{service}-1"), "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4",
        "ports": [{ "name": "tcp-80", "port": 8080, "protocol": "TCP" }],
        "endpoints": endpoints,
    });
    let slices: Api<EndpointSlice> = Api::namespaced(place.client.clone(), &place.namespace);
    let slice = serde_json::from_value(slice).unwrap();
    slices.create(&PostParams::default(), &slice).await.unwrap();
}
