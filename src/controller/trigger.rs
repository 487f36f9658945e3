//! What starts a reconcile, and what keeps one from delaying another? Arrivals and the clock fill the queue; every
//! reconcile is a task of its own. Decides nothing about Services.

use std::{collections::HashMap, sync::Arc, time::Duration};

use roadstead_core::{NamespacedName, Retry};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{
    Context,
    inbox::Arrivals,
    queue::{Cause, Queue},
    reconcile::{Verdict, reconcile},
};

/// After so many new tasks those that run get a turn: ten thousand Services that need nothing are looked at with a few
/// hundred tasks in memory at a time.
const BATCH: usize = 64;

/// How long that turn is: enough for a batch that needs nothing, too short to be felt behind one that waits.
const TURN: Duration = Duration::from_millis(5);

/// Runs until `shutdown`; then what runs has `grace` to end.
pub(super) async fn run(context: &Arc<Context>, shutdown: &CancellationToken, grace: Duration) {
    let mut dispatch = Dispatch {
        context: Arc::clone(context),
        queue: Queue::default(),
        since: HashMap::new(),
        tasks: JoinSet::new(),
        keys: HashMap::new(),
    };
    dispatch.everything();
    loop {
        dispatch.start_due().await;
        dispatch.measure();
        let next_due = dispatch.queue.next_due();
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = dispatch.tasks.join_next_with_id() => dispatch.ended(ended),
            arrivals = context.caches.inbox.take() => dispatch.arrived(arrivals),
            () = sleep_until(next_due.unwrap_or_else(Instant::now)), if next_due.is_some() => {}
        }
    }
    dispatch.drain(grace).await;
}

struct Dispatch {
    context: Arc<Context>,
    queue: Queue<NamespacedName>,
    /// Since when each key is due.
    since: HashMap<NamespacedName, Instant>,
    tasks: JoinSet<Verdict>,
    keys: HashMap<Id, NamespacedName>,
}

// === impl Dispatch ===

impl Dispatch {
    async fn start_due(&mut self) {
        let mut started = 0;
        while let Some((key, cause)) = self.queue.next(Instant::now()) {
            let since = self.since.remove(&key).unwrap_or_else(Instant::now);
            let context = Arc::clone(&self.context);
            let span = tracing::info_span!("reconcile", service = %key);
            let name = key.clone();
            let task = async move {
                let start = Instant::now();
                let verdict = reconcile(&context, &name, cause, since).await;
                context.metrics.reconciled(verdict.outcome, start.elapsed());
                verdict
            };
            let handle = self.tasks.spawn(task.instrument(span));
            self.keys.insert(handle.id(), key);
            started += 1;
            if started % BATCH == 0 {
                self.catch_up().await;
            }
        }
    }

    /// What waits: for its turn, for the API server, or for its provider.
    fn measure(&self) {
        self.context
            .metrics
            .queue_depth(self.queue.depth() + self.tasks.len());
    }

    /// Lets what was begun get somewhere before more is begun: to its end, or to a wait for somebody else.
    async fn catch_up(&mut self) {
        self.measure();
        let context = Arc::clone(&self.context);
        context.writes.breathe().await;
        let enough = Instant::now() + TURN;
        while self.tasks.len() > BATCH {
            match timeout_at(enough, self.tasks.join_next_with_id()).await {
                Ok(Some(ended)) => self.ended(ended),
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn arrived(&mut self, arrivals: Arrivals) {
        let Arrivals {
            services,
            woken,
            everything,
            relisted,
        } = arrivals;
        if relisted {
            self.context.memory.trust_the_list();
        }
        let now = Instant::now();
        for (key, since) in services {
            self.since.entry(key.clone()).or_insert(since);
            self.queue.now(key, now, Cause::Changed);
        }
        for key in woken {
            self.queue.now(key, now, Cause::Woken);
        }
        if everything {
            self.everything();
        }
    }

    fn everything(&mut self) {
        let now = Instant::now();
        // Also those that vanished while nobody watched: only memory knows them.
        for key in self.context.memory.keys() {
            self.queue.now(key, now, Cause::Changed);
        }
        for service in self.context.caches.services() {
            self.queue.now(
                crate::service::request::name_of(&service),
                now,
                Cause::Changed,
            );
        }
    }

    fn ended(&mut self, ended: Result<(Id, Verdict), JoinError>) {
        let now = Instant::now();
        match ended {
            Ok((id, verdict)) => {
                if let Some(key) = self.keys.remove(&id) {
                    self.queue.done(key, now, verdict.again);
                }
            }
            Err(error) => {
                if let Some(key) = self.keys.remove(&error.id()) {
                    tracing::error!(service = %key, %error, "a reconcile ended by a bug; please report it");
                    self.context.metrics.reconciled("bug", Duration::ZERO);
                    let wait = self.context.retries.failed(key.clone(), Retry::Backoff);
                    self.queue.done(key, now, wait.map(|wait| now + wait));
                }
            }
        }
    }

    async fn drain(&mut self, grace: Duration) {
        let running = self.tasks.len();
        if running > 0 {
            tracing::info!(running, ?grace, "waiting for what runs");
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!(
                running = self.tasks.len(),
                "cut off what still ran; the next leader goes on with it"
            );
        }
    }
}
