//! Is a load balancer whose Service is gone found and released, and no other one ever?
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "what is missing fails the test, and counters count in whole numbers"
)]

mod support;

use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use roadstead::controller::orphans::Orphanage;
use roadstead_core::{Address, ClusterUid, LoadBalancerId, NamespacedName, OwnerUid};
use roadstead_mock::{Balancer, Failure, Method, MockProvider};
use roadstead_testbed::{poll_until, service};
use serde_json::json;
use support::{DEADLINE, MOCK, Place, Setup};

/// Sweeps all the time.
fn sweeping(release: bool, grace: Duration) -> Setup {
    let orphanage = Orphanage {
        release,
        interval: Duration::from_millis(50),
        grace,
    };
    Setup {
        orphanage,
        ..Setup::default()
    }
}

/// A balancer that was made for the Service `name` of this namespace, by the cluster of that uid.
fn made_for(place: &Place, name: &str, cluster: &ClusterUid) -> Balancer {
    let id = LoadBalancerId {
        cluster: cluster.clone(),
        owner: OwnerUid::parse("0f0f0f0f-gone").unwrap(),
    };
    Balancer {
        id: Some(id),
        service: Some(NamespacedName::new(place.namespace.as_str(), name)),
        addresses: vec![Address::ip("198.51.100.9".parse().unwrap())],
        ..Balancer::default()
    }
}

/// Puts `balancer` there under the name that its owner would find it by, and returns the name.
fn plant(place: &Place, balancer: &Balancer) -> String {
    let name = MockProvider::balancer_name(balancer.id.as_ref().unwrap());
    place.cloud.put(&name, balancer.clone()).unwrap();
    name
}

fn web() -> Service {
    service("web").class(MOCK).port(80).build()
}

/// Waits for so many more sweeps.
async fn sweeps(place: &Place, more: usize) {
    let count = || {
        let calls = place.cloud.calls();
        calls
            .iter()
            .filter(|call| call.method == Method::Owned)
            .count()
    };
    let enough = count() + more;
    poll_until("more sweeps", DEADLINE, async || {
        (count() >= enough).then_some(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_orphan_is_found_and_released_and_what_has_a_service_is_not() {
    let place = Place::with_nodes("orphan").await;
    let setup = sweeping(true, Duration::from_millis(100));
    let running = place.controller_with(setup).await;
    let web = place.create_served(&web()).await;
    let bad = place
        .create_served(&service("bad").class(MOCK).port(80).build())
        .await;
    place
        .annotate("bad", "roadstead.dev/mock-latency", Some("soon"))
        .await;
    place.told("bad", "SyncLoadBalancerFailed", "").await;

    let orphan = plant(&place, &made_for(&place, "gone", &place.cluster));
    running
        .until_metric("roadstead_orphans_released_total", &[], 1.0)
        .await;
    assert_eq!(place.cloud.get(&orphan), None);
    sweeps(&place, 5).await;
    for service in [&web, &bad] {
        assert_eq!(place.calls(Method::Release, service), 0);
        place.balancer(service);
    }
    assert_eq!(running.metric("roadstead_orphans", &[]), 0.0);
    running.stop().await;
}

#[tokio::test]
async fn an_orphan_is_given_its_grace() {
    let place = Place::with_nodes("grace").await;
    let orphan = plant(&place, &made_for(&place, "gone", &place.cluster));
    let running = place
        .controller_with(sweeping(true, Duration::from_hours(1)))
        .await;
    running.until_metric("roadstead_orphans", &[], 1.0).await;
    sweeps(&place, 5).await;
    assert!(place.cloud.get(&orphan).is_some());
    assert_eq!(running.metric("roadstead_orphans_released_total", &[]), 0.0);
    running.stop().await;

    // Another process has seen it for no time at all.
    let running = place.controller_with(sweeping(true, Duration::ZERO)).await;
    running
        .until_metric("roadstead_orphans_released_total", &[], 1.0)
        .await;
    assert_eq!(place.cloud.get(&orphan), None);
    running.stop().await;
}

#[tokio::test]
async fn an_orphan_is_only_reported_where_that_was_asked_for() {
    let place = Place::with_nodes("reported").await;
    let orphan = plant(&place, &made_for(&place, "gone", &place.cluster));
    let running = place.controller_with(sweeping(false, Duration::ZERO)).await;
    running.until_metric("roadstead_orphans", &[], 1.0).await;
    sweeps(&place, 5).await;
    assert!(place.cloud.get(&orphan).is_some());
    assert!(
        place
            .cloud
            .calls()
            .iter()
            .all(|call| call.method != Method::Release)
    );
    running.stop().await;
}

#[tokio::test]
async fn what_another_cluster_made_for_a_service_of_the_same_name_is_never_touched() {
    let place = Place::with_nodes("cluster").await;
    let theirs = ClusterUid::parse("another-cluster").unwrap();
    let unmarked = Balancer {
        addresses: vec![Address::ip("198.51.100.10".parse().unwrap())],
        ..Balancer::default()
    };
    let theirs = made_for(&place, "web", &theirs);
    let foreign = [
        (plant(&place, &theirs), theirs),
        ("nobodys".to_owned(), unmarked.clone()),
    ];
    place.cloud.put("nobodys", unmarked).unwrap();
    let running = place.controller_with(sweeping(true, Duration::ZERO)).await;
    let web = place.create_served(&web()).await;
    sweeps(&place, 5).await;
    place.delete("web").await;
    place.gone("web").await;
    sweeps(&place, 5).await;
    assert_eq!(place.cloud.get(&place.balancer_name(&web)), None);
    for (name, balancer) in foreign {
        assert_eq!(place.cloud.get(&name), Some(balancer));
    }
    assert_eq!(running.metric("roadstead_orphans_released_total", &[]), 0.0);
    running.stop().await;
}

#[tokio::test]
async fn what_another_namespaces_controller_made_is_never_touched() {
    let place = Place::with_nodes("elsewhere").await;
    let mut elsewhere = made_for(&place, "web", &place.cluster);
    elsewhere.service = Some(NamespacedName::new("another-namespace", "web"));
    let name = plant(&place, &elsewhere);
    let running = place.controller_with(sweeping(true, Duration::ZERO)).await;
    sweeps(&place, 5).await;
    assert_eq!(place.cloud.get(&name), Some(elsewhere));
    running.stop().await;
}

#[tokio::test]
async fn a_service_that_lost_its_finalizer_and_vanished_leaves_nothing_behind() {
    let place = Place::with_nodes("vanished").await;
    let running = place.controller().await;
    let web = place.create_served(&web()).await;
    running.stop().await;
    // Nobody watches, and somebody forces the Service out.
    place
        .edit("web", json!({ "metadata": { "finalizers": null } }))
        .await;
    place.delete("web").await;
    place.gone("web").await;
    place.balancer(&web);

    let running = place.controller_with(sweeping(true, Duration::ZERO)).await;
    running
        .until_metric("roadstead_orphans_released_total", &[], 1.0)
        .await;
    assert!(place.cloud.balancers().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_service_that_vanishes_before_the_eyes_of_the_controller_is_released_at_once() {
    let place = Place::with_nodes("eyes").await;
    let running = place.controller().await;
    let web = place.create_served(&web()).await;
    place.delete("web").await;
    place
        .edit("web", json!({ "metadata": { "finalizers": null } }))
        .await;
    let gone = || place.cloud.get(&place.balancer_name(&web)).is_none();
    poll_until("the release", DEADLINE, async || gone().then_some(()))
        .await
        .unwrap();
    running.stop().await;
}

#[tokio::test]
async fn an_orphan_that_does_not_go_at_once_is_tried_again() {
    let place = Place::with_nodes("stubborn").await;
    let orphan = plant(&place, &made_for(&place, "gone", &place.cluster));
    let refused = Failure::Error(roadstead_core::ErrorKind::Throttled);
    place
        .cloud
        .script(Method::Release, [refused, Failure::Panic]);
    let running = place.controller_with(sweeping(true, Duration::ZERO)).await;
    running
        .until_metric("roadstead_orphans_released_total", &[], 1.0)
        .await;
    assert_eq!(place.cloud.get(&orphan), None);
    running.stop().await;
}
