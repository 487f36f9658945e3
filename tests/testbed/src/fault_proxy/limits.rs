//! How many calls does AWS take, and how fast?
//!
//! Token buckets as AWS documents them, for one account and region:
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-api-throttling.html> and
//! <https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html>. Time is an argument; nobody waits here.
//! What AWS does not say, and is so here: a refused call takes no token, and a call that has several buckets takes one
//! from each or from none.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use super::call::{AwsService, Operation};

#[cfg(test)]
mod tests;

/// AWS's documented limits, with time running faster if asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    speed: f64,
}

/// Buckets, as full as they are.
#[derive(Debug)]
pub(super) struct Buckets {
    limits: Limits,
    levels: BTreeMap<Bucket, Level>,
}

/// Whose calls take from the same bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bucket {
    /// All calls to Elastic Load Balancing, on top of those below.
    Account,
    /// `CreateLoadBalancer` and `SetSubnets`.
    Intensive,
    /// `RegisterTargets` and `DeregisterTargets`.
    Registration,
    /// All that only read, of Elastic Load Balancing.
    Reading,
    /// All other calls to Elastic Load Balancing.
    Changing,
    /// EC2 has one for each action, and those that ask for everything have another.
    Ec2 { action: String, kind: Ec2Kind },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ec2Kind {
    Reading,
    ReadingEverything,
    Tagging,
    /// Also what EC2 calls resource-intensive, as `AuthorizeSecurityGroupIngress`.
    Changing,
}

struct Size {
    capacity: f64,
    per_second: f64,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

// === impl Limits ===

impl Limits {
    /// As AWS documents them, in real time.
    #[must_use]
    pub fn documented() -> Self {
        Self { speed: 1.0 }
    }

    /// Buckets of the same sizes that fill `factor` times faster: what AWS makes last a minute lasts a minute divided
    /// by `factor`.
    #[must_use]
    pub fn faster(self, factor: f64) -> Self {
        Self {
            speed: self.speed * factor,
        }
    }

    /// The same by the names that Roadstead has for them, each with its size and the tokens that it gets a second: what
    /// `--aws-limit` takes as `NAME=SIZE/RATE`.
    #[must_use]
    pub fn named(self) -> [(&'static str, f64, f64); 9] {
        let ec2 = |kind| Bucket::Ec2 {
            action: String::new(),
            kind,
        };
        let buckets = [
            ("account", Bucket::Account),
            ("describe", Bucket::Reading),
            ("create", Bucket::Intensive),
            ("register", Bucket::Registration),
            ("mutate", Bucket::Changing),
            ("ec2-describe", ec2(Ec2Kind::Reading)),
            ("ec2-mutate", ec2(Ec2Kind::Changing)),
            ("ec2-rules", ec2(Ec2Kind::Changing)),
            ("ec2-tags", ec2(Ec2Kind::Tagging)),
        ];
        buckets.map(|(name, bucket)| {
            let Size {
                capacity,
                per_second,
            } = bucket.size();
            (name, capacity, per_second * self.speed)
        })
    }

    /// The least time in which these calls can all pass, if every bucket is full at first: the longest that one of
    /// the buckets needs. Nobody can be faster; a caller who never lets a needed bucket run over comes as close as one
    /// token.
    pub fn floor<'a>(self, calls: impl IntoIterator<Item = Operation<'a>>) -> Duration {
        let mut needed: BTreeMap<Bucket, f64> = BTreeMap::new();
        for bucket in calls.into_iter().flat_map(buckets_of) {
            *needed.entry(bucket).or_default() += 1.0;
        }
        let seconds = needed.iter().map(|(bucket, tokens)| {
            let Size {
                capacity,
                per_second,
            } = bucket.size();
            (tokens - capacity) / (per_second * self.speed)
        });
        let longest = seconds.fold(0.0, f64::max);
        Duration::try_from_secs_f64(longest).unwrap_or(Duration::MAX)
    }
}

// === impl Buckets ===

impl Buckets {
    /// All full.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            levels: BTreeMap::new(),
        }
    }

    /// Whether AWS takes this call now.
    pub(super) fn take(&mut self, now: Instant, operation: Operation<'_>) -> bool {
        let needed: Vec<Bucket> = buckets_of(operation).collect();
        let levels: Vec<f64> = needed
            .iter()
            .map(|bucket| self.tokens(now, bucket))
            .collect();
        // Time comes in nanoseconds: a token that lacks no more than one fills is one.
        let passes = levels.iter().all(|tokens| *tokens >= 1.0 - 1e-6);
        for (bucket, tokens) in needed.into_iter().zip(levels) {
            let tokens = if passes { tokens - 1.0 } else { tokens };
            self.levels.insert(bucket, Level { tokens, at: now });
        }
        passes
    }

    fn tokens(&self, now: Instant, bucket: &Bucket) -> f64 {
        let Size {
            capacity,
            per_second,
        } = bucket.size();
        self.levels.get(bucket).map_or(capacity, |level| {
            let past = now.saturating_duration_since(level.at).as_secs_f64();
            (level.tokens + past * per_second * self.limits.speed).min(capacity)
        })
    }
}

// === impl Bucket ===

impl Bucket {
    fn size(&self) -> Size {
        let (capacity, per_second) = match self {
            Self::Account | Self::Reading => (40.0, 10.0),
            Self::Intensive => (10.0, 0.2),
            Self::Registration => (20.0, 4.0),
            Self::Changing => (20.0, 3.0),
            Self::Ec2 { kind, .. } => match kind {
                Ec2Kind::Reading => (100.0, 20.0),
                Ec2Kind::ReadingEverything => (50.0, 10.0),
                Ec2Kind::Tagging => (100.0, 10.0),
                Ec2Kind::Changing => (50.0, 5.0),
            },
        };
        Size {
            capacity,
            per_second,
        }
    }
}

/// Where a call takes a token from: nowhere, for services whose limits no test needs.
fn buckets_of(operation: Operation<'_>) -> impl Iterator<Item = Bucket> {
    let buckets = match operation.service {
        AwsService::Elbv2 => [Some(Bucket::Account), Some(category(operation))],
        AwsService::Ec2 => [Some(ec2_bucket(operation)), None],
        AwsService::Sts
        | AwsService::Iam
        | AwsService::Acm
        | AwsService::Tagging
        | AwsService::Other => [None, None],
    };
    buckets.into_iter().flatten()
}

fn category(operation: Operation<'_>) -> Bucket {
    match operation.action {
        "CreateLoadBalancer" | "SetSubnets" => Bucket::Intensive,
        "RegisterTargets" | "DeregisterTargets" => Bucket::Registration,
        _ if operation.mutates() => Bucket::Changing,
        _ => Bucket::Reading,
    }
}

fn ec2_bucket(operation: Operation<'_>) -> Bucket {
    let kind = match operation.action {
        "CreateTags" | "DeleteTags" => Ec2Kind::Tagging,
        "DescribeInstances"
        | "DescribeInstanceStatus"
        | "DescribeNetworkInterfaces"
        | "DescribeSecurityGroups"
        | "DescribeSnapshots"
        | "DescribeSpotInstanceRequests"
        | "DescribeVolumes"
            if operation.unfiltered =>
        {
            Ec2Kind::ReadingEverything
        }
        _ if operation.mutates() => Ec2Kind::Changing,
        _ => Ec2Kind::Reading,
    };
    Bucket::Ec2 {
        action: operation.action.to_owned(),
        kind,
    }
}
