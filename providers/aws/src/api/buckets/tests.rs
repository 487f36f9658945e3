//! What must hold of the buckets, whatever is asked of them.

use proptest::prelude::*;

use super::*;

/// What AWS does with a call that arrives: a bucket as it is documented.
struct Documented {
    limit: Limit,
    tokens: f64,
    at: Duration,
}

impl Documented {
    fn new(category: Category) -> Self {
        let limit = Limits::documented().get(category).unwrap();
        Self {
            limit,
            tokens: f64::from(limit.burst),
            at: Duration::ZERO,
        }
    }

    fn takes(&mut self, now: Duration) -> bool {
        let past = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.tokens = (self.tokens + past * self.limit.per_second).min(f64::from(self.limit.burst));
        let passes = self.tokens >= 1.0;
        if passes {
            self.tokens -= 1.0;
        }
        passes
    }
}

/// A caller who sends whenever it may: how long it waits before it asks, what it asks, how long the way there and back takes.
#[derive(Clone, Debug)]
struct Asked {
    after: Duration,
    action: Action,
    priority: Priority,
    there: Duration,
    back: Duration,
    given_back: bool,
}

fn any_action() -> impl Strategy<Value = Action> {
    prop::sample::select(vec![
        Action::CreateLoadBalancer,
        Action::SetSubnets,
        Action::RegisterTargets,
        Action::CreateListener,
        Action::DescribeLoadBalancers,
        Action::DescribeTags,
        Action::CreateSecurityGroup,
    ])
}

fn any_asked() -> impl Strategy<Value = Asked> {
    let after = prop_oneof![40 => Just(0u64), 10 => 0..200u64, 1 => 0..20_000u64];
    (
        after,
        any_action(),
        prop::sample::select(vec![Priority::Serve, Priority::Check]),
        0..3_000u64,
        0..3_000u64,
        prop::bool::weighted(0.1),
    )
        .prop_map(|(after, action, priority, there, back, given_back)| Asked {
            after: Duration::from_millis(after),
            action,
            priority,
            there: Duration::from_millis(there),
            back: Duration::from_millis(back),
            given_back,
        })
}

fn aws_buckets(action: Action) -> impl Iterator<Item = (Bucket, Category)> {
    Bucket::of(action).map(|bucket| (bucket, bucket.category()))
}

/// What happens to a sent call, by when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Later {
    Arrives,
    Answered { sent: Duration },
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn aws_never_refuses_what_was_allowed(
        asked in prop::collection::vec(any_asked(), 1..150),
        // The way there is longer for the first calls: the others overtake them.
        slow in 0..50usize,
        longer in 0..10_000u64,
    ) {
        let mut buckets = Buckets::new(Limits::documented());
        let mut aws: BTreeMap<Bucket, Documented> = BTreeMap::new();
        let mut later: BTreeMap<(Duration, usize, Later), Action> = BTreeMap::new();
        let mut now = Duration::ZERO;
        for (number, call) in asked.iter().enumerate() {
            now += call.after;
            loop {
                while let Some(entry) = later.first_entry() {
                    let (at, _, what) = *entry.key();
                    if at > now {
                        break;
                    }
                    let action = entry.remove();
                    match what {
                        Later::Answered { sent } => buckets.answered(at, action, sent),
                        Later::Arrives => {
                            for (bucket, category) in aws_buckets(action) {
                                let taken = aws
                                    .entry(bucket)
                                    .or_insert_with(|| Documented::new(category))
                                    .takes(at);
                                prop_assert!(taken, "{action} was refused at {at:?}");
                            }
                        }
                    }
                }
                if buckets.take(now, call.action, call.priority) {
                    break;
                }
                // Whoever may not send waits as long as it is told, or for an answer.
                let answer = later.first_key_value().map(|((at, ..), _)| *at);
                let tokens = buckets.ready_in(now, call.action, call.priority).map(|wait| now + wait);
                let next = answer.into_iter().chain(tokens).min();
                prop_assert!(next.is_some(), "{} waits for ever", call.action);
                now = next.unwrap_or(now);
            }
            if call.given_back {
                buckets.give_back(now, call.action);
            } else {
                let longer = Duration::from_millis(if number < slow { longer } else { 0 });
                let arrives = now + call.there + longer;
                later.insert((arrives, number, Later::Arrives), call.action);
                later.insert(
                    (arrives + call.back, number, Later::Answered { sent: now }),
                    call.action,
                );
            }
        }
    }

    #[test]
    fn no_window_holds_more_than_the_documented_bucket(
        asked in prop::collection::vec((0..2_000u64, any_action()), 1..200)
    ) {
        let mut buckets = Buckets::new(Limits::documented());
        let mut taken: BTreeMap<Bucket, Vec<Duration>> = BTreeMap::new();
        let mut now = Duration::ZERO;
        for (after, action) in asked {
            now += Duration::from_millis(after % 300);
            if buckets.take(now, action, Priority::Serve) {
                buckets.answered(now, action, now);
                for bucket in Bucket::of(action) {
                    taken.entry(bucket).or_default().push(now);
                }
            }
        }
        for (bucket, times) in taken {
            let Limit { burst, per_second } = Limits::documented().get(bucket.category()).unwrap();
            for (first, from) in times.iter().enumerate() {
                for (count, to) in times.iter().skip(first).enumerate() {
                    let allowed = f64::from(burst) + to.saturating_sub(*from).as_secs_f64() * per_second;
                    prop_assert!(f64::from(u32::try_from(count + 1).unwrap()) <= allowed);
                }
            }
        }
    }

    #[test]
    fn a_token_that_is_given_back_is_there_again(
        before in 0..9u32,
        action in any_action(),
    ) {
        let mut buckets = Buckets::new(Limits::documented());
        let count = |buckets: &mut Buckets| {
            (0..200).filter(|_| buckets.take(Duration::ZERO, action, Priority::Serve)).count()
        };
        let mut other = Buckets::new(Limits::documented());
        for _ in 0..before {
            prop_assert!(buckets.take(Duration::ZERO, action, Priority::Serve));
            buckets.give_back(Duration::ZERO, action);
        }
        prop_assert_eq!(count(&mut buckets), count(&mut other));
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_elbv2_call_counts_against_the_account() {
    let mut buckets = Buckets::new(Limits::documented());
    let actions = [
        Action::DescribeTags,
        Action::CreateListener,
        Action::RegisterTargets,
    ];
    let taken = (0..200)
        .flat_map(|_| actions)
        .filter(|action| buckets.take(Duration::ZERO, *action, Priority::Serve))
        .count();
    assert_eq!(taken, 39, "the account's 40 less the spare one");
    assert!(
        buckets.take(Duration::ZERO, Action::DescribeVpcs, Priority::Serve),
        "EC2's are others"
    );
}

#[test]
fn a_refusal_empties_the_buckets_and_refusals_in_a_row_make_them_owe() {
    let mut buckets = Buckets::new(Limits::documented());
    let mut now = Duration::ZERO;
    let mut waits = Vec::new();
    for _ in 0..6 {
        assert!(buckets.take(now, Action::RegisterTargets, Priority::Serve));
        buckets.throttled(now, Action::RegisterTargets, now);
        let wait = buckets
            .ready_in(now, Action::RegisterTargets, Priority::Serve)
            .unwrap();
        waits.push(wait.as_secs_f64());
        now += wait;
    }
    let token = 1.0 / (4.0 * 0.98);
    for (waited, tokens) in waits.iter().zip([1.0, 2.0, 4.0, 8.0, 8.0, 8.0]) {
        assert!((waited - tokens * token).abs() < 1e-3, "{waits:?}");
    }
    assert!(buckets.take(now, Action::RegisterTargets, Priority::Serve));
    buckets.answered(now, Action::RegisterTargets, now);
    now += SECOND;
    assert!(buckets.take(now, Action::RegisterTargets, Priority::Serve));
    buckets.throttled(now, Action::RegisterTargets, now);
    let wait = buckets
        .ready_in(now, Action::RegisterTargets, Priority::Serve)
        .unwrap();
    assert!(
        (wait.as_secs_f64() - token).abs() < 1e-3,
        "an answer in between ends the row: {wait:?}"
    );
}

#[test]
fn calls_sent_before_a_refusal_was_known_make_it_no_worse() {
    let mut buckets = Buckets::new(Limits::documented());
    for _ in 0..5 {
        assert!(buckets.take(Duration::ZERO, Action::RegisterTargets, Priority::Serve));
    }
    for _ in 0..5 {
        buckets.throttled(SECOND, Action::RegisterTargets, Duration::ZERO);
    }
    let wait = buckets
        .ready_in(SECOND, Action::RegisterTargets, Priority::Serve)
        .unwrap();
    assert!(wait < Duration::from_millis(300), "{wait:?}");
}

#[test]
fn checks_leave_some_of_what_everybody_needs() {
    let mut buckets = Buckets::new(Limits::documented());
    let mut taken = |priority| {
        (0..200)
            .filter(|_| buckets.take(Duration::ZERO, Action::DescribeListeners, priority))
            .count()
    };
    assert_eq!(taken(Priority::Check), 30);
    assert_eq!(taken(Priority::Serve), 9);
}

#[test]
fn without_limits_nobody_waits() {
    let mut buckets = Buckets::new(Limits::unlimited());
    for _ in 0..10_000 {
        assert!(buckets.take(Duration::ZERO, Action::CreateLoadBalancer, Priority::Serve));
    }
}
