//! What do two hundred Services cost that nobody touches? All intervals are those of the defaults, a tenth as long.

use std::time::Duration;

use anyhow::Result;
use roadstead_testbed::Roadstead;

use crate::{
    stage::{self, Bench, Limits, PATIENCE, Stage, by_action, figure, names, reconciles, strs},
    table::{Row, Table},
};

const SERVICES: usize = 200;

/// 10 min, by default.
const RESYNC: &str = "60s";

/// With it goes how old a listing may be that is good enough: 2 min, by default.
const CHECK: &str = "12s";

/// So many looks at every Service are counted.
const ROUNDS: f64 = 1.5;

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let often = ["--resync", RESYNC, "--aws-check-interval", CHECK];
    let controller = stage.controller(Limits::Lifted, &often).await?;
    let names = names("kept", SERVICES);
    stage.create(strs(&names), &[80]).await?;
    stage.seen.health(strs(&names), PATIENCE).await?;
    let (each, made) = cost(&stage, &controller).await?;
    let row = Row::at_most(
        "10-minute resync of 200 unchanged Services: calls per Service",
        each,
        "",
        0.2,
    );
    table.add(row.note(format!("with all intervals a tenth as long; {made}")));
    stage::end(controller).await?;

    let deep = [&often[..], &["--aws-deep-check-interval", CHECK]].concat();
    let controller = stage.controller(Limits::Lifted, &deep).await?;
    let (each, made) = cost(&stage, &controller).await?;
    let row = Row::at_most(
        "hourly check of everything, 200 Services: calls per Service",
        each,
        "",
        5.0,
    );
    table.add(row.note(format!("with every resync; {made}")));
    stage::end(controller).await
}

/// Calls for each look at a Service.
async fn cost(stage: &Stage<'_>, controller: &Roadstead) -> Result<(f64, String)> {
    // The first look of a process is another matter, and so is that at new targets.
    stage
        .reconciled(controller, "ready", figure(SERVICES))
        .await?;
    tokio::time::sleep(Duration::from_secs(15)).await;
    let (mark, before) = (stage.proxy.mark(), reconciles(controller, "ready").await?);
    let enough = before + ROUNDS * figure(SERVICES);
    stage.reconciled(controller, "ready", enough).await?;
    let looks = reconciles(controller, "ready").await? - before;
    let calls = stage.proxy.since(mark);
    let made = format!("{looks} looks: {}", by_action(&calls));
    Ok((figure(calls.len()) / looks, made))
}
