//! What does the controller ask of others? API requests counted by the API server's own audit log, provider calls by the
//! controller's metrics.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use roadstead_testbed::{Audit, Roadstead, figures::Report, poll_until};
use serde_json::json;

use crate::cluster::{Addressed, CLASS, Cluster};

/// How many Services each count is taken over.
const SERVICES: usize = 100;

/// Requests per new, changed and unchanged Service, by verb.
pub(crate) async fn requests(binary: &Path, report: &mut Report) -> Result<()> {
    report.section(
        "requests",
        "API requests per Service by the API server's audit log (leases aside), 3 nodes",
    );
    let cluster = Cluster::start(3, true).await?;
    let controller = cluster
        .ready_controller(binary, &["--resync", "2s"])
        .await?;
    let mut addressed = Addressed::watch(cluster.services()).await?;
    let names = || (0..SERVICES).map(|n| format!("count-{n}"));

    let since = Timestamp::now();
    cluster.create(names(), CLASS).await?;
    addressed.all("count-", SERVICES).await?;
    settled(&controller).await?;
    let writes = tell(&cluster, since, "new", report)?;
    report.figure("writes per new Service", writes, "", Some(3.0));

    let since = Timestamp::now();
    resynced(&controller, 3).await?;
    let writes = tell(&cluster, since, "unchanged, 3 resyncs", report)?;
    report.figure(
        "writes per unchanged Service, 3 resyncs",
        writes,
        "",
        Some(0.0),
    );

    let since = Timestamp::now();
    let ports = json!({ "spec": { "ports": [{ "port": 81, "protocol": "TCP" }] } });
    for name in names() {
        let patch = Patch::Merge(&ports);
        cluster
            .services()
            .patch(&name, &PatchParams::default(), &patch)
            .await?;
    }
    settled(&controller).await?;
    tell(&cluster, since, "port changed", report)?;

    controller.term()?;
    controller.wait(Duration::from_secs(20)).await?;
    let since = Timestamp::now();
    let controller = cluster
        .ready_controller(binary, &["--resync", "2s"])
        .await?;
    resynced(&controller, 1).await?;
    let writes = tell(&cluster, since, "unchanged, restart", report)?;
    report.figure(
        "writes per unchanged Service, restart",
        writes,
        "",
        Some(0.0),
    );

    let since = Timestamp::now();
    cluster.delete_all().await?;
    cluster.emptied().await?;
    settled(&controller).await?;
    tell(&cluster, since, "deleted", report)?;
    Ok(())
}

/// Provider calls when nodes come and go.
pub(crate) async fn node_changes(binary: &Path, report: &mut Report) -> Result<()> {
    report.section(
        "nodes",
        "provider calls per load balancer and node change, 50 Services, 120 nodes",
    );
    let cluster = Cluster::start(120, false).await?;
    let controller = cluster.ready_controller(binary, &[]).await?;
    let mut addressed = Addressed::watch(cluster.services()).await?;
    cluster
        .create((0..50).map(|n| format!("node-change-{n}")), CLASS)
        .await?;
    addressed.all("node-change-", 50).await?;
    settled(&controller).await?;

    let before = ensures(&controller).await?;
    cluster.add_nodes(120..121).await?;
    changed(&controller, before).await?;
    let calls = ensures(&controller).await? - before;
    report.figure("one node added", calls / 50.0, "", Some(1.0));

    let before = ensures(&controller).await?;
    let nodes: kube::Api<k8s_openapi::api::core::v1::Node> = kube::Api::all(cluster.client.clone());
    let taint = json!({ "spec": { "taints": [{ "key": "karpenter.sh/disrupted", "effect": "NoSchedule" }] } });
    for n in 0..100 {
        let patch = Patch::Merge(&taint);
        nodes
            .patch(&format!("node-{n}"), &PatchParams::default(), &patch)
            .await?;
    }
    changed(&controller, before).await?;
    let calls = ensures(&controller).await? - before;
    report.figure(
        "100 nodes drained, one after another",
        calls / 50.0,
        "",
        Some(2.0),
    );
    Ok(())
}

/// Reports every verb and resource, and returns the writes per Service.
fn tell(cluster: &Cluster, since: Timestamp, what: &str, report: &mut Report) -> Result<f64> {
    let log = cluster
        .control_plane
        .audit_log()
        .context("there is no audit log")?;
    let audit = Audit::read(log)?.since(since);
    let mut writes = 0.0;
    for ((verb, resource), count) in audit.counts_of("controller") {
        if resource == "leases" {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let each = count as f64 / SERVICES as f64;
        report.figure(&format!("{what}: {verb} {resource}"), each, "", None);
        if ["create", "update", "patch", "delete"].contains(&verb.as_str()) {
            writes += each;
        }
    }
    Ok(writes)
}

async fn ensures(controller: &Roadstead) -> Result<f64> {
    let calls = controller
        .metric("roadstead_provider_calls_total{method=\"ensure\"}")
        .await?;
    Ok(calls.unwrap_or_default())
}

/// Waits until the provider was called again, and then until it is not called any more.
async fn changed(controller: &Roadstead, before: f64) -> Result<()> {
    poll_until("a provider call", Duration::from_mins(1), async || {
        (ensures(controller).await.ok()? > before).then_some(())
    })
    .await?;
    settled(controller).await
}

/// Waits until so many resyncs of every Service have passed.
async fn resynced(controller: &Roadstead, times: u32) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let enough = ensures(controller).await? + f64::from(times) * SERVICES as f64;
    poll_until("resyncs", Duration::from_mins(2), async || {
        (ensures(controller).await.ok()? >= enough).then_some(())
    })
    .await
}

/// Waits until nothing was written for a while: longer than nodes are gathered and events wait.
async fn settled(controller: &Roadstead) -> Result<()> {
    let writes = async || {
        let mut sum = 0.0;
        for verb in ["create", "patch"] {
            let series = format!("roadstead_api_requests_total{{verb=\"{verb}\"}}");
            sum += controller
                .metric(&series)
                .await
                .ok()
                .flatten()
                .unwrap_or_default();
        }
        sum
    };
    let mut last = (writes().await, std::time::Instant::now());
    poll_until("quiet", Duration::from_mins(2), async || {
        let now = writes().await;
        if (now - last.0).abs() > f64::EPSILON {
            last = (now, std::time::Instant::now());
        }
        (last.1.elapsed() > Duration::from_secs(7)).then_some(())
    })
    .await
}
