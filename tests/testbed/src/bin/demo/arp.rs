//! What does the demo show of addresses on a network? A client's connection is answered by a pod, and how long it is not
//! when the announcing node goes.

use std::{
    future,
    net::IpAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::{Api, api::DeleteParams};
use roadstead_testbed::{
    Lab, Signal, addresses, condition, is_true,
    lab::{Outage, Prober},
    poll_until,
};

use crate::{
    Args, play,
    screen::Screen,
    stage::{NAMESPACE, Stage},
    step::{Layer2Step, Step},
    tables,
};

const NAME: &str = "web";
/// Where the pod is: a node that nothing happens to.
const SAFE: u8 = 3;
/// UDP: what the pod sends back.
const ECHO: u16 = 7;
const POOL: &str = "172.30.0.100-172.30.0.109";

const MANIFEST: &str = "apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: LoadBalancer
  loadBalancerClass: roadstead.dev/arp
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: echo, port: 7, protocol: UDP}
";

/// Every step up to the last one, and that too with `--once`; without it, for ever.
pub(crate) async fn play(args: &Args, stage: &mut Stage, screen: &mut Screen) -> Result<()> {
    screen.line("Roadstead gives Services of type LoadBalancer an external address. Here it takes one of the nodes' own network")?;
    screen.line("and one node answers for it: three nodes with kube-proxy and a client, each a network namespace of this machine.")?;
    let binary = play::build(args, screen).await?;

    screen.step(Step::Layer2(Layer2Step::Lab))?;
    let lab = stage.start_lab().await?;
    for node in lab.nodes() {
        screen.say(&format!("{} at {}, {}", node.name(), node.v4(), node.mac()))?;
    }
    screen.say(&format!("the client at {}", lab.client().interface().v4))?;

    screen.step(Step::Layer2(Layer2Step::Fleet))?;
    let start = Instant::now();
    stage
        .start_fleet(&binary, &["--arp-pool", POOL], args.deadline)
        .await?;
    screen.say(&format!(
        "all say that they are ready after {} ms",
        start.elapsed().as_millis()
    ))?;

    let vip = create(args, stage, screen).await?;
    handover(args, stage, vip, screen).await?;
    crash(args, stage, vip, screen).await?;
    if args.once {
        return delete(args, stage, vip, screen).await;
    }
    screen.step(Step::Layer2(Layer2Step::Stay))?;
    invite(&binary, stage, vip, screen)?;
    future::pending().await
}

async fn create(args: &Args, stage: &mut Stage, screen: &mut Screen) -> Result<IpAddr> {
    screen.step(Step::Layer2(Layer2Step::Service))?;
    screen.show(MANIFEST)?;
    screen.command("kubectl apply -f web.yaml")?;
    let (lab, _) = stage.network()?;
    let service: Service = serde_yaml::from_str(MANIFEST).context("reading the manifest")?;
    let start = Instant::now();
    lab.service_with_pods(service, &[SAFE]).await?;
    let served = until(args, lab, "web to have an address", |it| {
        !addresses(it).is_empty()
    })
    .await?;
    let vip: IpAddr = addresses(&served)
        .first()
        .context("reading the address")?
        .parse()?;
    let answer = lab.client().get_until(vip, 80, args.deadline).await?;
    let took = start.elapsed().as_millis();
    screen.say(&format!("the client's connection to {vip} is answered {took} ms after kubectl apply, by pod {} on {}", answer.pod, answer.node))?;
    let announced = until(args, lab, "it to be said who announces", |it| {
        is_true(it, "roadstead.dev/Healthy")
    })
    .await?;
    screen.command("kubectl get service web")?;
    screen.table(&tables::services([&announced], Timestamp::now()), &[])?;
    for kind in ["Accepted", "Programmed", "Healthy"] {
        if let Some(it) = condition(&announced, &format!("roadstead.dev/{kind}")) {
            screen.say(&format!("{kind}={}: {}", it.status, it.message))?;
        }
    }
    Ok(vip)
}

/// Ends the announcer of the node that answers, and starts it again.
async fn handover(args: &Args, stage: &mut Stage, vip: IpAddr, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Layer2(Layer2Step::Handover))?;
    let (lab, fleet) = stage.network()?;
    let before = holder(args, lab, vip).await?;
    let prober = begin(args, lab, vip).await?;
    let announcer = fleet.take(before).context("finding the announcer")?;
    screen.command(&format!(
        "kill -TERM $(pidof roadstead)   # on node-{before}"
    ))?;
    announcer.signal(Signal::Term)?;
    announcer.wait(args.deadline).await?;
    let after = another(args, lab, vip, before).await?;
    told(prober, before, after, screen).await?;
    fleet.fill(lab)?;
    fleet.ready(lab, args.deadline).await?;
    screen.say(&format!(
        "node-{before} announces again what it is asked to; {vip} stays on node-{after}"
    ))
}

/// Takes the power of the node that answers away; if that is the pod's own, another one answers first.
async fn crash(args: &Args, stage: &mut Stage, vip: IpAddr, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Layer2(Layer2Step::Crash))?;
    let (lab, fleet) = stage.network()?;
    while holder(args, lab, vip).await? == SAFE {
        screen.say(&format!(
            "node-{SAFE} has the pod itself: its announcer hands over first"
        ))?;
        let announcer = fleet.take(SAFE).context("finding the announcer")?;
        announcer.signal(Signal::Term)?;
        announcer.wait(args.deadline).await?;
        fleet.fill(lab)?;
        fleet.ready(lab, args.deadline).await?;
    }
    let before = holder(args, lab, vip).await?;
    let prober = begin(args, lab, vip).await?;
    screen.say(&format!(
        "node-{before}: power off, cable and programs at once"
    ))?;
    lab.node(before).power_off()?;
    let after = another(args, lab, vip, before).await?;
    told(prober, before, after, screen).await?;
    lab.node(before).power_on(true)?;
    fleet.fill(lab)?;
    fleet.ready(lab, args.deadline).await
}

async fn delete(args: &Args, stage: &mut Stage, vip: IpAddr, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Layer2(Layer2Step::Delete))?;
    screen.command("kubectl delete service web")?;
    let (lab, _) = stage.network()?;
    let services = services(lab).await?;
    services
        .delete(NAME, &DeleteParams::default())
        .await
        .context("deleting web")?;
    let silent = poll_until("nobody to answer", args.deadline, async || {
        lab.arp_answers(vip, 3).await.ok()?.none().then_some(())
    });
    silent.await?;
    screen.say(&format!("nobody answers for {vip} any more"))
}

fn invite(binary: &Path, stage: &mut Stage, vip: IpAddr, screen: &mut Screen) -> Result<()> {
    let (lab, _) = stage.network()?;
    let kubeconfig = lab.control_plane().kubeconfig().display().to_string();
    screen.say("In another terminal:")?;
    screen.command(&format!("export KUBECONFIG={kubeconfig}"))?;
    screen.command(&format!("{} status", binary.display()))?;
    screen.command("kubectl describe service web")?;
    let node = lab.node(1).namespace();
    screen.command(&format!(
        "sudo nsenter --net={} curl -s localhost:8080/view",
        node.display()
    ))?;
    screen.say(&format!("The client asks for {vip}."))
}

/// Begins to ask every millisecond.
async fn begin(args: &Args, lab: &Lab, vip: IpAddr) -> Result<Prober> {
    let prober = lab.client().probe(vip, ECHO)?;
    prober.answered(args.deadline).await?;
    Ok(prober)
}

async fn told(prober: Prober, before: u8, after: u8, screen: &mut Screen) -> Result<()> {
    prober.answered(Duration::from_secs(30)).await?;
    let Outage {
        gap,
        lost,
        sent,
        pause: _,
    } = prober.stop().await?.outage();
    screen.say(&format!(
        "from node-{before} to node-{after}: the longest time between two answers was {:.1} ms; {lost} of {sent} requests \
         were lost",
        gap.as_secs_f64() * 1_000.0
    ))
}

/// The node that answers, alone.
async fn holder(args: &Args, lab: &Lab, vip: IpAddr) -> Result<u8> {
    poll_until("one node to answer", args.deadline, async || {
        let mac = lab.arp_answers(vip, 3).await.ok()?.only()?;
        let name = lab.node_with(mac)?.name();
        let found = lab.nodes().iter().position(|node| node.name() == name)?;
        u8::try_from(found + 1).ok()
    })
    .await
}

async fn another(args: &Args, lab: &Lab, vip: IpAddr, before: u8) -> Result<u8> {
    let now = poll_until("another node to answer", args.deadline, async || {
        let now = holder(args, lab, vip).await.ok()?;
        (now != before).then_some(now)
    })
    .await?;
    ensure!(now != before, "node-{before} answers still");
    Ok(now)
}

async fn services(lab: &Lab) -> Result<Api<Service>> {
    Ok(Api::namespaced(
        lab.control_plane().client().await?,
        NAMESPACE,
    ))
}

async fn until(
    args: &Args,
    lab: &Lab,
    what: &str,
    is: impl Fn(&Service) -> bool,
) -> Result<Service> {
    let services = services(lab).await?;
    poll_until(what, args.deadline, async || {
        services.get(NAME).await.ok().filter(|service| is(service))
    })
    .await
}
