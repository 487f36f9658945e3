//! Which requests cannot be, how is that said, what is left alone, and what cures it?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use roadstead_mock::Method;
use roadstead_testbed::{addresses, condition, is_true, service};
use serde_json::json;
use support::{ACCEPTED, MOCK, PROGRAMMED, Place, count, is_refused};

const LATENCY: &str = "roadstead.dev/mock-latency";

#[tokio::test]
async fn a_bad_annotation_on_a_new_service_is_said_changes_nothing_and_is_cured_by_an_edit() {
    let place = Place::with_nodes("badnew").await;
    let running = place.controller().await;
    let bad = service("web")
        .class(MOCK)
        .annotation(LATENCY, "soon")
        .port(80);
    place.create(&bad.build()).await;
    let refused = place.until("web", "refused", is_refused).await;
    let message = &condition(&refused, ACCEPTED).unwrap().message;
    assert!(
        message.contains(LATENCY) && message.contains("\"soon\""),
        "{message}"
    );
    assert!(addresses(&refused).is_empty());
    assert!(place.cloud.balancers().is_empty());
    let event = place.told("web", "SyncLoadBalancerFailed", LATENCY).await;
    assert_eq!(event.type_, "Warning");

    place.annotate("web", LATENCY, Some("1ms")).await;
    let cured = place.served("web").await;
    assert!(is_true(&cured, ACCEPTED));
    running.stop().await;
    let events = place.events("web").await;
    assert_eq!(count(&events, "SyncLoadBalancerFailed"), 1, "{events:#?}");
    assert_eq!(count(&events, "EnsuredLoadBalancer"), 1, "{events:#?}");
}

#[tokio::test]
async fn a_bad_annotation_on_a_served_service_leaves_the_load_balancer_as_it_is() {
    let place = Place::with_nodes("badold").await;
    let running = place.controller().await;
    let served = place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    let before = place.balancer(&served);

    // With the bad annotation comes an edit that would be fine alone: it is not half taken.
    let ports = json!([{ "name": "a", "port": 80 }, { "name": "b", "port": 81 }]);
    place
        .edit(
            "web",
            json!({ "metadata": { "annotations": { LATENCY: "soon" } }, "spec": { "ports": ports } }),
        )
        .await;
    let refused = place.until("web", "refused", is_refused).await;
    assert_eq!(addresses(&refused), addresses(&served), "the address stays");
    assert_eq!(
        place.balancer(&served),
        before,
        "nothing changed in the cloud"
    );
    let message = &condition(&refused, PROGRAMMED).unwrap().message;
    assert!(message.contains("left as it is"), "{message}");
    place.told("web", "SyncLoadBalancerFailed", LATENCY).await;

    place.annotate("web", LATENCY, None).await;
    let cured = place.served("web").await;
    assert_eq!(addresses(&cured), addresses(&served));
    place
        .balancer_until(&served, "the edit taken at last", |b| {
            b.listeners.len() == 2
        })
        .await;
    running.stop().await;
    assert_eq!(place.calls(Method::Release, &served), 0);
    assert_eq!(
        count(&place.events("web").await, "SyncLoadBalancerFailed"),
        1
    );
}

#[tokio::test]
async fn a_refused_service_can_be_deleted() {
    let place = Place::with_nodes("badgone").await;
    let running = place.controller().await;
    place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    place.annotate("web", LATENCY, Some("soon")).await;
    place.until("web", "refused", is_refused).await;
    place.delete("web").await;
    place.gone("web").await;
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn every_problem_is_named_at_once() {
    let place = Place::with_nodes("problems").await;
    let running = place.controller().await;
    let bad = service("web")
        .class(MOCK)
        .annotation(LATENCY, "soon")
        .annotation("roadstead.dev/mock-target-type", "pod")
        .annotation("roadstead.dev/mock-address", "here")
        .port(80);
    place.create(&bad.build()).await;
    let refused = place.until("web", "refused", is_refused).await;
    let message = &condition(&refused, ACCEPTED).unwrap().message;
    for key in ["latency", "target-type", "address"] {
        assert!(message.contains(&format!("mock-{key}: ")), "{message}");
    }
    running.stop().await;
}

#[tokio::test]
async fn a_typo_in_a_key_is_told_the_nearest_one_and_the_service_is_served() {
    let place = Place::with_nodes("typo").await;
    let running = place.controller().await;
    let typo = service("web")
        .class(MOCK)
        .annotation("roadstead.dev/mock-latnecy", "1s")
        .annotation("example.com/mock-latnecy", "1s")
        .port(80);
    let served = place.create_served(&typo.build()).await;
    let event = place
        .told("web", "UnknownAnnotation", "roadstead.dev/mock-latnecy")
        .await;
    assert_eq!(event.type_, "Warning");
    assert!(
        event
            .note
            .contains("did you mean roadstead.dev/mock-latency?"),
        "{event:?}"
    );
    assert!(!event.note.contains("example.com"), "{event:?}");
    let accepted = condition(&served, ACCEPTED).unwrap();
    assert!(accepted.message.contains("mock-latnecy"), "{accepted:?}");

    // A typo more is news again, an edit of its value is none.
    place
        .annotate("web", "roadstead.dev/mock-latnecy", Some("2s"))
        .await;
    place
        .annotate("web", "roadstead.dev/mock-fail", Some("x"))
        .await;
    place
        .told("web", "UnknownAnnotation", "roadstead.dev/mock-fail;")
        .await;
    place
        .annotate("web", "roadstead.dev/mock-latnecy", None)
        .await;
    place.annotate("web", "roadstead.dev/mock-fail", None).await;
    place
        .until("web", "no typo any more", |service| {
            condition(service, ACCEPTED).is_some_and(|c| c.message == "taken by the mock provider")
        })
        .await;
    running.stop().await;
    let events = place.events("web").await;
    assert_eq!(count(&events, "EnsuredLoadBalancer"), 1, "{events:#?}");
    assert!(
        (2..=3).contains(&count(&events, "UnknownAnnotation")),
        "{events:#?}"
    );
}
