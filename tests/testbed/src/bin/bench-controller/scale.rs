//! What does the controller take, with how many Services? Memory, processor time, and the time to be ready after a start.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;
use roadstead_testbed::{Roadstead, figures::Report, poll_until};

use crate::cluster::{Addressed, CLASS, Cluster};

/// How long the idle controller is watched.
const WATCHED: Duration = Duration::from_secs(20);

/// At 0, a tenth, and `most` Services with 1,000 nodes; then a restart with all of them.
pub(crate) async fn footprint(binary: &Path, most: usize, report: &mut Report) -> Result<()> {
    report.section(
        "scale",
        "1,000 nodes; memory is the resident set, CPU the share of one core over 20 idle seconds",
    );
    let cluster = Cluster::start(1_000, false).await?;
    let controller = cluster.ready_controller(binary, &[]).await?;
    let mut addressed = Addressed::watch(cluster.services()).await?;
    idle(&controller, "0 Services", None, report).await?;

    let first = most / 10;
    let start = Instant::now();
    cluster
        .create((0..first).map(|n| format!("many-{n}")), CLASS)
        .await?;
    addressed.all("many-", first).await?;
    report.figure(
        &format!("{first} Services created and addressed"),
        start.elapsed().as_secs_f64(),
        "s",
        None,
    );
    idle(&controller, &format!("{first} Services"), None, report).await?;

    let start = Instant::now();
    cluster
        .create((first..most).map(|n| format!("many-{n}")), CLASS)
        .await?;
    addressed.all("many-", most).await?;
    report.figure(
        &format!("{} more created and addressed", most - first),
        start.elapsed().as_secs_f64(),
        "s",
        None,
    );
    idle(
        &controller,
        &format!("{most} Services"),
        Some(150.0),
        report,
    )
    .await?;
    controller.term()?;
    controller.wait(Duration::from_secs(30)).await?;

    let start = Instant::now();
    let controller = cluster.ready_controller(binary, &[]).await?;
    report.figure(
        &format!("start to ready with {most} Services"),
        start.elapsed().as_secs_f64(),
        "s",
        None,
    );
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let all = most as f64;
    poll_until(
        "every Service looked at",
        Duration::from_mins(2),
        async || {
            let ready = controller
                .metric("roadstead_reconciles_total{outcome=\"ready\"}")
                .await
                .ok()??;
            (ready >= all).then_some(())
        },
    )
    .await?;
    report.figure(
        &format!("start to every one of {most} looked at"),
        start.elapsed().as_secs_f64(),
        "s",
        None,
    );
    let mut writes = 0.0;
    for verb in ["patch", "create"] {
        let series = format!("roadstead_api_requests_total{{verb=\"{verb}\"}}");
        writes += controller.metric(&series).await?.unwrap_or_default();
    }
    let lease = controller
        .metric("roadstead_api_requests_total{verb=\"create\",resource=\"leases\"}")
        .await?;
    report.figure(
        "writes over that restart, the Lease aside",
        writes - lease.unwrap_or_default(),
        "",
        Some(0.0),
    );
    idle(
        &controller,
        &format!("{most} Services, after a restart"),
        Some(150.0),
        report,
    )
    .await
}

async fn idle(
    controller: &Roadstead,
    what: &str,
    goal: Option<f64>,
    report: &mut Report,
) -> Result<()> {
    let (before, start) = (controller.process().cpu_time()?, Instant::now());
    tokio::time::sleep(WATCHED).await;
    let share = controller
        .process()
        .cpu_time()?
        .saturating_sub(before)
        .as_secs_f64()
        / start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let megabytes = controller.process().rss_bytes()? as f64 / 1e6;
    report.figure(&format!("{what}: memory"), megabytes, "MB", goal);
    report.figure(&format!("{what}: CPU"), share * 100.0, "%", None);
    Ok(())
}
