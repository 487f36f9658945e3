//! Does another node take over when one fails, and only then?

use std::time::Duration;

use roadstead_testbed::{Signal, poll_until};

use crate::bed::{DEADLINE, NEAR, bed, dual, web};

/// More than a kube-proxy may be silent, and the looks after that.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn when_the_power_fails_another_node_takes_over_and_keeps_it() {
    let mut bed = bed().await;
    let served = bed.serve(dual("power"), &[1, 2, 3]).await;
    let before = bed.settled(served.vips[0]).await;
    bed.power_off(before);
    let after = bed.moved(served.vips[0], before).await;
    assert_eq!(bed.settled(served.vips[1]).await, after);
    bed.power_on(before).await;
    assert_eq!(
        bed.settled(served.vips[0]).await,
        after,
        "power that comes back moves nothing"
    );
}

#[tokio::test]
async fn when_an_announcer_is_killed_another_takes_over() {
    let mut bed = bed().await;
    let served = bed.serve(dual("killed"), &[2]).await;
    let before = bed.settled(served.vips[0]).await;
    bed.fleet
        .announcer(before)
        .unwrap()
        .signal(Signal::Kill)
        .unwrap();
    bed.moved(served.vips[0], before).await;
}

#[tokio::test]
async fn an_announcer_that_was_stopped_lets_go_before_it_answers_again() {
    let mut bed = bed().await;
    let served = bed.serve(web("stopped"), &[2]).await;
    let vip = served.vips[0];
    let before = bed.settled(vip).await;
    bed.fleet
        .announcer(before)
        .unwrap()
        .signal(Signal::Stop)
        .unwrap();
    let after = bed.moved(vip, before).await;
    bed.fleet
        .announcer(before)
        .unwrap()
        .signal(Signal::Cont)
        .unwrap();
    assert_eq!(bed.settled(vip).await, after);
    let announcer = bed.fleet.announcer(before).unwrap();
    let log = announcer.process().log();
    assert!(
        log.contains("was not run for too long"),
        "it says that it noticed: {log}"
    );
}

#[tokio::test]
async fn a_cable_that_is_pulled_moves_the_address_once() {
    let mut bed = bed().await;
    let served = bed.serve(dual("cable"), &[1, 2, 3]).await;
    let vip = served.vips[0];
    let before = bed.settled(vip).await;
    bed.lab.node(before).link_down().unwrap();
    let after = bed.moved(vip, before).await;
    bed.lab.node(before).link_up().unwrap();
    bed.fleet.ready(&bed.lab, DEADLINE).await.unwrap();
    assert_eq!(bed.settled(vip).await, after);

    // Back on the network it is as good as any other.
    let others: Vec<u8> = NEAR
        .into_iter()
        .filter(|number| *number != before)
        .collect();
    for number in others {
        let kept = bed.fleet.take(number).unwrap();
        kept.signal(Signal::Kill).unwrap();
    }
    assert_eq!(bed.settled(vip).await, before);
}

#[tokio::test]
async fn a_partition_has_an_announcer_on_each_side_and_one_after_it_heals() {
    let mut bed = bed().await;
    let served = bed.serve(web("parted"), &[1, 2, 3]).await;
    let vip = served.vips[0];
    let before = bed.settled(vip).await;
    let others: Vec<u8> = NEAR
        .into_iter()
        .filter(|number| *number != before)
        .collect();
    // The client stays with the first group, which the holder is not in.
    bed.lab.partition(&[&others, &[before]]).unwrap();
    let near = bed.moved(vip, before).await;
    assert!(others.contains(&near));
    bed.lab.heal().unwrap();
    let after = bed.settled(vip).await;
    assert!(after == near || after == before);
    bed.until_named(&served, after).await;
}

#[tokio::test]
async fn a_node_that_is_heard_but_does_not_hear_keeps_the_address_alone() {
    let mut bed = bed().await;
    let served = bed.serve(web("deaf"), &[1, 2, 3]).await;
    let vip = served.vips[0];
    let holder = bed.settled(vip).await;
    let other = NEAR.into_iter().find(|number| *number != holder).unwrap();
    bed.lab.one_way(other, holder).unwrap();
    let now = bed.settled(vip).await;
    bed.lab.heal().unwrap();
    assert_eq!(bed.settled(vip).await, now);
}

#[tokio::test]
async fn a_kube_proxy_that_restarts_moves_nothing() {
    let mut bed = bed().await;
    let served = bed.serve(dual("restarted"), &[1, 2, 3]).await;
    let vip = served.vips[0];
    let holder = bed.settled(vip).await;
    bed.lab.node(holder).kube_proxy().restart().unwrap();
    bed.lab.node(holder).kube_proxy().ready().await.unwrap();
    assert_eq!(bed.settled(vip).await, holder);
}

#[tokio::test]
async fn a_node_whose_kube_proxy_is_away_hands_over_and_may_announce_again_when_it_is_back() {
    let mut bed = bed().await;
    let served = bed.serve(web("forward"), &[1, 2, 3]).await;
    let vip = served.vips[0];
    let before = bed.settled(vip).await;
    bed.lab.node(before).kube_proxy().stop();
    // One that restarts is not replaced: its rules stay in force for so long.
    let after = poll_until("another node", PATIENCE, async || {
        let now = bed.settled(vip).await;
        (now != before).then_some(now)
    });
    let after = after.await.unwrap();
    bed.lab.node(before).kube_proxy().start().unwrap();
    bed.lab.node(before).kube_proxy().ready().await.unwrap();
    assert_eq!(bed.settled(vip).await, after);
    for number in NEAR.into_iter().filter(|number| *number != before) {
        bed.fleet
            .take(number)
            .unwrap()
            .signal(Signal::Kill)
            .unwrap();
    }
    let back = poll_until("the node", PATIENCE, async || {
        (bed.settled(vip).await == before).then_some(())
    });
    back.await.unwrap();
}
