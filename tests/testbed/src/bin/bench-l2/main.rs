//! How long do clients go without an answer, and what does announcing cost? Measured at a client of a lab whose network is
//! real.
//!
//! Prints a line for each figure with its goal, draws the outages as SVG, and exits 1 if a goal was missed.

mod answers;
mod chart;
mod create;
mod crowd;
mod false_alarms;
mod outages;
mod peers;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};
use roadstead_testbed::{
    Lab, LabOptions, cargo,
    figures::{Distribution, Report},
    lab::{Fleet, FleetOptions},
};

use crate::{
    chart::{Chart, Curve, Mark},
    outages::Way,
};

/// Measures the announcers: outages at a client, ARP answers next to the kernel's, takeovers, memory, false alarms.
#[derive(Debug, Parser)]
#[command(name = "cargo bench-l2")]
struct Args {
    /// Trials of each way to fail
    #[arg(long, default_value_t = 100)]
    trials: usize,
    /// Addresses in the largest set
    #[arg(long, default_value_t = 10_000)]
    most: usize,
    /// For how many minutes false failovers are looked for, with both cores busy
    #[arg(long, default_value_t = 10)]
    busy_minutes: u64,
    /// Only these parts; all without it
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Only outages of these ways to fail; all without it
    #[arg(long, value_delimiter = ',')]
    ways: Vec<Way>,
    /// The binary to measure; without it the one of this checkout is built in release mode
    #[arg(long)]
    binary: Option<PathBuf>,
    /// Where the figures and the drawing go
    #[arg(long, default_value = "target/bench-l2")]
    out: PathBuf,
}

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Outages at a client, by the way to fail
    Outages,
    /// ARP answers next to the kernel's own
    Answers,
    /// From a new Service to the first answered connection
    Create,
    /// Thousands of addresses: memory, processor time, takeover
    Crowd,
    /// Large segments: memory, processor time, bandwidth of hellos
    Peers,
    /// Failovers without a failure, with both cores busy
    FalseAlarms,
}

const SOON: Duration = Duration::from_mins(1);
/// More than ten thousand addresses of the lab's own, on the main segment only.
const POOL: &str = "fd30::1:0-fd30::1:ffff";
const POOL_V4: &str = "172.30.0.100-172.30.0.190";
/// The median of MetalLB 0.16.1 on the same lab, in milliseconds.
const METALLB_CRASH: f64 = 5_700.0;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let binary = cargo::to_measure("roadstead", args.binary.as_deref()).await?;
    fs::create_dir_all(&args.out).with_context(|| format!("creating {}", args.out.display()))?;
    let mut report = Report::default();
    let wanted = |part: Part| args.only.is_empty() || args.only.contains(&part);
    if [
        Part::Outages,
        Part::Answers,
        Part::Create,
        Part::Peers,
        Part::FalseAlarms,
    ]
    .into_iter()
    .any(wanted)
    {
        network(&args, &binary, wanted, &mut report).await?;
    }
    if wanted(Part::Crowd) {
        crowd(&args, &binary, &mut report).await?;
    }
    report.figures().write(&args.out.join("figures.json"))?;
    Ok(report.figures().end())
}

/// What needs packets to arrive.
async fn network(
    args: &Args,
    binary: &Path,
    wanted: impl Fn(Part) -> bool,
    report: &mut Report,
) -> Result<()> {
    let lab = Lab::start(LabOptions::default()).await?;
    let mut fleet = start(binary, &lab, POOL_V4, &[]).await?;
    let it = outages::probed(&lab, &mut fleet).await?;
    if wanted(Part::Outages) {
        let mut curves: Vec<(Way, Distribution)> = Vec::new();
        let asked = |way: &Way| args.ways.is_empty() || args.ways.contains(way);
        for way in Way::ALL.into_iter().filter(asked) {
            Report::title(&format!("{}: {} trials, 3 nodes", way.name(), args.trials));
            let measured = outages::measure(way, args.trials, &lab, &mut fleet, &it).await?;
            tell(way, &measured, report);
            curves.push((way, measured.outages));
        }
        draw(&args.out.join("outages.svg"), &curves)?;
    }
    if wanted(Part::Answers) {
        Report::title("ARP answers");
        answers::next_to_the_kernel(&lab, it.vip, 1, report).await?;
    }
    if wanted(Part::Create) {
        Report::title("a new Service");
        create::measure(&lab, args.trials, report).await?;
    }
    if wanted(Part::Peers) {
        for stations in [3, 50, 200] {
            Report::title(&format!("{stations} stations on the segment"));
            peers::measure(stations, &lab, &mut fleet, report).await?;
        }
    }
    if wanted(Part::FalseAlarms) {
        Report::title(&format!(
            "both cores busy for {} minutes",
            args.busy_minutes
        ));
        false_alarms::count(
            &lab,
            &fleet,
            Duration::from_secs(60 * args.busy_minutes),
            report,
        )
        .await?;
    }
    Ok(())
}

/// What needs no packet to arrive, and so no kube-proxy that would sort thousands of rules.
async fn crowd(args: &Args, binary: &Path, report: &mut Report) -> Result<()> {
    let lab = Lab::start(LabOptions::default().without_kube_proxy()).await?;
    let families = ["--forwarding-check", "none"];
    let mut fleet = start(binary, &lab, POOL, &families).await?;
    let mut there = 0;
    let mut counts = vec![0, 1_000, args.most];
    counts.dedup();
    for count in counts {
        if count < there {
            continue;
        }
        Report::title(&format!("{count} addresses, 3 nodes"));
        let vips = crowd::grow(&lab, &fleet, there, count).await?;
        there = count;
        crowd::footprint(&lab, &fleet, count, report).await?;
        if let Some(vip) = vips.first().filter(|_| count == 1_000) {
            answers::next_to_the_kernel(&lab, *vip, count, report).await?;
            crowd::takeover(&lab, &mut fleet, count, report).await?;
        }
    }
    Ok(())
}

async fn start(binary: &Path, lab: &Lab, pool: &str, announcer: &[&str]) -> Result<Fleet> {
    FleetOptions::new(binary)
        .args(&["--arp-pool", pool])
        .controller_args(&["--leader-elect=false"])
        .announcer_args(announcer)
        .start(lab, SOON)
        .await
}

fn tell(way: Way, measured: &outages::Measured, report: &mut Report) {
    let (p50, p99) = match way {
        Way::Handover => (Some(2.0), Some(10.0)),
        Way::Crash => (None, Some(500.0)),
        Way::Kill | Way::Link => (None, None),
    };
    let outages::Measured {
        outages,
        pauses,
        overlaps,
        asking_pauses,
        lost,
    } = measured;
    let mut figure = |what: &str, value: f64, unit: &str, goal: Option<f64>| {
        report.figure(&format!("{}: {what}", way.name()), value, unit, goal);
    };
    figure("outage p50", outages.quantile(0.5), "ms", p50);
    figure("outage p99", outages.quantile(0.99), "ms", p99);
    figure("outage, longest", outages.longest(), "ms", None);
    // An outage is no shorter than the longest time in which nothing was sent.
    figure(
        "the prober itself pauses, p50",
        pauses.quantile(0.5),
        "ms",
        None,
    );
    figure(
        "the prober itself pauses, p99",
        pauses.quantile(0.99),
        "ms",
        None,
    );
    if way == Way::Handover {
        #[expect(clippy::cast_precision_loss, reason = "a few")]
        let lost = *lost as f64;
        figure("requests lost at 1 kHz, all trials", lost, "", Some(0.0));
        figure("two nodes answer, p50", overlaps.quantile(0.5), "ms", None);
        figure(
            "two nodes answer, longest",
            overlaps.longest(),
            "ms",
            Some(5.0),
        );
        figure(
            "who asks them pauses, longest",
            asking_pauses.longest(),
            "ms",
            None,
        );
    }
}

fn draw(path: &Path, measured: &[(Way, Distribution)]) -> Result<()> {
    let curves: Vec<Curve<'_>> = measured
        .iter()
        .map(|(way, outages)| Curve {
            name: way.name(),
            outages,
        })
        .collect();
    let marks = [
        Mark {
            at: 500.0,
            label: "goal: 500 ms",
        },
        Mark {
            at: METALLB_CRASH,
            label: "MetalLB 0.16.1, node crash: median",
        },
    ];
    let chart = Chart {
        title: "How long clients go without an answer",
        subtitle: "3 nodes, default settings; a UDP probe every millisecond from a client on the same network",
        curves: &curves,
        marks: &marks,
    };
    fs::write(path, chart.svg()?).with_context(|| format!("writing {}", path.display()))?;
    Report::say(&format!("drawn: {}", path.display()));
    Ok(())
}
