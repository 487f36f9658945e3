//! How soon do fifty Services that come at once have their addresses, if every call of AWS takes its time?

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    direct,
    stage::{self, Bench, Limits, PATIENCE, names, strs},
    table::{Row, Table},
};

const SERVICES: usize = 50;
const LATENCY: Duration = Duration::from_millis(100);

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    stage.create(["first"], &[80]).await?;
    stage.seen.health(["first"], PATIENCE).await?;
    stage.quiet_since(stage.proxy.mark()).await?;

    stage.proxy.set_latency(LATENCY);
    let names = names("burst", SERVICES);
    let (mark, start) = (stage.proxy.mark(), Instant::now());
    stage.create(strs(&names), &[80]).await?;
    let created = start.elapsed();
    let took = stage.seen.addresses(strs(&names), PATIENCE).await? - start;
    let calls = stage.proxy.since(mark).len();
    stage.seen.health(strs(&names), PATIENCE).await?;
    stage::end(controller).await?;

    let floor = names_of_floor();
    let start = Instant::now();
    direct::make_all(&stage, &floor).await?;
    let floor = start.elapsed();
    let row = Row::at_most(
        "50 Services at once, every call slowed by 100 ms: last address",
        took.as_secs_f64(),
        "s",
        3.0,
    );
    table.add(row.peers("53.7 s", "79.6 s").note(format!(
        "{calls} calls until then, the Services created after {created:.2?}; the minimal sequence 50 times at once (200 calls), \
         directly: {floor:.2?}; ratio {:.2}×",
        took.as_secs_f64() / floor.as_secs_f64()
    )));
    Ok(())
}

fn names_of_floor() -> Vec<String> {
    names("floor", SERVICES)
}
