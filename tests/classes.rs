//! Which Services are ours? Their class decides, and every other one is left untouched.
#![allow(clippy::unwrap_used, reason = "what is missing fails the test")]

mod support;

use k8s_openapi::api::core::v1::Service;
use roadstead_testbed::{addresses, condition, service};
use serde_json::json;
use support::{ACCEPTED, MOCK, Place, Setup, reasons, version};

/// Creates the Service, has the controller handle everything that came before, and checks that it did not care.
async fn assert_ignored(place: &Place, service: &Service) {
    let created = place.create(service).await;
    let name = created.metadata.name.as_deref().unwrap();
    place.settled().await;
    let now = place.get(name).await;
    assert_eq!(version(&now), version(&created), "{now:#?}");
    assert!(place.cloud.balancers().is_empty());
    // An edit of it is none of our business either.
    let edited = place
        .edit_spec(name, json!({ "sessionAffinity": "ClientIP" }))
        .await;
    place.settled().await;
    assert_eq!(version(&place.get(name).await), version(&edited));
    assert_eq!(reasons(&place.events(name).await), [""; 0]);
}

#[tokio::test]
async fn a_class_that_is_not_ours_is_left_untouched() {
    let place = Place::with_nodes("foreign").await;
    let running = place.controller().await;
    let foreign = service("foreign").class("service.k8s.aws/nlb").port(80);
    assert_ignored(&place, &foreign.build()).await;
    let other = service("other").class("roadstead.dev/aws").port(80);
    assert_ignored(&place, &other.build()).await;
    let lookalike = service("lookalike")
        .class("roadstead.dev/mock.example")
        .port(80);
    assert_ignored(&place, &lookalike.build()).await;
    running.stop().await;
}

#[tokio::test]
async fn without_a_default_provider_a_service_without_a_class_is_left_untouched() {
    let place = Place::with_nodes("classless").await;
    let running = place.controller().await;
    assert_ignored(&place, &service("web").port(80).build()).await;
    running.stop().await;
}

#[tokio::test]
async fn other_types_are_left_untouched_whatever_they_carry() {
    let place = Place::with_nodes("types").await;
    let setup = Setup {
        default_provider: Some("mock".to_owned()),
        ..Setup::default()
    };
    let running = place.controller_with(setup).await;
    for (name, service) in [
        ("cluster", service("cluster").cluster_ip()),
        ("node", service("node").node_port()),
    ] {
        let annotated = service
            .annotation("roadstead.dev/mock-latnecy", "x")
            .port(80);
        let created = place.create(&annotated.build()).await;
        place.settled().await;
        assert_eq!(version(&place.get(name).await), version(&created));
    }
    running.stop().await;
}

#[tokio::test]
async fn the_default_provider_claims_the_classless_and_no_other() {
    let place = Place::with_nodes("default").await;
    let setup = Setup {
        default_provider: Some("mock".to_owned()),
        ..Setup::default()
    };
    let running = place.controller_with(setup).await;
    let foreign = service("foreign").class("example.com/other").port(80);
    assert_ignored(&place, &foreign.build()).await;
    place.create_served(&service("web").port(80).build()).await;
    running.stop().await;
}

#[tokio::test]
async fn a_mapped_class_is_served_beside_the_own_one() {
    let place = Place::with_nodes("mapped").await;
    let setup = Setup {
        classes: vec!["example.com/internal=mock".parse().unwrap()],
        ..Setup::default()
    };
    let running = place.controller_with(setup).await;
    let mapped = service("mapped").class("example.com/internal").port(80);
    place.create_served(&mapped.build()).await;
    place
        .create_served(&service("own").class(MOCK).port(80).build())
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_class_that_is_no_longer_mapped_gives_its_load_balancer_back() {
    let place = Place::with_nodes("unmapped").await;
    let setup = Setup {
        classes: vec!["example.com/internal=mock".parse().unwrap()],
        ..Setup::default()
    };
    let running = place.controller_with(setup).await;
    let mapped = service("mapped").class("example.com/internal").port(80);
    place.create_served(&mapped.build()).await;
    running.stop().await;

    let running = place.controller().await;
    let free = place
        .until("mapped", "no finalizer", |service| {
            service.metadata.finalizers.is_none()
        })
        .await;
    assert!(
        addresses(&free).is_empty() && condition(&free, ACCEPTED).is_none(),
        "{free:#?}"
    );
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
}
