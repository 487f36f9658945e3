//! What is measured of AWS's API? Calls, their duration, how long they waited for their turn, and what AWS refused for being too much.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::{
    Priority,
    actions::{Action, Category},
};

/// Calls of AWS's API.
#[derive(Clone, Debug)]
pub struct AwsMetrics {
    calls: Family<CallLabels, Counter>,
    seconds: Family<ActionLabels, Histogram, fn() -> Histogram>,
    waits: Family<WaitLabels, Histogram, fn() -> Histogram>,
    throttles: Family<ActionLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    action: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WaitLabels {
    category: &'static str,
    priority: &'static str,
}

/// From a read to a creation that runs into the call's time limit of 20 s.
const CALL_SECONDS: [f64; 9] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 20.0];

/// From no wait to the end of a queue of a thousand creations.
const WAIT_SECONDS: [f64; 9] = [0.001, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 3600.0];

// === impl AwsMetrics ===

impl Default for AwsMetrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            waits: Family::new_with_constructor(|| Histogram::new(WAIT_SECONDS)),
            throttles: Family::default(),
        }
    }
}

impl AwsMetrics {
    /// Makes them readable through `registry`, below its prefix.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "aws_calls",
            "Calls of AWS's API by action and result (ok, not-found, or the kind of error)",
            self.calls.clone(),
        );
        registry.register_with_unit(
            "aws_call_duration",
            "How long AWS took to answer, by action",
            Unit::Seconds,
            self.seconds.clone(),
        );
        registry.register_with_unit(
            "aws_call_wait",
            "How long calls waited for AWS's rate limits, by category of limit and priority of call",
            Unit::Seconds,
            self.waits.clone(),
        );
        registry.register(
            "aws_throttles",
            "Calls that AWS refused because there were too many, by action",
            self.throttles.clone(),
        );
    }

    /// Measures each once, for whoever asks for their names: what was never measured is not exposed.
    #[doc(hidden)]
    pub fn measure_each_once(&self) {
        self.called(Action::DescribeVpcs, "ok", Duration::ZERO);
        self.waited(Category::Ec2Describe, Priority::Check, Duration::ZERO);
        self.throttled(Action::DescribeVpcs);
    }

    pub(super) fn called(&self, action: Action, result: &'static str, took: Duration) {
        let action = action.as_str();
        self.calls
            .get_or_create(&CallLabels { action, result })
            .inc();
        self.seconds
            .get_or_create(&ActionLabels { action })
            .observe(took.as_secs_f64());
    }

    pub(super) fn throttled(&self, action: Action) {
        let action = action.as_str();
        self.throttles.get_or_create(&ActionLabels { action }).inc();
    }

    pub(super) fn waited(&self, category: Category, priority: Priority, waited: Duration) {
        let labels = WaitLabels {
            category: category.label(),
            priority: priority.label(),
        };
        self.waits
            .get_or_create(&labels)
            .observe(waited.as_secs_f64());
    }
}
