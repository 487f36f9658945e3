//! How long from a Service's creation to its address, one Service after another? Next to the calls that this takes, made directly in
//! turn and through the same proxy.

use std::time::{Duration, Instant};

use anyhow::Result;
use roadstead_testbed::figures::Distribution;

use crate::{
    direct,
    replay::Recorded,
    stage::{self, Bench, Limits, PATIENCE, Stage},
    table::{Row, Table},
};

/// Services that are timed, and those before that warm up connections and caches of all.
const TIMED: usize = 40;
const WARM_UP: usize = 10;

/// By so much each call is slowed for a second figure: the four calls without security groups then take about the 16 ms that they
/// took in the set-up in which the other controllers were measured. This LocalStack answers within 2 ms, which no AWS does.
const SLOWED: Duration = Duration::from_millis(2);

/// Medians, in milliseconds.
struct Times {
    /// From a Service's creation to its address.
    ours: f64,
    /// The calls that this takes, made directly.
    same: f64,
    /// The least that a load balancer without security groups takes.
    least: f64,
}

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    // What all Services of a cluster share is made with its first one.
    stage.create(["first"], &[80]).await?;
    stage.seen.health(["first"], PATIENCE).await?;
    stage.quiet_since(stage.proxy.mark()).await?;
    let mark = stage.proxy.mark();
    stage.create(["recorded"], &[80]).await?;
    stage.seen.address("recorded", PATIENCE).await?;
    let recorded = Recorded::of(&stage.proxy.since(mark))?;

    timed(&stage, &recorded, "warm", WARM_UP).await?;
    let fast = timed(&stage, &recorded, "fast", TIMED).await?;
    stage.proxy.set_latency(SLOWED);
    let slow = timed(&stage, &recorded, "slow", TIMED).await?;
    let row = Row::at_most(
        "create → address one by one ÷ the same calls made directly",
        fast.ours / fast.same,
        "×",
        2.5,
    );
    table.add(row.note(format!(
        "medians of {TIMED}: {:.1} ms ÷ {:.1} ms; each call slowed by 2 ms: {:.1} ms ÷ {:.1} ms, {:.2}×; {} calls: {}",
        fast.ours,
        fast.same,
        slow.ours,
        slow.same,
        slow.ours / slow.same,
        recorded.len(),
        recorded.told(),
    )));
    let row = Row::without_goal(
        "create → address one by one ÷ four calls, without security groups",
        slow.ours / slow.least,
        "×",
    );
    // Those of the others were taken with these four.
    table.add(row.peers("11×", "5×").note(format!(
        "{:.1} ms ÷ {:.1} ms, each call slowed by 2 ms; as fast as LocalStack can: {:.1} ms ÷ {:.1} ms, {:.2}×",
        slow.ours,
        slow.least,
        fast.ours,
        fast.least,
        fast.ours / fast.least
    )));
    stage::end(controller).await
}

/// The three in turn, so that whatever slows this machine slows all of them.
async fn timed(
    stage: &Stage<'_>,
    recorded: &Recorded,
    prefix: &str,
    count: usize,
) -> Result<Times> {
    let caller = stage.caller();
    let (mut ours, mut same, mut least) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..count {
        let name = format!("{prefix}-{n}");
        let start = Instant::now();
        stage.create([name.as_str()], &[80]).await?;
        ours.push(stage.seen.address(&name, PATIENCE).await? - start);
        let start = Instant::now();
        let again = format!("same-{prefix}-{n}");
        recorded.again(&caller, &again).await?;
        same.push(start.elapsed());
        let start = Instant::now();
        direct::make(stage, &caller, &format!("least-{prefix}-{n}")).await?;
        least.push(start.elapsed());
    }
    let [ours, same, least] =
        [ours, same, least].map(|times| Distribution::from_iter(times).quantile(0.5));
    Ok(Times { ours, same, least })
}
