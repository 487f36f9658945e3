//! Is a Service reached, by the right node, on the right interface, over both families?

use roadstead_testbed::{
    Signal,
    lab::{Segment, vip4},
    service,
};
use serde_json::json;

use crate::bed::{ARP, FAR, bed, dual, web};

#[tokio::test]
async fn a_service_is_answered_by_a_pod_over_both_families() {
    let mut bed = bed().await;
    let served = bed.serve(dual("cluster"), &[2]).await;
    assert_eq!(served.vips.len(), 2, "{:?}", served.vips);
    for vip in &served.vips {
        bed.settled(*vip).await;
        let answer = bed.lab.client().get(*vip, 80).await.unwrap();
        assert_eq!(answer.pod, "cluster-2");
    }
    let message = bed.until_said(&served, "Announced").await;
    assert!(message.starts_with("announced by node-"), "{message}");
    assert!(message.contains("eth0"), "{message}");
}

#[tokio::test]
async fn with_local_the_pods_own_node_answers_and_the_client_keeps_its_address() {
    let mut bed = bed().await;
    let served = bed.serve(dual("local").local_traffic(), &[3]).await;
    for vip in &served.vips {
        assert_eq!(bed.settled(*vip).await, 3);
        let answer = bed.lab.client().get(*vip, 80).await.unwrap();
        assert_eq!(
            answer.client.ip(),
            bed.lab.client().interface().address_like(*vip)
        );
    }
}

#[tokio::test]
async fn a_service_of_ipv6_alone_is_answered_and_survives_its_nodes() {
    let mut bed = bed().await;
    let six = |name: &str| web(name).families("SingleStack", &["IPv6"]);
    let served = bed.serve(six("six"), &[FAR]).await;
    let vip = served.vips[0];
    assert!(served.vips.len() == 1 && vip.is_ipv6(), "{:?}", served.vips);
    let first = bed.settled(vip).await;
    bed.until_named(&served, first).await;
    bed.power_off(first);
    let second = bed.moved(vip, first).await;
    let announcer = bed.fleet.take(second).unwrap();
    announcer.signal(Signal::Term).unwrap();
    let third = bed.moved(vip, second).await;
    assert_ne!(third, first, "it has no power");
    bed.until_named(&served, third).await;

    // And with Local the one node that lives and has a pod, which sees who asks.
    let local = bed.serve(six("six-local").local_traffic(), &[third]).await;
    let vip = local.vips[0];
    assert_eq!(bed.settled(vip).await, third);
    let answer = bed.lab.client().get(vip, 80).await.unwrap();
    assert_eq!(
        answer.client.ip(),
        bed.lab.client().interface().address_like(vip)
    );
    bed.delete(&served).await;
    bed.silent(served.vips[0]).await;
}

#[tokio::test]
async fn services_share_an_address_by_their_key() {
    let mut bed = bed().await;
    let shared = |name: &str| web(name).annotation("metallb.io/allow-shared-ip", "both");
    let first = bed.serve(shared("first"), &[1]).await;
    let vip = first.vips[0];
    let second = service("second")
        .class(ARP)
        .port(81)
        .target_port(8080)
        .annotation("metallb.io/allow-shared-ip", "both")
        .annotation("metallb.io/loadBalancerIPs", &vip.to_string());
    let second = bed.serve_in(&first.place, second, &[2]).await;
    assert_eq!(second.vips, first.vips);
    bed.settled(vip).await;
    assert_eq!(bed.lab.client().get(vip, 80).await.unwrap().pod, "first-1");
}

#[tokio::test]
async fn only_the_interface_that_the_pool_names_answers() {
    let mut bed = bed().await;
    let second = bed.lab.node(2).add_interface(Segment::MAIN).unwrap();
    assert_eq!(second.name, "eth1");
    let spec = json!({
        "addresses": [format!("{0}-{0}", vip4(80))],
        "autoAssign": false,
        "announce": { "interfaces": ["eth1"] },
    });
    bed.add_pool("second", spec).await;
    let wanted = web("second").annotation("roadstead.dev/address-pool", "second");
    let served = bed.serve(wanted, &[1]).await;
    assert_eq!(bed.settled_at(served.vips[0]).await, second.mac);
    let message = bed.until_said(&served, "Announced").await;
    assert!(message.contains("node-2 on eth1"), "{message}");

    // Where a node has two interfaces on a segment and may use both, one of them answers all the same.
    for name in ["any-1", "any-2", "any-3"] {
        let any = bed.serve(web(name), &[1]).await;
        bed.settled(any.vips[0]).await;
    }
}

#[tokio::test]
async fn only_nodes_that_the_pool_selects_answer() {
    let mut bed = bed().await;
    bed.label("node-1", "rack", Some("a")).await;
    let spec = json!({
        "addresses": [format!("{0}-{0}", vip4(81))],
        "autoAssign": false,
        "announce": { "nodeSelector": { "matchLabels": { "rack": "a" } } },
    });
    bed.add_pool("rack-a", spec).await;
    let wanted = web("chosen").annotation("roadstead.dev/address-pool", "rack-a");
    let served = bed.serve(wanted, &[2]).await;
    let vip = served.vips[0];
    assert_eq!(bed.settled(vip).await, 1);

    // The label moves, and so does the address.
    bed.label("node-3", "rack", Some("a")).await;
    bed.label("node-1", "rack", None).await;
    bed.until_named(&served, 3).await;
    assert_eq!(bed.settled(vip).await, 3);
    bed.label("node-3", "rack", None).await;
    let message = bed.until_said(&served, "NotAnnounced").await;
    assert!(message.contains("nodeSelector"), "{message}");
    bed.silent(vip).await;
}

#[tokio::test]
async fn a_node_on_another_segment_is_never_chosen() {
    let mut bed = bed().await;
    let served = bed.serve(web("far").local_traffic(), &[FAR]).await;
    let message = bed.until_said(&served, "NotAnnounced").await;
    assert!(message.contains("nobody announces"), "{message}");
    bed.silent(served.vips[0]).await;

    // With a pod on the client's segment it is announced there.
    bed.lab.add_pod(&served.service, "near", 2).await.unwrap();
    assert_eq!(bed.settled(served.vips[0]).await, 2);
    bed.until_said(&served, "Announced").await;
}
