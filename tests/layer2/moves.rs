//! Does an address stay where it is unless there is a cause, and move without harm where there is one?

use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use roadstead_testbed::{Signal, lab::Mac, poll_until};
use serde_json::json;

use crate::bed::{Bed, DEADLINE, NEAR, Served, bed, dual, web};

/// So many Services that every node announces one at least, whatever their addresses.
const MANY: usize = 8;

async fn many(bed: &mut Bed) -> Vec<Served> {
    let mut all = Vec::new();
    for n in 0..MANY {
        all.push(bed.serve(web(&format!("web-{n}")), &[2]).await);
    }
    all
}

async fn holders(bed: &Bed, all: &[Served]) -> Vec<u8> {
    let mut holders = Vec::new();
    for served in all {
        holders.push(bed.settled(served.vips[0]).await);
    }
    holders
}

/// Ends the announcer of a node in order, and starts another.
async fn restart(bed: &mut Bed, number: u8) {
    let announcer = bed.fleet.take(number).unwrap();
    announcer.signal(Signal::Term).unwrap();
    let status = announcer.wait(DEADLINE).await.unwrap();
    assert!(
        status.success(),
        "{status}: {}",
        announcer.process().log_tail()
    );
    bed.announce(number).await;
}

#[tokio::test]
async fn an_announcer_that_ends_in_order_hands_over_and_one_that_comes_back_moves_nothing() {
    let mut bed = bed().await;
    let served = bed.serve(dual("web"), &[1]).await;
    let (first, second) = (served.vips[0], served.vips[1]);
    let holder = bed.settled(first).await;
    assert_eq!(
        bed.settled(second).await,
        holder,
        "both families are on one node"
    );

    let announcer = bed.fleet.take(holder).unwrap();
    announcer.signal(Signal::Term).unwrap();
    let status = announcer.wait(DEADLINE).await.unwrap();
    assert!(status.success(), "{status}");
    let next = bed.settled(first).await;
    assert_ne!(next, holder);
    assert_eq!(bed.settled(second).await, next);
    bed.until_named(&served, next).await;

    bed.announce(holder).await;
    assert_eq!(
        bed.settled(first).await,
        next,
        "a node that comes back moves nothing"
    );
}

#[tokio::test]
async fn restarting_one_announcer_after_another_breaks_no_connection_through_other_addresses() {
    let mut bed = bed().await;
    let all = many(&mut bed).await;
    for number in NEAR {
        let before = holders(&bed, &all).await;
        let mut kept = Vec::new();
        for (served, holder) in all.iter().zip(&before) {
            if *holder != number {
                let mut connection = bed
                    .lab
                    .client()
                    .connect_kept(served.vips[0], 80)
                    .await
                    .unwrap();
                connection.ask().await.unwrap();
                kept.push((connection, *holder, served.vips[0]));
            }
        }
        assert!(!kept.is_empty());
        restart(&mut bed, number).await;
        for (mut connection, holder, vip) in kept {
            connection.ask().await.unwrap();
            assert_eq!(bed.settled(vip).await, holder, "only what it held moves");
        }
    }
}

#[tokio::test]
async fn with_local_the_address_follows_the_pods() {
    let mut bed = bed().await;
    let served = bed.serve(web("follow").local_traffic(), &[1]).await;
    let vip = served.vips[0];
    assert_eq!(bed.settled(vip).await, 1);
    bed.lab.add_pod(&served.service, "next", 3).await.unwrap();
    assert_eq!(bed.settled(vip).await, 1, "a second pod moves nothing");
    bed.lab.remove_pod(&served.place, "follow-1").await.unwrap();
    assert_eq!(bed.settled(vip).await, 3);
    bed.lab.remove_pod(&served.place, "next").await.unwrap();
    bed.until_said(&served, "NotAnnounced").await;
    bed.silent(vip).await;
}

#[tokio::test]
async fn a_node_that_is_excluded_hands_over() {
    let mut bed = bed().await;
    let served = bed.serve(web("excluded"), &[1]).await;
    let vip = served.vips[0];
    let holder = bed.settled(vip).await;
    let nodes: Api<Node> = Api::all(bed.lab.control_plane().client().await.unwrap());
    let label = |value: serde_json::Value| json!({ "metadata": { "labels": { "node.kubernetes.io/exclude-from-external-load-balancers": value } } });
    let (name, params) = (format!("node-{holder}"), PatchParams::default());
    nodes
        .patch(&name, &params, &Patch::Merge(label("".into())))
        .await
        .unwrap();
    let moved = poll_until("another node", DEADLINE, async || {
        (bed.settled(vip).await != holder).then_some(())
    });
    moved.await.unwrap();
    nodes
        .patch(
            &name,
            &params,
            &Patch::Merge(label(serde_json::Value::Null)),
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn a_new_hardware_address_is_followed() {
    let mut bed = bed().await;
    let served = bed.serve(dual("mac"), &[2]).await;
    let holder = bed.settled(served.vips[0]).await;
    let mac = Mac([0x02, 0x77, 0, 0, 0, holder]);
    bed.lab.node(holder).set_mac("eth0", mac).unwrap();
    for vip in &served.vips {
        let followed = poll_until("the new address", DEADLINE, async || {
            (bed.settled_at(*vip).await == mac).then_some(())
        });
        followed.await.unwrap();
    }
}

#[tokio::test]
async fn nobody_answers_for_a_service_that_is_gone() {
    let mut bed = bed().await;
    let served = bed.serve(dual("gone"), &[2]).await;
    bed.settled(served.vips[0]).await;
    let services: Api<k8s_openapi::api::core::v1::Service> = Api::namespaced(
        bed.lab.control_plane().client().await.unwrap(),
        &served.place,
    );
    services
        .delete(&served.name, &DeleteParams::default())
        .await
        .unwrap();
    for vip in &served.vips {
        bed.silent(*vip).await;
    }
}
