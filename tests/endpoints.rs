//! Do load balancers that point at pods follow them, as the EndpointSlices say?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use k8s_openapi::api::{core::v1::Service, discovery::v1::EndpointSlice};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use roadstead_mock::{Balancer, Method};
use roadstead_testbed::{addresses, service};
use serde_json::{Value, json};
use support::{MOCK, Place};

const TARGET_TYPE: &str = "roadstead.dev/mock-target-type";

fn pods(name: &str) -> Service {
    let service = service(name).class(MOCK).annotation(TARGET_TYPE, "ip");
    service.port(80).build()
}

fn slices(place: &Place) -> Api<EndpointSlice> {
    Api::namespaced(place.client.clone(), &place.namespace)
}

/// Pods at these addresses, each ready or not.
fn endpoints(pods: &[(&str, bool)]) -> Value {
    let pods = pods.iter().map(|(address, ready)| {
        json!({ "addresses": [address], "nodeName": "node-1", "conditions": { "ready": ready } })
    });
    pods.collect()
}

async fn add_slice(place: &Place, name: &str, service: &str, pods: &[(&str, bool)]) {
    let slice = json!({
        "metadata": { "name": name, "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4",
        "ports": [{ "name": "tcp-80", "port": 8080, "protocol": "TCP" }],
        "endpoints": endpoints(pods),
    });
    let slice = serde_json::from_value(slice).unwrap();
    slices(place)
        .create(&PostParams::default(), &slice)
        .await
        .unwrap();
}

async fn set_pods(place: &Place, name: &str, pods: &[(&str, bool)]) {
    let patch = Patch::Merge(json!({ "endpoints": endpoints(pods) }));
    slices(place)
        .patch(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

fn targets(balancer: &Balancer) -> Vec<String> {
    let shown = balancer.targets.iter().map(|target| {
        format!(
            "{}:{}",
            target.addresses[0],
            target.port.map_or(0, u16::from)
        )
    });
    shown.collect()
}

async fn points_at(place: &Place, service: &Service, wanted: &[&str]) {
    let what = format!("the targets {wanted:?}");
    place
        .balancer_until(service, &what, |balancer| targets(balancer) == wanted)
        .await;
}

#[tokio::test]
async fn targets_follow_the_ready_pods_of_all_slices() {
    let place = Place::with_nodes("pods").await;
    let running = place.controller().await;
    add_slice(
        &place,
        "one",
        "web",
        &[("10.1.0.1", true), ("10.1.0.2", false)],
    )
    .await;
    add_slice(&place, "foreign", "other", &[("10.1.0.9", true)]).await;
    let web = place.create_served(&pods("web")).await;
    points_at(&place, &web, &["10.1.0.1:8080"]).await;

    set_pods(&place, "one", &[("10.1.0.1", true), ("10.1.0.2", true)]).await;
    points_at(&place, &web, &["10.1.0.1:8080", "10.1.0.2:8080"]).await;
    add_slice(&place, "two", "web", &[("10.1.0.3", true)]).await;
    points_at(
        &place,
        &web,
        &["10.1.0.1:8080", "10.1.0.2:8080", "10.1.0.3:8080"],
    )
    .await;
    slices(&place)
        .delete("one", &DeleteParams::default())
        .await
        .unwrap();
    points_at(&place, &web, &["10.1.0.3:8080"]).await;
    // No pod is an answer, unlike no node: nobody is sent to a pod that is gone.
    set_pods(&place, "two", &[]).await;
    points_at(&place, &web, &[]).await;
    running.stop().await;
}

#[tokio::test]
async fn a_slice_that_changes_hands_is_followed_by_both_services() {
    let place = Place::with_nodes("hands").await;
    let running = place.controller().await;
    add_slice(&place, "one", "web", &[("10.1.0.1", true)]).await;
    add_slice(&place, "two", "web", &[("10.1.0.2", true)]).await;
    let web = place.create_served(&pods("web")).await;
    let api = place.create_served(&pods("api")).await;
    points_at(&place, &web, &["10.1.0.1:8080", "10.1.0.2:8080"]).await;
    let label = json!({ "metadata": { "labels": { "kubernetes.io/service-name": "api" } } });
    let params = PatchParams::default();
    let patch = Patch::Merge(&label);
    slices(&place).patch("two", &params, &patch).await.unwrap();
    points_at(&place, &api, &["10.1.0.2:8080"]).await;
    points_at(&place, &web, &["10.1.0.1:8080"]).await;
    running.stop().await;
}

#[tokio::test]
async fn one_that_changes_its_mind_moves_from_nodes_to_pods_and_back() {
    let place = Place::with_nodes("mind").await;
    let running = place.controller().await;
    let web = service("web").class(MOCK).port(80).build();
    let web = place.create_served(&web).await;
    assert_eq!(place.balancer(&web).targets.len(), 3);
    add_slice(&place, "one", "web", &[("10.1.0.1", true)]).await;
    place.annotate("web", TARGET_TYPE, Some("ip")).await;
    points_at(&place, &web, &["10.1.0.1:8080"]).await;
    place.annotate("web", TARGET_TYPE, None).await;
    place
        .balancer_until(&web, "nodes again", |balancer| {
            balancer
                .targets
                .iter()
                .all(|target| target.provider_id.is_some())
        })
        .await;
    assert_eq!(addresses(&place.get("web").await), addresses(&web));
    running.stop().await;
}

#[tokio::test]
async fn pods_of_others_make_no_call() {
    let place = Place::with_nodes("others").await;
    let running = place.controller().await;
    add_slice(&place, "one", "web", &[("10.1.0.1", true)]).await;
    let nodes = place
        .create_served(&service("nodes").class(MOCK).port(80).build())
        .await;
    let web = place.create_served(&pods("web")).await;
    points_at(&place, &web, &["10.1.0.1:8080"]).await;
    place.settled().await;
    let calls = |service| place.calls(Method::Ensure, service);
    let before = (calls(&nodes), calls(&web));
    add_slice(&place, "nodes", "nodes", &[("10.1.0.7", true)]).await;
    add_slice(&place, "foreign", "other", &[("10.1.0.9", true)]).await;
    // The one that counts comes last.
    set_pods(&place, "one", &[("10.1.0.2", true)]).await;
    points_at(&place, &web, &["10.1.0.2:8080"]).await;
    place.settled().await;
    assert_eq!((calls(&nodes), calls(&web)), (before.0, before.1 + 1));
    running.stop().await;
}
