//! What may happen to the Lease and to the way there? Whatever it is, nobody acts who does not hold it, and somebody does
//! before long.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

use k8s_openapi::{
    api::{coordination::v1::LeaseSpec, core::v1::Service},
    jiff::Timestamp,
};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use processes::{Harbour, LEASE, last_call, seconds, until_logged, until_role};
use roadstead_testbed::{Roadstead, eventually, service};
use serde_json::{Value, json};
use support::{DEADLINE, MOCK};

/// Something is due all the time, and everybody is quick to notice.
const RESTLESS: [&str; 4] = [
    "--lease-duration=4s",
    "--renew-deadline=2s",
    "--retry-period=300ms",
    "--resync=100ms",
];

/// A renewal comes often, and has time to come.
const PATIENT: [&str; 3] = [
    "--lease-duration=60s",
    "--renew-deadline=50s",
    "--retry-period=200ms",
];

#[tokio::test]
async fn a_single_replica_without_election_never_touches_a_lease() {
    let harbour = Harbour::new("alone").await;
    let replica = harbour.start("announcer", &["--leader-elect=false"]).await;
    harbour.place.create_served(&web("web")).await;
    until_role(&replica, "leader\n").await;
    replica.term().unwrap();
    assert!(replica.wait(DEADLINE).await.unwrap().success());
    let requests = harbour.requests_of("announcer").await;
    assert!(
        requests
            .iter()
            .any(|request| request.resource == "services")
    );
    assert!(requests.iter().all(|request| request.resource != "leases"));
    assert!(
        harbour
            .leases()
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn a_short_outage_of_the_network_costs_no_leadership() {
    let harbour = Harbour::new("outage").await;
    let (leader, proxy) = harbour.start_behind_a_proxy("controller", &PATIENT).await;
    let before = harbour.held_by("controller").await;
    let _standby = harbour.standby("bench", &PATIENT).await;

    proxy.cut();
    until_logged(&leader, "renewing the lease failed").await;
    let healed = Timestamp::now();
    proxy.heal();
    renewed_after(&harbour, healed).await;
    harbour.place.create_served(&web("after")).await;
    let after = harbour.lease().await;
    assert_eq!(after.holder_identity, before.holder_identity);
    assert_eq!(after.lease_transitions, before.lease_transitions);
    assert_eq!(leader.process().status(), None);
}

#[tokio::test]
async fn a_lease_that_is_annotated_by_hand_is_still_held() {
    let harbour = Harbour::new("annotated").await;
    let leader = harbour.leader("controller", &PATIENT).await;
    edit(
        &harbour,
        json!({ "metadata": { "annotations": { "note": "on call: me" } } }),
    )
    .await;
    renewed_after(&harbour, Timestamp::now()).await;
    until_role(&leader, "leader\n").await;
    let lease = harbour.leases().get(LEASE).await.unwrap();
    assert!(
        lease.metadata.annotations.unwrap().contains_key("note"),
        "it stays"
    );
}

#[tokio::test]
async fn a_leader_whose_lease_is_deleted_ends_before_another_starts() {
    let harbour = Harbour::new("deleted").await;
    let leader = harbour.leader("controller", &RESTLESS).await;
    let _standby = harbour.standby("bench", &RESTLESS).await;
    harbour.place.create_served(&web("web")).await;
    harbour
        .leases()
        .delete(LEASE, &DeleteParams::default())
        .await
        .unwrap();
    ends_before_another_starts(&harbour, &leader).await;
}

#[tokio::test]
async fn a_leader_whose_lease_is_taken_ends_and_leaves_it_alone() {
    let harbour = Harbour::new("taken").await;
    let leader = harbour.leader("controller", &RESTLESS).await;
    let _standby = harbour.standby("bench", &RESTLESS).await;
    harbour.place.create_served(&web("web")).await;
    edit(
        &harbour,
        json!({ "spec": { "holderIdentity": "stranger" } }),
    )
    .await;
    // Nobody hears of the stranger again, and so the standby has it in the end.
    ends_before_another_starts(&harbour, &leader).await;
}

async fn ends_before_another_starts(harbour: &Harbour, leader: &Roadstead) {
    let (status, acquired) = tokio::join!(
        async { (leader.wait(DEADLINE).await.unwrap(), Timestamp::now()) },
        harbour.held_by("bench")
    );
    let ((status, ended), acquired) = (status, acquired.acquire_time.unwrap().0);
    assert!(!status.success(), "{status}");
    assert!(
        ended < acquired,
        "it ended {} s late",
        seconds(acquired, ended)
    );
    assert!(last_call(leader).unwrap() < acquired);
    harbour.place.create_served(&web("after")).await;
}

async fn renewed_after(harbour: &Harbour, time: Timestamp) {
    let renewed = |spec: &LeaseSpec| spec.renew_time.as_ref().is_some_and(|at| at.0 > time);
    eventually(&harbour.leases(), LEASE, "a renewal", |lease| {
        lease
            .and_then(|lease| lease.spec.as_ref())
            .is_some_and(renewed)
    })
    .await
    .unwrap();
}

async fn edit(harbour: &Harbour, patch: Value) {
    let params = PatchParams::default();
    harbour
        .leases()
        .patch(LEASE, &params, &Patch::Merge(patch))
        .await
        .unwrap();
}

fn web(name: &str) -> Service {
    service(name).class(MOCK).port(80).build()
}
