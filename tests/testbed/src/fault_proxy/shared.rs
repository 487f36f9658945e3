//! What do the proxy and the calls on their way share?
//!
//! The log, the gate, and how calls are treated. Deciding takes no time; whatever waits does so elsewhere.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use super::{
    answers::Reply,
    call::{Call, Fate},
    hold::Gate,
    limits::Buckets,
    log::Log,
    recorder::Recorder,
    script::Script,
    upstream::Upstream,
    visibility::Visibility,
};

/// What the proxy and the calls on their way share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) upstream: Upstream,
    pub(super) log: Log,
    pub(super) gate: Gate,
    pub(super) behaviour: Mutex<Behaviour>,
    pub(super) recorder: Mutex<Option<Recorder>>,
    pub(super) calls: Mutex<JoinSet<()>>,
}

/// How calls are treated.
#[derive(Debug, Default)]
pub(super) struct Behaviour {
    pub(super) latency: Duration,
    pub(super) latencies: BTreeMap<String, Duration>,
    /// AWS's limits, if they are enforced.
    pub(super) buckets: Option<Buckets>,
    pub(super) script: Script,
    pub(super) visibility: Visibility,
}

/// What is to become of a call.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) delay: Duration,
    pub(super) fate: Fate,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self {
            upstream,
            log: Log::new(),
            gate: Gate::new(),
            behaviour: Mutex::default(),
            recorder: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// Runs a call for as long as the proxy lives, whatever its caller does.
    pub(super) fn spawn(&self, call: impl Future<Output = ()> + Send + 'static) {
        let mut calls = lock(&self.calls);
        while calls.try_join_next().is_some() {}
        calls.spawn(call);
    }

    pub(super) fn decide(&self, call: &Call) -> Decision {
        lock(&self.behaviour).decide(call)
    }

    /// What is visible of the upstream's answer to a call.
    pub(super) fn filter(&self, now: Instant, call: &Call, reply: Reply) -> Reply {
        if !reply.status().is_success() {
            return reply;
        }
        let visibility = &mut lock(&self.behaviour).visibility;
        if call.mutates() {
            visibility.note(now, call, reply.body());
            return reply;
        }
        reply.map(|body| visibility.filter(now, body))
    }

    pub(super) fn record(&self, call: &Call) {
        if let Some(recorder) = &mut *lock(&self.recorder)
            && let Some(prefix) = call.service.iam_prefix()
        {
            recorder.note(format!("{prefix}:{}", call.action));
        }
    }
}

// === impl Behaviour ===

impl Behaviour {
    pub(super) fn decide(&mut self, call: &Call) -> Decision {
        let latency = self.latencies.get(&call.action).unwrap_or(&self.latency);
        let operation = call.operation();
        let buckets = self.buckets.as_mut();
        if buckets.is_some_and(|buckets| !buckets.take(call.received, operation)) {
            return Decision {
                delay: *latency,
                fate: Fate::Throttled,
            };
        }
        let verdict = self.script.judge(operation);
        let unseen = self.visibility.refuses(call.received, call);
        Decision {
            delay: *latency + verdict.delay,
            fate: match (verdict.fault, unseen) {
                (Some(fault), _) => Fate::Faulted(fault),
                (None, Some((code, named))) => Fate::Unseen { code, named },
                (None, None) => Fate::Passed,
            },
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half-done by a panic here: every change is one assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
