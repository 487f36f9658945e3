//! When does a Service keep its address?

use kube::api::{Patch, PatchParams};
use roadstead_testbed::{Audit, ControlPlane, is_true};
use serde_json::json;

use crate::{
    quay::{Quay, web},
    support::{DEADLINE, PROGRAMMED, version},
};

#[tokio::test]
async fn addresses_are_kept_over_restarts_and_nobody_else_gets_them() {
    let quay = Quay::new("restart").await;
    quay.pool("a", &[".0.1-.0.3"], json!({})).await;
    let first = quay.start("restart-1", &[]).await;
    for (name, address) in [("one", ".0.1"), ("two", ".0.2")] {
        assert_eq!(quay.served(name).await, quay.address(address));
    }
    quay.place.settled_of("roadstead.dev/arp").await;
    let before = version(&quay.place.get("two").await);
    first.kill().unwrap();
    first.wait(DEADLINE).await.unwrap();
    // While nobody looks: one goes, one comes.
    quay.place.delete("one").await;
    quay.place.gone("one").await;
    quay.place.create(&web("new").build()).await;
    let _second = quay.start("restart-2", &["--lease-name=another"]).await;
    let new = quay.address_of("new").await;
    assert_eq!(new, quay.address(".0.1"), "free again, and the lowest");
    quay.served_at("two", ".0.2").await;
    assert_eq!(
        version(&quay.place.get("two").await),
        before,
        "a restart writes nothing"
    );
}

#[tokio::test]
async fn an_edited_pool_moves_only_what_it_no_longer_has_and_says_so_first() {
    let quay = Quay::new("edited").await;
    quay.pool("a", &[".0.1-.0.3"], json!({})).await;
    let _controller = quay.start("edited", &["--arp-move-notice=5s"]).await;
    assert_eq!(quay.served("stays").await, quay.address(".0.1"));
    assert_eq!(quay.served("moves").await, quay.address(".0.2"));
    quay.place.settled_of("roadstead.dev/arp").await;
    let before = version(&quay.place.get("stays").await);
    let ranges = [quay.address(".0.1") + "/32", quay.address(".1.0") + "/24"];
    quay.edit_pool("a", json!({ "addresses": ranges })).await;
    let told = quay
        .told(
            "moves",
            PROGRAMMED,
            "NET.0.2 is in no pool any more; another address takes its place after a notice of 5s",
        )
        .await;
    assert!(is_true(&told, PROGRAMMED), "it is served until then");
    quay.served_at("moves", ".1.0").await;
    quay.place
        .told(
            "moves",
            "EnsuredLoadBalancer",
            &format!(
                "replace address {} -> {}",
                quay.address(".0.2"),
                quay.address(".1.0")
            ),
        )
        .await;
    assert_eq!(version(&quay.place.get("stays").await), before);
}

#[tokio::test]
async fn a_deleted_pool_with_nowhere_to_go_takes_no_address() {
    let quay = Quay::new("deleted").await;
    quay.pool("a", &[".0.1-.0.2"], json!({})).await;
    let _controller = quay.start("deleted", &[]).await;
    assert_eq!(quay.served("web").await, quay.address(".0.1"));
    quay.delete_pool("a").await;
    let told = quay
        .told(
            "web",
            PROGRAMMED,
            "NET.0.1 is in no pool any more, and stays for want of another",
        )
        .await;
    assert!(!is_true(&told, PROGRAMMED));
    quay.pool("b", &[".0.0/24"], json!({})).await;
    quay.served_at("web", ".0.1").await;
}

#[tokio::test]
async fn the_range_of_a_flag_needs_no_objects() {
    let quay = Quay::new("flag").await;
    let pool = format!(
        "--arp-pool={}",
        quay.address(".0.7") + "-" + &quay.address(".0.9")
    );
    let control_plane = ControlPlane::shared().await.unwrap();
    // A user that no other test here has: pools are in no namespace.
    let bench = control_plane.kubeconfig_of("bench").unwrap();
    let _controller = quay.start_with(&bench, "flag", &[&pool]).await;
    assert_eq!(quay.served("web").await, quay.address(".0.7"));
    let log = control_plane
        .audit_log()
        .map(|log| Audit::read(log).unwrap());
    let asked = log.iter().flat_map(|audit| audit.requests_of("bench"));
    let pools = asked
        .filter(|request| request.resource == "addresspools")
        .count();
    assert_eq!(pools, 0, "objects are not read");
}

#[tokio::test]
async fn a_service_that_is_none_any_more_gives_its_address_back_and_is_rid_of_all_conditions() {
    let quay = Quay::new("type").await;
    quay.pool("a", &[".0.1-.0.1"], json!({})).await;
    let _controller = quay.start("type", &[]).await;
    quay.served("web").await;
    // As the node that announces it would.
    let healthy = json!({
        "apiVersion": "v1", "kind": "Service",
        "status": { "conditions": [{
            "type": "roadstead.dev/Healthy", "status": "True", "reason": "Announced",
            "message": "announced by node-1 on eth0", "lastTransitionTime": "2026-01-01T00:00:00Z",
        }] },
    });
    let params = PatchParams::apply("roadstead-announcer").force();
    let services = quay.place.services();
    services
        .patch_status("web", &params, &Patch::Apply(&healthy))
        .await
        .unwrap();
    quay.place
        .annotate("web", "example.com/edit", Some("1"))
        .await;
    quay.served_at("web", ".0.1").await;
    let conditions = |service: &k8s_openapi::api::core::v1::Service| {
        let status = service.status.as_ref();
        status
            .and_then(|status| status.conditions.as_ref())
            .map_or(0, Vec::len)
    };
    assert_eq!(
        conditions(&quay.place.get("web").await),
        3,
        "the announcer's word is left alone"
    );
    quay.place.create(&web("next").build()).await;
    let spec = json!({ "type": "ClusterIP", "loadBalancerClass": null, "allocateLoadBalancerNodePorts": null, "externalTrafficPolicy": null });
    quay.place.edit_spec("web", spec).await;
    quay.served_at("next", ".0.1").await;
    quay.place
        .until("web", "no condition of ours", |web| conditions(web) == 0)
        .await;
}
