//! What becomes of addresses while no node hears from the API server, and when it is back?

use std::time::{Duration, Instant};

use roadstead_testbed::{Lab, Signal, poll_until};

use crate::bed::{Bed, FAR, NEAR, Served, bed, dual, web};

/// How a node fails meanwhile.
#[derive(Clone, Copy, Debug)]
enum Failure {
    /// Its announcer is killed, and another one started, which knows nothing of the cluster.
    Killed,
    /// Its power goes.
    Dark,
}

/// Longer than what counts seconds while nobody can be asked: a kube-proxy that would fall silent is believed to be gone after
/// 30 of them, a write is given up after 15, and what failed five times at once, as watches do, waits for 25 at least. Only a
/// watch that hears nothing waits longer, for two minutes, and then does what one does that is refused.
const REFUSED_FOR: Duration = Duration::from_secs(36);
/// Where nobody is refused, connections are given up after 5 seconds and writes after 15.
const SILENT_FOR: Duration = Duration::from_secs(20);
/// Watches, ours and kube-proxy's, ask again within a minute.
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn without_an_api_server_everything_goes_on_and_failures_are_survived() {
    let mut bed = bed().await;
    let served = bed.serve(dual("alone"), &[1, 2, 3]).await;
    let vip = served.vips[0];
    let before = bed.settled(vip).await;
    bed.without_api(Lab::api_down);
    bed.fleet
        .announcer(before)
        .unwrap()
        .signal(Signal::Kill)
        .unwrap();
    let after = bed.moved(vip, before).await;
    bed.lab.api_up();
    bed.until_named(&served, after).await;
}

#[tokio::test]
async fn an_api_server_that_refuses_for_long_is_not_missed_and_then_followed() {
    let mut bed = bed().await;
    let told = goes_on(&mut bed, Lab::api_down, REFUSED_FOR, Failure::Killed).await;
    assert_eq!(told, 1, "however many writes were refused\n{}", bed.logs());
}

#[tokio::test]
async fn an_api_server_that_is_silent_for_long_is_not_missed_and_then_followed() {
    let mut bed = bed().await;
    let told = goes_on(&mut bed, Lab::api_silent, SILENT_FOR, Failure::Dark).await;
    // A write that was begun late enough is heard after all.
    assert!(told <= 1, "{told}\n{}", bed.logs());
}

/// Nodes are parted from the API server for so long, and the node that announces fails meanwhile; what users change in that time
/// happens when the API server is back, and nothing else does.
///
/// How many outages the node that announces at the end has told of.
async fn goes_on(bed: &mut Bed, part: fn(&Lab), long: Duration, failure: Failure) -> usize {
    // With their pods on a node that nothing happens to.
    let kept = bed.serve(dual("kept"), &[FAR]).await;
    let deleted = bed.serve(web("deleted"), &[FAR]).await;
    let holder = bed.settled(kept.vips[0]).await;
    bed.settled(deleted.vips[0]).await;
    let mut others = NEAR.into_iter().filter(|number| *number != holder);
    let (from, to) = (others.next().unwrap(), others.next().unwrap());
    let moving = bed.serve(web("moving").local_traffic(), &[from]).await;
    assert_eq!(bed.settled(moving.vips[0]).await, from);

    let told: Vec<_> = (0..=FAR).map(|number| outages_told(bed, number)).collect();
    bed.without_api(part);
    let since = Instant::now();
    bed.delete(&deleted).await;
    let new = bed.serve_in(&kept.place, web("new"), &[FAR]).await;
    let (service, place) = (&moving.service, &moving.place);
    bed.lab.add_pod(service, "moved", to).await.unwrap();
    let old = format!("moving-{from}");
    bed.lab.remove_pod(place, &old).await.unwrap();
    stays(bed, &kept, holder, since + long / 3).await;
    bed.settled(deleted.vips[0]).await;
    fail(bed, failure, holder);
    let after = bed.moved(kept.vips[0], holder).await;
    stays(bed, &kept, after, since + long).await;

    let watches: Vec<_> = kept
        .vips
        .iter()
        .map(|vip| bed.lab.watch_arp(*vip).unwrap())
        .collect();
    bed.lab.api_up();
    let client = bed.lab.client();
    let reached = client.get_until(new.vips[0], 80, PATIENCE).await;
    assert_eq!(reached.map(|answer| answer.pod).unwrap(), "new-4");
    bed.settled(new.vips[0]).await;
    let reached = client.get_until(moving.vips[0], 80, PATIENCE).await;
    assert_eq!(reached.map(|answer| answer.pod).unwrap(), "moved");
    assert_eq!(bed.settled(moving.vips[0]).await, to);
    let silent = poll_until("nobody to answer", PATIENCE, async || {
        let answers = bed.lab.arp_answers(deleted.vips[0], 1).await.ok()?;
        answers.none().then_some(())
    });
    silent.await.unwrap();
    bed.silent(deleted.vips[0]).await;
    bed.until_named(&kept, after).await;
    let over = poll_until("the end of the outage in the log", PATIENCE, async || {
        let [begun, over] = outages_told(bed, after);
        (begun == over).then_some(begun)
    });
    let told = over.await.unwrap() - told[usize::from(after)][0];
    if let Ok(announcer) = bed.fleet.announcer(holder) {
        let node = bed.lab.node(holder);
        announcer.ready(node, PATIENCE).await.unwrap();
    }
    for (vip, watch) in kept.vips.iter().zip(watches) {
        let answered = watch.stop().await.unwrap().everybody();
        let only = bed.lab.node(after).mac();
        assert_eq!(answered, [only], "{vip} does not move\n{}", bed.logs());
    }
    told
}

/// How often an announcer's log says that its writes are not heard, and that they are again.
fn outages_told(bed: &Bed, number: u8) -> [usize; 2] {
    let announcer = bed.fleet.announcer(number);
    let log = announcer.map(|announcer| announcer.process().log());
    let log = log.unwrap_or_default();
    [
        "the API server does not hear what is said of Services",
        "the API server hears what is said of Services again",
    ]
    .map(|line| log.matches(line).count())
}

/// Until that moment a client is answered, every time by way of this node.
async fn stays(bed: &Bed, served: &Served, holder: u8, until: Instant) {
    while Instant::now() < until {
        for vip in &served.vips {
            assert_eq!(bed.settled(*vip).await, holder, "{vip}\n{}", bed.logs());
        }
    }
}

fn fail(bed: &mut Bed, failure: Failure, number: u8) {
    match failure {
        Failure::Killed => {
            let announcer = bed.fleet.take(number).unwrap();
            announcer.signal(Signal::Kill).unwrap();
            bed.fleet.begin(&bed.lab, number).unwrap();
        }
        Failure::Dark => {
            bed.power_off(number);
            drop(bed.fleet.take(number));
        }
    }
}
