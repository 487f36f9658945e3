//! How fast is an ARP request answered, next to the kernel's own answer for an address that it holds?

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result};
use roadstead_testbed::{
    Lab,
    figures::{Distribution, Report},
    lab::{vip4, vip6},
};

use crate::outages::{millis, number};

/// The kernel answers for this one.
const KERNELS: u8 = 99;
/// Turn by turn, so that what else the machine does falls on both alike.
const TURNS: usize = 40;
const TURN: Duration = Duration::from_millis(500);

/// Both, asked of the node that announces `vip`, in turns.
pub(crate) async fn next_to_the_kernel(
    lab: &Lab,
    vip: IpAddr,
    vips: usize,
    report: &mut Report,
) -> Result<()> {
    let mac = lab
        .arp_answers(vip, 3)
        .await?
        .only()
        .context("finding who announces")?;
    let node = lab.node(number(lab, mac).context("finding the node that announces")?);
    let (protocol, kernels) = match vip {
        IpAddr::V4(_) => ("ARP", IpAddr::from(vip4(KERNELS))),
        IpAddr::V6(_) => ("NDP", vip6(KERNELS).into()),
    };
    node.add_address(kernels, "eth0")?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.extend(latencies(lab, vip).await?);
        theirs.extend(latencies(lab, kernels).await?);
    }
    node.remove_address(kernels, "eth0")?;
    let (ours, theirs) = (
        Distribution::from_iter(ours),
        Distribution::from_iter(theirs),
    );
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (ours, theirs) = (ours.quantile(share), theirs.quantile(share));
        let what = format!(
            "{protocol} answer, {vips} VIPs, {name}: times the kernel's own {:.0} us",
            theirs * 1_000.0
        );
        report.figure(&what, ours / theirs, "x", Some(1.5));
    }
    Ok(())
}

async fn latencies(lab: &Lab, ip: IpAddr) -> Result<Vec<f64>> {
    let watch = lab.watch_arp_as_a_host(ip)?;
    tokio::time::sleep(TURN).await;
    let watched = watch.stop().await?;
    Ok(watched.latencies().into_iter().map(millis).collect())
}
