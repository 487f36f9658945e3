//! How long from a new Service to the first connection that a pod answers?

use std::time::{Duration, Instant};

use anyhow::Result;
use roadstead_testbed::{
    Lab,
    figures::{Distribution, Report},
    service,
};

use crate::outages::{ARP, address, delete, millis};

const SOON: Duration = Duration::from_secs(30);
/// More tell nothing new.
const MOST: usize = 30;

/// Creates Services one by one, each with a pod that is there already when the address comes.
pub(crate) async fn measure(lab: &Lab, trials: usize, report: &mut Report) -> Result<()> {
    let (mut addressed, mut answered) = (Vec::new(), Vec::new());
    for trial in 0..trials.min(MOST) {
        let name = format!("new-{trial}");
        let wanted = service(&name).class(ARP).port(80).target_port(8080);
        let start = Instant::now();
        let created = lab.service_with_pods(wanted.build(), &[1]).await?;
        // The pod's endpoint is there: what is waited for from here on is the address and its announcement.
        let vip = address(lab, &created).await?;
        addressed.push(millis(start.elapsed()));
        lab.client().get_until(vip, 80, SOON).await?;
        answered.push(millis(start.elapsed()));
        delete(lab, &name).await?;
    }
    for (what, durations) in [
        ("an address", addressed),
        ("the first answered connection", answered),
    ] {
        let durations = Distribution::from_iter(durations);
        report.figure(
            &format!("from its creation to {what}, p50"),
            durations.quantile(0.5),
            "ms",
            None,
        );
        report.figure(
            &format!("from its creation to {what}, longest"),
            durations.longest(),
            "ms",
            None,
        );
    }
    Ok(())
}
