//! Does an address stay where it is unless there is a cause, and move without harm where there is one?

use std::time::Duration;

use roadstead_testbed::{Signal, lab::Mac, poll_until};
use serde_json::Value;

use crate::bed::{Bed, DEADLINE, FAR, NEAR, Served, bed, dual, web};

/// So many Services that every node announces one at least, whatever their addresses.
const MANY: usize = 8;
/// How long an address may be answered for whose Service is gone.
const WITHIN: Duration = Duration::from_secs(1);
/// Who says nothing for so long, asked a thousand times a second, has said the last word.
const QUIET: Duration = Duration::from_secs(2);

/// Their pods are on node `pods`.
async fn many(bed: &mut Bed, pods: u8) -> Vec<Served> {
    let mut all = Vec::new();
    for n in 0..MANY {
        all.push(bed.serve(web(&format!("web-{n}")), &[pods]).await);
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
    let all = many(&mut bed, 2).await;
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
    bed.exclude(holder, true).await;
    bed.moved(vip, holder).await;
    bed.exclude(holder, false).await;
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
async fn nobody_answers_a_second_after_a_service_is_gone() {
    let mut bed = bed().await;
    let served = bed.serve(dual("gone"), &[2]).await;
    let holder = bed.settled(served.vips[0]).await;
    let mut watches = Vec::new();
    for vip in &served.vips {
        let watch = bed.lab.watch_arp(*vip).unwrap();
        poll_until("an answer", DEADLINE, async || watch.last())
            .await
            .unwrap();
        watches.push(watch);
    }
    let kept_waiting = |bed: &Bed| {
        let announcer = bed.fleet.announcer(holder).unwrap().process();
        let api_server = bed.lab.control_plane().process().unwrap();
        announcer.cpu_wait().unwrap() + api_server.cpu_wait().unwrap()
    };
    let before = kept_waiting(&bed);
    let gone = bed.delete(&served).await;
    for (vip, watch) in served.vips.iter().zip(watches) {
        let quiet = poll_until("a silence", DEADLINE, async || {
            let (last, _) = watch.last()?;
            (last.elapsed() > QUIET).then_some(last)
        });
        let last = quiet
            .await
            .unwrap_or_else(|error| panic!("{vip}: {error:#}\n{}", bed.logs()));
        // A machine that is busy with something else is not the announcer's fault: what it and the API server waited for a
        // processor is on top.
        let allowed = WITHIN + kept_waiting(&bed).saturating_sub(before);
        let answered_for = last.saturating_duration_since(gone);
        assert!(
            answered_for <= allowed,
            "{vip}: answered for {answered_for:?}, at most {allowed:?} are allowed\n{}",
            bed.logs()
        );
        watch.stop().await.unwrap();
        bed.silent(*vip).await;
    }
}

#[tokio::test]
async fn a_node_that_was_never_there_moves_nothing_and_takes_over_when_the_others_are_gone() {
    let mut bed = bed().await;
    let all = many(&mut bed, FAR).await;
    let before = holders(&bed, &all).await;
    let mut kept = Vec::new();
    for served in &all {
        let client = bed.lab.client();
        let mut connection = client.connect_kept(served.vips[0], 80).await.unwrap();
        connection.ask().await.unwrap();
        kept.push(connection);
    }
    let new = bed.grow().await;
    let name = bed.lab.node(new).name();
    for number in NEAR {
        let (announcer, node) = (bed.fleet.announcer(number).unwrap(), bed.lab.node(number));
        let known = poll_until("the newcomer to be known", DEADLINE, async || {
            let view = announcer.view(node).ok()?;
            let mut peers = view["engine"]["interfaces"][0]["peers"].as_array()?.iter();
            let ready = |peer: &Value| peer["node"] == name && peer["standing"] == "ready";
            peers.any(ready).then_some(())
        });
        known.await.unwrap();
    }
    let after = holders(&bed, &all).await;
    assert_eq!(after, before, "a newcomer moves nothing\n{}", bed.logs());
    for mut connection in kept {
        connection.ask().await.unwrap();
    }

    let [drained, ended, dark] = NEAR;
    bed.exclude(drained, true).await;
    let announcer = bed.fleet.take(ended).unwrap();
    announcer.signal(Signal::Term).unwrap();
    announcer.wait(DEADLINE).await.unwrap();
    bed.power_off(dark);
    for served in &all {
        let vip = served.vips[0];
        let taken = poll_until("the newcomer", DEADLINE, async || {
            (bed.settled(vip).await == new).then_some(())
        });
        taken
            .await
            .unwrap_or_else(|error| panic!("{vip}: {error:#}\n{}", bed.logs()));
        bed.until_named(served, new).await;
    }
}
