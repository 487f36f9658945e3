//! What if the controller dies at any point of what it does? Whoever comes next finds the rest: one load balancer while
//! the Service wants one, none afterwards, the same address all along, and nothing left behind.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/crash.rs"]
mod crash;
mod support;

use std::collections::BTreeSet;

use crash::{
    Doom,
    flow::{Change, go_through, live, web},
    history::History,
    numbered,
};
use support::Place;

#[tokio::test]
async fn a_crash_at_any_point_of_a_creation_leaves_one_load_balancer_with_one_address() {
    let points = every_crash(Change::Created).await;
    expect(
        &points,
        &[
            "before restore",
            "after restore",
            "before owned",
            "before PATCH services",
            "after PATCH services",
            "before ensure",
            "within ensure",
            "after ensure",
            "before PATCH services/status",
            "after PATCH services/status",
            "before POST events",
            "after POST events",
        ],
    );
}

#[tokio::test]
async fn a_service_that_is_deleted_after_a_crash_at_any_point_of_its_creation_leaves_nothing() {
    let place = Place::with_nodes("short-lived").await;
    let points = go_through(&place, Change::Created, "web", Doom::Never)
        .await
        .unwrap();
    for (n, (point, time)) in numbered(&points).into_iter().enumerate() {
        let doom = Doom::At(point, time);
        let name = format!("web-{n}");
        place.create(&web(&name)).await;
        let crashed = live(&place, Change::Created, &name, doom.clone()).await;
        assert!(crashed.is_err(), "{doom:?} did not come");
        // Without a finalizer it goes at once, and nobody will ever hear of it.
        place.delete(&name).await;
        live(&place, Change::Deleted, &name, Doom::Never)
            .await
            .unwrap();
        let left = place.cloud.balancers();
        assert!(left.is_empty(), "{doom:?}: {left:#?}");
    }
}

#[tokio::test]
async fn a_crash_at_any_point_of_an_edit_leaves_what_was_asked_for_at_the_same_address() {
    let points = every_crash(Change::Edited).await;
    expect(
        &points,
        &[
            "before ensure",
            "within ensure",
            "after ensure",
            "after POST events",
        ],
    );
}

#[tokio::test]
async fn a_crash_at_any_point_of_a_withdrawal_leaves_a_service_without_a_trace_of_ours() {
    let points = every_crash(Change::Withdrawn).await;
    expect(&points, &RELEASE);
}

#[tokio::test]
async fn a_crash_at_any_point_of_a_deletion_leaves_nothing() {
    let points = every_crash(Change::Deleted).await;
    expect(&points, &RELEASE);
}

const RELEASE: [&str; 10] = [
    "before PATCH services/status",
    "after PATCH services/status",
    "before release",
    "within release",
    "after release",
    "before PATCH services",
    "after PATCH services",
    "before POST events",
    "after POST events",
    "before restore",
];

#[tokio::test]
async fn a_controller_that_dies_a_step_later_each_time_gets_there_in_the_end() {
    let place = Place::with_nodes("again").await;
    let mut lives = 0;
    place.create(&web("web")).await;
    let history = History::begin(&place, "web").await;
    for change in [Change::Created, Change::Edited, Change::Deleted] {
        change.happen(&place, "web").await;
        for n in 1.. {
            lives += 1;
            if live(&place, change, "web", Doom::Nth(n)).await.is_ok() {
                break;
            }
        }
        assert_eq!(place.cloud.balancers().len(), change.balancers());
    }
    history.has_one_address().await;
    assert!(
        lives > 15,
        "only {lives} lives: the points were not reached"
    );
}

/// Goes through `change` once, and then once more for every point of it with a crash there; the points.
async fn every_crash(change: Change) -> BTreeSet<String> {
    let place = Place::with_nodes("crash").await;
    let points = go_through(&place, change, "web", Doom::Never)
        .await
        .unwrap();
    let mut reached = BTreeSet::new();
    for (n, (point, time)) in numbered(&points).into_iter().enumerate() {
        let doom = Doom::At(point, time);
        let crashed = go_through(&place, change, &format!("web-{n}"), doom.clone()).await;
        assert!(crashed.is_err(), "{doom:?} did not come");
        reached.extend(crashed.err());
    }
    reached
}

fn expect(reached: &BTreeSet<String>, points: &[&str]) {
    for point in points {
        assert!(
            reached.contains(*point),
            "{point} was not reached: {reached:#?}"
        );
    }
}
