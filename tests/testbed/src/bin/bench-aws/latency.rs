//! How long from a Service's creation to its address, one Service after another? Next to the least that a load balancer takes,
//! called directly in turn.

use std::time::{Duration, Instant};

use anyhow::Result;
use roadstead_testbed::figures::Distribution;

use crate::{
    direct,
    stage::{self, Bench, Limits, PATIENCE, Stage},
    table::{Row, Table},
};

/// Services that are timed, and those before that warm up connections and caches of both.
const TIMED: usize = 40;
const WARM_UP: usize = 10;

/// By so much each call is slowed: the minimal sequence then takes the 16 ms that it took in the set-up in which the other
/// controllers were measured. This LocalStack answers within 2 ms, which no AWS does, so that without it the API server's share
/// is most of what is seen; that figure is in the note.
const SLOWED: Duration = Duration::from_millis(2);

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    timed(&stage, "warm", WARM_UP).await?;
    let (fast, fast_floor) = timed(&stage, "fast", TIMED).await?;
    stage.proxy.set_latency(SLOWED);
    let (ours, floor) = timed(&stage, "slow", TIMED).await?;
    let row = Row::at_most(
        "create → address one by one ÷ the minimal calls made directly",
        ours / floor,
        "×",
        2.5,
    );
    table.add(row.peers("11×", "5×").note(format!(
        "medians of {TIMED}: {ours:.1} ms ÷ {floor:.1} ms, each call slowed by 2 ms; as fast as LocalStack can: {fast:.1} ms ÷ \
         {fast_floor:.1} ms, {:.2}×",
        fast / fast_floor
    )));
    stage::end(controller).await
}

/// From creation to address, and of the calls made directly, in turn: the medians, in milliseconds.
async fn timed(stage: &Stage<'_>, prefix: &str, count: usize) -> Result<(f64, f64)> {
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for n in 0..count {
        let name = format!("{prefix}-{n}");
        let start = Instant::now();
        stage.create([name.as_str()], &[80]).await?;
        ours.push(stage.seen.address(&name, PATIENCE).await? - start);
        let start = Instant::now();
        direct::make(stage, &format!("floor-{prefix}-{n}")).await?;
        floor.push(start.elapsed());
    }
    let [ours, floor] = [ours, floor].map(Distribution::from_iter);
    Ok((ours.quantile(0.5), floor.quantile(0.5)))
}
