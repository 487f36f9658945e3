//! How long from a Service's creation to its address? Next to the floor: the same API calls made directly, in the same run.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use roadstead_testbed::{
    figures::{Distribution, Report},
    service,
};
use serde_json::json;

use crate::cluster::{Addressed, CLASS, Cluster};

/// How many of the floor's requests are under way: as many as the controller's.
const PARALLEL: usize = 32;

/// One Service after another, Roadstead's and the floor's in turn.
pub(crate) async fn one_by_one(binary: &Path, count: usize, report: &mut Report) -> Result<()> {
    report.section(
        "latency",
        "create → address, one by one, 3 nodes; floor: create, finalizer, status directly",
    );
    let cluster = Cluster::start(3, false).await?;
    let controller = cluster.ready_controller(binary, &[]).await?;
    let services = cluster.services();
    let mut addressed = Addressed::watch(services.clone()).await?;
    let (mut ours, mut direct, mut watched) = (Vec::new(), Vec::new(), Vec::new());
    // The first ones warm up connections and caches of both.
    let warm_up = 20;
    for n in 0..count + warm_up {
        let name = format!("one-{n}");
        let start = Instant::now();
        services
            .create(
                &PostParams::default(),
                &service(&name).class(CLASS).port(80).build(),
            )
            .await?;
        let took = addressed.of(&name).await? - start;
        let name = format!("floor-{n}");
        let start = Instant::now();
        let wanted = service(&name).class("floor.test/none").port(80).build();
        let created = services.create(&PostParams::default(), &wanted).await?;
        by_hand(&services, &created, n).await?;
        let returned = start.elapsed();
        let seen = addressed.of(&name).await? - start;
        if n >= warm_up {
            ours.push(took);
            direct.push(returned);
            watched.push(seen);
        }
    }
    controller.term()?;
    let [ours, direct, watched] = [ours, direct, watched].map(Distribution::from_iter);
    for (share, name, goal) in [(0.5, "p50", 1.3), (0.99, "p99", 2.0)] {
        let (ours, floor, seen) = (
            ours.quantile(share),
            direct.quantile(share),
            watched.quantile(share),
        );
        report.figure(&format!("roadstead, {name}"), ours, "ms", None);
        report.figure(
            &format!("floor, {name}, until its last answer"),
            floor,
            "ms",
            None,
        );
        report.figure(
            &format!("floor, {name}, until a watch shows it"),
            seen,
            "ms",
            None,
        );
        report.figure(
            &format!("roadstead / floor (last answer), {name}"),
            ours / floor,
            "×",
            Some(goal),
        );
    }
    Ok(())
}

/// Many at once: waiting when the controller starts, and while it runs.
pub(crate) async fn bursts(binary: &Path, count: usize, report: &mut Report) -> Result<()> {
    report.section("burst", "Services at once, 100 nodes");
    let cluster = Cluster::start(100, false).await?;
    let services = cluster.services();

    cluster
        .create((0..count).map(|n| format!("floor-{n}")), "floor.test/none")
        .await?;
    let listed = services.list(&kube::api::ListParams::default()).await?;
    let start = Instant::now();
    let all = listed
        .items
        .iter()
        .filter(|service| service.metadata.name.as_deref() != Some("kubernetes"));
    stream::iter(all.enumerate().map(Ok))
        .try_for_each_concurrent(PARALLEL, |(n, service)| by_hand(&services, service, n))
        .await?;
    let floor = start.elapsed();
    report.figure(
        &format!("floor: {count} × finalizer and status"),
        floor.as_secs_f64(),
        "s",
        None,
    );
    without_finalizers(&services).await?;
    cluster.delete_all().await?;
    cluster.emptied().await?;

    cluster
        .create((0..count).map(|n| format!("wait-{n}")), CLASS)
        .await?;
    let mut addressed = Addressed::watch(services.clone()).await?;
    let start = Instant::now();
    let controller = cluster.controller(binary, &[])?;
    let took = addressed.all("wait-", count).await? - start;
    report.figure(
        &format!("{count} that exist when it starts (from exec)"),
        took.as_secs_f64(),
        "s",
        Some(6.0),
    );
    report.figure(
        "… / floor",
        took.as_secs_f64() / floor.as_secs_f64(),
        "×",
        None,
    );

    let start = Instant::now();
    cluster
        .create((0..count).map(|n| format!("burst-{n}")), CLASS)
        .await?;
    let created = start.elapsed();
    let took = addressed.all("burst-", count).await? - start;
    report.figure(
        &format!("{count} created while it runs: creating them"),
        created.as_secs_f64(),
        "s",
        None,
    );
    report.figure(
        &format!("{count} created while it runs: last address"),
        took.as_secs_f64(),
        "s",
        None,
    );

    let start = Instant::now();
    cluster.delete_all().await?;
    cluster.emptied().await?;
    report.figure(
        &format!("{} deleted: none left", 2 * count),
        start.elapsed().as_secs_f64(),
        "s",
        None,
    );
    controller.term()?;
    controller.wait(Duration::from_secs(30)).await?;
    Ok(())
}

/// A provider that takes 5 s, and 200 new Services at once: no one waits for another.
pub(crate) async fn slow_provider(binary: &Path, report: &mut Report) -> Result<()> {
    report.section(
        "slow",
        "200 Services at once, a provider that takes 5 s for each",
    );
    let cluster = Cluster::start(3, false).await?;
    let controller = cluster
        .ready_controller(binary, &["--mock-latency", "5s"])
        .await?;
    let mut addressed = Addressed::watch(cluster.services()).await?;
    let start = Instant::now();
    cluster
        .create((0..200).map(|n| format!("slow-{n}")), CLASS)
        .await?;
    let took = addressed.all("slow-", 200).await? - start;
    report.figure("last address", took.as_secs_f64(), "s", Some(8.0));
    controller.kill()?;
    Ok(())
}

/// What the controller writes, written directly.
async fn by_hand(services: &Api<Service>, service: &Service, n: usize) -> Result<()> {
    let name = service
        .metadata
        .name
        .as_deref()
        .context("a Service without a name")?;
    let finalizer = json!({ "metadata": {
        "resourceVersion": service.metadata.resource_version,
        "finalizers": ["mock.roadstead.dev/load-balancer"],
    }});
    services
        .patch(name, &PatchParams::default(), &Patch::Merge(finalizer))
        .await?;
    let now = jiff::Timestamp::now().to_string();
    let condition = |type_: &str, message: &str| json!({ "type": type_, "status": "True", "reason": "Programmed", "message": message, "lastTransitionTime": now });
    let address = format!("10.80.{}.{}", n / 250 % 250, 1 + n % 250);
    let status = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": name, "uid": service.metadata.uid },
        "status": {
            "loadBalancer": { "ingress": [{ "ip": address }] },
            "conditions": [
                condition("roadstead.dev/Accepted", "taken by the mock provider"),
                condition("roadstead.dev/Programmed", &format!("serving at {address}")),
                condition("roadstead.dev/Healthy", "3/3 healthy"),
            ],
        },
    });
    services
        .patch_status(
            name,
            &PatchParams::apply("floor").force(),
            &Patch::Apply(status),
        )
        .await?;
    Ok(())
}

async fn without_finalizers(services: &Api<Service>) -> Result<()> {
    let listed = services
        .list_metadata(&kube::api::ListParams::default())
        .await?;
    let names = listed
        .items
        .into_iter()
        .filter_map(|service| service.metadata.name);
    stream::iter(names)
        .for_each_concurrent(PARALLEL, |name| async move {
            let none = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
            let _ = services.patch(&name, &PatchParams::default(), &none).await;
        })
        .await;
    Ok(())
}
