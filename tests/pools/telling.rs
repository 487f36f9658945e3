//! What is said of pools, and how little is written for it?

use std::collections::BTreeMap;

use roadstead_testbed::{Audit, ControlPlane, condition, poll_until};
use serde_json::json;

use crate::{
    quay::{Quay, web},
    support::{DEADLINE, PROGRAMMED, cli::roadstead},
};

#[tokio::test]
async fn a_pool_says_how_full_it_is() {
    let quay = Quay::new("columns").await;
    quay.pool("a", &[".0.0/24"], json!({ "avoidBuggyIPs": true }))
        .await;
    let controller = quay.start("columns", &[]).await;
    quay.pool_until("a", "254 free", |status| {
        (status.total, status.in_use, status.free) == (254, 0, 254)
    })
    .await;
    assert_eq!(quay.served("web").await, quay.address(".0.1"));
    let status = quay
        .pool_until("a", "one in use", |status| status.in_use == 1)
        .await;
    assert_eq!((status.free, status.conditions.len()), (253, 1));
    let series = format!(
        "roadstead_arp_pool_addresses_in_use{{pool=\"{}\"}}",
        quay.name("a")
    );
    assert_eq!(controller.metric(&series).await.unwrap(), Some(1.0));
    quay.place.delete("web").await;
    quay.pool_until("a", "none in use", |status| status.in_use == 0)
        .await;
}

#[tokio::test]
async fn what_is_wrong_with_a_pool_is_said_on_it_and_on_the_services_it_touches() {
    let quay = Quay::new("faults").await;
    quay.pool("a", &[".0.0/25"], json!({})).await;
    let _controller = quay.start("faults", &[]).await;
    quay.served("web").await;
    quay.pool_until("a", "valid", |status| status.conditions[0].status == "True")
        .await;
    quay.pool("b", &[".0.0/24"], json!({ "autoAssign": false }))
        .await;
    for (pool, other) in [("a", "b"), ("b", "a")] {
        let status = quay
            .pool_until(pool, "the overlap", |status| {
                status.conditions[0].reason == "OverlapsPool"
            })
            .await;
        let text = format!(
            "overlaps pool {}: {}.0.0/25 is in both",
            quay.name(other),
            quay.net
        );
        assert_eq!(status.conditions[0].message, text);
    }
    quay.told("web", PROGRAMMED, "NET.0.0 is in several pools: NS-a, NS-b")
        .await;
    quay.delete_pool("b").await;
    quay.pool_until("a", "valid again", |status| {
        status.conditions[0].status == "True"
    })
    .await;

    quay.pool(
        "nodes",
        &["10.0.0.1-10.0.0.2", ".5.0/30", "10.255.0.9-10.255.0.1"],
        json!({ "priority": 1 }),
    )
    .await;
    let status = quay
        .pool_until("nodes", "its faults", |status| {
            status.conditions[0].reason == "BadRange"
        })
        .await;
    for text in [
        "\"10.255.0.9-10.255.0.1\" runs backwards",
        "contains 10.0.0.1, the address of node node-1",
    ] {
        assert!(status.conditions[0].message.contains(text), "{status:?}");
    }
    assert_eq!((status.total, status.free), (6, 4));
    assert_eq!(
        quay.served("other").await,
        quay.address(".5.0"),
        "a node's address is nobody else's"
    );
    let asking = web("asking").load_balancer_ip("10.0.0.2");
    quay.place.create(&asking.build()).await;
    quay.told(
        "asking",
        PROGRAMMED,
        "10.0.0.2 is the address of node node-2; ask for another one",
    )
    .await;
}

#[tokio::test]
async fn a_new_service_is_two_writes_and_no_finalizer() {
    let quay = Quay::new("writes").await;
    quay.pool("a", &[".0.0/24"], json!({})).await;
    let _controller = quay.start("writes", &[]).await;
    let names: Vec<String> = (0..10).map(|n| format!("web-{n}")).collect();
    for name in &names {
        let served = {
            quay.served(name).await;
            quay.place.get(name).await
        };
        assert!(served.metadata.finalizers.is_none());
    }
    let control_plane = ControlPlane::shared().await.unwrap();
    let log = control_plane
        .audit_log()
        .expect("this test reads the audit log");
    let writes = || {
        let audit = Audit::read(log).unwrap();
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for request in audit.requests_of("controller") {
            let here = request.namespace == quay.place.namespace;
            if here && request.writes() && request.resource != "leases" {
                *counts
                    .entry(format!("{} {}", request.verb, request.path()))
                    .or_default() += 1;
            }
        }
        counts
    };
    let all_told = || {
        writes()
            .get("create events")
            .copied()
            .filter(|told| *told >= names.len())
    };
    poll_until("the events", DEADLINE, async || all_told())
        .await
        .unwrap();
    // How full the pool is, is said beside this: once in some seconds, however many Services come.
    let each = BTreeMap::from([
        ("create events".to_owned(), 10),
        ("patch services/status".to_owned(), 10),
    ]);
    assert_eq!(writes(), each);
}

#[tokio::test]
async fn plan_and_status_know_the_pools() {
    let quay = Quay::new("cli").await;
    quay.pool("a", &[".0.0/24"], json!({})).await;
    let controller = quay.start("cli", &[]).await;
    quay.served("web").await;
    controller.term().unwrap();
    controller.wait(DEADLINE).await.unwrap();
    quay.place.create(&web("new").build()).await;
    let target = format!("{}/new", quay.place.namespace);
    let plan = roadstead(&quay.place.kubeconfig, &["plan", &target]).await;
    let step = format!(
        "create address {} from pool {} for 80/TCP",
        quay.address(".0.1"),
        quay.name("a")
    );
    assert!(plan.code == 0 && plan.stdout.contains(&step), "{plan:?}");
    let kept = roadstead(
        &quay.place.kubeconfig,
        &["plan", &format!("{}/web", quay.place.namespace)],
    )
    .await;
    assert!(kept.stdout.contains("nothing to do"), "{kept:?}");
    let flag = format!("--arp-pool={}", quay.address(".9.0") + "/24");
    let flagged = roadstead(&quay.place.kubeconfig, &["plan", &target, &flag]).await;
    assert!(
        flagged.stdout.contains(&quay.address(".9.0")),
        "{flagged:?}"
    );
    let status = roadstead(
        &quay.place.kubeconfig,
        &["status", "--namespace", &quay.place.namespace],
    )
    .await;
    assert!(
        status.stdout.contains("arp") && status.stdout.contains(&quay.address(".0.0")),
        "{status:?}"
    );
    assert!(
        condition(&quay.place.get("new").await, PROGRAMMED).is_none(),
        "a plan writes nothing"
    );
}
