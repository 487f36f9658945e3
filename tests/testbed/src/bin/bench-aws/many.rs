//! Are two hundred Services at once all served, and how much memory does that take?

use std::time::Instant;

use anyhow::Result;
use roadstead_testbed::Roadstead;

use crate::{
    stage::{self, Bench, Limits, PATIENCE, by_action, figure, names, strs},
    table::{Row, Table},
};

const SERVICES: usize = 200;

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    let before = megabytes(&controller)?;
    let names = names("many", SERVICES);
    let (mark, start) = (stage.proxy.mark(), Instant::now());
    stage.create(strs(&names), &[80]).await?;
    let took = match stage.seen.addresses(strs(&names), PATIENCE).await {
        Ok(last) => last - start,
        // How many were served says it all.
        Err(_) => start.elapsed(),
    };
    let served = stage.seen.count(strs(&names));
    let calls = stage.quiet_since(mark).await?;
    let row = Row::at_least("200 Services at once: served", figure(served), "", 200.0);
    let note = format!("the last address after {took:.1?}; {}", by_action(&calls));
    table.add(row.peers("200", "59").note(note));

    stage.seen.health(strs(&names), PATIENCE).await?;
    let after = megabytes(&controller)?;
    stage::end(controller).await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    let all = figure(SERVICES);
    stage.reconciled(&controller, "ready", all).await?;
    let again = megabytes(&controller)?;
    let row = Row::at_most("memory with these 200 Services (RSS)", after, "MB", 60.0);
    let note =
        format!("{before:.0} MB before the first one, {again:.0} MB after a restart with all");
    table.add(row.peers("84 MB", "85 MB").note(note));
    stage::end(controller).await
}

#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn megabytes(controller: &Roadstead) -> Result<f64> {
    Ok(controller.process().rss_bytes()? as f64 / 1e6)
}
