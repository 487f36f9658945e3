//! Are Services served while AWS answers badly, and is anything left of them afterwards?

use std::{collections::BTreeSet, time::Instant};

use anyhow::Result;
use roadstead_testbed::fault_proxy::{Fault, Scope, When};

use crate::{
    stage::{self, Bench, Limits, PATIENCE, figure, names, strs},
    table::{Row, Table},
};

const SERVICES: usize = 20;

pub(crate) async fn run(bench: &Bench, table: &mut Table) -> Result<()> {
    let each = [
        ("30 % throttled", 0.3, Fault::Throttled, ["19", "13"]),
        ("20 % answered 503", 0.2, Fault::Status(503), ["20", "20"]),
        ("30 % of answers lost", 0.3, Fault::CutAfter, ["20", "20"]),
        ("20 % of requests cut", 0.2, Fault::Cut, ["20", "20"]),
    ];
    for (what, share, fault, peers) in each {
        under(bench, what, share, fault, peers, table).await?;
    }
    Ok(())
}

async fn under(
    bench: &Bench,
    what: &str,
    probability: f64,
    fault: Fault,
    [lbc, ccm]: [&'static str; 2],
    table: &mut Table,
) -> Result<()> {
    let stage = bench.stage().await?;
    let before = stage.account.dump().await?;
    let when = When::Chance {
        probability,
        seed: 7,
        at_most: u64::MAX,
    };
    stage.proxy.script(Scope::any(), when, fault);
    let controller = stage.controller(Limits::Lifted, &[]).await?;
    let names = names("unlucky", SERVICES);
    let start = Instant::now();
    stage.create(strs(&names), &[80]).await?;
    let took = match stage.seen.addresses(strs(&names), PATIENCE).await {
        Ok(last) => last - start,
        Err(_) => start.elapsed(),
    };
    let served = stage.seen.count(strs(&names));
    let start = Instant::now();
    stage.delete(strs(&names)).await?;
    // The API server's own one stays.
    stage.seen.left(1, PATIENCE).await?;
    let gone = start.elapsed();
    stage.proxy.clear_script();
    stage.quiet_since(stage.proxy.mark()).await?;
    let after = stage.account.dump().await?;
    let there: BTreeSet<&str> = before.names().collect();
    let left = after.names().filter(|name| !there.contains(name)).count();
    let what = format!("20 Services, {what}");
    let row = Row::at_least(format!("{what}: served"), figure(served), "", 20.0);
    let note = format!("the last address after {took:.1?}; the last one gone after {gone:.1?}");
    table.add(row.peers(lbc, ccm).note(note));
    let row = Row::at_most(format!("{what}: things left behind"), figure(left), "", 0.0);
    table.add(row.peers("", "leaks"));
    stage::end(controller).await
}
