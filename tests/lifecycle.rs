//! Does a Service get its address, keep it, and give it back without a trace?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::Api;
use roadstead_mock::Method;
use roadstead_testbed::{addresses, condition, eventually_within, is_true, service};
use serde_json::json;
use support::{ACCEPTED, HEALTHY, MOCK, PROGRAMMED, Place, count, reasons};

const FINALIZER: &str = "mock.roadstead.dev/load-balancer";

fn web() -> Service {
    service("web").class(MOCK).port(80).build()
}

fn has_finalizer(service: &Service) -> bool {
    let finalizers = service.metadata.finalizers.iter().flatten();
    finalizers.into_iter().any(|there| there == FINALIZER)
}

/// The conditions and finalizers of ours on `service`, by name.
fn traces(service: &Service) -> Vec<String> {
    let status = service.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let conditions = conditions
        .into_iter()
        .flatten()
        .map(|condition| condition.type_.clone());
    let finalizers = service.metadata.finalizers.clone().unwrap_or_default();
    conditions
        .chain(finalizers)
        .chain(addresses(service))
        .filter(|trace| trace.contains("roadstead.dev") || trace.contains("192.0.2."))
        .collect()
}

#[tokio::test]
async fn a_new_service_gets_an_address_and_true_conditions() {
    let place = Place::with_nodes("address").await;
    let running = place.controller().await;
    let served = place.create_served(&web()).await;

    assert_eq!(addresses(&served).len(), 1);
    for kind in [ACCEPTED, PROGRAMMED, HEALTHY] {
        let said = condition(&served, kind).unwrap();
        assert_eq!(said.status, "True", "{said:?}");
        assert_eq!(said.observed_generation, served.metadata.generation);
    }
    assert_eq!(condition(&served, HEALTHY).unwrap().message, "3/3 healthy");
    assert!(has_finalizer(&served));

    let balancers = place.cloud.balancers();
    assert_eq!(balancers.len(), 1, "exactly one: {balancers:#?}");
    let balancer = place.balancer(&served);
    assert_eq!(balancer.addresses[0].to_string(), addresses(&served)[0]);
    let port = &served.spec.as_ref().unwrap().ports.as_ref().unwrap()[0];
    assert_eq!(balancer.listeners.len(), 1);
    let node_port = balancer.listeners[0]
        .node_port
        .map(|port| port.get().into());
    assert_eq!(node_port, port.node_port);
    assert_eq!(balancer.targets.len(), 3);

    running.stop().await;
    let events = place.events("web").await;
    assert_eq!(reasons(&events), ["EnsuredLoadBalancer"]);
    assert!(
        events[0].note.contains(&addresses(&served)[0]),
        "{events:?}"
    );
}

#[tokio::test]
async fn a_deleted_service_gives_everything_back() {
    let place = Place::with_nodes("delete").await;
    let running = place.controller().await;
    let served = place.create_served(&web()).await;
    place.delete("web").await;
    place.gone("web").await;
    assert!(place.cloud.balancers().is_empty());
    assert_eq!(place.calls(Method::Release, &served), 1);

    running.stop().await;
    let events = place.events("web").await;
    assert_eq!(count(&events, "DeletingLoadBalancer"), 1, "{events:#?}");
    assert_eq!(count(&events, "DeletedLoadBalancer"), 1, "{events:#?}");
}

#[tokio::test]
async fn a_service_of_the_same_name_is_another_one() {
    let place = Place::with_nodes("again").await;
    let running = place.controller().await;
    let first = place.create_served(&web()).await;
    place.delete("web").await;
    place.gone("web").await;
    let second = place.create_served(&web()).await;
    assert_ne!(place.balancer_name(&first), place.balancer_name(&second));
    assert_eq!(place.cloud.get(&place.balancer_name(&first)), None);
    assert_ne!(
        addresses(&first),
        addresses(&second),
        "an address that was just given back is used last"
    );
    running.stop().await;
}

#[tokio::test]
async fn type_change_releases_then_drops_conditions_and_finalizer_and_back_serves_again() {
    let place = Place::with_nodes("type").await;
    let running = place.controller().await;
    let served = place.create_served(&web()).await;

    place
        .edit_spec(
            "web",
            json!({ "type": "ClusterIP", "loadBalancerClass": null }),
        )
        .await;
    let plain = place
        .until("web", "no trace of ours", |service| {
            traces(service).is_empty()
        })
        .await;
    assert_eq!(plain.metadata.uid, served.metadata.uid);
    assert!(place.cloud.balancers().is_empty());
    let event = place.told("web", "DeletedLoadBalancer", "").await;
    assert!(
        event.note.contains("no longer of type LoadBalancer"),
        "{event:?}"
    );

    place
        .edit_spec(
            "web",
            json!({ "type": "LoadBalancer", "loadBalancerClass": MOCK }),
        )
        .await;
    let again = place.served("web").await;
    assert!(has_finalizer(&again));
    assert!(is_true(&again, ACCEPTED) && is_true(&again, HEALTHY));
    assert_eq!(place.cloud.balancers().len(), 1);
    running.stop().await;
    assert_eq!(count(&place.events("web").await, "EnsuredLoadBalancer"), 2);
}

#[tokio::test]
async fn a_service_that_changes_type_twice_while_nobody_looks_is_served_once() {
    let place = Place::with_nodes("flip").await;
    let running = place.controller().await;
    let served = place.create_served(&web()).await;
    running.stop().await;

    place
        .edit_spec(
            "web",
            json!({ "type": "ClusterIP", "loadBalancerClass": null }),
        )
        .await;
    place
        .edit_spec(
            "web",
            json!({ "type": "LoadBalancer", "loadBalancerClass": MOCK }),
        )
        .await;
    let running = place.controller().await;
    let again = place.served("web").await;
    assert_eq!(place.cloud.balancers().len(), 1);
    assert_eq!(
        place.balancer(&again).addresses,
        place.balancer(&served).addresses
    );
    assert_eq!(place.calls(Method::Release, &served), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_service_that_was_deleted_while_the_controller_was_down_is_released_when_it_is_back() {
    let place = Place::with_nodes("down").await;
    let running = place.controller().await;
    place.create_served(&web()).await;
    running.stop().await;

    place.delete("web").await;
    let waiting = place.get("web").await;
    assert!(waiting.metadata.deletion_timestamp.is_some() && has_finalizer(&waiting));
    assert_eq!(place.cloud.balancers().len(), 1);

    let running = place.controller().await;
    place.gone("web").await;
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_type_change_while_the_controller_was_down_is_released_when_it_is_back() {
    let place = Place::with_nodes("downtype").await;
    let running = place.controller().await;
    place.create_served(&web()).await;
    running.stop().await;

    place
        .edit_spec(
            "web",
            json!({ "type": "NodePort", "loadBalancerClass": null }),
        )
        .await;
    let running = place.controller().await;
    place
        .until("web", "no trace of ours", |service| {
            traces(service).is_empty()
        })
        .await;
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_namespace_with_services_in_it_terminates_completely() {
    let place = Place::with_nodes("namespace").await;
    let running = place.controller().await;
    for n in 0..5 {
        let name = format!("web-{n}");
        place
            .create_served(&service(&name).class(MOCK).port(80).build())
            .await;
    }
    place.delete_namespace().await;
    let namespaces: Api<Namespace> = Api::all(place.client.clone());
    // The namespace controller looks again after several seconds where finalizers held it up.
    eventually_within(
        Duration::from_mins(2),
        &namespaces,
        &place.namespace,
        "gone",
        |namespace| namespace.is_none(),
    )
    .await
    .unwrap();
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
}
