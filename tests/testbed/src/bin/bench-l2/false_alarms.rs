//! Does an address move although nothing failed, because the machine is busy?

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use anyhow::Result;
use roadstead_testbed::{Lab, figures::Report, lab::Fleet};

/// As many busy loops as a machine of the smallest kind has cores.
const LOOPS: usize = 2;

/// Keeps both cores busy for so long, and counts failovers.
pub(crate) async fn count(
    lab: &Lab,
    fleet: &Fleet,
    busy: Duration,
    report: &mut Report,
) -> Result<()> {
    let before = failovers(lab, fleet)?;
    let stop = Arc::new(AtomicBool::new(false));
    let loops: Vec<_> = (0..LOOPS)
        .map(|_| {
            let stop = Arc::clone(&stop);
            thread::spawn(move || while !stop.load(Ordering::Relaxed) {})
        })
        .collect();
    tokio::time::sleep(busy).await;
    stop.store(true, Ordering::Relaxed);
    for one in loops {
        let _ = one.join();
    }
    report.figure(
        "failovers without a failure",
        failovers(lab, fleet)? - before,
        "",
        Some(0.0),
    );
    Ok(())
}

fn failovers(lab: &Lab, fleet: &Fleet) -> Result<f64> {
    let mut sum = 0.0;
    for (number, node) in (1u8..).zip(lab.nodes()) {
        let announcer = fleet.announcer(number)?;
        sum += announcer
            .metric(
                node,
                r#"roadstead_announcer_claims_total{cause="failover"}"#,
            )?
            .unwrap_or_default();
    }
    Ok(sum)
}
