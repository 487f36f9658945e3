//! What does a user see while the provider is slow, refuses or panics? The truth, once, and then an address: nothing has
//! to be done by hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/said.rs"]
mod said;
mod support;

use std::time::Duration;

use futures::future::join_all;
use roadstead_core::ErrorKind;
use roadstead_mock::{Failure, Method};
use roadstead_testbed::{addresses, is_true, service};
use said::{FAILURE, message, said, told, until_reason, web};
use support::{ACCEPTED, MOCK, Place, reasons};
use tokio::time::Instant;

const LATENCY: &str = "roadstead.dev/mock-latency";
const FINALIZER: &str = "mock.roadstead.dev/load-balancer";

#[tokio::test]
async fn a_slow_provider_is_reported_as_pending_and_then_serves() {
    let place = Place::with_nodes("slow").await;
    let running = place.controller().await;
    let begun = Instant::now();
    place.create(&web().annotation(LATENCY, "4s").build()).await;
    let pending = until_reason(&place, "web", "Pending").await;
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "nothing is said of a second"
    );
    assert!(addresses(&pending).is_empty() && is_true(&pending, ACCEPTED));
    assert!(message(&pending).contains("the mock provider"));

    place.served("web").await;
    assert!(begun.elapsed() >= Duration::from_secs(4));
    running.stop().await;
    assert_eq!(
        said(&place, "web").await,
        ["EnsuringLoadBalancer", "EnsuredLoadBalancer"]
    );
}

#[tokio::test]
async fn a_quick_provider_is_never_reported_as_pending() {
    let place = Place::with_nodes("quick").await;
    let running = place.controller().await;
    place.create(&web().build()).await;
    place.served("web").await;
    running.stop().await;
    assert_eq!(said(&place, "web").await, ["EnsuredLoadBalancer"]);
}

#[tokio::test]
async fn every_failure_has_its_reason_one_warning_and_an_end() {
    let kinds = [
        (ErrorKind::Throttled, "Throttled"),
        (ErrorKind::Unavailable, "Unavailable"),
        (ErrorKind::Quota, "Quota"),
        (ErrorKind::Unauthorized, "Unauthorized"),
        (ErrorKind::Conflict, "Conflict"),
        (ErrorKind::Internal, "Internal"),
    ];
    join_all(kinds.map(|(kind, reason)| fails_and_recovers(kind, reason))).await;
}

async fn fails_and_recovers(kind: ErrorKind, reason: &str) {
    let place = Place::with_nodes(kind.label()).await;
    place
        .cloud
        .script(Method::Ensure, [Failure::Error(kind); 2]);
    let running = place.controller().await;
    place.create(&web().build()).await;
    let failed = until_reason(&place, "web", reason).await;
    assert!(
        is_true(&failed, ACCEPTED),
        "{reason}: the request itself is fine"
    );
    assert!(addresses(&failed).is_empty());
    assert!(message(&failed).contains(kind.label()), "{reason}");

    place.served("web").await;
    let failures = format!("kind=\"{}\"", kind.label());
    let failures = running.metric("roadstead_provider_errors_total", &[&failures]);
    assert!((failures - 2.0).abs() < f64::EPSILON, "{failures}");
    running.stop().await;
    let events = told(&place, "web").await;
    assert_eq!(
        reasons(&events),
        ["SyncLoadBalancerFailed", "EnsuredLoadBalancer"]
    );
    assert_eq!(events[0].type_, "Warning");
    assert!(events[0].note.contains(kind.label()), "{reason}");

    // The first wait is a second, the next one twice as long, each with a jitter of a fifth.
    let waits = waits(&place);
    assert_eq!(waits.len(), 2, "{reason}: {waits:?}");
    for (wait, least) in waits.iter().zip([0.8, 1.6]) {
        assert!(
            *wait >= Duration::from_secs_f64(least),
            "{reason}: {waits:?}"
        );
    }
}

#[tokio::test]
async fn an_address_stays_while_the_provider_fails_and_an_edit_waits_for_no_retry() {
    let place = Place::with_nodes("keeps").await;
    let running = place.controller().await;
    place.create(&web().build()).await;
    let before = addresses(&place.served("web").await);

    place.annotate("web", FAILURE, Some("unauthorized")).await;
    let failed = until_reason(&place, "web", "Unauthorized").await;
    assert_eq!(
        addresses(&failed),
        before,
        "what exists goes on working, so it stays published"
    );

    place.annotate("web", FAILURE, None).await;
    assert_eq!(addresses(&place.served("web").await), before);
    running.stop().await;
    assert_eq!(
        said(&place, "web").await,
        [
            "EnsuredLoadBalancer",
            "SyncLoadBalancerFailed",
            "EnsuredLoadBalancer"
        ]
    );
}

#[tokio::test]
async fn a_panicking_provider_is_an_internal_error_of_that_service_alone() {
    let place = Place::with_nodes("panics").await;
    let running = place.controller().await;
    place
        .create(&web().annotation(FAILURE, "panic").build())
        .await;
    let failed = until_reason(&place, "web", "Internal").await;
    assert!(
        message(&failed).contains("panic") && message(&failed).contains("report"),
        "{}",
        message(&failed)
    );
    place
        .create(&service("other").class(MOCK).port(80).build())
        .await;
    place.served("other").await;

    place.annotate("web", FAILURE, None).await;
    place.served("web").await;
    running.stop().await;
    assert_eq!(
        said(&place, "web").await,
        ["SyncLoadBalancerFailed", "EnsuredLoadBalancer"]
    );
    assert_eq!(said(&place, "other").await, ["EnsuredLoadBalancer"]);
}

#[tokio::test]
async fn a_panic_that_passes_is_recovered_from_without_an_edit() {
    let place = Place::with_nodes("panicked").await;
    place.cloud.script(Method::Ensure, [Failure::Panic]);
    let running = place.controller().await;
    place.create(&web().build()).await;
    until_reason(&place, "web", "Internal").await;
    place.served("web").await;
    running.stop().await;
}

#[tokio::test]
async fn waiting_is_no_failure_and_is_not_waited_for_longer_each_time() {
    let place = Place::with_nodes("pending").await;
    place.cloud.script(Method::Ensure, [Failure::Pending; 2]);
    let running = place.controller().await;
    place.create(&web().build()).await;
    let pending = until_reason(&place, "web", "Pending").await;
    assert!(is_true(&pending, ACCEPTED));
    assert!(message(&pending).starts_with("waiting for the mock"));
    place.served("web").await;

    let errors = running.metric("roadstead_provider_errors_total", &[]);
    assert!(errors.abs() < f64::EPSILON, "{errors}");
    let outcomes = running.metric("roadstead_reconciles_total", &["outcome=\"pending\""]);
    assert!((outcomes - 2.0).abs() < f64::EPSILON, "{outcomes}");
    // The mock asks for five seconds each time, and gets them: not less, and not twice as much.
    let waits = waits(&place);
    assert_eq!(waits.len(), 2, "{waits:?}");
    for wait in &waits {
        assert!((4.5..9.0).contains(&wait.as_secs_f64()), "{waits:?}");
    }
    running.stop().await;
    assert_eq!(
        said(&place, "web").await,
        ["EnsuringLoadBalancer", "EnsuredLoadBalancer"]
    );
}

#[tokio::test]
async fn a_failing_release_keeps_the_finalizer_and_says_so_until_it_succeeds() {
    let place = Place::with_nodes("release").await;
    let running = place.controller().await;
    let created = place.create(&web().build()).await;
    place.served("web").await;
    place
        .cloud
        .script(Method::Release, [Failure::Error(ErrorKind::Unavailable); 2]);
    place.delete("web").await;

    let stuck = until_reason(&place, "web", "Unavailable").await;
    assert!(
        message(&stuck).starts_with("removing the load balancer failed"),
        "{}",
        message(&stuck)
    );
    assert!(
        addresses(&stuck).is_empty(),
        "nobody is sent to an address that is about to go"
    );
    assert!(
        stuck
            .metadata
            .finalizers
            .unwrap()
            .contains(&FINALIZER.to_owned())
    );
    let name = place.balancer_name(&created);
    assert!(place.cloud.get(&name).is_some(), "it is there still");

    place.gone("web").await;
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
    assert_eq!(
        said(&place, "web").await,
        [
            "EnsuredLoadBalancer",
            "DeletingLoadBalancer",
            "DeleteLoadBalancerFailed",
            "DeletedLoadBalancer"
        ]
    );
}

/// The time between the calls of `ensure`.
fn waits(place: &Place) -> Vec<Duration> {
    let calls = place.cloud.calls();
    let ensures: Vec<Instant> = calls
        .iter()
        .filter(|call| call.method == Method::Ensure)
        .map(|call| call.at)
        .collect();
    ensures.windows(2).map(|pair| pair[1] - pair[0]).collect()
}
