//! Are clients ever sent to a load balancer that serves nobody, while one replaces another?
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use roadstead_core::{ClusterUid, Ensured, Host, LoadBalancer, LoadBalancerProvider};

use self::support::{World, request::service};

const SCHEME: &str = "service.beta.kubernetes.io/aws-load-balancer-scheme";
const BACKEND: &str = "service.beta.kubernetes.io/aws-load-balancer-backend-protocol";
const CERTIFICATE: &str = "service.beta.kubernetes.io/aws-load-balancer-ssl-cert";
/// So often a call may be followed by another before the test gives up.
const CALLS: usize = 100;

/// One call, as the controller makes it, and its address published, as the controller does.
async fn step(provider: &dyn LoadBalancerProvider, want: &mut LoadBalancer) -> (bool, Duration) {
    let (ready, outcome, again) = match provider.ensure(want).await.unwrap() {
        Ensured::Ready(outcome) => {
            let again = outcome.look_again;
            (true, outcome, again)
        }
        Ensured::Pending {
            outcome,
            retry_after,
            ..
        } => (false, outcome, Some(retry_after)),
    };
    want.published = outcome.addresses;
    (ready, again.unwrap_or(Duration::from_secs(1)))
}

fn host(want: &LoadBalancer) -> String {
    match &want.published[0].host {
        Host::Hostname(name) => name.clone(),
        Host::Ip(ip) => panic!("{ip} is no name"),
    }
}

/// Whether AWS has a load balancer of that name with a listener at 80 and healthy targets behind it.
async fn serves(world: &World, name: &str) -> bool {
    let all = world.elb.describe_load_balancers().send().await.unwrap();
    let mut there = all.load_balancers().iter();
    let Some(balancer) = there.find(|it| it.dns_name() == Some(name)) else {
        return false;
    };
    let listeners = world
        .elb
        .describe_listeners()
        .load_balancer_arn(balancer.load_balancer_arn().unwrap())
        .send()
        .await
        .unwrap();
    let mut at_80 = listeners.listeners().iter();
    let Some(listener) = at_80.find(|it| it.port() == Some(80)) else {
        return false;
    };
    let group = listener.default_actions()[0].target_group_arn().unwrap();
    let health = world
        .elb
        .describe_target_health()
        .target_group_arn(group)
        .send()
        .await
        .unwrap();
    health.target_health_descriptions().iter().any(|it| {
        let state = it.target_health().and_then(|health| health.state());
        state.is_some_and(|state| state.as_str() == "healthy")
    })
}

fn annotate(want: &mut LoadBalancer, pairs: &[(&str, &str)]) {
    let mut annotations: BTreeMap<String, String> = (*want.annotations).clone();
    let pairs = pairs.iter();
    annotations.extend(pairs.map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    want.annotations = Arc::new(annotations);
}

/// A world whose targets are healthy, and a Service that is served in it.
async fn served(world: &World, name: &str) -> (Arc<dyn LoadBalancerProvider>, LoadBalancer) {
    let cluster = ClusterUid::parse("replacement").unwrap();
    let mut want = service(&cluster, name, world.targets());
    let provider: Arc<dyn LoadBalancerProvider> = Arc::new(world.provider(&want.id.cluster));
    for _ in 0..CALLS {
        let (ready, again) = step(&*provider, &mut want).await;
        if ready && serves(world, &host(&want)).await {
            return (provider, want);
        }
        tokio::time::sleep(again).await;
    }
    panic!("never served");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_change_of_scheme_the_published_name_always_serves() {
    let mut world = World::new().await;
    world.settings.replacement_grace = Duration::from_secs(2);
    let (provider, mut want) = served(&world, "scheme").await;
    let old = host(&want);
    let mark = world.proxy.mark();
    annotate(&mut want, &[(SCHEME, "internet-facing")]);
    let mut published = None;
    for _ in 0..CALLS {
        let (_, again) = step(&*provider, &mut want).await;
        assert!(
            serves(&world, &host(&want)).await,
            "clients are sent to a load balancer that serves nobody"
        );
        if published.is_none() && host(&want) != old {
            published = Some(tokio::time::Instant::now());
        }
        if world.proxy.since(mark).count("DeleteLoadBalancer") == 1 {
            let published = published.expect("deleted before its successor was published");
            assert!(
                published.elapsed() >= Duration::from_secs(2),
                "no time to move"
            );
            assert!(!serves(&world, &old).await);
            assert_eq!(world.balancers_of(&want.id).await.len(), 1);
            return;
        }
        tokio::time::sleep(again.min(Duration::from_millis(500))).await;
    }
    panic!("the old load balancer was never removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_moves_to_another_target_group_only_when_that_is_healthy() {
    let world = World::new().await;
    let (provider, mut want) = served(&world, "group").await;
    let name = host(&want);
    let certificate = world.account.certificate("shop.example.com").await.unwrap();
    annotate(
        &mut want,
        &[(CERTIFICATE, certificate.as_str()), (BACKEND, "ssl")],
    );
    let mark = world.proxy.mark();
    for _ in 0..CALLS {
        let (ready, again) = step(&*provider, &mut want).await;
        assert!(serves(&world, &name).await, "nobody answers at the name");
        assert_eq!(host(&want), name, "the load balancer stays");
        if ready && world.proxy.since(mark).count("DeleteTargetGroup") == 1 {
            let shown = world.describe(&want.id).await;
            assert!(shown.contains("listener 80/TLS"), "{shown}");
            assert_eq!(shown.matches("listener ").count(), 1, "{shown}");
            return;
        }
        tokio::time::sleep(again.min(Duration::from_millis(500))).await;
    }
    panic!("the old target group was never removed");
}
