//! How many calls does a thing cost? Counted by the proxy in front of AWS, with the intervals of the defaults: time is moved, not waited for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use roadstead_aws::{AwsProvider, Limits};
use roadstead_core::{ClusterUid, LoadBalancer, Outcome, Port, PortNumber, Protocol};
use roadstead_testbed::{fault_proxy, localstack};

use self::support::{
    World, request,
    waiting::{gone, settle},
};

/// More than a resync, less than a deep check.
const RESYNC: Duration = Duration::from_mins(10);
/// More than a deep check.
const DEEP: Duration = Duration::from_mins(70);

/// A world whose quotas are out of the way, and one process in it.
struct Budget {
    world: World,
    provider: AwsProvider,
}

// === impl Budget ===

impl Budget {
    async fn new() -> Self {
        let mut world = World::new().await;
        let mut limits = localstack::Settings::default();
        limits.quotas.load_balancers = 1_000;
        limits.quotas.security_groups = 10_000;
        world.account.set(&limits).await.unwrap();
        world.settings.api.limits = Limits::unlimited();
        world.settings.health_first = Duration::from_secs(5);
        world.settings.health_interval = Duration::from_mins(5);
        let provider = world.provider(&cluster());
        Self { world, provider }
    }

    /// One that has listed what exists, and knows subnets and nodes.
    async fn warm() -> Self {
        let it = Self::new().await;
        it.settle(&it.service("warm", 1, 3)).await;
        it
    }

    fn service(&self, name: &str, ports: u16, nodes: usize) -> LoadBalancer {
        let targets = self.world.targets().into_iter().take(nodes).collect();
        LoadBalancer {
            ports: (0..ports).map(port).collect(),
            ..request::service(&cluster(), name, targets)
        }
    }

    fn services(&self, count: usize, nodes: usize) -> Vec<LoadBalancer> {
        let names = (0..count).map(|n| format!("service-{n}"));
        names.map(|name| self.service(&name, 1, nodes)).collect()
    }

    async fn settle(&self, want: &LoadBalancer) -> Outcome {
        settle(&self.provider, want).await
    }

    async fn settle_all(&self, wants: &[LoadBalancer]) -> Vec<Outcome> {
        join_all(wants.iter().map(|want| self.settle(want))).await
    }

    /// What `work` costs, by action.
    async fn cost(&self, work: impl Future) -> Cost {
        let mark = self.world.proxy.mark();
        work.await;
        let calls = self.world.proxy.since(mark);
        Cost(calls.counts())
    }

    /// No call was throttled.
    fn unthrottled(&self) {
        assert_eq!(self.world.proxy.calls().throttled().len(), 0);
    }

    async fn arn(&self, want: &LoadBalancer) -> String {
        let found = self.world.balancers_of(&want.id).await;
        let balancer = found.first().unwrap();
        balancer.load_balancer_arn().unwrap().to_owned()
    }
}

struct Cost(BTreeMap<String, usize>);

// === impl Cost ===

impl Cost {
    fn total(&self) -> usize {
        self.0.values().sum()
    }

    fn of(&self, action: &str) -> usize {
        self.0.get(action).copied().unwrap_or_default()
    }

    #[track_caller]
    fn at_most(&self, calls: usize) {
        assert!(
            self.total() <= calls,
            "{} of {calls}: {:?}",
            self.total(),
            self.0
        );
    }
}

fn cluster() -> ClusterUid {
    ClusterUid::parse("budget").unwrap()
}

fn port(n: u16) -> Port {
    Port {
        name: format!("port-{n}"),
        protocol: Protocol::Tcp,
        port: PortNumber::new(8_000 + n).unwrap(),
        target_port: PortNumber::new(8_000 + n),
        node_port: PortNumber::new(30_000 + n),
        app_protocol: None,
    }
}

/// Asks until it is ready, and publishes what each answer says, as the controller does.
/// Nothing is under way meanwhile.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_new_service_costs_eight_calls_and_each_further_port_three() {
    let it = Budget::warm().await;
    let one = it.service("one", 1, 3);
    it.cost(it.settle(&one)).await.at_most(8);
    let four = it.service("four", 4, 3);
    it.cost(it.settle(&four)).await.at_most(8 + 3 * 3);
    let grown = it.service("one", 3, 3);
    // One more: the rules of the load balancer's own group, which exists already.
    it.cost(it.settle(&grown)).await.at_most(2 * 3 + 1);
    it.unthrottled();
}

#[tokio::test]
async fn an_edit_that_changes_nothing_costs_nothing() {
    let it = Budget::warm().await;
    let mut want = it.service("warm", 1, 3);
    want.published = it.settle(&want).await.addresses;
    want.annotations = Arc::new(BTreeMap::from([(
        "example.com/note".to_owned(),
        "x".to_owned(),
    )]));
    it.cost(it.settle(&want)).await.at_most(0);
}

#[tokio::test]
async fn a_deletion_costs_eight_calls() {
    let it = Budget::warm().await;
    let want = it.service("one", 1, 3);
    it.settle(&want).await;
    it.cost(gone(&it.provider, &want.id)).await.at_most(8);
    it.unthrottled();
}

#[tokio::test]
async fn fifty_services_at_once_cost_four_hundred_calls_and_a_restart_three_each() {
    let mut it = Budget::new().await;
    let wants = it.services(50, 3);
    it.cost(it.settle_all(&wants)).await.at_most(400);
    it.provider = it.world.provider(&cluster());
    let restart = async {
        it.settle_all(&wants).await;
        // What was just read is not read again as if it had changed.
        pass(Duration::from_secs(6)).await;
        it.settle_all(&wants).await;
    };
    it.cost(restart).await.at_most(3 * 50);
    it.unthrottled();
}

#[tokio::test]
async fn one_more_node_costs_one_registration_each() {
    let it = Budget::new().await;
    it.settle(&it.service("service-0", 1, 3)).await;
    let grown = it.service("service-0", 1, 4);
    it.cost(it.settle(&grown)).await.at_most(2);
    it.settle_all(&it.services(50, 4)).await;
    let grown = it.services(50, 5);
    let cost = it.cost(it.settle_all(&grown)).await;
    assert_eq!(cost.of("RegisterTargets"), 50);
    cost.at_most(50 + 5);
    it.unthrottled();
}

#[tokio::test]
async fn a_resync_of_two_hundred_services_costs_a_fifth_of_a_call_each() {
    let mut it = Budget::new().await;
    // Asking after targets has a rhythm of its own.
    it.world.settings.health_interval = Duration::from_hours(24);
    it.world.settings.health_first = Duration::from_hours(24);
    it.provider = it.world.provider(&cluster());
    let wants = it.services(200, 3);
    it.settle_all(&wants).await;
    pass(RESYNC).await;
    it.cost(it.settle_all(&wants)).await.at_most(200 / 5);
    pass(DEEP).await;
    it.cost(it.settle_all(&wants)).await.at_most(200 * 5);
    it.unthrottled();
}

#[tokio::test]
async fn asking_after_targets_costs_a_call_for_each_port() {
    let it = Budget::warm().await;
    let want = it.service("two", 2, 3);
    it.settle(&want).await;
    pass(Duration::from_secs(6)).await;
    it.cost(it.settle(&want)).await.at_most(2);
    pass(Duration::from_secs(6)).await;
    it.cost(it.settle(&want)).await.at_most(0);
    pass(Duration::from_mins(5)).await;
    // One more for all Services together: the subnets, which are remembered for so long.
    it.cost(it.settle(&want)).await.at_most(2 + 1);
}

#[tokio::test]
async fn a_resync_repairs_what_a_list_shows() {
    let it = Budget::warm().await;
    let want = it.service("one", 1, 3);
    it.settle(&want).await;
    let before = it.world.describe(&want.id).await;
    let balancer = it.world.balancers_of(&want.id).await.remove(0);
    let groups = balancer.security_groups().to_vec();
    let rules = it
        .world
        .ec2
        .describe_security_groups()
        .group_ids(&groups[0]);
    let found = rules.send().await.unwrap();
    let own = found.security_groups()[0].ip_permissions().to_vec();
    it.world
        .ec2
        .revoke_security_group_ingress()
        .group_id(&groups[0])
        .set_ip_permissions(Some(own))
        .send()
        .await
        .unwrap();
    assert_ne!(it.world.describe(&want.id).await, before);
    pass(RESYNC).await;
    let outcome = it.settle(&want).await;
    assert!(outcome.repaired, "{outcome:?}");
    assert_eq!(it.world.describe(&want.id).await, before);
    it.unthrottled();
}

#[tokio::test]
async fn a_deep_check_repairs_listeners_targets_and_attributes() {
    let it = Budget::warm().await;
    let want = it.service("one", 2, 3);
    it.settle(&want).await;
    let before = it.world.describe(&want.id).await;
    let arn = it.arn(&want).await;
    let elb = &it.world.elb;
    let cross_zone = async || {
        let read = elb
            .describe_load_balancer_attributes()
            .load_balancer_arn(&arn);
        let found = read.send().await.unwrap();
        let mut all = found.attributes().iter();
        let it = all.find(|it| it.key() == Some("load_balancing.cross_zone.enabled"));
        it.and_then(|it| it.value()).map(str::to_owned)
    };
    let attributes = cross_zone().await;

    let listeners = elb
        .describe_listeners()
        .load_balancer_arn(&arn)
        .send()
        .await
        .unwrap();
    let lost = listeners.listeners()[0].listener_arn().unwrap();
    elb.delete_listener()
        .listener_arn(lost)
        .send()
        .await
        .unwrap();
    let groups = elb
        .describe_target_groups()
        .load_balancer_arn(&arn)
        .send()
        .await
        .unwrap();
    let group = groups.target_groups()[0].target_group_arn().unwrap();
    let target = aws_sdk_elasticloadbalancingv2::types::TargetDescription::builder()
        .id(&it.world.land.instances[0].id)
        .build();
    elb.deregister_targets()
        .target_group_arn(group)
        .targets(target)
        .send()
        .await
        .unwrap();
    let changed = aws_sdk_elasticloadbalancingv2::types::LoadBalancerAttribute::builder()
        .key("load_balancing.cross_zone.enabled")
        .value("true")
        .build();
    elb.modify_load_balancer_attributes()
        .load_balancer_arn(&arn)
        .attributes(changed)
        .send()
        .await
        .unwrap();
    assert_ne!(it.world.describe(&want.id).await, before);

    pass(DEEP).await;
    let outcome = it.settle(&want).await;
    assert!(outcome.repaired, "{outcome:?}");
    assert_eq!(it.world.describe(&want.id).await, before);
    assert_eq!(cross_zone().await, attributes);
    it.unthrottled();
}

/// AWS's buckets, so many times faster.
const FASTER: f64 = 100.0;

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_new_services_are_never_throttled() {
    let mut it = Budget::new().await;
    let limits = fault_proxy::Limits::documented().faster(FASTER);
    let told = limits.named().into_iter();
    it.world.settings.api.limits = told.fold(Limits::documented(), |told, (name, size, rate)| {
        told.with(format!("{name}={size}/{rate}").parse().unwrap())
    });
    it.provider = it.world.provider(&cluster());
    it.world.proxy.limit(Some(limits));
    it.settle_all(&it.services(200, 3)).await;
    it.unthrottled();
}
