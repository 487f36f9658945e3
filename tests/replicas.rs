//! Do two replicas ever act at once, and does one always act? Whatever ends the leader: an order, a crash, the network,
//! a machine that stands still.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

use futures::future::join_all;
use k8s_openapi::{api::core::v1::Service, jiff::Timestamp};
use processes::{Harbour, last_call, logged, metric, seconds, until_role};
use roadstead_testbed::{Roadstead, addresses, poll_until, service};
use support::{DEADLINE, MOCK};

/// Short enough for a test, long enough for a busy machine.
const ELECTION: [&str; 3] = [
    "--lease-duration=4s",
    "--renew-deadline=2s",
    "--retry-period=300ms",
];
const LEASE_DURATION: f64 = 4.0;
const RENEW_DEADLINE: f64 = 2.0;

/// Something is due all the time.
const RESTLESS: [&str; 4] = [ELECTION[0], ELECTION[1], ELECTION[2], "--resync=100ms"];

/// How much later than it could something may happen on a busy machine.
const NOISE: f64 = 3.0;

/// How far the time of a file's change may be behind the clock.
const COARSE: f64 = 0.1;

/// A provider call of this length is under way when its leader is stopped, and would be through after the lease.
const LONG: (&str, f64) = ("6s", 6.0);

const LATENCY: &str = "roadstead.dev/mock-latency";

#[tokio::test]
async fn exactly_one_of_two_replicas_acts_and_the_other_is_ready_to() {
    let harbour = Harbour::new("two").await;
    let (a, b) = tokio::join!(
        harbour.started("controller", &ELECTION),
        harbour.started("bench", &ELECTION)
    );
    let leads = async |replica: &Roadstead| metric(replica, "roadstead_leader").await > 0.0;
    let a_leads = poll_until("a leader", DEADLINE, async || {
        match (leads(&a).await, leads(&b).await) {
            (false, false) => None,
            (true, true) => panic!("both lead"),
            (a_leads, _) => Some(a_leads),
        }
    });
    let ((leader, leader_name), (standby, standby_name)) = if a_leads.await.unwrap() {
        ((&a, "controller"), (&b, "bench"))
    } else {
        ((&b, "bench"), (&a, "controller"))
    };
    until_role(leader, "leader\n").await;
    until_role(standby, &format!("standby; {leader_name} leads\n")).await;

    let names: Vec<String> = (0..20).map(|n| format!("web-{n}")).collect();
    join_all(
        names
            .iter()
            .map(async |name| harbour.place.create_served(&web(name)).await),
    )
    .await;
    assert!(metric(leader, "roadstead_provider_calls_total").await >= 20.0);
    assert!(
        metric(standby, "roadstead_provider_calls_total")
            .await
            .abs()
            < f64::EPSILON
    );
    assert!(!leads(standby).await && leads(leader).await);

    let writes = async |user| {
        let requests = harbour.requests_of(user).await.into_iter();
        requests
            .filter(|request| request.writes() && request.resource != "leases")
            .count()
    };
    assert!(
        writes(leader_name).await >= 40,
        "finalizer and status of each"
    );
    assert_eq!(writes(standby_name).await, 0);
}

#[tokio::test]
async fn a_standby_takes_over_within_a_second_of_the_leaders_sigterm() {
    let harbour = Harbour::new("handover").await;
    let leader = harbour.leader("controller", &ELECTION).await;
    let standby = harbour.standby("bench", &ELECTION).await;
    let before = harbour.place.create_served(&web("before")).await;

    let asked = Timestamp::now();
    leader.term().unwrap();
    let acquired = harbour.held_by("bench").await.acquire_time.unwrap().0;
    let took = seconds(asked, acquired);
    assert!((0.0..1.0).contains(&took), "it took {took} s");
    assert!(leader.wait(DEADLINE).await.unwrap().success());

    harbour.place.create_served(&web("after")).await;
    assert_eq!(
        addresses(&harbour.place.get("before").await),
        addresses(&before)
    );
    assert_eq!(harbour.balancers().await.len(), 2);
    until_role(&standby, "leader\n").await;
}

#[tokio::test]
async fn a_standby_takes_over_from_a_killed_leader_when_the_lease_is_over_and_not_before() {
    let harbour = Harbour::new("killed").await;
    let leader = harbour.leader("controller", &ELECTION).await;
    let _standby = harbour.standby("bench", &ELECTION).await;
    harbour.place.create_served(&web("before")).await;

    leader.kill().unwrap();
    leader.wait(DEADLINE).await.unwrap();
    let killed = Timestamp::now();
    let lease = harbour.lease().await;
    assert_eq!(lease.holder_identity.as_deref(), Some("controller"));
    let renewed = lease.renew_time.unwrap().0;
    // Both change while nobody leads, and the killed one had made one of them.
    harbour.place.delete("before").await;
    harbour.place.create(&web("after")).await;

    let acquired = harbour.held_by("bench").await.acquire_time.unwrap().0;
    let silent = seconds(renewed, acquired);
    assert!(
        silent >= LEASE_DURATION,
        "it was silent for {silent} s only"
    );
    let took = seconds(killed, acquired);
    assert!(took < LEASE_DURATION + NOISE, "it took {took} s");
    harbour.place.gone("before").await;
    harbour.place.served("after").await;
    assert_eq!(harbour.balancers().await.len(), 1);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_stops_before_another_starts() {
    let harbour = Harbour::new("cut-off").await;
    let (leader, proxy) = harbour.start_behind_a_proxy("controller", &RESTLESS).await;
    harbour.held_by("controller").await;
    let _standby = harbour.standby("bench", &RESTLESS).await;
    harbour.place.create_served(&web("web")).await;
    let long = under_way(&harbour).await;
    let calls = logged(&leader, "as asked").len();
    poll_until("more calls", DEADLINE, async || {
        (logged(&leader, "as asked").len() > calls).then_some(())
    })
    .await
    .unwrap();

    proxy.freeze();
    let (ended, acquired) = tokio::join!(
        async {
            let status = leader.wait(DEADLINE).await.unwrap();
            (status, Timestamp::now())
        },
        harbour.held_by("bench")
    );
    let (status, ended) = ended;
    let acquired = acquired.acquire_time.unwrap().0;
    assert!(
        !status.success(),
        "{status}: whoever restarts it shall know"
    );
    assert!(
        ended < acquired,
        "it ended {} s late",
        seconds(acquired, ended)
    );
    let calls_ended = last_call(&leader).unwrap();
    assert!(calls_ended < ended && calls_ended < acquired);

    the_long_call_was_cut_off(&harbour, &long, acquired).await;
}

#[tokio::test]
async fn a_leader_that_stood_still_beyond_its_lease_does_nothing_when_it_wakes() {
    let harbour = Harbour::new("stopped").await;
    let leader = harbour.leader("controller", &RESTLESS).await;
    let _standby = harbour.standby("bench", &RESTLESS).await;
    harbour.place.create_served(&web("web")).await;
    let long = under_way(&harbour).await;

    leader.stop().unwrap();
    let stopped = Timestamp::now();
    let lease = harbour.held_by("bench").await;
    let acquired = lease.acquire_time.unwrap().0;
    the_long_call_was_cut_off(&harbour, &long, acquired).await;
    let made = harbour.changed_at(&long);
    // What it will hear of first when it wakes.
    harbour.place.delete("web").await;
    harbour.place.gone("web").await;
    harbour.place.create_served(&web("new")).await;
    let calls = last_call(&leader);

    let woken = Timestamp::now();
    leader.cont().unwrap();
    let status = leader.wait(DEADLINE).await.unwrap();
    assert!(!status.success(), "{status}");
    assert!(seconds(woken, Timestamp::now()) < RENEW_DEADLINE + NOISE);
    assert_eq!(last_call(&leader), calls, "no call of the provider");
    assert!(calls.unwrap() <= stopped);
    assert_eq!(harbour.changed_at(&long), made);
    let writes = harbour
        .requests_of("controller")
        .await
        .into_iter()
        .filter(|request| {
            // A renewal may have been on its way out; it names a version of the Lease that is long past.
            request.writes() && request.at > woken && request.code < 300
        });
    assert_eq!(writes.collect::<Vec<_>>(), []);
    assert_eq!(
        harbour.lease().await.holder_identity.as_deref(),
        Some("bench")
    );
}

/// Creates a Service whose provider call takes long, and waits until the call is under way.
async fn under_way(harbour: &Harbour) -> Service {
    let long = service("long")
        .class(MOCK)
        .port(80)
        .annotation(LATENCY, LONG.0);
    harbour.place.create(&long.build()).await;
    let finalized = |service: &Service| service.metadata.finalizers.is_some();
    harbour
        .place
        .until(
            "long",
            "the finalizer, which comes before the call",
            finalized,
        )
        .await
}

/// Only the call of the new leader made the load balancer, which took its time from the new leader's beginning on.
async fn the_long_call_was_cut_off(harbour: &Harbour, long: &Service, acquired: Timestamp) {
    harbour.place.served("long").await;
    let made = seconds(acquired, harbour.changed_at(long).unwrap());
    assert!(
        made >= LONG.1 - COARSE,
        "it was there {made} s after the lease changed hands"
    );
}

fn web(name: &str) -> Service {
    service(name).class(MOCK).port(80).build()
}
