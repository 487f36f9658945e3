//! How often is asked, and who waits for whom.

use std::sync::atomic::{AtomicUsize, Ordering};

use roadstead_core::ErrorKind;
use tokio::time::{advance, sleep};

use super::*;

const LIFETIME: Duration = Duration::from_mins(5);
const CALL: Duration = Duration::from_secs(1);

/// Doubles numbers, knows none above 9, and counts how often it was asked, and for how many.
#[derive(Debug)]
struct Doubler {
    cached: Cached<u32, u32>,
    calls: Arc<AtomicUsize>,
    keys: Arc<AtomicUsize>,
    fails: Arc<AtomicUsize>,
}

impl Doubler {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            cached: Cached::kept_for(LIFETIME),
            calls: Arc::default(),
            keys: Arc::default(),
            fails: Arc::default(),
        })
    }

    async fn get(&self, keys: &[u32], trust: Trust, priority: Priority) -> Option<Vec<u32>> {
        let (calls, asked) = (Arc::clone(&self.calls), Arc::clone(&self.keys));
        let fails = Arc::clone(&self.fails);
        let ask = |keys: Vec<u32>| async move {
            calls.fetch_add(1, Ordering::SeqCst);
            asked.fetch_add(keys.len(), Ordering::SeqCst);
            sleep(CALL).await;
            if fails.load(Ordering::SeqCst) > 0 {
                fails.fetch_sub(1, Ordering::SeqCst);
                return Err(Failure::refused(ErrorKind::Unavailable, "no"));
            }
            let known = keys.into_iter().filter(|key| *key < 10);
            Ok(known.map(|key| (key, key * 2)).collect())
        };
        let found = self.cached.get(keys, trust, priority, ask).await.ok()?;
        Some(
            keys.iter()
                .filter_map(|key| found.get(key).copied())
                .collect(),
        )
    }

    async fn kept(&self, keys: &[u32]) -> Option<Vec<u32>> {
        self.get(keys, Trust::Kept, Priority::Serve).await
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_ask_at_once_make_one_call() {
    let doubler = Doubler::new();
    let all = (0..50).map(|_| doubler.kept(&[1, 2]));
    let answers = futures::future::join_all(all).await;
    assert!(answers.iter().all(|it| *it == Some(vec![2, 4])));
    assert_eq!(doubler.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_for_its_lifetime_and_no_longer() {
    let doubler = Doubler::new();
    doubler.kept(&[1]).await;
    advance(LIFETIME).await;
    doubler.kept(&[1]).await;
    assert_eq!(doubler.calls(), 1);
    advance(Duration::from_millis(1)).await;
    doubler.kept(&[1]).await;
    assert_eq!(doubler.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_or_doubted_is_asked_for_again_after_seconds() {
    let doubler = Doubler::new();
    assert_eq!(doubler.kept(&[1, 10]).await, Some(vec![2]));
    doubler.kept(&[1, 10]).await;
    doubler.get(&[1], Trust::Recent, Priority::Serve).await;
    assert_eq!(doubler.calls(), 1, "what is a moment old is believed");
    advance(RECENT + Duration::from_millis(1)).await;
    doubler.kept(&[1, 10]).await;
    assert_eq!(
        (doubler.calls(), doubler.keys.load(Ordering::SeqCst)),
        (2, 3),
        "only the missing one is asked for"
    );
    doubler.get(&[1], Trust::Recent, Priority::Serve).await;
    assert_eq!(doubler.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_failure_reaches_all_who_waited_and_is_not_kept() {
    let doubler = Doubler::new();
    doubler.fails.store(1, Ordering::SeqCst);
    let both = tokio::join!(doubler.kept(&[1]), doubler.kept(&[1]));
    assert_eq!(both, (None, None));
    assert_eq!(doubler.kept(&[1]).await, Some(vec![2]));
    assert_eq!(doubler.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_wants_more_asks_for_the_rest_only_and_at_once() {
    let doubler = Doubler::new();
    let start = Instant::now();
    let both = tokio::join!(doubler.kept(&[1, 2]), doubler.kept(&[2, 3]));
    assert_eq!(both, (Some(vec![2, 4]), Some(vec![4, 6])));
    assert_eq!(
        (doubler.calls(), doubler.keys.load(Ordering::SeqCst)),
        (2, 3)
    );
    assert_eq!(
        start.elapsed(),
        CALL,
        "one call does not wait for the other"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_outlives_the_one_who_made_it_as_long_as_somebody_waits() {
    let doubler = Doubler::new();
    let first = Arc::clone(&doubler);
    let first = tokio::spawn(async move { first.kept(&[1]).await });
    sleep(CALL / 4).await;
    let second = Arc::clone(&doubler);
    let second = tokio::spawn(async move { second.kept(&[1]).await });
    sleep(CALL / 4).await;
    first.abort();
    assert_eq!(second.await.unwrap(), Some(vec![2]));
    assert_eq!(doubler.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_any_more_is_made_anew() {
    let doubler = Doubler::new();
    let cut = tokio::time::timeout(CALL / 2, doubler.kept(&[1])).await;
    assert!(cut.is_err());
    assert_eq!(doubler.kept(&[1]).await, Some(vec![2]));
    assert_eq!(doubler.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_is_urgent_does_not_wait_for_a_call_that_is_not() {
    let doubler = Doubler::new();
    tokio::join!(
        doubler.get(&[1], Trust::Kept, Priority::Check),
        doubler.get(&[1], Trust::Kept, Priority::Serve),
        doubler.get(&[1], Trust::Kept, Priority::Release),
    );
    assert_eq!(doubler.calls(), 2, "the patient one joins the urgent one");
}
