//! Who waits when a provider does not answer at all? Its own Service, for as long as the provider may take; nobody else.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/said.rs"]
mod said;
mod support;

use std::time::Duration;

use futures::future::join_all;
use roadstead_mock::{Failure, Method};
use roadstead_testbed::service;
use said::{FAILURE, message, reason, said, until_reason, web};
use support::{MOCK, Place, Setup};

#[tokio::test]
async fn a_hanging_call_ends_as_unavailable_at_the_provider_timeout() {
    let place = Place::with_nodes("hangs").await;
    place.cloud.script(Method::Ensure, [Failure::Hang; 2]);
    let setup = Setup {
        provider_timeout: Duration::from_secs(2),
        ..Setup::default()
    };
    let running = place.controller_with(setup).await;
    place.create(&web().build()).await;
    let failed = until_reason(&place, "web", "Unavailable").await;
    assert!(
        message(&failed).contains("--provider-timeout"),
        "{}",
        message(&failed)
    );
    place.served("web").await;
    running.stop().await;
    assert_eq!(
        said(&place, "web").await,
        [
            "EnsuringLoadBalancer",
            "SyncLoadBalancerFailed",
            "EnsuredLoadBalancer"
        ],
        "the second time it takes long is no news"
    );
}

#[tokio::test]
async fn a_stuck_service_delays_none_of_two_hundred_others() {
    let place = Place::with_nodes("stuck").await;
    let running = place.controller().await;
    place
        .create(&web().annotation(FAILURE, "hang").build())
        .await;
    until_reason(&place, "web", "Pending").await;
    let names: Vec<String> = (0..200).map(|n| format!("other-{n}")).collect();
    join_all(names.iter().map(async |name| {
        place
            .create(&service(name).class(MOCK).port(80).build())
            .await;
    }))
    .await;
    join_all(names.iter().map(|name| place.served(name))).await;

    let stuck = place.services().get("web").await.unwrap();
    assert_eq!(reason(&stuck), "Pending");
    let failures = running.metric("roadstead_provider_errors_total", &[]);
    assert!(
        failures.abs() < f64::EPSILON,
        "its call hangs still: {failures}"
    );
    assert_eq!(place.cloud.balancers().len(), 200);
    running.kill().await;
}

#[tokio::test]
async fn a_hanging_release_ends_at_the_provider_timeout_and_is_tried_again() {
    let place = Place::with_nodes("held").await;
    let setup = Setup {
        provider_timeout: Duration::from_secs(1),
        ..Setup::default()
    };
    let running = place.controller_with(setup).await;
    place.create(&web().build()).await;
    place.served("web").await;
    place.cloud.script(Method::Release, [Failure::Hang]);
    place.delete("web").await;
    until_reason(&place, "web", "Unavailable").await;
    place.gone("web").await;
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
}
