//! How fast could it be without security groups? The least that a Network Load Balancer takes, called directly and through the same
//! proxy: a target group, a load balancer, a listener, its targets.

use anyhow::{Context as _, Result};
use futures::future::try_join_all;
use roadstead_testbed::localstack::Caller;

use crate::stage::{NODES, Stage};

/// Makes the load balancer `name`, one call after another.
pub(crate) async fn make(stage: &Stage<'_>, caller: &Caller, name: &str) -> Result<()> {
    let port = "30080";
    let parameters = [
        ("Name", name),
        ("Protocol", "TCP"),
        ("Port", port),
        ("VpcId", &stage.land.vpc_id),
        ("TargetType", "instance"),
    ];
    let made = call(caller, "CreateTargetGroup", &parameters).await?;
    let target_group = between(&made, "TargetGroupArn")?;

    let subnets = stage.land.subnet_ids(false);
    let numbered = |what: &str, n: usize| format!("{what}.member.{}", n + 1);
    let keys: Vec<String> = (0..subnets.len()).map(|n| numbered("Subnets", n)).collect();
    let mut parameters = vec![("Name", name), ("Type", "network"), ("Scheme", "internal")];
    parameters.extend(keys.iter().map(String::as_str).zip(subnets));
    let made = call(caller, "CreateLoadBalancer", &parameters).await?;
    let load_balancer = between(&made, "LoadBalancerArn")?;

    call(
        caller,
        "CreateListener",
        &[
            ("LoadBalancerArn", &load_balancer),
            ("Protocol", "TCP"),
            ("Port", "80"),
            ("DefaultActions.member.1.Type", "forward"),
            ("DefaultActions.member.1.TargetGroupArn", &target_group),
        ],
    )
    .await?;

    let nodes = stage.land.instances.iter().take(NODES).enumerate();
    let keys: Vec<(String, &str)> = nodes
        .map(|(n, node)| (format!("Targets.member.{}.Id", n + 1), node.id.as_str()))
        .collect();
    let mut parameters = vec![("TargetGroupArn", target_group.as_str())];
    parameters.extend(keys.iter().map(|(key, id)| (key.as_str(), *id)));
    call(caller, "RegisterTargets", &parameters).await?;
    Ok(())
}

/// [`make`] of all of them at once.
pub(crate) async fn make_all(stage: &Stage<'_>, names: &[String]) -> Result<()> {
    let caller = stage.caller();
    try_join_all(names.iter().map(|name| make(stage, &caller, name)))
        .await
        .map(drop)
}

async fn call(caller: &Caller, action: &str, parameters: &[(&str, &str)]) -> Result<String> {
    caller
        .call("elasticloadbalancing", action, parameters)
        .await
}

/// What stands between the tags of this name.
fn between(xml: &str, tag: &str) -> Result<String> {
    let found = || {
        let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
        let (text, _) = rest.split_once('<')?;
        Some(text.to_owned())
    };
    found().with_context(|| format!("looking for {tag} in {xml}"))
}
