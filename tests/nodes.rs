//! Do load balancers follow the nodes: those that are eligible, soon, and with as few calls as can be?
//!
//! Nodes belong to the whole cluster, so the tests of this file take turns.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use roadstead::controller::targets::NodeTargets;
use roadstead_mock::{Balancer, Method};
use roadstead_testbed::{addresses, condition, events_of, is_true, objects::NodeBuilder, service};
use serde_json::{Value, json};
use support::{HEALTHY, MOCK, PROGRAMMED, Place, count};
use tokio::sync::{Mutex, MutexGuard};

const EXCLUDE: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// A cluster that has no nodes yet, for as long as nobody else has it.
async fn alone(prefix: &str) -> (Place, MutexGuard<'static, ()>) {
    static TURN: Mutex<()> = Mutex::const_new(());

    let turn = TURN.lock().await;
    let place = Place::new(prefix).await;
    nodes(&place)
        .delete_collection(&DeleteParams::default(), &ListParams::default())
        .await
        .unwrap();
    (place, turn)
}

fn nodes(place: &Place) -> Api<Node> {
    Api::all(place.client.clone())
}

fn node(name: &str) -> NodeBuilder {
    roadstead_testbed::node(name).provider_id(&format!("mock:///{name}"))
}

async fn add(place: &Place, node: NodeBuilder) {
    roadstead_testbed::add_node(&place.client, node.build())
        .await
        .unwrap();
}

async fn patch(place: &Place, node: &str, patch: Value) {
    nodes(place)
        .patch(node, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

async fn taint(place: &Place, node: &str, key: Option<&str>) {
    let taints: Vec<Value> = key
        .iter()
        .map(|key| json!({ "key": key, "effect": "NoSchedule" }))
        .collect();
    patch(place, node, json!({ "spec": { "taints": taints } })).await;
}

async fn label(place: &Place, node: &str, key: &str, value: Option<&str>) {
    let labels = json!({ key: value });
    patch(place, node, json!({ "metadata": { "labels": labels } })).await;
}

async fn remove(place: &Place, node: &str) {
    nodes(place)
        .delete(node, &DeleteParams::default())
        .await
        .unwrap();
}

fn targets(balancer: &Balancer) -> Vec<String> {
    let names = balancer
        .targets
        .iter()
        .map(|target| target.node.to_string());
    names.collect()
}

/// Waits until the Service's load balancer points at exactly these nodes.
async fn points_at(place: &Place, service: &Service, names: &[&str]) {
    let what = format!("the targets {names:?}");
    place
        .balancer_until(service, &what, |balancer| targets(balancer) == names)
        .await;
}

fn web(name: &str) -> Service {
    service(name).class(MOCK).port(80).build()
}

#[tokio::test]
async fn targets_follow_the_nodes_that_come_go_and_are_taken_out() {
    let (place, _turn) = alone("follow").await;
    add(&place, node("a").address("10.0.0.1").address("fd00::1")).await;
    add(&place, node("b")).await;
    let running = place.controller().await;
    let web = place.create_served(&web("web")).await;
    points_at(&place, &web, &["a", "b"]).await;
    let first = place.balancer(&web).targets[0].clone();
    assert_eq!(first.provider_id.unwrap().to_string(), "mock:///a");
    assert_eq!(first.addresses.len(), 2);

    add(&place, node("c")).await;
    points_at(&place, &web, &["a", "b", "c"]).await;
    remove(&place, "a").await;
    points_at(&place, &web, &["b", "c"]).await;
    label(&place, "b", EXCLUDE, Some("")).await;
    points_at(&place, &web, &["c"]).await;
    label(&place, "b", EXCLUDE, None).await;
    points_at(&place, &web, &["b", "c"]).await;
    for key in ["ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted"] {
        taint(&place, "c", Some(key)).await;
        points_at(&place, &web, &["b"]).await;
        taint(&place, "c", None).await;
        points_at(&place, &web, &["b", "c"]).await;
    }
    let now = place
        .until("web", "both nodes to be told", |service| {
            condition(service, HEALTHY).is_some_and(|it| it.message == "2/2 healthy")
        })
        .await;
    assert_eq!(addresses(&now), addresses(&web));
    let event = place
        .told("web", "UpdatedLoadBalancer", "1 registered, 0 deregistered")
        .await;
    assert!(!event.note.contains("repaired"), "{event:?}");
    running.stop().await;
}

#[tokio::test]
async fn a_new_label_is_news_only_to_those_that_choose_by_label() {
    let (place, _alone) = alone("labels").await;
    for name in ["a", "b"] {
        add(&place, node(name)).await;
    }
    let running = place.controller().await;
    let all = place.create_served(&web("all")).await;
    let some = service("some")
        .class(MOCK)
        .annotation("roadstead.dev/mock-node-label", "tier=edge");
    let some = place.create_served(&some.port(80).build()).await;
    points_at(&place, &some, &[]).await;
    let calls = place.calls(Method::Ensure, &all);
    label(&place, "a", "tier", Some("edge")).await;
    points_at(&place, &some, &["a"]).await;
    label(&place, "a", "tier", None).await;
    points_at(&place, &some, &[]).await;
    assert_eq!(place.calls(Method::Ensure, &all), calls);
    running.stop().await;
}

#[test]
fn what_says_nothing_about_eligibility_is_no_change() {
    let selected = NodeTargets::default();
    let select = |node: Node| selected.select(&[Arc::new(node)]);
    assert!(select(node("a").build()));
    let mut beating = node("a").not_ready().label("example.com/rack", "7");
    beating = beating.taint("node.kubernetes.io/not-ready", "NoExecute");
    assert!(!select(beating.build()));
    assert!(select(node("a").address("10.0.0.1").build()));
}

#[tokio::test]
async fn a_node_that_is_not_ready_stays_and_heartbeats_hold_nothing_up() {
    let (place, _turn) = alone("heartbeat").await;
    add(&place, node("a")).await;
    add(&place, node("unready").not_ready()).await;
    let running = place.controller().await;
    let web = place.create_served(&web("web")).await;
    // Readiness is the load balancer's health check's job.
    points_at(&place, &web, &["a", "unready"]).await;
    place.settled().await;
    let calls = place.calls(Method::Ensure, &web);

    add(&place, node("z")).await;
    let beat = async {
        for n in 0_u64.. {
            label(&place, "a", "example.com/beat", Some(&n.to_string())).await;
        }
    };
    tokio::select! {
        () = beat => {}
        () = points_at(&place, &web, &["a", "unready", "z"]) => {}
    }
    place.settled().await;
    assert_eq!(place.calls(Method::Ensure, &web), calls + 1);
    running.stop().await;
}

#[tokio::test]
async fn a_node_without_a_provider_id_is_told_so_once_and_blocks_nobody() {
    let (place, _turn) = alone("identity").await;
    add(&place, roadstead_testbed::node("nameless-1")).await;
    add(&place, node("named")).await;
    let running = place.controller().await;
    let web = place.create_served(&web("web")).await;
    points_at(&place, &web, &["named"]).await;

    add(&place, roadstead_testbed::node("nameless-2")).await;
    add(&place, node("other")).await;
    points_at(&place, &web, &["named", "other"]).await;
    let identity = json!({ "spec": { "providerID": "mock:///nameless-1" } });
    patch(&place, "nameless-1", identity).await;
    points_at(&place, &web, &["named", "nameless-1", "other"]).await;
    running.stop().await;

    for name in ["nameless-1", "nameless-2"] {
        let events = events_of(&place.client, "default", name).await.unwrap();
        assert_eq!(count(&events, "NodeWithoutProviderID"), 1, "{events:#?}");
        assert_eq!(events[0].type_, "Warning");
        assert!(events[0].note.contains("spec.providerID"), "{events:?}");
    }
    let events = events_of(&place.client, "default", "named").await.unwrap();
    assert_eq!(events, []);
}

#[tokio::test]
async fn when_every_node_is_gone_the_targets_stay_and_the_user_is_told() {
    let (place, _turn) = alone("empty").await;
    add(&place, node("a")).await;
    add(&place, node("b")).await;
    let running = place.controller().await;
    let web = place.create_served(&web("web")).await;
    points_at(&place, &web, &["a", "b"]).await;

    remove(&place, "a").await;
    label(&place, "b", EXCLUDE, Some("true")).await;
    let remarked = place
        .until("web", "a remark", |service| {
            let programmed = condition(service, PROGRAMMED);
            programmed.is_some_and(|c| c.message.contains("no node is eligible"))
        })
        .await;
    assert!(is_true(&remarked, PROGRAMMED), "it serves as it did");
    assert_eq!(addresses(&remarked), addresses(&web));
    assert_eq!(targets(&place.balancer(&web)), ["a", "b"]);
    let event = place
        .told("web", "UnAvailableLoadBalancer", "no node is eligible")
        .await;
    assert_eq!(event.type_, "Warning");

    label(&place, "b", EXCLUDE, None).await;
    points_at(&place, &web, &["b"]).await;
    place
        .until("web", "no remark", |service| {
            let programmed = condition(service, PROGRAMMED);
            programmed.is_some_and(|c| !c.message.contains("no node"))
        })
        .await;
    running.stop().await;
    assert_eq!(
        count(&place.events("web").await, "UnAvailableLoadBalancer"),
        1
    );
}

#[tokio::test]
async fn without_any_node_a_new_service_gets_its_address_and_says_that_nothing_answers() {
    let (place, _turn) = alone("none").await;
    let running = place.controller().await;
    let web = place.create_served(&web("web")).await;
    assert_eq!(condition(&web, HEALTHY).unwrap().status, "False");
    place
        .told("web", "UnAvailableLoadBalancer", "no node is eligible")
        .await;
    add(&place, node("a")).await;
    points_at(&place, &web, &["a"]).await;
    place
        .until("web", "healthy", |service| is_true(service, HEALTHY))
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_drain_of_a_hundred_nodes_is_at_most_two_calls_per_load_balancer() {
    const DRAINED: usize = 100;
    let (place, _turn) = alone("drain").await;
    let names: Vec<String> = (0..DRAINED).map(|n| format!("drain-{n:03}")).collect();
    let in_parallel = 16;
    stream::iter(&names)
        .for_each_concurrent(in_parallel, |name| add(&place, node(name)))
        .await;
    add(&place, node("stays")).await;
    let running = place.controller().await;
    let mut served = Vec::new();
    for n in 0..5 {
        let web = place.create_served(&web(&format!("web-{n}"))).await;
        assert_eq!(place.balancer(&web).targets.len(), DRAINED + 1);
        served.push(web);
    }
    place.settled().await;
    let before: Vec<usize> = served
        .iter()
        .map(|web| place.calls(Method::Ensure, web))
        .collect();

    let key = Some("ToBeDeletedByClusterAutoscaler");
    stream::iter(&names)
        .for_each_concurrent(in_parallel, |name| taint(&place, name, key))
        .await;
    for (web, before) in served.iter().zip(before) {
        points_at(&place, web, &["stays"]).await;
        let calls = place.calls(Method::Ensure, web) - before;
        assert!((1..=2).contains(&calls), "{calls} calls");
    }
    running.stop().await;
    for web in &served {
        let name = web.metadata.name.as_deref().unwrap();
        let events = place.events(name).await;
        let told = count(&events, "UpdatedLoadBalancer");
        assert!((1..=2).contains(&told), "{events:#?}");
    }
}
