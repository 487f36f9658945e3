//! Does every edit of a Service reach the provider, and does any other edit leave it alone?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use k8s_openapi::api::core::v1::Service;
use roadstead_core::{SessionAffinity, TrafficPolicy};
use roadstead_mock::{Balancer, Method};
use roadstead_testbed::{addresses, service};
use serde_json::{Value, json};
use support::{MOCK, Place, Running, count, reasons, version};

/// A place with a controller and one served Service named `web`.
async fn with_web(prefix: &str) -> (Place, Running, Service) {
    let place = Place::with_nodes(prefix).await;
    let running = place.controller().await;
    let web = place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    (place, running, web)
}

/// The ports of a balancer and the node ports behind them.
fn listeners(balancer: &Balancer) -> Vec<(String, Option<u16>)> {
    let shown = balancer.listeners.iter().map(|listener| {
        (
            format!("{}/{}", listener.port, listener.protocol),
            listener.node_port.map(u16::from),
        )
    });
    shown.collect()
}

fn tcp(port: u16) -> Value {
    json!({ "name": format!("tcp-{port}"), "port": port, "protocol": "TCP" })
}

#[tokio::test]
async fn ports_added_and_removed_reach_the_provider() {
    let (place, running, web) = with_web("ports").await;
    place
        .edit_spec("web", json!({ "ports": [tcp(80), tcp(443)] }))
        .await;
    let balancer = place
        .balancer_until(&web, "a second listener", |b| b.listeners.len() == 2)
        .await;
    assert_eq!(listeners(&balancer)[1].0, "443/TCP");
    place
        .told("web", "UpdatedLoadBalancer", "create listener 443/TCP")
        .await;

    place.edit_spec("web", json!({ "ports": [tcp(443)] })).await;
    let balancer = place
        .balancer_until(&web, "one listener again", |b| b.listeners.len() == 1)
        .await;
    assert_eq!(listeners(&balancer)[0].0, "443/TCP");
    place
        .told("web", "UpdatedLoadBalancer", "delete listener 80/TCP")
        .await;

    running.stop().await;
    let now = place.get("web").await;
    assert_eq!(addresses(&now), addresses(&web), "the address stays");
    let events = place.events("web").await;
    assert_eq!(
        reasons(&events),
        [
            "EnsuredLoadBalancer",
            "UpdatedLoadBalancer",
            "UpdatedLoadBalancer"
        ],
        "{events:#?}"
    );
    assert_eq!(place.calls(Method::Ensure, &web), 3);
}

#[tokio::test]
async fn a_port_of_another_protocol_is_another_listener() {
    let (place, running, web) = with_web("protocol").await;
    let udp = json!({ "name": "dns", "port": 80, "protocol": "UDP" });
    place.edit_spec("web", json!({ "ports": [udp] })).await;
    let balancer = place
        .balancer_until(&web, "UDP alone", |b| {
            listeners(b).iter().all(|(port, _)| port == "80/UDP")
        })
        .await;
    assert_eq!(balancer.listeners.len(), 1);
    running.stop().await;
}

#[tokio::test]
async fn a_node_port_that_changes_reaches_the_provider() {
    let (place, running, web) = with_web("nodeport").await;
    let before = web.spec.unwrap().ports.unwrap()[0].node_port;
    // The API server keeps a node port by the port's name, and chooses another one for another name.
    let renamed = json!({ "name": "renamed", "port": 80, "protocol": "TCP" });
    let edited = place.edit_spec("web", json!({ "ports": [renamed] })).await;
    let chosen = edited.spec.unwrap().ports.unwrap()[0].node_port;
    assert_ne!(chosen, before);
    let chosen = u16::try_from(chosen.unwrap()).unwrap();
    let note = format!("now node port {chosen}");
    place.told("web", "UpdatedLoadBalancer", &note).await;
    let now = place.balancer(&place.get("web").await);
    assert_eq!(listeners(&now), [("80/TCP".to_owned(), Some(chosen))]);
    running.stop().await;
}

#[tokio::test]
async fn source_ranges_reach_the_provider_from_the_spec_and_from_the_annotation() {
    const KEY: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
    let (place, running, web) = with_web("ranges").await;
    let ranges = |balancer: &Balancer| -> Vec<String> {
        balancer
            .source_ranges
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    let becomes = async |wanted: &[&str]| {
        place
            .balancer_until(&web, &format!("the source ranges {wanted:?}"), |b| {
                ranges(b) == wanted
            })
            .await
    };
    let spec = json!({ "loadBalancerSourceRanges": ["203.0.113.0/24", "198.51.100.7/32"] });
    place.edit_spec("web", spec).await;
    becomes(&["203.0.113.0/24", "198.51.100.7/32"]).await;
    place.annotate("web", KEY, Some("10.0.0.0/8")).await;
    place
        .edit_spec("web", json!({ "loadBalancerSourceRanges": null }))
        .await;
    becomes(&["10.0.0.0/8"]).await;
    place.annotate("web", KEY, None).await;
    becomes(&[]).await;
    running.stop().await;
    let events = place.events("web").await;
    let everybody = "change source ranges: everybody";
    assert!(
        events.iter().any(|event| event.note == everybody),
        "{events:#?}"
    );
}

#[tokio::test]
async fn the_traffic_policy_reaches_the_provider_with_its_health_check_port() {
    let (place, running, web) = with_web("policy").await;
    let local = place
        .edit_spec("web", json!({ "externalTrafficPolicy": "Local" }))
        .await;
    let port = local.spec.unwrap().health_check_node_port.unwrap();
    let wanted = TrafficPolicy::Local {
        health_check_node_port: Some(u16::try_from(port).unwrap().try_into().unwrap()),
    };
    place
        .balancer_until(&web, "Local", |b| b.traffic_policy == wanted)
        .await;
    place
        .edit_spec("web", json!({ "externalTrafficPolicy": "Cluster" }))
        .await;
    place
        .balancer_until(&web, "Cluster", |b| {
            b.traffic_policy == TrafficPolicy::Cluster
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn session_affinity_reaches_the_provider_with_its_timeout() {
    let (place, running, web) = with_web("sticky").await;
    let sticks = async |seconds: u32| {
        let wanted = SessionAffinity::ClientIp {
            timeout_seconds: seconds,
        };
        place
            .balancer_until(&web, "clients that stick", |b| b.session_affinity == wanted)
            .await
    };
    place
        .edit_spec("web", json!({ "sessionAffinity": "ClientIP" }))
        .await;
    sticks(10_800).await;
    let config = json!({ "clientIP": { "timeoutSeconds": 60 } });
    place
        .edit_spec("web", json!({ "sessionAffinityConfig": config }))
        .await;
    sticks(60).await;
    place
        .edit_spec(
            "web",
            json!({ "sessionAffinity": "None", "sessionAffinityConfig": null }),
        )
        .await;
    place
        .balancer_until(&web, "no affinity", |b| {
            b.session_affinity == SessionAffinity::None
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_relevant_annotation_reaches_the_provider_and_changes_the_status() {
    const KEY: &str = "roadstead.dev/mock-address-type";
    let (place, running, web) = with_web("annotation").await;
    place.annotate("web", KEY, Some("hostname")).await;
    let named = place
        .until("web", "a host name", |service| {
            addresses(service) == [format!("{}.lb.test", place.balancer_name(&web))]
        })
        .await;
    assert_eq!(
        place.balancer(&web).addresses[0].to_string(),
        addresses(&named)[0]
    );
    place.annotate("web", KEY, None).await;
    place
        .until("web", "an IP address", |service| {
            addresses(service).iter().all(|a| a.starts_with("192.0.2."))
        })
        .await;
    running.stop().await;
    // Each move is news: clients must be sent elsewhere.
    assert_eq!(count(&place.events("web").await, "EnsuredLoadBalancer"), 3);
}

#[tokio::test]
async fn an_edit_that_no_provider_reads_makes_no_call_and_no_write() {
    let (place, running, web) = with_web("unrelated").await;
    place.settled().await;
    let calls = place.calls(Method::Ensure, &web);
    place
        .annotate("web", "example.com/team", Some("shop"))
        .await;
    place
        .edit(
            "web",
            json!({ "metadata": { "labels": { "team": "shop" } } }),
        )
        .await;
    let edited = place
        .edit_spec("web", json!({ "selector": { "app": "other" } }))
        .await;
    place.settled().await;
    assert_eq!(place.calls(Method::Ensure, &web), calls);
    assert_eq!(version(&place.get("web").await), version(&edited));
    running.stop().await;
    assert_eq!(reasons(&place.events("web").await), ["EnsuredLoadBalancer"]);
}

#[tokio::test]
async fn edits_in_quick_succession_end_at_the_last_one() {
    let (place, running, web) = with_web("quick").await;
    for last in 81..=120 {
        place
            .edit_spec("web", json!({ "ports": [tcp(80), tcp(last)] }))
            .await;
    }
    let balancer = place
        .balancer_until(&web, "the last edit", |b| {
            let ports = listeners(b).into_iter().map(|(port, _)| port);
            ports.eq(["80/TCP".to_owned(), "120/TCP".to_owned()])
        })
        .await;
    place.settled().await;
    assert_eq!(listeners(&place.balancer(&web)), listeners(&balancer));
    running.stop().await;
}

#[tokio::test]
async fn an_edit_made_while_the_provider_works_is_not_lost() {
    let place = Place::with_nodes("meanwhile").await;
    let running = place.controller().await;
    let slow = service("web")
        .class(MOCK)
        .annotation("roadstead.dev/mock-latency", "500ms")
        .port(80);
    let web = place.create(&slow.build()).await;
    place.more_calls(Method::Ensure, &web, 1).await;
    place
        .edit_spec("web", json!({ "ports": [tcp(80), tcp(443)] }))
        .await;
    assert!(
        place.cloud.balancers().is_empty(),
        "the provider still works"
    );
    // The status is written on top of the edit, and its echo must not pass for what was asked of the provider.
    place
        .balancer_until(&web, "the edit", |b| b.listeners.len() == 2)
        .await;
    running.stop().await;
}
