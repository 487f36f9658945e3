//! Who receives traffic.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use roadstead_core::{PortNumber, Targets, TrafficPolicy};

use crate::{
    annotated, service, shows,
    support::{World, shown::shown, waiting::settle},
};

#[tokio::test(flavor = "multi_thread")]
async fn pods_labels_and_missing_groups_reach_aws() {
    let world = World::new().await;
    let mut want = annotated(
        service(&world, "pods"),
        &[
            ("nlb-target-type", "ip"),
            ("disable-nlb-sg", "true"),
            ("proxy-protocol", "*"),
        ],
    );
    want.ports.truncate(1);
    let mut pod = world.targets().remove(0);
    pod.port = PortNumber::new(8080);
    pod.port_name = Some("http".into());
    let address = pod.addresses[0];
    want.targets = Targets::Exactly([pod].into_iter().collect());
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    let registered = format!("group 80 targets [\"{address}:8080\"]");
    let facts = [
        "group 80 type ip",
        "group 80 proxy_protocol_v2.enabled=true",
        &registered,
    ];
    shows(&world, &want, &facts).await;
    let lines = shown(&world, &want).await;
    assert!(
        !lines.iter().any(|line| line.starts_with("security group")),
        "{lines:#?}"
    );

    let mut labelled = annotated(
        service(&world, "labelled"),
        &[("target-node-labels", "pool=edge")],
    );
    labelled.ports.truncate(1);
    labelled.traffic_policy = TrafficPolicy::Local {
        health_check_node_port: PortNumber::new(32_000),
    };
    let mut nodes = world.targets();
    nodes[0].labels = Arc::new(BTreeMap::from([("pool".to_owned(), "edge".to_owned())]));
    let edge = nodes[0].provider_id.clone().unwrap().0;
    let edge = edge.rsplit('/').next().unwrap().to_owned();
    labelled.targets = Targets::Exactly(nodes.into_iter().collect());
    settle(&provider, &labelled).await;
    let registered = format!("group 80 targets [\"{edge}:30080\"]");
    let facts = [
        registered.as_str(),
        "group 80 check HTTP 32000 Some(\"/healthz\")",
    ];
    shows(&world, &labelled, &facts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn targets_of_another_cluster_stay_where_that_is_asked_for() {
    let world = World::new().await;
    let nodes = world.targets();
    for (shared, left) in [("true", 2), ("false", 1)] {
        let mut want = annotated(
            service(&world, &format!("shared-{shared}")),
            &[("multi-cluster-target-group", shared)],
        );
        want.ports.truncate(1);
        want.targets = Targets::Exactly(nodes[..2].to_vec().into());
        let provider = world.provider(&want.id.cluster);
        settle(&provider, &want).await;
        let balancer = world.balancers_of(&want.id).await.remove(0);
        let groups = world.elb.describe_target_groups();
        let groups = groups.load_balancer_arn(balancer.load_balancer_arn().unwrap());
        let groups = groups.send().await.unwrap();
        let group = groups.target_groups()[0].target_group_arn().unwrap();
        let theirs = TargetDescription::builder()
            .id(world.land.instances[5].id.as_str())
            .port(30_080)
            .build();
        let register = world.elb.register_targets().target_group_arn(group);
        register.targets(theirs).send().await.unwrap();

        want.targets = Targets::Exactly(nodes[..1].to_vec().into());
        settle(&provider, &want).await;
        let another = world.provider(&want.id.cluster);
        settle(&another, &want).await;
        let registered = world.registered(group).await;
        assert_eq!(registered.matches(":30080").count(), left, "{registered}");
    }
}

/// The oldest way to ask for pods.
#[tokio::test(flavor = "multi_thread")]
async fn the_type_of_old_means_pods() {
    let world = World::new().await;
    let mut want = annotated(service(&world, "old"), &[("type", "nlb-ip")]);
    want.ports.truncate(1);
    let mut pod = world.targets().remove(0);
    pod.port = PortNumber::new(80);
    want.targets = Targets::Exactly([pod].into_iter().collect());
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    shows(&world, &want, &["group 80 type ip"]).await;
}
