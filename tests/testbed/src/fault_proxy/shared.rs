//! What do the proxy and the calls on their way share?
//!
//! The log, the gate, and how calls are treated. Deciding takes no time; whatever waits does so elsewhere.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::task::JoinSet;

use super::{
    call::{Call, Fate},
    hold::Gate,
    limits::Buckets,
    log::Log,
    recorder::Recorder,
    script::Script,
    upstream::Upstream,
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
        Decision {
            delay: *latency + verdict.delay,
            fate: verdict.fault.map_or(Fate::Passed, Fate::Faulted),
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing is left half-done by a panic here: every change is one assignment.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
