//! What happens when a foreign host uses an address? A node says so on the Service, and the controller gives it another one.

use k8s_openapi::api::core::v1::Service;
use kube::api::{Patch, PatchParams};
use roadstead_testbed::{addresses, condition};
use serde_json::json;

use crate::{
    quay::{Quay, web},
    support::{HEALTHY, PROGRAMMED},
};

/// Says, as the announcing node would, that a foreign host uses `address`.
async fn conflict(quay: &Quay, name: &str, address: &str) {
    let status = json!({
        "apiVersion": "v1", "kind": "Service",
        "status": { "conditions": [{
            "type": HEALTHY, "status": "False", "reason": "AddressConflict",
            "message": format!("{address} is used by 52:54:00:00:00:01, seen on eth0 of node-1"),
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }] },
    });
    let params = PatchParams::apply("roadstead-announcer").force();
    let services = quay.place.services();
    services
        .patch_status(name, &params, &Patch::Apply(&status))
        .await
        .unwrap();
}

#[tokio::test]
async fn an_address_in_conflict_is_left_for_another_one_and_given_to_nobody() {
    let quay = Quay::new("conflict").await;
    quay.pool("a", &[".0.1-.0.2"], json!({})).await;
    let _controller = quay.start("conflict", &[]).await;
    let first = quay.served("web").await;
    conflict(&quay, "web", &first).await;
    quay.served_at("web", ".0.2").await;
    quay.place
        .told(
            "web",
            "EnsuredLoadBalancer",
            &format!("a foreign host uses {first}; it is left alone for 600s"),
        )
        .await;
    let there = quay.place.get("web").await;
    let healthy = condition(&there, HEALTHY).map(|healthy| healthy.reason.as_str());
    assert_eq!(
        healthy,
        Some("AddressConflict"),
        "the node's word stays until it has another one"
    );
    quay.place.create(&web("other").build()).await;
    quay.told(
        "other",
        PROGRAMMED,
        "1 of 2 are in use, and 1 are used by nodes or foreign hosts",
    )
    .await;
}

#[tokio::test]
async fn whoever_asked_for_the_address_keeps_it() {
    let quay = Quay::new("fixed").await;
    quay.pool("a", &[".0.0/24"], json!({})).await;
    let _controller = quay.start("fixed", &[]).await;
    let wanted = quay.address(".0.9");
    quay.place
        .create(&web("web").load_balancer_ip(&wanted).build())
        .await;
    quay.served_at("web", ".0.9").await;
    conflict(&quay, "web", &wanted).await;
    // What comes after it is done, so the conflict was looked at.
    quay.place
        .annotate("web", "roadstead.dev/allow-shared-ip", Some("key"))
        .await;
    quay.served("later").await;
    let there = |web: &Service| addresses(web) == [wanted.clone()];
    quay.place.until("web", "the address", there).await;
}
