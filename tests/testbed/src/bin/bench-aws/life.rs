//! What does one Service cost, from its creation to its end?

use anyhow::{Context as _, Result};
use kube::api::{Patch, PatchParams};
use roadstead_testbed::Roadstead;
use serde_json::{Value, json};

use crate::{
    stage::{self, Bench, Limits, NODES, PATIENCE, Stage, by_action, figure, reconciles},
    table::{Row, Table},
};

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let stage = bench.stage().await?;
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    // What all Services of a cluster share is made with its first one.
    stage.create(["first"], &[80]).await?;
    stage.seen.health(["first"], PATIENCE).await?;
    stage.quiet_since(stage.proxy.mark()).await?;

    let mark = stage.proxy.mark();
    stage.create(["web"], &[80]).await?;
    stage.seen.health(["web"], PATIENCE).await?;
    let calls = stage.quiet_since(mark).await?;
    let new = figure(calls.len());
    let row = Row::at_most("new one-port Service until settled: calls", new, "", 8.0);
    table.add(row.peers("24", "15").note(by_action(&calls)));

    let mark = stage.proxy.mark();
    stage.create(["four"], &[80, 81, 82, 83]).await?;
    stage.seen.health(["four"], PATIENCE).await?;
    let calls = stage.quiet_since(mark).await?;
    // Asking after targets is asking, not making: one call for each port, seconds later.
    let looks = calls.count("DescribeTargetHealth");
    let each = (figure(calls.len() - looks) - (new - 1.0)) / 3.0;
    let row = Row::at_most("each further port of a new Service: calls", each, "", 3.0);
    table.add(row.note(format!("of four ports: {}", by_action(&calls))));

    edits(&stage, &controller, table).await?;
    stage.delete(["first", "four"]).await?;
    stage.seen.left(2, PATIENCE).await?;
    stage.quiet_since(stage.proxy.mark()).await?;
    node(&stage, table).await?;

    // Not the last one, with which goes what all share.
    stage.create(["other"], &[80]).await?;
    stage.seen.health(["other"], PATIENCE).await?;
    stage.quiet_since(stage.proxy.mark()).await?;
    let mark = stage.proxy.mark();
    stage.delete(["web"]).await?;
    stage.seen.left(2, PATIENCE).await?;
    let calls = stage.quiet_since(mark).await?;
    let row = Row::at_most(
        "deletion of a one-port Service: calls",
        figure(calls.len()),
        "",
        8.0,
    );
    table.add(row.peers("12", "10").note(by_action(&calls)));
    stage::end(controller).await
}

async fn edits(stage: &Stage<'_>, controller: &Roadstead, table: &mut Table) -> Result<()> {
    let mark = stage.proxy.mark();
    let before = reconciles(controller, "").await?;
    patch(
        stage,
        json!({ "metadata": { "annotations": { "example.com/note": "x" } } }),
    )
    .await?;
    stage.reconciled(controller, "", before + 1.0).await?;
    let calls = stage.quiet_since(mark).await?;
    let row = Row::at_most(
        "edit that changes nothing: calls",
        figure(calls.len()),
        "",
        0.0,
    );
    table.add(row.peers("15", "11").note(by_action(&calls)));

    let mark = stage.proxy.mark();
    let before = reconciles(controller, "").await?;
    patch(
        stage,
        json!({ "spec": { "externalTrafficPolicy": "Cluster", "sessionAffinity": "None",
            "publishNotReadyAddresses": true } }),
    )
    .await?;
    stage.reconciled(controller, "", before + 1.0).await?;
    let calls = stage.quiet_since(mark).await?;
    let row = Row::at_most(
        "edit of the spec that no load balancer shows: calls",
        figure(calls.len()),
        "",
        0.0,
    );
    table.add(row.note(by_action(&calls)));
    Ok(())
}

async fn patch(stage: &Stage<'_>, patch: Value) -> Result<()> {
    let services = stage.services();
    services
        .patch("web", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .context("editing web")
        .map(drop)
}

async fn node(stage: &Stage<'_>, table: &mut Table) -> Result<()> {
    let mark = stage.proxy.mark();
    stage.add_node(NODES).await?;
    stage
        .proxy
        .wait_for_since(mark, "a registration", |call| {
            call.is("RegisterTargets") && call.answer.is_some()
        })
        .await?;
    let calls = stage.quiet_since(mark).await?;
    let row = Row::at_most(
        "one more node, 1 Service: calls",
        figure(calls.len()),
        "",
        2.0,
    );
    table.add(row.peers("4", "14").note(by_action(&calls)));
    // Five seconds later it is asked how the new target fares.
    let asked = stage
        .proxy
        .wait_for_since(mark, "a look at the target", |call| {
            call.is("DescribeTargetHealth")
        });
    asked.await.map(drop)
}
