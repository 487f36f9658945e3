//! Does the process end in order when it is asked to? What runs is finished or handed on, the Lease is free, the exit
//! code says which of both.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

use k8s_openapi::{api::core::v1::Service, jiff::Timestamp};
use processes::{Harbour, logged, seconds, until_logged, until_role};
use roadstead_testbed::{addresses, is_true, service};
use support::{DEADLINE, MOCK, PROGRAMMED};

/// How far the time of a file's change may be behind the clock.
const COARSE: f64 = 0.1;

const LATENCY: &str = "roadstead.dev/mock-latency";
const FAILURE: &str = "roadstead.dev/mock-failure";

#[tokio::test]
async fn a_call_that_runs_at_sigterm_ends_and_its_result_is_written() {
    let harbour = Harbour::new("finishes").await;
    let leader = harbour.leader("controller", &[]).await;
    let standby = harbour.standby("bench", &[]).await;
    let web = under_way(&harbour, "web", LATENCY, "2s").await;
    leader.term().unwrap();
    // The standby must neither wait for ever nor begin before the call has ended.
    let acquired = harbour.held_by("bench").await.acquire_time.unwrap().0;
    assert!(leader.wait(DEADLINE).await.unwrap().success());

    assert_eq!(logged(&leader, "ensured").len(), 1);
    let made = harbour.changed_at(&web).unwrap();
    assert!(made < acquired, "{} s late", seconds(acquired, made));
    let written = harbour.place.get("web").await;
    assert!(is_true(&written, PROGRAMMED) && addresses(&written).len() == 1);
    until_role(&standby, "leader\n").await;
    assert!(
        logged(&standby, "ensured").is_empty(),
        "nothing was left to do"
    );
    assert_eq!(harbour.balancers().await.len(), 1);
}

#[tokio::test]
async fn what_begins_after_sigterm_is_left_to_the_next_leader() {
    let harbour = Harbour::new("begins").await;
    let leader = harbour.leader("controller", &[]).await;
    let standby = harbour.standby("bench", &[]).await;
    under_way(&harbour, "web", LATENCY, "3s").await;
    leader.term().unwrap();
    until_logged(&leader, "waiting for what runs").await;
    let quick = service("quick").class(MOCK).port(80).build();
    let created = Timestamp::now();
    let served = harbour.place.create_served(&quick).await;
    let acquired = harbour.held_by("bench").await.acquire_time.unwrap().0;
    let made = harbour.changed_at(&served).unwrap();
    assert!(created < acquired && seconds(acquired, made) > -COARSE);
    assert!(leader.wait(DEADLINE).await.unwrap().success());
    assert_eq!(logged(&standby, "ensured").len(), 1);
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_off_and_the_next_leader_goes_on() {
    let harbour = Harbour::new("cut").await;
    let leader = harbour
        .leader("controller", &["--shutdown-grace=500ms"])
        .await;
    let _standby = harbour.standby("bench", &[]).await;
    let web = under_way(&harbour, "web", LATENCY, "4s").await;
    leader.term().unwrap();
    let acquired = harbour.held_by("bench").await.acquire_time.unwrap().0;
    assert!(leader.wait(DEADLINE).await.unwrap().success());
    assert!(logged(&leader, "ensured").is_empty());

    harbour.place.served("web").await;
    let made = seconds(acquired, harbour.changed_at(&web).unwrap());
    assert!(
        made >= 4.0 - COARSE,
        "the next leader's own call, {made} s after it began"
    );
    assert_eq!(harbour.balancers().await.len(), 1);
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let harbour = Harbour::new("twice").await;
    let leader = harbour.leader("controller", &["--shutdown-grace=1h"]).await;
    under_way(&harbour, "web", FAILURE, "hang").await;
    leader.term().unwrap();
    until_logged(&leader, "waiting for what runs").await;
    leader.term().unwrap();
    assert_eq!(leader.wait(DEADLINE).await.unwrap().code(), Some(1));
}

#[tokio::test]
async fn a_standby_ends_without_touching_the_lease_or_anything_else() {
    let harbour = Harbour::new("standby").await;
    let leader = harbour.leader("controller", &[]).await;
    let standby = harbour.standby("bench", &[]).await;
    harbour
        .place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    let before = harbour.lease().await;
    standby.term().unwrap();
    assert!(standby.wait(DEADLINE).await.unwrap().success());

    let after = harbour.lease().await;
    assert_eq!(after.holder_identity, before.holder_identity);
    assert_eq!(after.lease_transitions, before.lease_transitions);
    let requests = harbour.requests_of("bench").await;
    assert!(
        requests.iter().all(|request| !request.writes()),
        "{requests:?}"
    );
    until_role(&leader, "leader\n").await;
    harbour
        .place
        .create_served(&service("later").class(MOCK).port(80).build())
        .await;
}

#[tokio::test]
async fn an_idle_leader_leaves_a_free_lease_behind() {
    let harbour = Harbour::new("idle").await;
    let leader = harbour.leader("controller", &[]).await;
    leader.term().unwrap();
    assert!(leader.wait(DEADLINE).await.unwrap().success());
    assert_eq!(harbour.lease().await.holder_identity.as_deref(), Some(""));
    // With the default lease of fifteen seconds, nobody waits for it to be over.
    let asked = Timestamp::now();
    let acquired = {
        let _next = harbour.leader("bench", &[]).await;
        harbour.lease().await.acquire_time.unwrap().0
    };
    assert!(seconds(asked, acquired) < 10.0);
}

/// Creates a Service with an annotation, and waits until the provider has been asked for it.
async fn under_way(harbour: &Harbour, name: &str, key: &str, value: &str) -> Service {
    let service = service(name).class(MOCK).port(80).annotation(key, value);
    harbour.place.create(&service.build()).await;
    let finalized = |service: &Service| service.metadata.finalizers.is_some();
    let what = "the finalizer, which comes before the call";
    harbour.place.until(name, what, finalized).await
}
