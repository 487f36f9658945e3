//! Who receives traffic.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ec2::types::Tag;
use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use futures::future::join;
use roadstead_core::{LoadBalancer, PortNumber, Target, Targets, TrafficPolicy};

use crate::{
    annotated, service, shows,
    support::{CLUSTER, World, shown::shown, waiting::settle},
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
        let group = &group_of(&world, &want).await;
        world.give(5, &["theirs"]).await;
        register(&world, group, &world.land.instances[5].id).await;

        want.targets = Targets::Exactly(nodes[..1].to_vec().into());
        settle(&provider, &want).await;
        let another = world.provider(&want.id.cluster);
        settle(&another, &want).await;
        let registered = world.registered(group).await;
        assert_eq!(registered.matches(":30080").count(), left, "{registered}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_left_while_no_controller_ran_goes_and_another_clusters_stays() {
    let world = World::new().await;
    // Of another cluster, of both, of nobody.
    world.give(3, &["theirs"]).await;
    world.give(4, &["theirs", CLUSTER]).await;
    world.give(5, &[]).await;
    let (one, other) = (shared(&world, "one", 0..2), shared(&world, "other", 0..3));
    let before = world.provider(&one.id.cluster);
    join(settle(&before, &one), settle(&before, &other)).await;
    let groups = [group_of(&world, &one).await, group_of(&world, &other).await];
    for theirs in &world.land.instances[3..] {
        for group in &groups {
            register(&world, group, &theirs.id).await;
        }
    }
    drop(before);

    let (one, other) = (shared(&world, "one", 0..1), shared(&world, "other", 0..1));
    let another = world.provider(&one.id.cluster);
    let mark = world.proxy.mark();
    join(settle(&another, &one), settle(&another, &other)).await;
    for group in &groups {
        assert_eq!(
            world.registered(group).await,
            instances(&world, &[0, 3, 4, 5])
        );
    }
    let calls = world.proxy.since(mark);
    assert_eq!(
        calls.count("DescribeInstances"),
        2,
        "the nodes' own groups, and whose the other targets are: {:?}",
        calls.counts()
    );
    let mark = world.proxy.mark();
    join(settle(&another, &one), settle(&another, &other)).await;
    assert_eq!(world.proxy.since(mark).count("DescribeInstances"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_clusters_name_only_what_this_process_saw_wanted_goes() {
    let mut world = World::new().await;
    for name in [None, Some("another's".to_owned())] {
        world.settings.cluster_name = name;
        let service = format!("known-{}", world.settings.cluster_name.is_some());
        let want = shared(&world, &service, 0..3);
        settle(&world.provider(&want.id.cluster), &want).await;
        let group = &group_of(&world, &want).await;
        let another = world.provider(&want.id.cluster);
        settle(&another, &shared(&world, &service, 0..2)).await;
        assert_eq!(world.registered(group).await, instances(&world, &[0, 1, 2]));
        settle(&another, &shared(&world, &service, 0..1)).await;
        assert_eq!(world.registered(group).await, instances(&world, &[0, 2]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_a_shared_group_goes_if_it_was_seen_wanted_and_else_stays() {
    let world = World::new().await;
    let pods = |pods: &[usize]| {
        let mut want = annotated(
            shared(&world, "pods", 0..1),
            &[
                ("multi-cluster-target-group", "true"),
                ("nlb-target-type", "ip"),
            ],
        );
        let pod = |n: &usize| Target {
            port: PortNumber::new(8080),
            port_name: Some("http".into()),
            // The last one is outside the VPC: it is registered for every zone.
            addresses: match n {
                9 => vec!["192.168.7.9".parse().unwrap()],
                n => vec![world.land.instances[*n].address()],
            },
            ..world.targets().remove(0)
        };
        want.targets = Targets::Exactly(pods.iter().map(pod).collect());
        want
    };
    let want = pods(&[0, 1, 2, 9]);
    settle(&world.provider(&want.id.cluster), &want).await;
    let group = &group_of(&world, &want).await;
    let another = world.provider(&want.id.cluster);
    settle(&another, &pods(&[0, 1, 9])).await;
    let left = world.registered(group).await;
    assert_eq!(left.matches(":8080").count(), 4, "{left}");
    settle(&another, &pods(&[0])).await;
    let left = world.registered(group).await;
    assert_eq!(left.matches(":8080").count(), 2, "{left}");
}

/// A Service whose target group clusters share, with these of the nodes.
fn shared(world: &World, name: &str, nodes: std::ops::Range<usize>) -> LoadBalancer {
    let mut want = annotated(
        service(world, name),
        &[("multi-cluster-target-group", "true")],
    );
    want.ports.truncate(1);
    want.targets = Targets::Exactly(world.targets()[nodes].to_vec().into());
    want
}

async fn group_of(world: &World, want: &LoadBalancer) -> String {
    let balancer = world.balancers_of(&want.id).await.remove(0);
    let groups = world.elb.describe_target_groups();
    let groups = groups.load_balancer_arn(balancer.load_balancer_arn().unwrap());
    let groups = groups.send().await.unwrap();
    let group = groups.target_groups()[0].target_group_arn();
    group.unwrap().to_owned()
}

async fn register(world: &World, group: &str, instance: &str) {
    let target = TargetDescription::builder().id(instance).port(30_080);
    let register = world.elb.register_targets().target_group_arn(group);
    register.targets(target.build()).send().await.unwrap();
}

/// These instances, as [`World::registered`] tells of them.
fn instances(world: &World, which: &[usize]) -> String {
    let ids = which.iter().map(|n| &world.land.instances[*n].id);
    let mut told: Vec<String> = ids.map(|id| format!("{id}:30080")).collect();
    told.sort();
    format!("{told:?}")
}

impl World {
    /// Makes an instance a node of these clusters, by its tags.
    async fn give(&self, instance: usize, clusters: &[&str]) {
        let id = &self.land.instances[instance].id;
        let tag = |name: &&str| {
            let key = format!("kubernetes.io/cluster/{name}");
            Tag::builder().key(key).value("owned").build()
        };
        let untag = self.ec2.delete_tags().resources(id).tags(tag(&CLUSTER));
        untag.send().await.unwrap();
        for name in clusters {
            let give = self.ec2.create_tags().resources(id).tags(tag(name));
            give.send().await.unwrap();
        }
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
