//! Are foreign conditions and finalizers on our Services left alone, and is what is ours defended?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use k8s_openapi::api::core::v1::Service;
use roadstead_testbed::{addresses, condition, is_true, service};
use serde_json::{Value, json};
use support::{ACCEPTED, HEALTHY, MOCK, PROGRAMMED, Place, version};

const OURS: &str = "mock.roadstead.dev/load-balancer";
const THEIRS: &str = "example.com/theirs";

fn foreign_condition() -> Value {
    json!({
        "type": "example.com/Ready", "status": "True", "reason": "Theirs", "message": "not ours",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    })
}

/// The conditions as they are, and one more.
fn with_foreign(service: &Service) -> Value {
    let ours = service
        .status
        .as_ref()
        .and_then(|status| status.conditions.clone());
    let mut all = vec![foreign_condition()];
    all.extend(
        ours.into_iter()
            .flatten()
            .map(|ours| serde_json::to_value(ours).unwrap()),
    );
    json!({ "conditions": all })
}

#[tokio::test]
async fn foreign_conditions_and_finalizers_outlive_everything_that_is_ours() {
    let place = Place::with_nodes("beside").await;
    let running = place.controller().await;
    let web = service("web")
        .class(MOCK)
        .finalizer(THEIRS)
        .port(80)
        .build();
    let served = place.create_served(&web).await;
    assert_eq!(
        served.metadata.finalizers.as_ref().unwrap(),
        &[THEIRS, OURS]
    );
    let edited = place.edit_status("web", with_foreign(&served)).await;
    place.settled().await;
    assert_eq!(
        version(&place.get("web").await),
        version(&edited),
        "theirs is no reason to write"
    );

    // A write of ours later takes nothing of theirs away.
    place
        .annotate("web", "roadstead.dev/mock-address-type", Some("hostname"))
        .await;
    let moved = place
        .until("web", "a host name", |s| {
            addresses(s).iter().any(|a| a.ends_with(".lb.test"))
        })
        .await;
    assert_eq!(
        condition(&moved, "example.com/Ready").unwrap().message,
        "not ours"
    );

    // Nor does the end of ours.
    place
        .edit_spec(
            "web",
            json!({ "type": "ClusterIP", "loadBalancerClass": null }),
        )
        .await;
    let plain = place
        .until("web", "our finalizer gone", |s| {
            s.metadata.finalizers.as_ref().unwrap() == &[THEIRS]
        })
        .await;
    for ours in [ACCEPTED, PROGRAMMED, HEALTHY] {
        assert_eq!(condition(&plain, ours), None);
    }
    assert!(condition(&plain, "example.com/Ready").is_some());
    running.stop().await;
}

#[tokio::test]
async fn at_deletion_our_finalizer_goes_and_a_foreign_one_stays() {
    let place = Place::with_nodes("finalizer").await;
    let running = place.controller().await;
    let web = service("web")
        .class(MOCK)
        .finalizer(THEIRS)
        .port(80)
        .build();
    place.create_served(&web).await;
    place.delete("web").await;
    let waiting = place
        .until("web", "our finalizer gone", |s| {
            s.metadata.finalizers.as_ref().unwrap() == &[THEIRS]
        })
        .await;
    assert!(
        addresses(&waiting).is_empty(),
        "nobody is sent to an address that is given back"
    );
    assert!(place.cloud.balancers().is_empty());
    place.settled().await;
    assert_eq!(
        version(&place.get("web").await),
        version(&waiting),
        "and that was all"
    );
    place
        .edit("web", json!({ "metadata": { "finalizers": null } }))
        .await;
    place.gone("web").await;
    running.stop().await;
}

#[tokio::test]
async fn our_finalizer_comes_back_when_somebody_takes_it_away() {
    let place = Place::with_nodes("taken").await;
    let running = place.controller().await;
    place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    place
        .edit("web", json!({ "metadata": { "finalizers": null } }))
        .await;
    place
        .until("web", "our finalizer again", |s| {
            s.metadata
                .finalizers
                .as_ref()
                .is_some_and(|all| all == &[OURS])
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_status_that_somebody_changed_is_put_right() {
    let place = Place::with_nodes("tampered").await;
    let running = place.controller().await;
    let web = place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    let right = |service: &Service| {
        addresses(service) == addresses(&web)
            && [ACCEPTED, PROGRAMMED, HEALTHY]
                .iter()
                .all(|kind| is_true(service, kind))
    };
    let mut lies = serde_json::to_value(web.status.as_ref().unwrap().conditions.clone()).unwrap();
    lies[1]["status"] = json!("False");
    let ip = |ip: &str| json!({ "loadBalancer": { "ingress": [{ "ip": ip }] } });
    let tampering = [
        ("the address taken away", json!({ "loadBalancer": null })),
        ("another address", ip("198.51.100.66")),
        (
            "a host name",
            json!({ "loadBalancer": { "ingress": [{ "hostname": "evil.test" }] } }),
        ),
        (
            "one address more",
            json!({ "loadBalancer": { "ingress": [
            { "ip": addresses(&web)[0] }, { "ip": "198.51.100.66" }
        ] } }),
        ),
        (
            "another mode",
            json!({ "loadBalancer": { "ingress": [
            { "ip": addresses(&web)[0], "ipMode": "Proxy" }
        ] } }),
        ),
        ("a condition flipped", json!({ "conditions": lies })),
        ("no conditions", json!({ "conditions": null })),
        (
            "nothing",
            json!({ "conditions": null, "loadBalancer": null }),
        ),
    ];
    for (what, status) in tampering {
        let tampered = place.edit_status("web", status).await;
        assert_ne!(
            tampered.status, web.status,
            "{what}: the API server took it"
        );
        let repaired = place
            .until("web", &format!("{what}: put right"), |service| {
                version(service) != version(&tampered) && right(service)
            })
            .await;
        let ingress = repaired
            .status
            .unwrap()
            .load_balancer
            .unwrap()
            .ingress
            .unwrap();
        assert_eq!(ingress.len(), 1, "{what}: {ingress:?}");
        assert_eq!(
            ingress[0].ip_mode.as_deref(),
            Some("VIP"),
            "{what}: {ingress:?}"
        );
    }
    assert_eq!(place.cloud.balancers().len(), 1);

    // What somebody else wrote is ours again, and goes with the rest.
    place
        .edit_spec(
            "web",
            json!({ "type": "ClusterIP", "loadBalancerClass": null }),
        )
        .await;
    place
        .until("web", "no finalizer", |service| {
            service.metadata.finalizers.is_none()
        })
        .await;
    let plain = place.get("web").await;
    for ours in [ACCEPTED, PROGRAMMED, HEALTHY] {
        assert_eq!(condition(&plain, ours), None, "{plain:#?}");
    }
    running.stop().await;
}
