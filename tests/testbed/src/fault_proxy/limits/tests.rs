//! Do the buckets hold what AWS documents, and does the floor lie right beneath them?

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const ACTIONS: [(&str, u32, f64); 12] = [
    ("CreateLoadBalancer", 10, 0.2),
    ("SetSubnets", 10, 0.2),
    ("RegisterTargets", 20, 4.0),
    ("DeregisterTargets", 20, 4.0),
    ("DescribeLoadBalancers", 40, 10.0),
    ("DescribeTargetHealth", 40, 10.0),
    ("CreateListener", 20, 3.0),
    ("DeleteLoadBalancer", 20, 3.0),
    ("SetSecurityGroups", 20, 3.0),
    ("AddTags", 20, 3.0),
    ("ModifyIpPools", 20, 3.0),
    ("RemoveListenerCertificates", 20, 3.0),
];

const EC2_ACTIONS: [(&str, bool, u32, f64); 7] = [
    ("DescribeSubnets", true, 100, 20.0),
    ("DescribeSecurityGroups", false, 100, 20.0),
    ("DescribeSecurityGroups", true, 50, 10.0),
    ("CreateSecurityGroup", false, 50, 5.0),
    ("AuthorizeSecurityGroupIngress", false, 50, 5.0),
    ("RevokeSecurityGroupIngress", false, 50, 5.0),
    ("CreateTags", false, 100, 10.0),
];

fn elb(action: &str) -> Operation<'_> {
    Operation {
        service: AwsService::Elbv2,
        action,
        unfiltered: false,
    }
}

fn ec2(action: &str, unfiltered: bool) -> Operation<'_> {
    Operation {
        service: AwsService::Ec2,
        action,
        unfiltered,
    }
}

/// How many pass at once, at `now`.
fn burst(buckets: &mut Buckets, now: Instant, operation: Operation<'_>) -> u32 {
    let mut passed = 0;
    while buckets.take(now, operation) {
        passed += 1;
    }
    passed
}

/// Full, then empty, then filled for so long that `per_second` gives ten tokens.
fn has(operation: Operation<'_>, capacity: u32, per_second: f64) {
    let start = Instant::now();
    let mut buckets = Buckets::new(Limits::documented());
    assert_eq!(
        burst(&mut buckets, start, operation),
        capacity,
        "{operation:?}"
    );
    let later = start + Duration::from_secs_f64(10.0 / per_second);
    let filled = burst(&mut buckets, later, operation);
    assert_eq!(filled, 10, "{operation:?}");
}

#[test]
fn every_action_has_the_documented_bucket() {
    for (action, capacity, per_second) in ACTIONS {
        has(elb(action), capacity, per_second);
    }
    for (action, unfiltered, capacity, per_second) in EC2_ACTIONS {
        has(ec2(action, unfiltered), capacity, per_second);
    }
}

#[test]
fn actions_of_elastic_load_balancing_share_and_those_of_ec2_do_not() {
    let now = Instant::now();
    let mut buckets = Buckets::new(Limits::documented());
    assert_eq!(burst(&mut buckets, now, elb("CreateListener")), 20);
    assert!(!buckets.take(now, elb("AddTags")), "the same category");
    assert_eq!(burst(&mut buckets, now, elb("RegisterTargets")), 20);
    assert!(!buckets.take(now, elb("DescribeTags")), "the account");
    assert_eq!(
        burst(&mut buckets, now, ec2("CreateSecurityGroup", false)),
        50
    );
    assert_eq!(
        burst(&mut buckets, now, ec2("DeleteSecurityGroup", false)),
        50
    );
    let sts = Operation {
        service: AwsService::Sts,
        ..elb("AssumeRole")
    };
    assert!((0..1000).all(|_| buckets.take(now, sts)), "not limited");
}

#[test]
fn a_refused_call_takes_nothing() {
    let start = Instant::now();
    let mut buckets = Buckets::new(Limits::documented());
    burst(&mut buckets, start, elb("CreateLoadBalancer"));
    for _ in 0..100 {
        assert!(!buckets.take(start, elb("CreateLoadBalancer")));
    }
    assert_eq!(burst(&mut buckets, start, elb("DescribeTags")), 30);
}

#[test]
fn a_full_bucket_stays_as_it_is() {
    let start = Instant::now();
    let mut buckets = Buckets::new(Limits::documented());
    burst(&mut buckets, start, elb("CreateListener"));
    let later = start + Duration::from_hours(1);
    assert_eq!(burst(&mut buckets, later, elb("CreateListener")), 20);
}

#[test]
fn the_floor_is_what_the_tightest_bucket_needs() {
    let limits = Limits::documented();
    let floor = |calls: &[(&str, usize)]| {
        let calls = calls.iter();
        limits.floor(calls.flat_map(|(action, n)| std::iter::repeat_n(elb(action), *n)))
    };
    assert_eq!(floor(&[]), Duration::ZERO);
    assert_eq!(floor(&[("CreateLoadBalancer", 10)]), Duration::ZERO);
    assert_eq!(floor(&[("CreateLoadBalancer", 11)]), Duration::from_secs(5));
    let both = [("CreateLoadBalancer", 10), ("SetSubnets", 1)];
    assert_eq!(floor(&both), Duration::from_secs(5));
    let account = [("DescribeTags", 40), ("RegisterTargets", 20)];
    assert_eq!(floor(&account), Duration::from_secs(2));
    let thousand = [
        ("CreateTargetGroup", 1000),
        ("CreateLoadBalancer", 1000),
        ("CreateListener", 1000),
        ("RegisterTargets", 1000),
    ];
    assert_eq!(floor(&thousand), Duration::from_secs(4950));
    let faster = limits.faster(50.0);
    let calls = std::iter::repeat_n(elb("CreateLoadBalancer"), 1000);
    assert_eq!(faster.floor(calls), Duration::from_secs(99));
}

fn operation() -> impl Strategy<Value = Operation<'static>> {
    let elbs = select(&ACTIONS[..]).prop_map(|(action, ..)| elb(action));
    let ec2s =
        select(&EC2_ACTIONS[..]).prop_map(|(action, unfiltered, ..)| ec2(action, unfiltered));
    prop_oneof![elbs, ec2s]
}

/// Asks for each call again every 20 ms until it passes, the ones first whose bucket is the slowest.
fn persist(limits: Limits, calls: &[Operation<'_>]) -> Duration {
    let start = Instant::now();
    let mut buckets = Buckets::new(limits);
    let mut left = calls.to_vec();
    let need = |operation: &Operation<'_>| {
        let bucket = buckets_of(*operation).last();
        limits.floor(
            calls
                .iter()
                .copied()
                .filter(|other| buckets_of(*other).last() == bucket),
        )
    };
    left.sort_by_key(|operation| std::cmp::Reverse(need(operation)));
    let mut past = Duration::ZERO;
    loop {
        left.retain(|operation| !buckets.take(start + past, *operation));
        if left.is_empty() {
            return past;
        }
        past += Duration::from_millis(20);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nobody_beats_the_floor_and_the_persistent_nearly_reach_it(
        calls in vec(operation(), 0..200),
    ) {
        let limits = Limits::documented().faster(10.0);
        let floor = limits.floor(calls.iter().copied());
        let taken = persist(limits, &calls);
        prop_assert!(taken >= floor, "{taken:?} < {floor:?}");
        let slack = Duration::from_millis(500) + floor / 10;
        prop_assert!(taken <= floor + slack, "{taken:?} > {floor:?}");
    }

    #[test]
    fn no_stretch_of_time_gives_more_than_a_full_bucket_and_its_refill(
        asked in vec((0_u32..400, operation()), 1..300),
    ) {
        let start = Instant::now();
        let mut buckets = Buckets::new(Limits::documented());
        let mut past = Duration::ZERO;
        let mut passed: BTreeMap<Bucket, Vec<f64>> = BTreeMap::new();
        for (wait, operation) in asked {
            past += Duration::from_millis(wait.into());
            if buckets.take(start + past, operation) {
                for bucket in buckets_of(operation) {
                    passed.entry(bucket).or_default().push(past.as_secs_f64());
                }
            }
        }
        for (bucket, times) in passed {
            let Size { capacity, per_second } = bucket.size();
            for (first, from) in times.iter().enumerate() {
                let mut count = 0.0;
                for to in &times[first..] {
                    count += 1.0;
                    prop_assert!(count <= capacity + (to - from) * per_second + 1e-3);
                }
            }
        }
    }

    #[test]
    fn faster_is_the_same_in_less_time(asked in vec((0_u64..400, operation()), 1..300)) {
        let start = Instant::now();
        let mut slow = Buckets::new(Limits::documented());
        let mut fast = Buckets::new(Limits::documented().faster(4.0));
        let mut past = 0;
        for (wait, operation) in asked {
            past += wait;
            let slowly = slow.take(start + Duration::from_millis(past * 4), operation);
            let quickly = fast.take(start + Duration::from_millis(past), operation);
            prop_assert_eq!(slowly, quickly);
        }
    }
}
