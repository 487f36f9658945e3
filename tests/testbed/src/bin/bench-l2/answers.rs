//! How fast is an ARP request answered, next to the kernel's own answer for an address that it holds?
//!
//! Asked twice over. As from another machine: whoever answers begins by being woken, as behind a network card. And within the
//! asker's own system call, as only the namespaces of one machine ask each other: there the kernel answers before the call returns,
//! and no program can. What one takes that does nothing else stands beside it.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result};
use roadstead_testbed::{
    Lab, Process, Signal,
    figures::{Distribution, Report},
    lab::{ArpWatch, Node, vip4, vip6},
};

use crate::outages::{millis, number};

/// The kernel answers for this one.
const KERNELS: u8 = 99;
/// A program that does nothing else answers for this one.
const PLAIN: u8 = 98;
/// Turn by turn, so that what else the machine does falls on all alike.
const TURNS: usize = 40;
const TURN: Duration = Duration::from_millis(500);
/// Times the kernel's own, as from another machine.
const GOAL: f64 = 1.5;

/// The API server stands still while this is held. It has other machines' processors, elsewhere than in a lab.
struct Still<'a>(Option<&'a Process>);

// === impl Still ===

impl<'a> Still<'a> {
    fn hold(lab: &'a Lab) -> Result<Self> {
        let server = lab.control_plane().process();
        if let Some(server) = server {
            server.signal(Signal::Stop)?;
        }
        Ok(Self(server))
    }
}

impl Drop for Still<'_> {
    fn drop(&mut self) {
        if let Some(server) = self.0 {
            // It has ended: then whoever needs it next says so.
            let _ = server.signal(Signal::Cont);
        }
    }
}

/// Both, asked of the node that announces `vip`.
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
    let what = format!("{protocol} answer, {vips} VIPs");
    node.add_address(kernels, "eth0")?;
    let still = Still::hold(lab)?;
    let apart = lab.apart()?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.extend(latencies(apart.watch_arp(vip)?).await?);
        theirs.extend(latencies(apart.watch_arp(kernels)?).await?);
    }
    drop((apart, still));
    let asked = format!("{what}, as from another machine");
    let (ours, theirs) = (ours.into_iter().collect(), theirs.into_iter().collect());
    compare(
        &asked,
        &ours,
        "the kernel's own",
        &theirs,
        Some(GOAL),
        report,
    );
    within_the_call(lab, node, &what, [vip, kernels], report).await?;
    node.remove_address(kernels, "eth0")
}

async fn within_the_call(
    lab: &Lab,
    node: &Node,
    what: &str,
    [vip, kernels]: [IpAddr; 2],
    report: &mut Report,
) -> Result<()> {
    let (mut ours, mut theirs, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.extend(latencies(lab.watch_arp_as_a_host(vip)?).await?);
        theirs.extend(latencies(lab.watch_arp_as_a_host(kernels)?).await?);
        if vip.is_ipv4() {
            // Every question wakes it: it is there for its own turn only.
            let answerer = node.answer_plainly(vip4(PLAIN))?;
            plain.extend(latencies(lab.watch_arp_as_a_host(vip4(PLAIN).into())?).await?);
            answerer.stop().await?;
        }
    }
    let what = format!("{what}, within the asker's system call");
    let ours = ours.into_iter().collect();
    let theirs = theirs.into_iter().collect();
    compare(&what, &ours, "the kernel's own", &theirs, None, report);
    if !plain.is_empty() {
        let plain = plain.into_iter().collect();
        compare(
            &what,
            &ours,
            "a program's that only answers",
            &plain,
            None,
            report,
        );
    }
    Ok(())
}

async fn latencies(watch: ArpWatch) -> Result<Vec<f64>> {
    tokio::time::sleep(TURN).await;
    let watched = watch.stop().await?;
    Ok(watched.latencies().into_iter().map(millis).collect())
}

fn compare(
    what: &str,
    ours: &Distribution,
    whose: &str,
    theirs: &Distribution,
    goal: Option<f64>,
    report: &mut Report,
) {
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (ours, theirs) = (ours.quantile(share), theirs.quantile(share));
        let what = format!("{what}, {name}: times {whose}, {:.0} us", theirs * 1_000.0);
        report.figure(&what, ours / theirs, "x", goal);
    }
}
