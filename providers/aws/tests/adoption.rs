//! Is a load balancer that somebody else made taken over as announced, and left alone where it is not ours to take?
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, LoadBalancerSchemeEnum, LoadBalancerTypeEnum, ProtocolEnum, Tag,
    TargetTypeEnum,
};
use roadstead_core::{
    Address, ClusterUid, Ensured, ErrorKind, Host, LoadBalancer, LoadBalancerProvider,
};

use self::support::{World, request::service, waiting::gone};

const ADOPT: &str = "roadstead.dev/adopt";

fn request(world: &World, name: &str, adopt: &str) -> LoadBalancer {
    let cluster = ClusterUid::parse("adoption").unwrap();
    LoadBalancer {
        annotations: Arc::new(BTreeMap::from([(ADOPT.to_owned(), adopt.to_owned())])),
        ..service(&cluster, name, world.targets())
    }
}

/// A load balancer of somebody else, with a listener at 80; its DNS name.
async fn foreign(world: &World, name: &str, tags: &[(&str, &str)]) -> String {
    let group = world
        .ec2
        .create_security_group()
        .group_name(format!("{name}-clients"))
        .description("clients")
        .vpc_id(&world.land.vpc_id)
        .send()
        .await
        .unwrap();
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(*key).value(*value).build());
    let made = world
        .elb
        .create_load_balancer()
        .name(name)
        .r#type(LoadBalancerTypeEnum::Network)
        .scheme(LoadBalancerSchemeEnum::Internal)
        .set_subnets(Some(
            world
                .land
                .subnet_ids(false)
                .into_iter()
                .map(str::to_owned)
                .collect(),
        ))
        .security_groups(group.group_id().unwrap())
        .set_tags(Some(tags.collect::<Vec<_>>()).filter(|tags| !tags.is_empty()))
        .send()
        .await
        .unwrap();
    let balancer = &made.load_balancers()[0];
    let group = world
        .elb
        .create_target_group()
        .name(format!("{name}-targets"))
        .protocol(ProtocolEnum::Tcp)
        .port(80)
        .vpc_id(&world.land.vpc_id)
        .target_type(TargetTypeEnum::Instance)
        .send()
        .await
        .unwrap();
    let forward = Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(group.target_groups()[0].target_group_arn().unwrap())
        .build();
    world
        .elb
        .create_listener()
        .load_balancer_arn(balancer.load_balancer_arn().unwrap())
        .protocol(ProtocolEnum::Tcp)
        .port(80)
        .default_actions(forward)
        .send()
        .await
        .unwrap();
    balancer.dns_name().unwrap().to_lowercase()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_is_announced_and_then_keeps_the_name_that_clients_know() {
    let mut world = World::new().await;
    world.settings.adoption_notice = Duration::from_secs(2);
    let name = foreign(&world, "legacy", &[]).await;
    let mut want = request(&world, "web", "legacy");
    let provider: Arc<dyn LoadBalancerProvider> = Arc::new(world.provider(&want.id.cluster));
    let before = world.inventory().await;
    let foretold = provider.plan(&want).await.unwrap().to_string();
    let Ensured::Pending {
        waiting_for,
        retry_after,
        ..
    } = provider.ensure(&want).await.unwrap()
    else {
        panic!("taken over without a word");
    };
    assert!(
        waiting_for.contains("load balancer legacy is taken over"),
        "{waiting_for}"
    );
    assert!(waiting_for.contains(&foretold), "{waiting_for}\n{foretold}");
    assert!(foretold.contains("create target group"), "{foretold}");
    assert!(!foretold.contains("create load balancer"), "{foretold}");
    assert_eq!(
        world.inventory().await,
        before,
        "only announced, and yet something changed"
    );
    let mut pause = retry_after;
    for _ in 0..50 {
        tokio::time::sleep(pause).await;
        match provider.ensure(&want).await.unwrap() {
            Ensured::Ready(outcome) => {
                assert_eq!(hosts(&outcome.addresses), std::slice::from_ref(&name));
                want.published = outcome.addresses;
                break;
            }
            Ensured::Pending { retry_after, .. } => pause = retry_after,
        }
    }
    assert!(!want.published.is_empty(), "never taken over");
    assert!(provider.plan(&want).await.unwrap().is_empty());
    // Another process finds it by its marks.
    let process = world.provider(&want.id.cluster);
    assert!(process.plan(&want).await.unwrap().is_empty());
    assert_eq!(process.owned().await.unwrap()[0].id, want.id);
    gone(&process, &want.id).await;
    let left = world.inventory().await;
    assert!(
        left.iter().all(|it| !it.starts_with("load balancer")),
        "{left:?}"
    );
    assert!(
        left.iter().any(|it| it.contains("legacy-targets")),
        "what was not taken over stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_somebody_else_is_not_taken() {
    let world = World::new().await;
    let marks = [
        ("roadstead.dev/cluster", "another"),
        ("roadstead.dev/owner", "x"),
    ];
    foreign(&world, "theirs", &marks).await;
    foreign(&world, "legacy", &[("elbv2.k8s.aws/cluster", "another")]).await;
    let before = world.inventory().await;
    let table = [
        ("theirs", "belongs to another cluster"),
        ("legacy", "--aws-cluster-name another"),
        ("nothing", "there is none in this region"),
    ];
    for (name, text) in table {
        let want = request(&world, "web", name);
        let provider = world.provider(&want.id.cluster);
        let error = provider.ensure(&want).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{name}: {error}");
        assert!(error.to_string().contains(text), "{name}: {error}");
    }
    assert_eq!(
        world.inventory().await,
        before,
        "refused, and yet something changed"
    );
}

fn hosts(addresses: &[Address]) -> Vec<String> {
    let name = |address: &Address| match &address.host {
        Host::Hostname(name) => name.clone(),
        Host::Ip(ip) => ip.to_string(),
    };
    addresses.iter().map(name).collect()
}
