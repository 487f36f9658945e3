//! What if a write does not reach the API server, or its answer does not come back, several times in a row? It is made
//! again, and nobody notices but by the wait.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/crash.rs"]
mod crash;
mod support;

use crash::{
    Doom,
    flow::{Change, go_through},
    numbered,
};
use futures::future::join_all;
use support::Place;

#[tokio::test]
async fn a_creation_survives_the_loss_of_any_write_or_answer() {
    every_loss(Change::Created).await;
}

#[tokio::test]
async fn an_edit_survives_the_loss_of_any_write_or_answer() {
    every_loss(Change::Edited).await;
}

#[tokio::test]
async fn a_withdrawal_survives_the_loss_of_any_write_or_answer() {
    every_loss(Change::Withdrawn).await;
}

#[tokio::test]
async fn a_deletion_survives_the_loss_of_any_write_or_answer() {
    every_loss(Change::Deleted).await;
}

/// Goes through `change` once, and then once more for every write, lost on its way there, and lost on its way back.
async fn every_loss(change: Change) {
    let place = Place::with_nodes("loss").await;
    let points = go_through(&place, change, "web", Doom::Never)
        .await
        .unwrap();
    let writes = |(point, _): &(String, usize)| point.contains("PATCH") || point.contains("POST");
    let losses: Vec<_> = numbered(&points).into_iter().filter(writes).collect();
    assert!(losses.len() >= 2, "{points:?}");
    join_all(losses.into_iter().map(async |(point, time)| {
        let place = Place::with_nodes("loss").await;
        let doom = Doom::Broken(point, time);
        let lived = go_through(&place, change, "web", doom.clone()).await;
        let points = lived.unwrap();
        let Doom::Broken(point, _) = &doom else {
            unreachable!()
        };
        assert!(points.contains(point), "{doom:?} did not come");
    }))
    .await;
}
