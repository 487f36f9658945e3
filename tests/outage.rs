//! What if the API server goes away while everybody wants something? The controller stays, and when it is back, so is
//! everything that was asked for.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/processes.rs"]
mod processes;
mod support;

use std::time::Duration;

use futures::{StreamExt, future::join_all, stream};
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use processes::{Harbour, metric, until_role};
use roadstead_testbed::{ControlPlane, add_node, addresses, node, poll_until, service};
use serde_json::json;
use support::{MOCK, Place};
use tokio::sync::watch;

/// How long users go on trying; an API server takes its time to start beside others.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a user does to a Service.
#[derive(Clone, Debug)]
enum Act {
    Create(String),
    Edit(String),
    Delete(String),
}

#[tokio::test]
async fn an_api_server_that_is_restarted_under_load_costs_nobody_anything() {
    let mut control_plane = ControlPlane::builder().start().await.unwrap();
    let place = Place::on(&control_plane, "outage").await;
    let node = node("node-1")
        .provider_id("mock:///node-1")
        .address("10.0.0.1");
    add_node(&place.client, node.build()).await.unwrap();
    let harbour = Harbour::at(place);
    // The lease must not run out: the process would be right to end then.
    let args = [
        "--mock-latency=100ms",
        "--lease-duration=10m",
        "--renew-deadline=9m",
        "--retry-period=1s",
    ];
    let kubeconfig = control_plane.kubeconfig().to_owned();
    let process = harbour.start_with(&kubeconfig, "alone", &args);
    let named = |prefix: &str, range: std::ops::Range<usize>| -> Vec<String> {
        range.map(|n| format!("{prefix}-{n}")).collect()
    };
    let old = named("old", 0..25);
    let served = join_all(old.iter().map(async |name| {
        let service = harbour.place.create_served(&web(name)).await;
        (name.clone(), addresses(&service))
    }));
    let before = served.await;

    let (edited, deleted, kept) = (&old[..5], &old[5..15], &old[15..]);
    let new = named("new", 0..25);
    let acts = new.iter().cloned().map(Act::Create);
    let acts = acts
        .chain(deleted.iter().cloned().map(Act::Delete))
        .chain(edited.iter().cloned().map(Act::Edit));
    let done = watch::Sender::new(0_usize);
    let load = stream::iter(acts).for_each_concurrent(4, async |act| {
        act.insist(&harbour.place).await;
        done.send_modify(|done| *done += 1);
    });
    let outages = async {
        for after in [8, 30] {
            let mut done = done.subscribe();
            done.wait_for(|done| *done >= after).await.unwrap();
            control_plane.kill().await.unwrap();
            control_plane.restart().await.unwrap();
        }
    };
    tokio::join!(load, outages);

    join_all(
        new.iter()
            .chain(edited)
            .chain(kept)
            .map(|name| harbour.place.served(name)),
    )
    .await;
    join_all(deleted.iter().map(|name| harbour.place.gone(name))).await;
    for (name, addresses_before) in before.iter().filter(|(name, _)| !deleted.contains(name)) {
        let now = harbour.place.get(name).await;
        assert_eq!(&addresses(&now), addresses_before, "{name} moved");
    }
    let with_listeners = async |count: usize, listeners: usize| {
        let balancers = harbour.balancers().await;
        let there = balancers
            .iter()
            .filter(|balancer| balancer.listeners.len() == listeners);
        (there.count() == count).then_some(())
    };
    poll_until("all edits", PATIENCE, async || with_listeners(5, 2).await)
        .await
        .unwrap();
    assert!(
        with_listeners(35, 1).await.is_some(),
        "nothing is left of the deleted"
    );
    assert_eq!(process.process().status(), None, "the process never ended");
    until_role(&process, "leader\n").await;
    assert!(metric(&process, "roadstead_leader").await > 0.0);
}

fn web(name: &str) -> Service {
    service(name).class(MOCK).port(80).build()
}

// === impl Act ===

impl Act {
    /// Tries until the API server has taken it, whether its answer arrives or not.
    async fn insist(&self, place: &Place) {
        let tries = poll_until("the API server", PATIENCE, async || {
            match self.attempt(place).await {
                Ok(()) => Some(()),
                Err(kube::Error::Api(status)) if [404, 409].contains(&status.code) => Some(()),
                Err(_) => None,
            }
        });
        tries.await.unwrap();
    }

    async fn attempt(&self, place: &Place) -> kube::Result<()> {
        let services = place.services();
        match self {
            Self::Create(name) => {
                services.create(&PostParams::default(), &web(name)).await?;
            }
            Self::Edit(name) => {
                let port = |n: i32| json!({ "name": format!("tcp-{n}"), "port": n });
                let patch = Patch::Merge(json!({ "spec": { "ports": [port(80), port(443)] } }));
                services
                    .patch(name, &PatchParams::default(), &patch)
                    .await?;
            }
            Self::Delete(name) => {
                services.delete(name, &DeleteParams::default()).await?;
            }
        }
        Ok(())
    }
}
