//! What if AWS answers badly, or not at all? Whatever happens to a call, the Service is served in the end, and once it is
//! released nothing of it is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::time::Duration;

use futures::future::join_all;
use roadstead_aws::{AwsProvider, Limits};
use roadstead_core::{
    ClusterUid, Ensured, Error, ErrorKind, LoadBalancer, LoadBalancerId, LoadBalancerProvider,
    Protocol, Released, chain,
};
use roadstead_testbed::fault_proxy::{Fate, Fault, Scope, When};
use tokio::time::sleep;

use self::support::{
    World,
    request::{self, port},
};

/// More calls than anything takes: what is not through by then never is.
const PATIENCE: usize = 300;
/// More changes than a Service's creation or its end is made of.
const MOST_CHANGES: u64 = 60;
/// How long a caller waits between two calls at the most.
const PAUSE: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn any_change_may_be_throttled() {
    struck_at_every_change(&Fault::Throttled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_change_may_fail_within_aws() {
    struck_at_every_change(&Fault::Status(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_change_may_be_cut_before_it_takes_effect() {
    struck_at_every_change(&Fault::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_change_may_never_be_answered() {
    struck_at_every_change(&Fault::Hang).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_change_may_take_effect_and_its_answer_be_lost() {
    struck_at_every_change(&Fault::CutAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_change_may_take_effect_and_be_answered_as_failed() {
    struck_at_every_change(&Fault::StatusAfter(500)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_services_are_served_while_aws_throttles() {
    twenty_services_under(0.3, &Fault::Throttled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_services_are_served_while_aws_is_unavailable_at_times() {
    twenty_services_under(0.2, &Fault::Status(503)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_services_are_served_while_answers_are_lost() {
    twenty_services_under(0.3, &Fault::CutAfter).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_services_are_served_while_requests_are_cut() {
    twenty_services_under(0.2, &Fault::Cut).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_waits_for_neither_targets_nor_rules() {
    let world = quick_world().await;
    let warm = service(&world, "warm");
    let provider = world.provider(&warm.id.cluster);
    until_served(&provider, &warm).await;
    let mark = world.proxy.mark();
    for action in ["RegisterTargets", "AuthorizeSecurityGroupIngress"] {
        world
            .proxy
            .script(Scope::action(action), When::Always, Fault::Hang);
    }
    let want = service(&world, "quick");
    tokio::select! {
        answer = provider.ensure(&want) => panic!("nobody answered, and yet: {answer:?}"),
        listener = world.proxy.wait_for_since(mark, "the listener", |call| {
            call.is("CreateListener") && call.took_effect()
        }) => drop(listener.unwrap()),
    }
    // Cut off there, the rest is done by the next.
    world.proxy.clear_script();
    until_served(&provider, &want).await;
    assert_eq!(served(&world, &want).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_without_an_answer_goes_even_if_nobody_looked_again() {
    let mut world = quick_world().await;
    world.settings.settle = Duration::from_millis(200);
    let before = world.inventory().await;
    for n in 1..=MOST_CHANGES {
        let want = service(&world, &format!("unanswered-{n}"));
        let provider = world.provider(&want.id.cluster);
        let struck = striking(&world, n, &Fault::CutAfter, async {
            // Whatever it says: the Service is deleted before anybody asks again.
            drop(provider.ensure(&want).await);
        });
        let struck = struck.await;
        until_gone(&provider, &want.id).await;
        assert_eq!(
            world.inventory().await,
            before,
            "something is left of change {n}"
        );
        if !struck {
            assert!(n > 4, "only {n} changes were made");
            return;
        }
    }
    panic!("there is no end of changes");
}

/// The n-th change of a creation and the n-th of what follows, for every n, each on a Service of its own.
async fn struck_at_every_change(fault: &Fault) {
    let world = quick_world().await;
    let before = world.inventory().await;
    for n in 1..=MOST_CHANGES {
        let want = service(&world, &format!("struck-{n}"));
        let provider = world.provider(&want.id.cluster);
        let created = striking(&world, n, fault, async {
            until_served(&provider, &want).await;
        });
        let created = created.await;
        assert_eq!(served(&world, &want).await, 2, "{fault:?} at {n}");
        let released = striking(&world, n, fault, async {
            until_gone(&provider, &want.id).await;
        });
        let released = released.await;
        let left = world.inventory().await;
        assert_eq!(left, before, "{fault:?} at {n}: something is left, or lost");
        if !created && !released {
            assert!(n > 8, "only {n} changes were made");
            return;
        }
    }
    panic!("{fault:?}: there is no end of changes");
}

/// Whether the n-th change came, and was struck, while `act` went on.
async fn striking(world: &World, n: u64, fault: &Fault, act: impl Future<Output = ()>) -> bool {
    let mark = world.proxy.mark();
    world
        .proxy
        .script(Scope::mutating(), When::Nth(n), fault.clone());
    act.await;
    world.proxy.clear_script();
    world.proxy.since(mark).mutating().len() as u64 >= n
}

async fn twenty_services_under(probability: f64, fault: &Fault) {
    let world = quick_world().await;
    let before = world.inventory().await;
    let wants: Vec<LoadBalancer> = (1..=20)
        .map(|n| service(&world, &format!("crowd-{n}")))
        .collect();
    let provider = world.provider(&cluster());
    let chance = When::Chance {
        probability,
        seed: 4,
        at_most: u64::MAX,
    };
    world.proxy.script(Scope::any(), chance, fault.clone());
    join_all(wants.iter().map(|want| until_served(&provider, want))).await;
    for want in &wants {
        assert_eq!(served(&world, want).await, 2, "{fault:?}");
    }
    join_all(wants.iter().map(|want| until_gone(&provider, &want.id))).await;
    assert_eq!(world.inventory().await, before, "{fault:?}");
    let calls = world.proxy.calls();
    let struck = calls.iter().filter(|call| call.fate != Fate::Passed);
    assert!(struck.count() > 50, "{fault:?} hardly ever struck");
}

/// A world whose API takes as many calls as there are, and whose callers do not wait long for an answer.
async fn quick_world() -> World {
    let mut world = World::new().await;
    world.settings.api.limits = Limits::unlimited();
    world.answer = Some(Duration::from_secs(3));
    world
}

/// Asks until the Service is served, as the controller does; nothing that only an edit would end may come up.
async fn until_served(provider: &AwsProvider, want: &LoadBalancer) {
    let mut want = want.clone();
    let mut last = String::new();
    for _ in 0..PATIENCE {
        match provider.ensure(&want).await {
            Ok(Ensured::Ready(outcome)) => {
                assert!(!outcome.addresses.is_empty(), "ready without an address");
                return;
            }
            Ok(Ensured::Pending {
                outcome,
                waiting_for,
                retry_after,
            }) => {
                last = waiting_for;
                want.published = outcome.addresses;
                sleep(retry_after.min(PAUSE)).await;
            }
            Err(error) => last = passing(&error).await,
        }
    }
    panic!("{} is never served: {last}", want.service);
}

async fn until_gone(provider: &AwsProvider, id: &LoadBalancerId) {
    let mut last = String::new();
    for _ in 0..PATIENCE {
        match provider.release(id).await {
            Ok(Released::Gone) => return,
            Ok(Released::InProgress {
                waiting_for,
                retry_after,
            }) => {
                last = waiting_for;
                sleep(retry_after.min(PAUSE)).await;
            }
            Err(error) => last = passing(&error).await,
        }
    }
    panic!("never gone: {last}");
}

/// What is said about a failure that another attempt may end.
async fn passing(error: &Error) -> String {
    let kind = error.kind();
    assert!(
        matches!(kind, ErrorKind::Throttled | ErrorKind::Unavailable),
        "{kind:?}: {}",
        chain(error)
    );
    sleep(PAUSE / 10).await;
    chain(error).to_string()
}

/// How many listeners the one load balancer of the Service has.
async fn served(world: &World, want: &LoadBalancer) -> usize {
    let balancers = world.balancers_of(&want.id).await;
    assert_eq!(balancers.len(), 1, "load balancers of {}", want.service);
    let described = world.describe(&want.id).await;
    described.matches("listener ").count()
}

fn cluster() -> ClusterUid {
    ClusterUid::parse("faults").unwrap()
}

fn service(world: &World, name: &str) -> LoadBalancer {
    let targets = world.targets().into_iter().take(3).collect();
    LoadBalancer {
        ports: vec![
            port("http", Protocol::Tcp, 80, 30_080),
            port("https", Protocol::Tcp, 443, 30_443),
        ],
        ..request::service(&cluster(), name, targets)
    }
}
