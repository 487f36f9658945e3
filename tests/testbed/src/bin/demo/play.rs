//! What does the demo show, in which order? One step after the other, each a promise that is checked.

use std::{
    env,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Result, bail};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use roadstead_testbed::{ObjectEvent, addresses, cargo, condition, install, is_true, poll_until};
use tokio::select;

use crate::{
    Args, Signals, leftovers,
    manifests::{self, ALL, Manifest, SHOP, SLOW, WEB},
    screen::Screen,
    stage::Stage,
    step::Step,
    story::{Check, Story},
    tables,
};

/// Every step up to the last one, and that too with `--once`. Returns who watches.
pub(crate) async fn play(args: &Args, stage: &mut Stage, screen: &mut Screen) -> Result<Story> {
    screen.line("Roadstead gives Services of type LoadBalancer an external address. Here it does so on a real API server,")?;
    screen.line("with a provider that only pretends: its addresses lead nowhere.")?;
    let binary = build(args, screen).await?;

    screen.step(Step::Cluster)?;
    let nodes = stage.start_cluster().await?;
    let server = stage.control_plane()?.server();
    screen.say(&format!("{server} is ready, with {}", nodes.join(", ")))?;

    screen.step(Step::Controller)?;
    let start = Instant::now();
    stage.start_controller(&binary, args.deadline).await?;
    let took = start.elapsed().as_millis();
    screen.say(&format!("/readyz says yes after {took} ms"))?;

    let mut story = Story::begin(stage.services().await?, args.deadline).await?;
    create(args, stage, &mut story, screen).await?;
    cure(args, stage, &mut story, screen).await?;

    screen.step(Step::Status)?;
    screen.command("roadstead status")?;
    let status = stage.ask(&binary, "status", args.deadline).await?;
    screen.show(&status)?;

    if args.once {
        delete(args, stage, &mut story, screen).await?;
    } else {
        invite(&binary, stage, screen)?;
    }
    Ok(story)
}

pub(crate) async fn build(args: &Args, screen: &mut Screen) -> Result<PathBuf> {
    screen.step(Step::ControlPlane)?;
    let start = Instant::now();
    install::control_plane().await?;
    built(start, screen)?;

    screen.step(Step::Binary)?;
    if let Some(given) = &args.binary {
        screen.say(&format!("not built: {} was given", near(given).display()))?;
        return Ok(given.clone());
    }
    let start = Instant::now();
    let binary = cargo::build("roadstead", &["--package", "roadstead"]).await?;
    built(start, screen)?;
    Ok(binary)
}

fn built(start: Instant, screen: &mut Screen) -> Result<()> {
    match start.elapsed().as_secs() {
        0..=2 => screen.say("built already"),
        seconds => screen.say(&format!("took {seconds} s")),
    }
}

async fn create(args: &Args, stage: &Stage, story: &mut Story, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Services)?;
    for manifest in ALL {
        screen.say(manifest.remark)?;
        for line in manifest.head.lines() {
            screen.show(&format!("  {line}"))?;
        }
    }
    let services = stage.services().await?;
    for manifest in ALL {
        manifest.create(&services).await?;
    }
    screen.line("")?;
    screen.say("What their conditions say, and how long after their creation:")?;
    let wanted: [(&str, Check); 3] = [
        (WEB.name, is_served),
        (SHOP.name, is_rejected),
        (SLOW.name, is_served),
    ];
    let what = "web and slow to have an address, and shop to be rejected";
    story.until(what, &wanted, args.deadline, screen).await?;

    screen.line("")?;
    screen.command("kubectl get service shop slow web")?;
    let table = tables::services(story.services(), Timestamp::now());
    screen.table(&table, &[])?;
    tell_events(&WEB, &["EnsuredLoadBalancer"], 0, args, stage, screen).await?;
    tell_events(&SHOP, &["SyncLoadBalancerFailed"], 0, args, stage, screen).await?;
    let slow = ["EnsuringLoadBalancer", "EnsuredLoadBalancer"];
    tell_events(&SLOW, &slow, 0, args, stage, screen).await
}

async fn cure(args: &Args, stage: &Stage, story: &mut Story, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Cure)?;
    screen.command(&manifests::cure_command())?;
    manifests::cure(&stage.services().await?).await?;
    let what = "shop to have an address";
    let wanted: [(&str, Check); 1] = [(SHOP.name, is_served)];
    story.until(what, &wanted, args.deadline, screen).await?;
    // The first one was shown before.
    let reasons = ["UnknownAnnotation", "EnsuredLoadBalancer"];
    tell_events(&SHOP, &reasons, 1, args, stage, screen).await
}

/// Shows the events of a Service after the first `known`, once all with these reasons are written.
async fn tell_events(
    manifest: &Manifest,
    reasons: &[&str],
    known: usize,
    args: &Args,
    stage: &Stage,
    screen: &mut Screen,
) -> Result<()> {
    let written = |events: &[ObjectEvent]| {
        let has = |reason: &&str| events.iter().any(|event| event.reason == *reason);
        reasons.iter().all(has)
    };
    let mut last = Vec::new();
    let asked = poll_until("them", args.deadline, async || {
        last = stage.events(manifest.name).await.ok()?;
        last.drain(..known.min(last.len()));
        written(&last).then_some(())
    })
    .await;
    if asked.is_err() {
        let wanted = reasons.join(" and ");
        let Args { deadline, .. } = args;
        bail!(
            "waited {deadline:?} for the events {wanted} of Service {}; there are {last:?}",
            manifest.name
        );
    }
    screen.line("")?;
    screen.say(&format!(
        "Events of {}, as kubectl describe shows them:",
        manifest.name
    ))?;
    screen.table(&tables::events(&last), &[])
}

async fn delete(args: &Args, stage: &Stage, story: &mut Story, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Delete)?;
    screen.command("kubectl delete service web shop slow")?;
    let services = stage.services().await?;
    for manifest in ALL {
        manifest.delete(&services).await?;
    }
    let gone: Check = |service| service.is_none();
    let wanted = ALL.map(|manifest| (manifest.name, gone));
    let what = "the Services to be gone";
    story.until(what, &wanted, args.deadline, screen).await?;

    screen.line("")?;
    screen.say("What is left of them:")?;
    let left = leftovers::count(stage, args.deadline).await?;
    let row = |(what, count): &(&str, String)| vec![(*what).into(), count.as_str().into()];
    screen.table(&left.iter().map(row).collect::<Vec<_>>(), &[])?;
    match left.iter().find(|(_, count)| count != "0") {
        None => Ok(()),
        Some((what, count)) => bail!("after the deletion of all Services: {what}: {count}"),
    }
}

/// Says what to try.
fn invite(binary: &Path, stage: &Stage, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Stay)?;
    let kubeconfig = near(stage.control_plane()?.kubeconfig());
    screen.say("In another terminal, in this folder:")?;
    for command in [
        &format!("export KUBECONFIG={}", kubeconfig.display()),
        "kubectl get service",
        manifests::CURE_TYPO_COMMAND,
        &format!("{} status --watch", near(binary).display()),
    ] {
        screen.command(command)?;
    }
    let admin = stage.roadstead()?.admin_url();
    screen.say(&format!(
        "In a browser: {admin} (the state of all Services) and {admin}/metrics"
    ))?;
    screen.line("")
}

/// Shows what changes until a signal comes.
pub(crate) async fn stay(
    mut story: Story,
    stage: &Stage,
    screen: &mut Screen,
    signals: &mut Signals,
) -> Result<()> {
    loop {
        select! {
            signal = signals.next() => {
                screen.line("")?;
                return screen.say(&format!("{signal}: ending in order"));
            }
            broken = stage.broken() => broken?,
            shown = story.next(screen) => shown?,
        }
    }
}

fn is_served(service: Option<&Service>) -> bool {
    let served = |service: &Service| {
        let holds = |type_| is_true(service, type_);
        holds("roadstead.dev/Programmed")
            && holds("roadstead.dev/Healthy")
            && !addresses(service).is_empty()
    };
    service.is_some_and(served)
}

fn is_rejected(service: Option<&Service>) -> bool {
    let accepted = service.and_then(|service| condition(service, "roadstead.dev/Accepted"));
    accepted.is_some_and(|accepted| accepted.status == "False")
}

/// A path from here, if that is shorter.
fn near(path: &Path) -> &Path {
    let here = env::current_dir().ok();
    here.and_then(|here| path.strip_prefix(here).ok())
        .unwrap_or(path)
}
