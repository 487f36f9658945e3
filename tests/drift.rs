//! Is what somebody changed in the cloud repaired, and said? And is what is foreign there never touched?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use std::{sync::Arc, time::Duration};

use roadstead_core::{Address, ClusterUid, LoadBalancerId, OwnerUid, SessionAffinity};
use roadstead_mock::{Balancer, Method};
use roadstead_testbed::{addresses, condition, service};
use support::{ACCEPTED, MOCK, PROGRAMMED, Place, Setup, count, said, version};

/// What somebody did behind our back.
type Drift = fn(&mut Balancer);

const REPAIRED: &str = "repaired what was changed behind the controller";

fn often() -> Setup {
    Setup {
        resync: Duration::from_millis(50),
        ..Setup::default()
    }
}

#[tokio::test]
async fn what_was_changed_in_the_cloud_is_repaired_at_the_resync_and_said() {
    let place = Place::with_nodes("drift").await;
    let running = place.controller_with(often()).await;
    let web = service("web")
        .class(MOCK)
        .source_range("10.0.0.0/8")
        .port(80)
        .udp_port(81);
    let web = place.create_served(&web.build()).await;
    place.told("web", "EnsuredLoadBalancer", "").await;
    let name = place.balancer_name(&web);
    let right = place.balancer(&web);
    let version_before = version(&place.get("web").await);

    let drifts: [(&str, Drift, &str); 4] = [
        (
            "a listener removed",
            |b| {
                b.listeners.remove(0);
            },
            "create listener 80/TCP",
        ),
        (
            "everybody admitted",
            |b| b.source_ranges.clear(),
            "change source ranges: 10.0.0.0/8",
        ),
        (
            "targets gone",
            |b| b.targets = Arc::new([]),
            "change targets: 3 registered",
        ),
        (
            "clients that stick",
            |b| b.session_affinity = SessionAffinity::ClientIp { timeout_seconds: 1 },
            "change session affinity: none",
        ),
    ];
    for (what, drift, step) in drifts {
        let mut drifted = right.clone();
        drift(&mut drifted);
        assert_ne!(drifted, right, "{what}");
        place.cloud.put(&name, drifted).unwrap();
        place
            .balancer_until(&web, &format!("{what}: repaired"), |b| {
                let same_but_for_the_order = Balancer {
                    listeners: right.listeners.clone(),
                    ..b.clone()
                };
                b.listeners.len() == 2 && same_but_for_the_order == right
            })
            .await;
        let event = place.told("web", "UpdatedLoadBalancer", step).await;
        assert!(event.note.starts_with(REPAIRED), "{what}: {event:?}");
    }
    assert_eq!(
        version(&place.get("web").await),
        version_before,
        "the status said so all along"
    );
    running.stop().await;
    let events = place.events("web").await;
    assert_eq!(count(&events, "UpdatedLoadBalancer"), 4, "{events:#?}");
}

#[tokio::test]
async fn a_load_balancer_that_somebody_removed_is_made_again() {
    let place = Place::with_nodes("removed").await;
    let running = place.controller_with(often()).await;
    // One that asked for no address gets the next one, and clients are told.
    let free = place
        .create_served(&service("free").class(MOCK).port(80).build())
        .await;
    place.told("free", "EnsuredLoadBalancer", "").await;
    place.cloud.remove(&place.balancer_name(&free)).unwrap();
    let moved = place
        .until("free", "the address of the new one", |service| {
            addresses(service).len() == 1 && addresses(service) != addresses(&free)
        })
        .await;
    assert_eq!(
        place.balancer(&free).addresses[0].to_string(),
        addresses(&moved)[0]
    );
    place
        .told("free", "EnsuredLoadBalancer", &addresses(&moved)[0])
        .await;

    let fixed = service("fixed")
        .class(MOCK)
        .load_balancer_ip("192.0.2.100")
        .port(80);
    let fixed = place.create_served(&fixed.build()).await;
    place.cloud.remove(&place.balancer_name(&fixed)).unwrap();
    let event = place
        .told("fixed", "UpdatedLoadBalancer", "at 192.0.2.100")
        .await;
    assert!(event.note.starts_with(REPAIRED), "{event:?}");
    assert_eq!(
        place.balancer(&fixed).addresses[0].to_string(),
        "192.0.2.100"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_foreign_load_balancer_of_the_same_name_is_a_conflict_and_stays() {
    let place = Place::with_nodes("conflict").await;
    let web = place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    let foreign = Balancer {
        addresses: vec![Address::ip("198.51.100.1".parse().unwrap())],
        ..Balancer::default()
    };
    place
        .cloud
        .put(&place.balancer_name(&web), foreign.clone())
        .unwrap();
    let running = place.controller().await;
    let conflict = place
        .until("web", "a conflict", |service| {
            said(service, PROGRAMMED) == ("False".to_owned(), "Conflict".to_owned())
        })
        .await;
    assert_eq!(said(&conflict, ACCEPTED).0, "True");
    let message = &condition(&conflict, PROGRAMMED).unwrap().message;
    assert!(
        message.contains(&place.balancer_name(&web)),
        "the message names it: {message}"
    );
    assert!(addresses(&conflict).is_empty());
    let event = place
        .told(
            "web",
            "SyncLoadBalancerFailed",
            "carries no mark of Roadstead",
        )
        .await;
    assert_eq!(event.type_, "Warning");
    place.more_calls(Method::Ensure, &web, 2).await;
    assert_eq!(place.balancer(&web), foreign);

    // The deletion does not take it either.
    place.delete("web").await;
    place.gone("web").await;
    assert_eq!(place.balancer(&web), foreign);
    running.stop().await;
    assert_eq!(
        count(&place.events("web").await, "SyncLoadBalancerFailed"),
        1
    );
}

#[tokio::test]
async fn a_conflict_that_is_out_of_the_way_is_noticed() {
    let place = Place::with_nodes("way").await;
    let web = place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    let theirs = LoadBalancerId {
        cluster: ClusterUid::parse("another-cluster").unwrap(),
        owner: OwnerUid::parse("another-service").unwrap(),
    };
    let foreign = Balancer {
        id: Some(theirs.clone()),
        ..Balancer::default()
    };
    place
        .cloud
        .put(&place.balancer_name(&web), foreign)
        .unwrap();
    let running = place.controller().await;
    place
        .told(
            "web",
            "SyncLoadBalancerFailed",
            &format!("belongs to {theirs}"),
        )
        .await;
    place.cloud.remove(&place.balancer_name(&web)).unwrap();
    place.served("web").await;
    running.stop().await;
}

#[tokio::test]
async fn an_address_that_another_service_has_is_a_conflict_until_it_is_given_back() {
    let place = Place::with_nodes("taken").await;
    let running = place.controller().await;
    let ask = |name: &str| {
        service(name)
            .class(MOCK)
            .load_balancer_ip("192.0.2.50")
            .port(80)
            .build()
    };
    place.create_served(&ask("first")).await;
    place.create(&ask("second")).await;
    place
        .until("second", "a conflict", |service| {
            said(service, PROGRAMMED) == ("False".to_owned(), "Conflict".to_owned())
        })
        .await;
    place.delete("first").await;
    assert_eq!(addresses(&place.served("second").await), ["192.0.2.50"]);
    running.stop().await;
}
