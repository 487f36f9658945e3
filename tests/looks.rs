//! Is a provider asked again when it asks for that, is it told what clients are told, and is what it finishes no repair?
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::indexing_slicing,
    reason = "what is missing fails the test, and counts are whole"
)]

mod support;

use std::sync::Arc;

use roadstead_core::Address;
use roadstead_mock::Method;
use roadstead_testbed::{ServiceBuilder, condition, poll_until, service};
use serde_json::json;
use support::{DEADLINE, HEALTHY, MOCK, Place, Setup, count, said, version, witness::Witness};

const LOOK_AGAIN: &str = "roadstead.dev/mock-look-again";
const REPAIRED: &str = "repaired what was changed behind the controller";

/// One whose provider asks to be asked again after a moment; the resync is minutes away.
fn polled(name: &str) -> ServiceBuilder {
    service(name)
        .class(MOCK)
        .annotation(LOOK_AGAIN, "200ms")
        .port(80)
}

#[tokio::test]
async fn health_that_is_polled_reaches_the_status_and_an_unchanged_one_writes_nothing() {
    let place = Place::with_nodes("polled").await;
    let running = place.controller().await;
    let web = place.create_served(&polled("web").build()).await;
    place
        .cloud
        .sicken("10.0.0.2".parse().unwrap(), Some("connection refused"));
    let message = |service: &_| condition(service, HEALTHY).unwrap().message.clone();
    place
        .until("web", "one target less", |web| {
            message(web) == "2/3 healthy"
        })
        .await;
    place.cloud.sicken("10.0.0.2".parse().unwrap(), None);
    let well = place
        .until("web", "every target", |web| message(web) == "3/3 healthy")
        .await;

    place.told("web", "EnsuredLoadBalancer", "").await;
    let writes = running.writes();
    place.more_calls(Method::Ensure, &web, 5).await;
    assert_eq!(version(&place.get("web").await), version(&well));
    assert_eq!(running.writes(), writes);
    assert_eq!(running.metric("roadstead_provider_errors_total", &[]), 0.0);
    running.stop().await;
}

#[tokio::test]
async fn one_that_does_not_ask_is_not_asked_before_the_resync() {
    let place = Place::with_nodes("patient").await;
    let running = place.controller().await;
    let patient = place
        .create_served(&service("patient").class(MOCK).port(80).build())
        .await;
    let web = place.create_served(&polled("web").build()).await;
    place.settled().await;
    let calls = place.calls(Method::Ensure, &patient);
    place.more_calls(Method::Ensure, &web, 5).await;
    assert_eq!(place.calls(Method::Ensure, &patient), calls);
    running.stop().await;
}

#[tokio::test]
async fn an_edit_is_not_delayed_by_a_look_that_is_due_later_and_the_look_comes_all_the_same() {
    let place = Place::with_nodes("edited").await;
    let running = place.controller().await;
    let web = place.create_served(&polled("web").build()).await;
    place
        .annotate("web", "example.com/unrelated", Some("x"))
        .await;
    place.more_calls(Method::Ensure, &web, 3).await;
    place.annotate("web", LOOK_AGAIN, None).await;
    place.settled().await;
    let calls = place.calls(Method::Ensure, &web);
    let other = place.create_served(&polled("other").build()).await;
    place.more_calls(Method::Ensure, &other, 5).await;
    assert_eq!(
        place.calls(Method::Ensure, &web),
        calls,
        "it does not ask any more"
    );
    running.stop().await;
}

#[tokio::test]
async fn what_a_look_does_is_a_repair_only_if_the_provider_says_so() {
    for (repairs, name) in [(false, "finished"), (true, "repaired")] {
        let place = Place::with_nodes(name).await;
        let bend = if repairs {
            |outcome: &mut roadstead_core::Outcome| outcome.repaired = true
        } else {
            |_: &mut roadstead_core::Outcome| {}
        };
        let running = place
            .controller_of(Witness::of(&place, bend), Setup::default())
            .await;
        let web = place.create_served(&polled("web").build()).await;
        place.told("web", "EnsuredLoadBalancer", "").await;
        let mut drifted = place.balancer(&web);
        drifted.listeners.clear();
        place
            .cloud
            .put(&place.balancer_name(&web), drifted)
            .unwrap();
        let event = place
            .told("web", "UpdatedLoadBalancer", "create listener 80/TCP")
            .await;
        assert_eq!(event.note.starts_with(REPAIRED), repairs, "{event:?}");
        running.stop().await;
        assert_eq!(count(&place.events("web").await, "UpdatedLoadBalancer"), 1);
    }
}

#[tokio::test]
async fn a_provider_is_told_what_the_status_says_at_that_moment() {
    let place = Place::with_nodes("published").await;
    let witness = Witness::of(&place, |_| {});
    let provider = Arc::clone(&witness);
    let running = place.controller_of(provider, Setup::default()).await;
    let web = place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    let address = place.balancer(&web).addresses[0].clone();
    let published = |n: usize| witness.asked("web")[n].published.clone();
    assert_eq!(published(0), [], "nobody was told anything before");
    let asked = |times: usize| {
        let witness = &witness;
        async move {
            let enough = async || (witness.asked("web").len() >= times).then_some(());
            poll_until("one more call", DEADLINE, enough).await.unwrap();
        }
    };

    place
        .edit_spec("web", json!({ "sessionAffinity": "ClientIP" }))
        .await;
    asked(2).await;
    assert_eq!(published(1), std::slice::from_ref(&address));

    let forged = json!({ "loadBalancer": { "ingress": [{ "ip": "198.51.100.9" }] } });
    place.edit_status("web", forged).await;
    asked(3).await;
    assert_eq!(published(2), [Address::ip("198.51.100.9".parse().unwrap())]);
    place
        .until("web", "the right address again", |web| {
            said(web, HEALTHY).0 == "True"
                && roadstead_testbed::addresses(web) == [address.to_string()]
        })
        .await;
    assert_eq!(
        witness.asked("web").len(),
        3,
        "what is published is no wish: its change is no reason to ask"
    );
    running.stop().await;
}
