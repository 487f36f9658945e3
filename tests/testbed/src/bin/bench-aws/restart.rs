//! Does a new Service wait because the controller was just started? With AWS's limits as they are, and calls that take their
//! time.

use std::time::{Duration, Instant};

use anyhow::Result;
use roadstead_testbed::{fault_proxy, figures::Distribution};

use crate::{
    stage::{self, Bench, Limits, PATIENCE, Stage, by_action, figure, names, strs},
    table::{Row, Table},
};

const SERVICES: usize = 50;

/// How long a call takes: about what AWS takes for one that changes something.
const LATENCY: Duration = Duration::from_millis(100);

/// So many Services are timed in an idle controller.
const TIMED: usize = 3;

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    let names = names("there", SERVICES);
    stage.create(strs(&names), &[80]).await?;
    stage.seen.health(strs(&names), PATIENCE).await?;
    stage.quiet_since(stage.proxy.mark()).await?;
    stage::end(controller).await?;

    stage.proxy.set_latency(LATENCY);
    stage.proxy.limit(Some(fault_proxy::Limits::documented()));
    let mark = stage.proxy.mark();
    let controller = stage.controller(Limits::Faster(1.0), &[]).await?;
    let looking = |call: &fault_proxy::Call| call.is("DescribeListeners");
    stage
        .proxy
        .wait_for_since(mark, "the look at what exists", looking)
        .await?;
    let meanwhile = address(&stage, "meanwhile").await?;
    let then = stage.proxy.since(mark).len();
    stage
        .reconciled(&controller, "ready", figure(SERVICES + 1))
        .await?;
    let calls = stage.quiet_since(mark).await?;

    let mut idle = Vec::new();
    for n in 0..TIMED {
        // As many tokens as at the first one's time, and no more.
        tokio::time::sleep(Duration::from_secs(6)).await;
        idle.push(address(&stage, &format!("idle-{n}")).await?);
    }
    let median = Distribution::from_iter(idle).quantile(0.5);
    let meanwhile = meanwhile.as_secs_f64() * 1e3;
    let row = Row::at_most(
        "create → address during that restart ÷ in an idle controller",
        meanwhile / median,
        "×",
        1.25,
    );
    table.add(row.note(format!(
        "{meanwhile:.0} ms ÷ {median:.0} ms; calls of 100 ms, AWS's own limits; {then} of {} calls were made when it had its \
         address: {}",
        calls.len(),
        by_action(&calls)
    )));
    stage::end(controller).await
}

async fn address(stage: &Stage<'_>, name: &str) -> Result<Duration> {
    let start = Instant::now();
    stage.create([name], &[80]).await?;
    Ok(stage.seen.address(name, PATIENCE).await? - start)
}
