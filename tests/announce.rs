//! What becomes of what the cluster says, and what is said in return? The announcer over a real API server, on segments that
//! the test plays.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/announcing.rs"]
mod announcing;
mod support;

use std::path::Path;

use announcing::{Announcing, add_node, give, web};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use roadstead_arp::{
    InterfaceIndex, Mac,
    engine::{Candidates, Event, Wanted},
};
use roadstead_testbed::{ControlPlane, TcpProxy, condition, events_of, poll_until};
use serde_json::json;
use support::{DEADLINE, HEALTHY, Place};

/// `Reason: message` of the Service's health.
fn health(service: &Service) -> String {
    condition(service, HEALTHY).map_or_else(String::new, |condition| {
        format!("{}: {}", condition.reason, condition.message)
    })
}

async fn until_health(place: &Place, what: &str) -> Service {
    let says = |service: &Service| health(service).contains(what);
    place
        .until("web", &format!("{what:?} of its health"), says)
        .await
}

fn may(wanted: Option<&Wanted>) -> bool {
    wanted.is_some_and(|wanted| wanted.may)
}

#[tokio::test]
async fn a_service_with_an_address_is_announced_and_says_by_whom_in_one_write() {
    let place = Place::new("announced").await;
    let (me, other) = (add_node(&place, "a").await, add_node(&place, "b").await);
    let announcing = Announcing::start(&place, &me).await;
    place.create(&web(&place).build()).await;
    give(&place, "web", "192.0.2.7").await;
    announcing
        .stage
        .until("192.0.2.7", "to be wanted", may)
        .await;
    let wanted = announcing.stage.now("192.0.2.7").unwrap();
    assert!(!wanted.seen_before);
    let Candidates::Nodes(nodes) = wanted.candidates else {
        panic!("every node that ever is");
    };
    assert!(nodes.contains(&*me) && nodes.contains(&*other));

    announcing.claim("192.0.2.7");
    let said = until_health(&place, "Announced").await;
    assert_eq!(
        health(&said),
        format!("Announced: announced by {me} on eth0")
    );
    let managers: Vec<String> = said
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .filter_map(|entry| entry.manager.clone())
        .filter(|manager| manager.contains("roadstead"))
        .collect();
    assert_eq!(managers, ["roadstead-announcer"]);
    // Whatever happens to it that is not about its announcement, nothing more is written.
    place
        .edit("web", json!({ "metadata": { "labels": { "a": "b" } } }))
        .await;
    let second = Announcing::start(&place, &other).await;
    second.stage.until("192.0.2.7", "to be wanted", may).await;
    assert!(second.stage.now("192.0.2.7").unwrap().seen_before);
    second.claim("192.0.2.7");
    announcing.let_go("192.0.2.7", Some(&other));
    let taken_over = until_health(&place, &other).await;
    let version = |service: &Service| service.metadata.resource_version.clone();
    // What is written is seen before its answer is counted.
    poll_until("both writes to be answered", DEADLINE, async || {
        (announcing.writes(200) + second.writes(200) >= 2).then_some(())
    })
    .await
    .unwrap();
    assert_eq!((announcing.writes(200), second.writes(200)), (1, 1));
    announcing.stop().await;
    second.stop().await;
    assert_eq!(version(&place.get("web").await), version(&taken_over));
    let told = events_of(&place.client, &place.namespace, "web").await;
    let mut told = told.unwrap();
    // A young API server may say this of its own bookkeeping.
    told.retain(|event| event.reason != "ClusterIPNotAllocated");
    assert_eq!(told, []);
}

#[tokio::test]
async fn a_foreign_user_of_an_address_is_told_with_an_event_and_taken_back_when_it_is_gone() {
    let place = Place::new("conflict").await;
    let me = add_node(&place, "a").await;
    let announcing = Announcing::start(&place, &me).await;
    place.create(&web(&place).build()).await;
    give(&place, "web", "192.0.2.9").await;
    announcing
        .stage
        .until("192.0.2.9", "to be wanted", may)
        .await;
    let (address, interface) = ("192.0.2.9".parse().unwrap(), InterfaceIndex(2));
    let mac = Mac([0x52, 0x54, 0, 0, 0, 9]);
    announcing.hear(Event::Conflict {
        address,
        interface,
        mac,
    });
    let said = until_health(&place, "AddressConflict").await;
    assert!(
        health(&said).starts_with("AddressConflict: 192.0.2.9 is used by 52:54:00:00:00:09"),
        "{}",
        health(&said)
    );
    let event = poll_until("an event", DEADLINE, async || {
        let events = events_of(&place.client, &place.namespace, "web")
            .await
            .ok()?;
        events.into_iter().next()
    });
    assert_eq!(event.await.unwrap().reason, "AddressConflict");
    announcing.hear(Event::ConflictOver { address, interface });
    announcing.claim("192.0.2.9");
    until_health(&place, "Announced").await;
    announcing.stop().await;
}

#[tokio::test]
async fn traffic_that_stays_local_is_announced_where_a_pod_serves() {
    let place = Place::new("local").await;
    let (me, other) = (add_node(&place, "a").await, add_node(&place, "b").await);
    let announcing = Announcing::start(&place, &me).await;
    place.create(&web(&place).local_traffic().build()).await;
    give(&place, "web", "192.0.2.11").await;
    announcing
        .stage
        .until("192.0.2.11", "to be known", |wanted| wanted.is_some())
        .await;
    let wanted = announcing.stage.now("192.0.2.11").unwrap();
    assert!(!wanted.may && wanted.lets_go_at_once, "{wanted:?}");
    until_health(&place, "no pod of the Service serves").await;

    let slices: Api<k8s_openapi::api::discovery::v1::EndpointSlice> =
        Api::namespaced(place.client.clone(), &place.namespace);
    let slice = |node: &str| {
        serde_json::from_value(json!({
            "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
            "addressType": "IPv4",
            "ports": [{ "port": 8080 }],
            "endpoints": [{ "addresses": ["10.1.0.1"], "nodeName": node, "conditions": { "ready": true } }],
        }))
        .unwrap()
    };
    slices
        .create(&PostParams::default(), &slice(&me))
        .await
        .unwrap();
    announcing
        .stage
        .until("192.0.2.11", "to be wanted", may)
        .await;
    let patch = Patch::Apply(slice(&other));
    let params = PatchParams::apply("test").force();
    slices
        .delete("web-1", &DeleteParams::default())
        .await
        .unwrap();
    announcing
        .stage
        .until("192.0.2.11", "its pod gone", |wanted| !may(wanted))
        .await;
    slices.patch("web-1", &params, &patch).await.unwrap();
    let elsewhere = |wanted: Option<&Wanted>| {
        wanted.is_some_and(|wanted| !wanted.may && wanted.candidates.include(&other))
    };
    announcing
        .stage
        .until("192.0.2.11", "its pod elsewhere", elsewhere)
        .await;
    announcing.stop().await;
}

#[tokio::test]
async fn a_node_that_is_excluded_or_does_not_forward_hands_over() {
    let place = Place::new("excluded").await;
    let me = add_node(&place, "a").await;
    let announcing = Announcing::start(&place, &me).await;
    place.create(&web(&place).build()).await;
    give(&place, "web", "192.0.2.13").await;
    announcing
        .stage
        .until("192.0.2.13", "to be wanted", may)
        .await;
    announcing.forwarding.send_replace(Some("503".to_owned()));
    announcing.stage.until_fit(false).await;
    announcing.forwarding.send_replace(None);
    announcing.stage.until_fit(true).await;

    let nodes: Api<Node> = Api::all(place.client.clone());
    let label = |value: Option<&str>| {
        Patch::Merge(
            json!({ "metadata": { "labels": { "node.kubernetes.io/exclude-from-external-load-balancers": value } } }),
        )
    };
    let params = PatchParams::default();
    nodes.patch(&me, &params, &label(Some(""))).await.unwrap();
    announcing.stage.until_fit(false).await;
    announcing
        .stage
        .until("192.0.2.13", "not to be announced here", |wanted| {
            wanted.is_some_and(|wanted| !wanted.may && !wanted.lets_go_at_once)
        })
        .await;
    nodes.patch(&me, &params, &label(None)).await.unwrap();
    announcing
        .stage
        .until("192.0.2.13", "to be wanted", may)
        .await;
    announcing.stop().await;
}

#[tokio::test]
async fn a_service_that_is_no_load_balancer_any_more_is_let_go_and_says_nothing() {
    let place = Place::new("ceased").await;
    let me = add_node(&place, "a").await;
    let announcing = Announcing::start(&place, &me).await;
    place.create(&web(&place).build()).await;
    give(&place, "web", "192.0.2.15").await;
    announcing
        .stage
        .until("192.0.2.15", "to be wanted", may)
        .await;
    announcing.claim("192.0.2.15");
    until_health(&place, "Announced").await;
    place
        .edit_spec(
            "web",
            json!({ "type": "ClusterIP", "loadBalancerClass": null }),
        )
        .await;
    announcing
        .stage
        .until("192.0.2.15", "to be forgotten", |wanted| wanted.is_none())
        .await;
    announcing.let_go("192.0.2.15", None);
    place
        .until("web", "no word of its health", |service| {
            health(service).is_empty()
        })
        .await;
    announcing.stop().await;
}

#[tokio::test]
async fn without_an_api_server_what_was_heard_last_holds_and_what_was_missed_is_learnt_later() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let place = Place::new("away").await;
    let me = add_node(&place, "a").await;
    let proxy = TcpProxy::start(control_plane.address().unwrap())
        .await
        .unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&place.namespace);
    std::fs::create_dir_all(&folder).unwrap();
    let through = proxy
        .kubeconfig_through(control_plane.kubeconfig(), &folder)
        .unwrap();
    place.create(&web(&place).build()).await;
    give(&place, "web", "192.0.2.17").await;

    // Nothing is announced that nobody has told of.
    proxy.cut();
    let announcing = Announcing::through(&place, &through, &me).await;
    poll_until("every watch to have failed", DEADLINE, async || {
        let health = announcing.health.now();
        let failed = health
            .watches
            .values()
            .filter(|state| state.error().is_some());
        (failed.count() == 3).then_some(())
    })
    .await
    .unwrap();
    assert!(!announcing.health.is_synced());
    assert_eq!(announcing.stage.now("192.0.2.17"), None);
    proxy.heal();
    announcing
        .stage
        .until("192.0.2.17", "to be wanted", may)
        .await;
    assert!(announcing.health.is_synced());

    // Gone again: what was known stays, what is claimed meanwhile is said afterwards.
    proxy.cut();
    announcing.claim("192.0.2.17");
    poll_until("a write to have failed", DEADLINE, async || {
        (announcing.writes(0) > 0).then_some(())
    })
    .await
    .unwrap();
    let second = web(&place).build();
    let second = Service {
        metadata: kube::api::ObjectMeta {
            name: Some("late".to_owned()),
            ..second.metadata
        },
        ..second
    };
    place.create(&second).await;
    give(&place, "late", "192.0.2.18").await;
    assert!(may(announcing.stage.now("192.0.2.17").as_ref()));
    assert_eq!(announcing.stage.now("192.0.2.18"), None);
    proxy.heal();
    announcing
        .stage
        .until("192.0.2.18", "to be wanted", may)
        .await;
    until_health(&place, "Announced").await;
    announcing.stop().await;
}
