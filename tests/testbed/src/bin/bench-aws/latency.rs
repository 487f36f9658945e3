//! How long from a Service's creation to its address, one Service after another? Next to the least that a load balancer takes,
//! called directly in turn.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    direct,
    stage::{self, Bench, Limits, PATIENCE},
    table::{Row, Table},
};

/// Services that are timed, and those before that warm up connections and caches of both.
const TIMED: usize = 40;
const WARM_UP: usize = 10;

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    let (mut ours, mut floor) = (Vec::new(), Vec::new());
    for n in 0..TIMED + WARM_UP {
        let name = format!("one-{n}");
        let start = Instant::now();
        stage.create([name.as_str()], &[80]).await?;
        let took = stage.seen.address(&name, PATIENCE).await? - start;
        let start = Instant::now();
        direct::make(&stage, &format!("floor-{n}")).await?;
        let direct = start.elapsed();
        if n >= WARM_UP {
            ours.push(took);
            floor.push(direct);
        }
    }
    let (ours, floor) = (median(ours), median(floor));
    let row = Row::at_most(
        "create → address one by one ÷ the minimal calls made directly",
        ours.as_secs_f64() / floor.as_secs_f64(),
        "×",
        2.5,
    );
    table.add(
        row.peers("11×", "5×")
            .note(format!("medians of {TIMED}: {ours:.1?} ÷ {floor:.1?}")),
    );
    stage::end(controller).await
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
