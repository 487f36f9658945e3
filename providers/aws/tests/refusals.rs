//! What is a user told who can do something about it? Each refusal with its kind and its text, and nothing left of the
//! Service that met it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ec2::types::Tag;
use roadstead_core::{ClusterUid, ErrorKind, LoadBalancer, Protocol, chain};
use roadstead_testbed::localstack::{Quotas, Settings};

use self::support::{
    CLUSTER, World,
    request::{self, port},
    waiting::{gone, refused, settle},
};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fitting_subnet_each_is_named_with_what_is_wrong_with_it() {
    let world = World::on(|land| land.public_subnets(2)).await;
    let why = "has no tag kubernetes.io/role/internal-elb, but a route to an internet gateway";
    let subnets = world.land.subnets.iter();
    let texts: Vec<String> = subnets
        .map(|subnet| format!("{} ({}): {why}", subnet.id, subnet.zone))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    told(&world, &service(&world), ErrorKind::Conflict, &texts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reached_quota_is_named_with_where_it_is_raised() {
    let world = World::new().await;
    let quotas = Quotas {
        load_balancers: 0,
        ..Quotas::default()
    };
    limit(&world, quotas).await;
    let texts = ["TooManyLoadBalancers", "Network Load Balancers per Region"];
    told(&world, &service(&world), ErrorKind::Quota, &texts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_call_names_the_permission_that_is_missing() {
    let world = World::new().await;
    for action in ["CreateTargetGroup", "CreateLoadBalancer", "CreateListener"] {
        world.proxy.deny(action);
        let allow = format!("allow elasticloadbalancing:{action} in the controller's IAM policy");
        let texts = [allow.as_str()];
        told(&world, &service(&world), ErrorKind::Unauthorized, &texts).await;
        world.proxy.clear_script();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_there_is_named() {
    let world = World::new().await;
    let arn = "arn:aws:acm:us-east-1:000000000000:certificate/12345678-1234-1234-1234-123456789012";
    let mut want = service(&world);
    let key = |name: &str| format!("service.beta.kubernetes.io/aws-load-balancer-{name}");
    want.annotations = Arc::new(BTreeMap::from([
        (key("ssl-cert"), arn.to_owned()),
        (key("ssl-ports"), "https".to_owned()),
    ]));
    told(
        &world,
        &want,
        ErrorKind::InvalidSpec,
        &[arn, "in this region"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_rules_for_a_security_group_are_a_quota() {
    let world = World::new().await;
    let mut want = service(&world);
    want.source_ranges = (0..40)
        .map(|n| format!("198.51.{n}.0/24").parse().unwrap())
        .collect();
    told(&world, &want, ErrorKind::Quota, &["rules", "quota"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_two_groups_of_the_cluster_are_named_and_the_service_is_served() {
    let world = World::new().await;
    let second = second_node_group(&world).await;
    let want = service(&world);
    let provider = world.provider(&want.id.cluster);
    let said = settle(&provider, &want).await.notes.join("\n");
    let texts = [&*world.land.node_security_group, &second, "tag exactly one"];
    for text in texts {
        assert!(said.contains(text), "no {text:?} in: {said}");
    }
}

/// The Service's creation ends in an error of that kind, whose text has all of `texts`; what was made by then goes.
async fn told(world: &World, want: &LoadBalancer, kind: ErrorKind, texts: &[&str]) {
    let before = world.inventory().await;
    let provider = world.provider(&want.id.cluster);
    let error = refused(&provider, want).await;
    let said = chain(&error).to_string();
    assert_eq!(error.kind(), kind, "{said}");
    for text in texts {
        assert!(said.contains(text), "no {text:?} in: {said}");
    }
    gone(&provider, &want.id).await;
    assert_eq!(world.inventory().await, before, "left after: {said}");
}

async fn limit(world: &World, quotas: Quotas) {
    let settings = Settings {
        quotas,
        ..Settings::default()
    };
    world.account.set(&settings).await.unwrap();
}

/// Gives every node another group that says it is the cluster's.
async fn second_node_group(world: &World) -> String {
    let created = world
        .ec2
        .create_security_group()
        .group_name("second")
        .description("another one")
        .vpc_id(&world.land.vpc_id)
        .send()
        .await
        .unwrap();
    let group = created.group_id().unwrap().to_owned();
    let tag = Tag::builder()
        .key(format!("kubernetes.io/cluster/{CLUSTER}"))
        .value("owned")
        .build();
    let tags = world.ec2.create_tags().resources(&group).tags(tag);
    tags.send().await.unwrap();
    for instance in &world.land.instances {
        world
            .ec2
            .modify_instance_attribute()
            .instance_id(&instance.id)
            .groups(&world.land.node_security_group)
            .groups(&group)
            .send()
            .await
            .unwrap();
    }
    group
}

fn cluster() -> ClusterUid {
    ClusterUid::parse("refusals").unwrap()
}

fn service(world: &World) -> LoadBalancer {
    let targets = world.targets().into_iter().take(3).collect();
    LoadBalancer {
        ports: vec![
            port("http", Protocol::Tcp, 80, 30_080),
            port("https", Protocol::Tcp, 443, 30_443),
        ],
        ..request::service(&cluster(), "web", targets)
    }
}
