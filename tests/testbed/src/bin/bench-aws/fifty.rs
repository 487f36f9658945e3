//! What do fifty Services cost: at once, when a node comes, and after a restart?

use std::time::{Duration, Instant};

use anyhow::Result;
use roadstead_testbed::poll_until;

use crate::{
    stage::{self, Bench, Limits, NODES, PATIENCE, Stage, by_action, figure, names, strs},
    table::{Row, Table},
};

const SERVICES: usize = 50;

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    let names = names("fifty", SERVICES);

    let (mark, start) = (stage.proxy.mark(), Instant::now());
    stage.create(strs(&names), &[80]).await?;
    let took = stage.seen.addresses(strs(&names), PATIENCE).await? - start;
    stage.seen.health(strs(&names), PATIENCE).await?;
    let calls = stage.quiet_since(mark).await?;
    let row = Row::at_most(
        "50 Services at once until settled: calls",
        figure(calls.len()),
        "",
        400.0,
    );
    let note = format!("addresses after {took:.1?}; {}", by_action(&calls));
    table.add(row.peers("1077", "652").note(note));

    node(&stage, table).await?;
    stage::end(controller).await?;

    let mark = stage.proxy.mark();
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    stage
        .reconciled(&controller, "ready", figure(SERVICES))
        .await?;
    // Nothing more comes of it later, as a look at targets would five seconds after a change.
    tokio::time::sleep(Duration::from_secs(7)).await;
    let calls = stage.quiet_since(mark).await?;
    let each = figure(calls.len()) / figure(SERVICES);
    let row = Row::at_most(
        "restart with 50 unchanged Services: calls per Service",
        each,
        "",
        3.0,
    );
    table.add(row.peers("14", "11").note(by_action(&calls)));
    stage::end(controller).await
}

async fn node(stage: &Stage<'_>, table: &mut Table) -> Result<()> {
    let mark = stage.proxy.mark();
    stage.add_node(NODES).await?;
    poll_until("50 registrations", PATIENCE, async || {
        (stage.proxy.since(mark).count("RegisterTargets") >= SERVICES).then_some(())
    })
    .await?;
    let calls = stage.quiet_since(mark).await?;
    let row = Row::at_most(
        "one more node, 50 Services: calls",
        figure(calls.len()),
        "",
        55.0,
    );
    table.add(row.peers("101", "651").note(by_action(&calls)));
    // Five seconds later it is asked how the new targets fare.
    poll_until("a look at the targets", PATIENCE, async || {
        (stage.proxy.since(mark).count("DescribeTargetHealth") >= SERVICES).then_some(())
    })
    .await?;
    stage.quiet_since(mark).await.map(drop)
}
