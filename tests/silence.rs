//! Does the controller keep silent where nothing changed: at a resync, at a restart, at its own echo?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::float_cmp,
    reason = "what is missing fails the test, and counters count in whole numbers"
)]

mod support;

use std::{sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Service;
use roadstead_mock::{Cloud, Method};
use roadstead_testbed::service;
use support::{MOCK, Place, Setup, reasons, version};

/// Services of every kind of outcome that lasts.
fn mixed() -> Vec<Service> {
    vec![
        service("plain").class(MOCK).port(80).build(),
        service("named")
            .class(MOCK)
            .annotation("roadstead.dev/mock-address-type", "hostname")
            .port(80)
            .build(),
        service("dual")
            .class(MOCK)
            .families("RequireDualStack", &["IPv6", "IPv4"])
            .port(80)
            .build(),
        service("typo")
            .class(MOCK)
            .annotation("roadstead.dev/mock-latnecy", "1s")
            .port(80)
            .build(),
    ]
}

fn often() -> Setup {
    Setup {
        resync: Duration::from_millis(50),
        ..Setup::default()
    }
}

async fn served(place: &Place) -> Vec<Service> {
    let mut served = Vec::new();
    for service in mixed() {
        let service = place.create_served(&service).await;
        let name = service.metadata.name.clone().unwrap();
        place.told(&name, "EnsuredLoadBalancer", "").await;
        served.push(service);
    }
    place.told("typo", "UnknownAnnotation", "").await;
    served
}

async fn assert_untouched(place: &Place, before: &[Service]) {
    for before in before {
        let now = place.get(before.metadata.name.as_deref().unwrap()).await;
        assert_eq!(version(&now), version(before), "{now:#?}");
    }
}

#[tokio::test]
async fn an_unchanged_service_is_never_written_again() {
    let place = Place::with_nodes("silence").await;
    let running = place.controller_with(often()).await;
    let before = served(&place).await;
    let writes = running.writes();
    // Finalizer, status and one event each, and one more event for the typo.
    let least = 3 * u32::try_from(before.len()).unwrap() + 1;
    assert_eq!(writes, f64::from(least));
    for service in &before {
        place.more_calls(Method::Ensure, service, 10).await;
    }
    assert_eq!(running.writes(), writes);
    assert_untouched(&place, &before).await;
    running.stop().await;
    assert_eq!(
        reasons(&place.events("typo").await),
        ["UnknownAnnotation", "EnsuredLoadBalancer"]
    );
    assert_eq!(
        reasons(&place.events("plain").await),
        ["EnsuredLoadBalancer"]
    );
}

#[tokio::test]
async fn a_refused_service_is_never_written_again_and_nobody_is_asked_for_it() {
    let place = Place::with_nodes("refused").await;
    let running = place.controller_with(often()).await;
    let bad = service("bad")
        .class(MOCK)
        .annotation("roadstead.dev/mock-latency", "soon")
        .port(80)
        .build();
    let created = place.create(&bad).await;
    place.told("bad", "SyncLoadBalancerFailed", "").await;
    let other = place
        .create_served(&service("other").class(MOCK).port(80).build())
        .await;
    place.told("other", "EnsuredLoadBalancer", "").await;
    let (writes, calls) = (running.writes(), place.calls(Method::Ensure, &created));
    let before = place.get("bad").await;
    place.more_calls(Method::Ensure, &other, 10).await;
    assert_eq!(running.writes(), writes);
    assert_eq!(place.calls(Method::Ensure, &created), calls);
    assert_untouched(&place, &[before]).await;
    running.stop().await;
}

#[tokio::test]
async fn the_controllers_own_writes_start_no_second_call() {
    let place = Place::with_nodes("echo").await;
    let running = place.controller().await;
    let served = place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    place.settled().await;
    assert_eq!(place.calls(Method::Ensure, &served), 1);
    running.stop().await;
}

async fn restart(place: &mut Place, cloud: Option<Cloud>) {
    let running = place.controller().await;
    let before = served(place).await;
    running.stop().await;
    if let Some(cloud) = cloud {
        place.cloud = Arc::new(cloud);
    }
    let running = place.controller_with(often()).await;
    for service in &before {
        place.more_calls(Method::Ensure, service, 5).await;
    }
    assert_eq!(running.writes(), 0.0);
    assert_untouched(place, &before).await;
    for service in &before {
        let address = roadstead_testbed::addresses(service);
        let made = place.balancer(service).addresses;
        let made: Vec<String> = made.iter().map(ToString::to_string).collect();
        assert_eq!(made, address, "the cloud has what the status says");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_restart_changes_no_address_and_writes_nothing() {
    let mut place = Place::with_nodes("restart").await;
    restart(&mut place, None).await;
}

#[tokio::test]
async fn a_restart_with_a_provider_that_forgot_everything_changes_no_address_and_writes_nothing() {
    let mut place = Place::with_nodes("forgetful").await;
    restart(&mut place, Some(Cloud::recording())).await;
}

#[tokio::test]
async fn a_new_service_gets_no_address_that_another_one_carries_since_before_the_restart() {
    let mut place = Place::with_nodes("collision").await;
    let running = place.controller().await;
    let old = served(&place).await;
    running.stop().await;
    place.cloud = Arc::new(Cloud::recording());
    place
        .create(&service("new").class(MOCK).port(80).build())
        .await;
    let running = place.controller().await;
    let new = roadstead_testbed::addresses(&place.served("new").await);
    for service in &old {
        assert_ne!(roadstead_testbed::addresses(service), new);
    }
    running.stop().await;
}
