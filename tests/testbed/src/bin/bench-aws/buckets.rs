//! Is Roadstead as fast as AWS lets anybody be? AWS's buckets are enforced, and fill faster than AWS's do; their sizes stay.

use std::time::Instant;

use anyhow::Result;
use roadstead_testbed::fault_proxy::{self, Call};

use crate::{
    stage::{self, Bench, Limits, PATIENCE, figure, names, strs},
    table::{Row, Table},
};

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    // Only AWS's limits are faster, not this machine: what it takes to make the Services, and for the last calls, must be little
    // next to the whole.
    burst(bench, 200, bench.faster / 2.0, table).await?;
    burst(bench, 1_000, bench.faster, table).await
}

async fn burst(bench: &Bench, count: usize, faster: f64, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let limits = fault_proxy::Limits::documented().faster(faster);
    stage.proxy.limit(Some(limits));
    let limited = Limits::Faster(faster);
    let controller = stage.controller(limited, &[]).await?;
    let names = names("limited", count);
    let (mark, start) = (stage.proxy.mark(), Instant::now());
    stage.create(strs(&names), &[80]).await?;
    let took = stage.seen.addresses(strs(&names), 2 * PATIENCE).await? - start;
    let calls = stage.proxy.since(mark);
    let floor = limits.floor(calls.iter().map(Call::operation));
    let ratio = took.as_secs_f64() / floor.as_secs_f64();
    let what = format!("{count} Services, AWS's limits: last address ÷ the limits' own floor");
    let row = Row::at_most(what, ratio, "×", 1.1);
    table.add(row.note(format!(
        "{took:.1?} ÷ {floor:.1?} with {} calls, limits {faster}× as fast as AWS's",
        calls.len(),
    )));
    let what = format!("{count} Services, AWS's limits: throttled calls");
    let throttled = figure(calls.throttled().len());
    table.add(Row::at_most(what, throttled, "", 0.0));
    stage::end(controller).await
}
