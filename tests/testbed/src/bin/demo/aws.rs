//! What does the demo show of Network Load Balancers? A Service becomes one, in an AWS that runs on this machine, and every
//! call is counted.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use roadstead_testbed::{add_node, addresses, condition, is_true, node, poll_until};
use serde_json::json;

use crate::{
    Args, play,
    screen::Screen,
    stage::Stage,
    step::{NlbStep, Step},
    tables,
};

const CLUSTER: &str = "demo";
const NAME: &str = "web";
/// Three nodes from the beginning, and one that comes later.
const INSTANCES: u32 = 4;

const MANIFEST: &str = "apiVersion: v1
kind: Service
metadata:
  name: web
  annotations:
    service.beta.kubernetes.io/aws-load-balancer-scheme: internal
spec:
  type: LoadBalancer
  loadBalancerClass: roadstead.dev/aws
  selector: {app: web}
  ports: [{name: http, port: 80}]
";

/// Every step up to the last one, and that too with `--once`; without it, for ever.
pub(crate) async fn play(args: &Args, stage: &mut Stage, screen: &mut Screen) -> Result<()> {
    screen.line("Roadstead gives Services of type LoadBalancer an external address. Here it does so with Network Load Balancers,")?;
    screen.line("on a real API server and in LocalStack: an AWS on this machine that behaves as AWS documents.")?;
    let binary = play::build(args, screen).await?;

    screen.step(Step::Nlb(NlbStep::LocalStack))?;
    let cloud = stage.start_cloud(CLUSTER, INSTANCES).await?;
    screen.say(&format!(
        "{} with {} subnets and {} instances",
        cloud.land.vpc_id,
        cloud.land.subnets.len(),
        cloud.land.instances.len()
    ))?;
    cluster(args, &binary, stage, screen).await?;
    plan(args, &binary, stage, screen).await?;
    create(args, stage, screen).await?;
    edit(args, stage, screen).await?;
    add(args, stage, screen).await?;
    if args.once {
        return delete(args, stage, screen).await;
    }
    screen.step(Step::Nlb(NlbStep::Stay))?;
    let kubeconfig = stage.control_plane()?.kubeconfig().display().to_string();
    screen.say("In another terminal:")?;
    screen.command(&format!("export KUBECONFIG={kubeconfig}"))?;
    for (name, value) in stage.environment()? {
        screen.command(&format!("export {name}={value}"))?;
    }
    screen.command(&format!("{} plan web --provider aws", binary.display()))?;
    screen.command("kubectl describe service web")?;
    stage.broken().await
}

async fn cluster(args: &Args, binary: &Path, stage: &mut Stage, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Nlb(NlbStep::Cluster))?;
    let client = stage.start_api_server().await?;
    for (n, instance) in stage.cloud()?.land.instances.iter().take(3).enumerate() {
        let id = instance.provider_id();
        add_node(
            &client,
            node(&format!("node-{}", n + 1)).provider_id(&id).build(),
        )
        .await?;
    }
    let start = Instant::now();
    let flags = [
        "--provider",
        "aws",
        "--aws-cluster-name",
        CLUSTER,
        "--aws-health-interval",
        "2s",
    ];
    stage
        .start_controller_of_aws(binary, &flags, args.deadline)
        .await?;
    let took = start.elapsed().as_millis();
    screen.say(&format!("/readyz says yes after {took} ms"))
}

async fn plan(args: &Args, binary: &Path, stage: &Stage, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Nlb(NlbStep::Plan))?;
    screen.show(MANIFEST)?;
    let kubeconfig = stage.control_plane()?.kubeconfig_of("controller")?;
    let file = kubeconfig.with_file_name("web.yaml");
    fs::write(&file, MANIFEST).context("writing the manifest")?;
    let file = file.to_str().context("naming the manifest: not UTF-8")?;
    screen.command("roadstead plan -f web.yaml --provider aws")?;
    let said = stage
        .ask_with(
            binary,
            "plan",
            &[
                "-f",
                file,
                "--provider",
                "aws",
                "--aws-cluster-name",
                CLUSTER,
            ],
            &stage.environment()?,
            args.deadline,
        )
        .await?;
    screen.show(&said)
}

async fn create(args: &Args, stage: &Stage, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Nlb(NlbStep::Service))?;
    screen.command("kubectl apply -f web.yaml")?;
    let mark = stage.cloud()?.proxy.mark();
    let service: Service = serde_yaml::from_str(MANIFEST).context("reading the manifest")?;
    let services = stage.services().await?;
    let start = Instant::now();
    services
        .create(&PostParams::default(), &service)
        .await
        .context("creating web")?;
    let served = until(args, stage, "web to have an address", |service| {
        is_true(service, "roadstead.dev/Programmed") && !addresses(service).is_empty()
    })
    .await?;
    let took = start.elapsed().as_millis();
    let calls = stage.cloud()?.proxy.since(mark).counts();
    screen.say(&format!("it has an address after {took} ms"))?;
    screen.command("kubectl get service web")?;
    screen.table(&tables::services([&served], Timestamp::now()), &[])?;
    tell_calls(
        "The first Service of a cluster also makes what all of them share:",
        &calls,
        screen,
    )?;
    let healthy = until(args, stage, "its targets to be healthy", |service| {
        is_true(service, "roadstead.dev/Healthy")
    })
    .await?;
    tell_conditions(&healthy, screen)
}

async fn edit(args: &Args, stage: &Stage, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Nlb(NlbStep::Edit))?;
    let mark = stage.cloud()?.proxy.mark();
    let patch = json!({ "spec": { "ports": [
        { "name": "http", "port": 80 }, { "name": "https", "port": 443 },
    ] } });
    screen.command("kubectl patch service web -p '{\"spec\": {\"ports\": [… , {\"name\": \"https\", \"port\": 443}]}}'")?;
    let services = stage.services().await?;
    services
        .patch(NAME, &PatchParams::default(), &Patch::Strategic(patch))
        .await
        .context("editing web")?;
    let proxy = &stage.cloud()?.proxy;
    let listened = proxy
        .wait_for_since(mark, "a listener", |call| call.is("CreateListener"))
        .await;
    listened.context("waiting for the listener")?;
    until(args, stage, "web to be served at both ports", |service| {
        is_true(service, "roadstead.dev/Programmed") && is_true(service, "roadstead.dev/Healthy")
    })
    .await?;
    let events = stage.events(NAME).await?;
    if let Some(event) = events.last() {
        screen.say(&event.note)?;
    }
    tell_calls(
        "Only what changes is called:",
        &proxy.since(mark).counts(),
        screen,
    )
}

async fn add(args: &Args, stage: &Stage, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Nlb(NlbStep::Node))?;
    let cloud = stage.cloud()?;
    let mark = cloud.proxy.mark();
    let instance = cloud.land.instances.last().context("finding an instance")?;
    let node = node("node-4").provider_id(&instance.provider_id());
    add_node(&stage.client().await?, node.build()).await?;
    let healthy = until(args, stage, "four healthy targets", |service| {
        condition(service, "roadstead.dev/Healthy").is_some_and(|it| it.message.contains("4/4"))
    })
    .await?;
    tell_conditions(&healthy, screen)?;
    tell_calls(
        "One call for each port:",
        &cloud.proxy.since(mark).counts(),
        screen,
    )
}

async fn delete(args: &Args, stage: &Stage, screen: &mut Screen) -> Result<()> {
    screen.step(Step::Nlb(NlbStep::Delete))?;
    let cloud = stage.cloud()?;
    let mark = cloud.proxy.mark();
    screen.command("kubectl delete service web")?;
    let services = stage.services().await?;
    services
        .delete(NAME, &DeleteParams::default())
        .await
        .context("deleting web")?;
    poll_until("web to be gone", args.deadline, async || {
        services.get_opt(NAME).await.ok()?.is_none().then_some(())
    })
    .await?;
    tell_calls(
        "Everything goes, what all Services shared included:",
        &cloud.proxy.since(mark).counts(),
        screen,
    )?;
    let dump = cloud.account.dump().await?;
    let left = dump.load_balancers.len() + dump.target_groups.len();
    ensure!(
        left == 0,
        "{left} load balancers and target groups are left"
    );
    screen.say("Left in AWS: 0 load balancers, 0 target groups")
}

async fn until(
    args: &Args,
    stage: &Stage,
    what: &str,
    is: impl Fn(&Service) -> bool,
) -> Result<Service> {
    let services = stage.services().await?;
    poll_until(what, args.deadline, async || {
        services.get(NAME).await.ok().filter(|service| is(service))
    })
    .await
}

fn tell_conditions(service: &Service, screen: &mut Screen) -> Result<()> {
    for kind in ["Accepted", "Programmed", "Healthy"] {
        if let Some(it) = condition(service, &format!("roadstead.dev/{kind}")) {
            screen.say(&format!("{kind}={}: {}", it.status, it.message))?;
        }
    }
    Ok(())
}

fn tell_calls(remark: &str, calls: &BTreeMap<String, usize>, screen: &mut Screen) -> Result<()> {
    let total: usize = calls.values().sum();
    let each: Vec<String> = calls
        .iter()
        .map(|(action, count)| match count {
            1 => action.clone(),
            count => format!("{count} {action}"),
        })
        .collect();
    screen.say(&format!(
        "{remark} {total} calls of AWS's API: {}",
        each.join(", ")
    ))
}
