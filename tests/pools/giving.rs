//! Which address does a Service get?

use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use roadstead_testbed::{addresses, is_true};
use serde_json::json;

use crate::{
    quay::{Quay, web},
    support::{ACCEPTED, PROGRAMMED, is_refused},
};

#[tokio::test]
async fn who_finds_no_address_is_told_which_pool_is_full_and_served_when_one_is_free() {
    let quay = Quay::new("full").await;
    quay.pool("small", &[".0.1-.0.1"], json!({})).await;
    let _controller = quay.start("full", &[]).await;
    assert_eq!(quay.served("first").await, quay.address(".0.1"));
    quay.place.create(&web("second").build()).await;
    let full = "no IPv4 address is free; pool NS-small: 1 of 1 are in use";
    quay.told("second", PROGRAMMED, full).await;
    quay.place.delete("first").await;
    quay.served_at("second", ".0.1").await;
    quay.place.create(&web("third").build()).await;
    quay.told("third", PROGRAMMED, full).await;
    quay.pool("more", &[".1.0/24"], json!({})).await;
    quay.served_at("third", ".1.0").await;
}

#[tokio::test]
async fn an_address_outside_of_every_pool_is_refused_until_a_pool_has_it() {
    let quay = Quay::new("outside").await;
    quay.pool("a", &[".0.0/24"], json!({})).await;
    let _controller = quay.start("outside", &[]).await;
    let ours = web("ours").load_balancer_ip(&quay.address(".0.77"));
    quay.place.create(&ours.build()).await;
    quay.served_at("ours", ".0.77").await;
    let outside = web("outside").annotation("metallb.io/loadBalancerIPs", &quay.address(".9.9"));
    quay.place.create(&outside.build()).await;
    quay.told("outside", ACCEPTED, "NET.9.9 is in no pool; there are")
        .await;
    let refused = quay.place.get("outside").await;
    assert!(is_refused(&refused) && addresses(&refused).is_empty());
    quay.edit_pool("a", json!({ "addresses": [quay.address(".0.0") + "/16"] }))
        .await;
    quay.served_at("outside", ".9.9").await;
    let typo = web("typo").annotation("metallb.io/adress-pool", "a");
    quay.place.create(&typo.build()).await;
    quay.told(
        "typo",
        ACCEPTED,
        "unknown annotation metallb.io/adress-pool; did you mean metallb.io/address-pool?",
    )
    .await;
}

#[tokio::test]
async fn services_share_an_address_by_metallbs_rules() {
    let quay = Quay::new("sharing").await;
    quay.pool("a", &[".0.0/24"], json!({})).await;
    let _controller = quay.start("sharing", &[]).await;
    let shared = |name: &str, port| {
        let service = roadstead_testbed::service(name)
            .class(crate::quay::ARP)
            .port(port);
        service.annotation("metallb.io/allow-shared-ip", "key")
    };
    quay.place.create(&shared("web", 80).build()).await;
    quay.served_at("web", ".0.0").await;
    quay.place.create(&shared("dns", 53).build()).await;
    quay.served_at("dns", ".0.0").await;
    quay.place.create(&shared("other-web", 80).build()).await;
    quay.served_at("other-web", ".0.1").await;
    // Local means other nodes than Cluster; which pods a Local one has counts too.
    let local =
        |name: &str, port, app: &str| shared(name, port).local_traffic().selector("app", app);
    quay.place.create(&local("red", 81, "red").build()).await;
    quay.served_at("red", ".0.2").await;
    quay.place
        .create(&local("red-too", 82, "red").build())
        .await;
    quay.served_at("red-too", ".0.2").await;
    let blue = local("blue", 83, "blue").load_balancer_ip(&quay.address(".0.2"));
    quay.place.create(&blue.build()).await;
    quay.told("blue", PROGRAMMED, "shares it and has other pods")
        .await;
}

#[tokio::test]
async fn a_dual_stack_service_gets_both_from_one_pool() {
    let quay = Quay::new("dual").await;
    quay.pool("four", &[".0.0/24"], json!({ "priority": 1 }))
        .await;
    let six = format!("2001:db8:{}::/120", quay.net.trim_start_matches("10."));
    quay.pool("both", &[".1.0/24", &six], json!({})).await;
    let _controller = quay.start("dual", &[]).await;
    let families = ["IPv4", "IPv6"];
    let required = web("required").families("RequireDualStack", &families);
    quay.place.create(&required.build()).await;
    let six = six.trim_end_matches("/120");
    quay.served_at("required", &format!("{} {six}", quay.address(".1.0")))
        .await;
    quay.served("single").await;
    quay.served_at("single", ".0.0").await;
    let named = web("later")
        .families("PreferDualStack", &families)
        .annotation("roadstead.dev/address-pool", &quay.name("four"));
    quay.place.create(&named.build()).await;
    quay.served_at("later", ".0.1").await;
    let later = six.replace("::", ":1::");
    quay.edit_pool(
        "four",
        json!({ "addresses": [quay.address(".0.0") + "/24", format!("{later}/120")] }),
    )
    .await;
    quay.served_at("later", &format!("{} {later}", quay.address(".0.1")))
        .await;
}

#[tokio::test]
async fn pools_are_chosen_by_priority_and_by_the_labels_of_service_and_namespace() {
    let quay = Quay::new("selectors").await;
    let gold = json!({ "serviceSelector": { "matchLabels": { "tier": "gold" } } });
    quay.pool("common", &[".0.0/24"], json!({ "priority": 7 }))
        .await;
    quay.pool("spare", &[".1.0/24"], json!({})).await;
    quay.pool(
        "gold",
        &[".2.0/24"],
        json!({ "priority": 3, "serviceSelector": gold["serviceSelector"] }),
    )
    .await;
    let team = json!({ "namespaces": [], "priority": 1, "namespaceSelector": {
        "matchExpressions": [{ "key": "quay-team", "operator": "In", "values": [quay.place.namespace] }]
    } });
    quay.pool("team", &[".3.0/24"], team).await;
    let _controller = quay.start("selectors", &[]).await;
    let golden = web("golden").label("tier", "gold");
    quay.place.create(&golden.build()).await;
    quay.served_at("golden", ".2.0").await;
    assert_eq!(quay.served("plain").await, quay.address(".0.0"));
    let manual = web("manual").annotation("roadstead.dev/address-pool", &quay.name("team"));
    quay.place.create(&manual.build()).await;
    quay.told("manual", ACCEPTED, "the pool NS-team is for other Services")
        .await;
    let namespaces = Api::<Namespace>::all(quay.place.client.clone());
    let label = json!({ "metadata": { "labels": { "quay-team": quay.place.namespace } } });
    let params = PatchParams::default();
    namespaces
        .patch(&quay.place.namespace, &params, &Patch::Merge(&label))
        .await
        .unwrap();
    quay.served_at("manual", ".3.0").await;
    assert_eq!(
        quay.address_of("plain").await,
        quay.address(".0.0"),
        "another pool is no reason to move"
    );
    assert_eq!(quay.served("new").await, quay.address(".3.1"));
}

#[tokio::test]
async fn without_node_ports_a_service_is_served_too() {
    let quay = Quay::new("portless").await;
    quay.pool("a", &[".0.0/24"], json!({})).await;
    let _controller = quay.start("portless", &[]).await;
    quay.place
        .create(&web("web").without_node_ports().build())
        .await;
    let web = quay
        .place
        .until("web", "served", |web: &Service| is_true(web, PROGRAMMED))
        .await;
    assert!(
        web.metadata.finalizers.is_none(),
        "nothing outlives an arp Service"
    );
}
