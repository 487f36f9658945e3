//! Whose turn is it? Calls wait here until AWS takes them: the more urgent first, then those of whoever began first.
//!
//! A call that cannot be sent yet holds up no other that can: tokens are set aside for nobody in particular; only a check leaves
//! some, so that a user who comes while everything is checked does not wait for each token. There is no task behind this: the first
//! in the queue keeps the time for all.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::{Either, select};
use tokio::{sync::Notify, time::Instant};

use super::{Priority, actions::Action, buckets::Buckets, limits::Limits};

#[cfg(test)]
mod tests;

/// Lets calls through as fast as AWS takes them.
#[derive(Debug)]
pub(super) struct Limiter {
    began: Instant,
    queue: Mutex<Queue>,
}

#[derive(Debug)]
struct Queue {
    buckets: Buckets,
    /// Who waits, by what for: calls of one action need the same tokens, so only the first of each is looked at.
    waiting: BTreeMap<Action, BTreeMap<Turn, Arc<Notify>>>,
    next: u64,
}

/// A place in the order: how urgent, when the work began that the call belongs to, and which of its calls.
///
/// What began first is finished first: of two hundred Services at once the first ones are served while the last ones begin, and what
/// all of them wait for, as the group that they share, is not made after each one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(Priority, u64, u64);

/// A waiting call's place. Dropped, it is free, and so is a token that was given to it.
struct Place {
    limiter: Arc<Limiter>,
    action: Action,
    turn: Turn,
    called: Arc<Notify>,
    left: bool,
}

/// A call that is being made. To be dropped when it is answered, or when nobody waits for it any longer.
#[derive(Debug)]
pub(super) struct Permit {
    limiter: Arc<Limiter>,
    action: Action,
    priority: Priority,
    sent: Duration,
    throttled: bool,
}

/// What a waiting call is to do.
enum Look {
    /// Be made.
    Go,
    /// Look again after this long, or when called.
    KeepTime(Option<Duration>),
    /// Wait to be called.
    Wait,
}

// === impl Limiter ===

impl Limiter {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            queue: Mutex::new(Queue {
                buckets: Buckets::new(limits),
                waiting: BTreeMap::new(),
                next: 0,
            }),
        })
    }

    /// Waits until the call may be made. `begun` orders calls of the same priority, the lower one first.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        action: Action,
        priority: Priority,
        begun: u64,
    ) -> Permit {
        let place = Place::take(self, action, priority, begun);
        loop {
            match place.look() {
                Look::Go => return place.leave(),
                Look::KeepTime(Some(wait)) => {
                    let slept = pin!(tokio::time::sleep(wait));
                    match select(slept, pin!(place.called.notified())).await {
                        Either::Left(((), _)) | Either::Right(((), _)) => {}
                    }
                }
                Look::KeepTime(None) | Look::Wait => place.called.notified().await,
            }
        }
    }

    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Queue ===

impl Queue {
    /// Calls everyone whose turn it is, in order, and then whoever is first, to keep the time anew.
    fn serve(&mut self, now: Duration) {
        let mut blocked: Vec<Action> = Vec::new();
        while let Some((turn, action)) = self.first(&blocked) {
            if self.buckets.take(now, action, turn.0) {
                if let Some(called) = self.remove(action, turn) {
                    called.notify_one();
                }
            } else {
                blocked.push(action);
            }
        }
        if let Some((turn, action)) = self.first(&[])
            && let Some(called) = self.waiting.get(&action).and_then(|turns| turns.get(&turn))
        {
            called.notify_one();
        }
    }

    /// Whose turn is first, of those who wait for none of these.
    fn first(&self, blocked: &[Action]) -> Option<(Turn, Action)> {
        self.waiting
            .iter()
            .filter(|(action, _)| !blocked.contains(action))
            .filter_map(|(action, turns)| Some((*turns.first_key_value()?.0, *action)))
            .min()
    }

    fn remove(&mut self, action: Action, turn: Turn) -> Option<Arc<Notify>> {
        let turns = self.waiting.get_mut(&action)?;
        let called = turns.remove(&turn);
        if turns.is_empty() {
            self.waiting.remove(&action);
        }
        called
    }

    fn holds(&self, action: Action, turn: Turn) -> bool {
        self.waiting
            .get(&action)
            .is_some_and(|turns| turns.contains_key(&turn))
    }

    /// How long until somebody can be served; `None`: not before a call is answered.
    fn next_in(&mut self, now: Duration) -> Option<Duration> {
        let Self {
            buckets, waiting, ..
        } = self;
        waiting
            .iter()
            .filter_map(|(action, turns)| {
                let (Turn(priority, ..), _) = turns.first_key_value()?;
                buckets.ready_in(now, *action, *priority)
            })
            .min()
    }
}

// === impl Place ===

impl Place {
    fn take(limiter: &Arc<Limiter>, action: Action, priority: Priority, begun: u64) -> Self {
        let called = Arc::new(Notify::new());
        let mut queue = limiter.queue();
        let turn = Turn(priority, begun, queue.next);
        queue.next += 1;
        queue
            .waiting
            .entry(action)
            .or_default()
            .insert(turn, Arc::clone(&called));
        queue.serve(limiter.now());
        drop(queue);
        Self {
            limiter: Arc::clone(limiter),
            action,
            turn,
            called,
            left: false,
        }
    }

    fn look(&self) -> Look {
        let mut queue = self.limiter.queue();
        if !queue.holds(self.action, self.turn) {
            return Look::Go;
        }
        let is_first = |queue: &Queue| queue.first(&[]) == Some((self.turn, self.action));
        if !is_first(&queue) {
            return Look::Wait;
        }
        let now = self.limiter.now();
        let next = queue.next_in(now);
        if next != Some(Duration::ZERO) {
            return Look::KeepTime(next);
        }
        queue.serve(now);
        if !queue.holds(self.action, self.turn) {
            Look::Go
        } else if is_first(&queue) {
            Look::KeepTime(queue.next_in(now))
        } else {
            Look::Wait
        }
    }

    fn leave(mut self) -> Permit {
        self.left = true;
        Permit {
            limiter: Arc::clone(&self.limiter),
            action: self.action,
            priority: self.turn.0,
            sent: self.limiter.now(),
            throttled: false,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        let now = self.limiter.now();
        let mut queue = self.limiter.queue();
        if queue.remove(self.action, self.turn).is_none() {
            queue.buckets.give_back(now, self.action);
        }
        queue.serve(now);
    }
}

// === impl Permit ===

impl Permit {
    /// AWS refused the call for there being too many. How long until there are tokens again.
    pub(super) fn throttled(mut self) -> Duration {
        self.throttled = true;
        let now = self.limiter.now();
        let mut queue = self.limiter.queue();
        queue.buckets.throttled(now, self.action, self.sent);
        queue
            .buckets
            .ready_in(now, self.action, self.priority)
            .unwrap_or(Duration::ZERO)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let now = self.limiter.now();
        let mut queue = self.limiter.queue();
        if !self.throttled {
            queue.buckets.answered(now, self.action, self.sent);
        }
        queue.serve(now);
    }
}
