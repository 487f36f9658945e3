//! What do thousands of addresses cost, and how fast do they move together?

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use roadstead_testbed::{
    Lab, Process, Signal, addresses,
    figures::Report,
    lab::{Fleet, Overheard},
    poll_until, service,
};
use serde_json::Value;

use crate::outages::{ARP, millis, number};

/// An API server on two cores takes minutes for ten thousand.
const LONG: Duration = Duration::from_mins(10);
const AT_ONCE: usize = 16;
/// How long an idle announcer's processor time is counted.
const IDLE: Duration = Duration::from_secs(10);

/// Makes Services until there are `count`, without pods, and waits until all have addresses and are announced.
pub(crate) async fn grow(
    lab: &Lab,
    fleet: &Fleet,
    from: usize,
    count: usize,
) -> Result<Vec<IpAddr>> {
    let services: Api<Service> = Api::default_namespaced(lab.control_plane().client().await?);
    let make = |n: usize| {
        let services = services.clone();
        async move {
            let wanted = service(&format!("crowd-{n}"))
                .class(ARP)
                // An IPv4 segment of the lab has room for a hundred.
                .families("SingleStack", &["IPv6"])
                .port(80)
                .without_node_ports()
                .build();
            services
                .create(&PostParams::default(), &wanted)
                .await
                .context("creating a Service")
        }
    };
    stream::iter(from..count)
        .map(make)
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let vips = poll_until("all to have addresses", LONG, async || {
        let all = services.list(&ListParams::default()).await.ok()?;
        let vips: Vec<IpAddr> = all
            .iter()
            .flat_map(addresses)
            .filter_map(|it| it.parse().ok())
            .collect();
        (vips.len() >= count).then_some(vips)
    })
    .await?;
    poll_until("all to be announced", LONG, async || {
        let mut held = 0.0;
        for (number, node) in (1u8..).zip(lab.nodes()) {
            let announcer = fleet.announcer(number).ok()?;
            held += announcer
                .metric(node, "roadstead_announcer_addresses")
                .ok()??;
        }
        #[expect(clippy::cast_precision_loss, reason = "some thousands")]
        let wanted = count as f64;
        (held >= wanted).then_some(())
    })
    .await?;
    Ok(vips)
}

/// Memory and processor time of the announcers, idle.
pub(crate) async fn footprint(
    lab: &Lab,
    fleet: &Fleet,
    vips: usize,
    report: &mut Report,
) -> Result<()> {
    let processes = processes(lab, fleet)?;
    let used = || -> Result<Duration> { processes.iter().map(|it| it.cpu_time()).sum() };
    let before = used()?;
    tokio::time::sleep(IDLE).await;
    let after = used()?;
    let megabytes = megabytes(&processes)?;
    report.figure(
        &format!("RSS of an announcer, {vips} VIPs"),
        megabytes,
        "MB",
        goal(vips),
    );
    #[expect(clippy::cast_precision_loss, reason = "a few nodes")]
    let nodes = lab.nodes().len() as f64;
    let share = (after.saturating_sub(before)).as_secs_f64() / IDLE.as_secs_f64() / nodes;
    report.figure(
        &format!("processor of an idle announcer, {vips} VIPs"),
        share * 100.0,
        "%",
        None,
    );
    Ok(())
}

fn processes<'a>(lab: &Lab, fleet: &'a Fleet) -> Result<Vec<&'a Process>> {
    let numbers = (1u8..).zip(lab.nodes());
    numbers
        .map(|(number, _)| Ok(fleet.announcer(number)?.process()))
        .collect()
}

/// How many megabytes an announcer may take with so many addresses.
fn goal(vips: usize) -> Option<f64> {
    (vips == 1_000).then_some(30.0)
}

/// The memory of the announcer that takes most.
fn megabytes(processes: &[&Process]) -> Result<f64> {
    let mut most = 0;
    for process in processes {
        most = most.max(process.rss_bytes()?);
    }
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let megabytes = most as f64 / 1e6;
    Ok(megabytes)
}

/// Kills the announcer that holds most, and measures from the first of its addresses that another takes over to the last.
pub(crate) async fn takeover(
    lab: &Lab,
    fleet: &mut Fleet,
    vips: usize,
    report: &mut Report,
) -> Result<()> {
    let mut all = Vec::new();
    for (number, node) in (1u8..).zip(lab.nodes()) {
        all.push((number, held(&fleet.announcer(number)?.view(node)?)));
    }
    let most = all.into_iter().max_by_key(|(_, held)| held.len());
    let (victim, held) = most.context("finding a victim")?;
    let overhearing = lab.overhear()?;
    let killed = Instant::now();
    fleet.announcer(victim)?.signal(Signal::Kill)?;
    let taken = |heard: &[Overheard]| {
        let mut first = BTreeMap::new();
        for one in heard {
            let by_another = one.at > killed && number(lab, one.mac) != Some(victim);
            if by_another && held.contains(&one.ip) {
                first.entry(one.ip).or_insert(one.at);
            }
        }
        first
    };
    poll_until("all to be taken over", LONG, async || {
        (taken(&overhearing.so_far()).len() == held.len()).then_some(())
    })
    .await?;
    let taken = taken(&overhearing.stop().await?);
    let (first, last) = (taken.values().min(), taken.values().max());
    let (first, last) = first.zip(last).context("hearing a takeover")?;
    let what = format!("{} of {vips} VIPs taken over, last after first", held.len());
    report.figure(&what, millis(*last - *first), "ms", Some(100.0));
    fleet.fill(lab)?;
    fleet.ready(lab, Duration::from_mins(1)).await?;
    report.figure(
        &format!("RSS of an announcer, {vips} VIPs, one of them started anew"),
        megabytes(&processes(lab, fleet)?)?,
        "MB",
        goal(vips),
    );
    Ok(())
}

/// The addresses that an announcer answers for, by its own view.
fn held(view: &Value) -> BTreeSet<IpAddr> {
    let all = |value: &Value, name: &str| value.get(name).and_then(Value::as_array).cloned();
    let interfaces = view.get("engine").and_then(|it| all(it, "interfaces"));
    let addresses = interfaces
        .into_iter()
        .flatten()
        .filter_map(|interface| all(&interface, "addresses"));
    addresses
        .flatten()
        .filter(|address| address.get("stance").is_some_and(|it| it == "holding"))
        .filter_map(|address| address.get("address")?.as_str()?.parse().ok())
        .collect()
}
