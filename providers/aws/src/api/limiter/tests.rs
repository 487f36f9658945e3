//! What those who wait may count on. Time is tokio's, paused.

use std::{future::Future, task::Poll};

use futures::{FutureExt, StreamExt, future::BoxFuture, poll, stream::FuturesUnordered};

use super::*;

const CREATE: Action = Action::CreateLoadBalancer;

/// So many calls that come at once, made and answered.
async fn make(limiter: &Arc<Limiter>, action: Action, count: usize) {
    for _ in 0..count {
        drop(limiter.acquire(action, Priority::Check, 0).await);
    }
}

/// A limiter whose bucket for creations is empty.
async fn without_creations() -> Arc<Limiter> {
    let limiter = Limiter::new(Limits::documented());
    make(&limiter, CREATE, 9).await;
    limiter
}

fn waits(limiter: &Arc<Limiter>, action: Action, priority: Priority) -> BoxFuture<'static, Permit> {
    let limiter = Arc::clone(limiter);
    let mut waiting = async move { limiter.acquire(action, priority, 0).await }.boxed();
    assert!(
        (&mut waiting).now_or_never().is_none(),
        "{action} does not wait"
    );
    waiting
}

async fn seconds_until(done: impl Future) -> f64 {
    let start = Instant::now();
    done.await;
    start.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn the_more_urgent_go_first_and_then_who_came_first() {
    let limiter = without_creations().await;
    let served = FuturesUnordered::new();
    for (name, priority) in [
        ("check", Priority::Check),
        ("release", Priority::Release),
        ("serve", Priority::Serve),
        ("serve again", Priority::Serve),
    ] {
        served.push(waits(&limiter, CREATE, priority).map(move |_| name));
    }
    let order: Vec<&str> = served.collect().await;
    assert_eq!(order, ["serve", "serve again", "release", "check"]);
}

#[tokio::test(start_paused = true)]
async fn what_began_first_is_finished_before_what_began_later_goes_on() {
    let limiter = without_creations().await;
    let served = FuturesUnordered::new();
    for (name, begun) in [
        ("first", 1),
        ("second", 2),
        ("third", 3),
        ("of the first", 1),
    ] {
        let limiter = Arc::clone(&limiter);
        let mut waiting =
            async move { limiter.acquire(CREATE, Priority::Serve, begun).await }.boxed();
        assert!((&mut waiting).now_or_never().is_none());
        served.push(waiting.map(move |_| name));
    }
    let order: Vec<&str> = served.collect().await;
    assert_eq!(order, ["first", "of the first", "second", "third"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_tokens_holds_up_no_other() {
    let limiter = without_creations().await;
    let _creation = waits(&limiter, CREATE, Priority::Serve);
    let read = limiter.acquire(Action::DescribeTags, Priority::Check, 0);
    assert!(read.now_or_never().is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_costs_the_next_nothing() {
    let limiter = without_creations().await;
    let first = waits(&limiter, CREATE, Priority::Serve);
    let second = waits(&limiter, CREATE, Priority::Serve);
    drop(first);
    let token = 1.0 / (0.2 * 0.98);
    let waited = seconds_until(second).await;
    assert!((waited - token).abs() < 0.01, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_token_given_to_someone_who_is_gone_goes_to_the_next() {
    let limiter = without_creations().await;
    let gone = waits(&limiter, CREATE, Priority::Serve);
    let next = waits(&limiter, CREATE, Priority::Serve);
    let other = waits(&limiter, CREATE, Priority::Check);
    let token = Duration::from_secs_f64(1.0 / (0.2 * 0.98)) + Duration::from_millis(2);
    tokio::time::sleep(token).await;
    limiter.queue().serve(limiter.now());
    let called = !limiter.queue().holds(CREATE, Turn(Priority::Serve, 0, 9));
    assert!(called, "the token is not its own yet");
    drop(gone);
    assert!(next.now_or_never().is_some());
    drop(other);
}

#[tokio::test(start_paused = true)]
async fn when_the_timekeeper_leaves_another_keeps_the_time() {
    let limiter = without_creations().await;
    let mut first = waits(&limiter, CREATE, Priority::Serve);
    let mut second = waits(&limiter, CREATE, Priority::Serve);
    assert!(poll!(&mut first).is_pending());
    assert!(poll!(&mut second).is_pending());
    drop(first);
    let waited = seconds_until(second).await;
    assert!(waited < 5.2, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_makes_all_of_its_bucket_wait() {
    let limiter = Limiter::new(Limits::documented());
    let refused = limiter
        .acquire(Action::RegisterTargets, Priority::Serve, 0)
        .await;
    let told = refused.throttled().as_secs_f64();
    let token = 1.0 / (4.0 * 0.98);
    assert!((told - token).abs() < 0.01, "{told}");
    let next = limiter.acquire(Action::DeregisterTargets, Priority::Serve, 0);
    let waited = seconds_until(next).await;
    assert!((waited - token).abs() < 0.01, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_keeps_its_place_until_it_is_answered() {
    let limiter = Limiter::new(Limits::documented());
    let mut in_flight = Vec::new();
    for _ in 0..9 {
        in_flight.push(limiter.acquire(CREATE, Priority::Serve, 0).await);
    }
    let mut next = waits(&limiter, CREATE, Priority::Serve);
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(
        poll!(&mut next).map(|_| ()),
        Poll::Pending,
        "none of nine calls has arrived for all that is known"
    );
    in_flight.pop();
    let waited = seconds_until(next).await;
    assert!(waited < 5.2, "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_services_are_served_as_fast_as_aws_lets_them() {
    let limiter = Limiter::new(Limits::documented());
    let services: FuturesUnordered<_> = (0..1000)
        .map(|_| async {
            for action in [
                Action::DescribeLoadBalancers,
                CREATE,
                Action::CreateTargetGroup,
                Action::CreateListener,
                Action::RegisterTargets,
            ] {
                drop(limiter.acquire(action, Priority::Serve, 0).await);
            }
        })
        .collect();
    let took = seconds_until(services.count()).await;
    // 990 creations beyond the bucket's 10, one every 5 s.
    let floor = 990.0 * 5.0;
    assert!(
        (floor..floor * 1.1).contains(&took),
        "{took} s for {floor} s"
    );
}
