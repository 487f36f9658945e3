//! A policy that goes by tags knows none of what is gone: AWS then says that a call is not allowed, instead of that there is
//! nothing. Does a Service get over that?
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod support;

use roadstead_aws::AwsProvider;
use roadstead_core::{ClusterUid, ErrorKind, LoadBalancer, LoadBalancerProvider, Protocol, chain};
use roadstead_testbed::fault_proxy::{Fault, Scope, When};

use self::support::{
    World,
    request::{self, port},
    waiting::{gone, settle},
};

/// A Service that is served, and a process that found it so; made by one before it, nothing of it is new.
async fn found(world: &World, name: &str) -> (AwsProvider, LoadBalancer) {
    let cluster = ClusterUid::parse("denied").unwrap();
    let want = request::service(&cluster, name, world.targets());
    settle(&world.provider(&cluster), &want).await;
    let provider = world.provider(&cluster);
    settle(&provider, &want).await;
    (provider, want)
}

/// Somebody else deletes the load balancer, and all that was made for it alone.
async fn delete_all(world: &World, want: &LoadBalancer) {
    let balancer = world.balancers_of(&want.id).await.remove(0);
    let arn = balancer.load_balancer_arn().unwrap();
    let groups = world.elb.describe_target_groups().load_balancer_arn(arn);
    let groups = groups.send().await.unwrap();
    let delete = world.elb.delete_load_balancer().load_balancer_arn(arn);
    delete.send().await.unwrap();
    for group in groups.target_groups() {
        let delete = world.elb.delete_target_group();
        let delete = delete.target_group_arn(group.target_group_arn().unwrap());
        delete.send().await.unwrap();
    }
    let own = roadstead_aws::frontend_group_name(&want.id);
    let all = world.ec2.describe_security_groups().send().await.unwrap();
    let mut own = all
        .security_groups()
        .iter()
        .filter(|group| group.group_name() == Some(&own));
    let id = own.next().unwrap().group_id().unwrap();
    let delete = world.ec2.delete_security_group().group_id(id);
    delete.send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_ends_although_what_is_gone_is_denied() {
    let mut world = World::new().await;
    world.settings.settle = std::time::Duration::from_millis(500);
    let before = world.inventory().await;
    let (provider, want) = found(&world, "web").await;
    delete_all(&world, &want).await;
    for action in ["DeleteLoadBalancer", "DeleteTargetGroup"] {
        world.proxy.deny(action);
    }
    let denied = provider.release(&want.id).await.unwrap_err();
    let text = chain(&denied).to_string();
    assert_eq!(denied.kind(), ErrorKind::Unauthorized, "{text}");
    // The next attempt looks first.
    gone(&provider, &want.id).await;
    assert_eq!(world.inventory().await, before);
    assert_eq!(provider.owned().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_and_denied_is_made_anew() {
    let world = World::new().await;
    let (provider, mut want) = found(&world, "web").await;
    delete_all(&world, &want).await;
    want.ports.push(port("https", Protocol::Tcp, 443, 30_443));
    // The rule for the new port.
    let scope = Scope::action("AuthorizeSecurityGroupIngress");
    world.proxy.script(scope, When::First(1), Fault::Denied);
    let denied = provider.ensure(&want).await.unwrap_err();
    let text = chain(&denied).to_string();
    assert_eq!(denied.kind(), ErrorKind::Unauthorized, "{text}");
    settle(&provider, &want).await;
    let shown = world.describe(&want.id).await;
    assert_eq!(shown.matches("listener ").count(), 2, "{shown}");
}
