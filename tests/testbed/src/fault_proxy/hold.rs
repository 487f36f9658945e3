//! At which call does the world stop?
//!
//! A gate that every call passes on its way to AWS and on its way back. It is armed for the n-th mutating call; from
//! that one on mutating calls wait until the test says what becomes of them, so that whoever made them can be killed
//! in between. Calls that only read go on.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

/// Where a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Before it takes effect.
    Before,
    /// After it took effect and before its caller is answered.
    After,
}

/// What becomes of a held call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    GoOn,
    Drop,
}

#[derive(Debug)]
pub(super) struct Gate {
    state: Mutex<State>,
    /// The number of the held call, once it is where it was to be held.
    held: watch::Sender<Option<u64>>,
}

/// Whether a call may go on its way to AWS.
pub(super) enum Pass {
    /// At once.
    Free,
    /// Not before it was said what becomes of it.
    Wait(Waiting),
    /// At once, but its answer waits.
    ThenWait(Waiting),
}

/// A call that waits.
pub(super) struct Waiting(oneshot::Receiver<Verdict>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Open,
    Armed {
        side: Side,
        left: u64,
    },
    Shut(Vec<oneshot::Sender<Verdict>>),
}

// === impl Gate ===

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::default(),
            held: watch::Sender::new(None),
        }
    }

    /// Holds the n-th mutating call from now on. What was held before goes on.
    pub(super) fn arm(&self, side: Side, n: u64) {
        let left = n.max(1);
        self.open(Verdict::GoOn, State::Armed { side, left });
    }

    /// Lets all calls pass from now on; those that are held get this verdict.
    pub(super) fn end(&self, verdict: Verdict) {
        self.open(verdict, State::Open);
    }

    /// The number of the held call, once it is held.
    pub(super) async fn held(&self) -> Option<u64> {
        let mut held = self.held.subscribe();
        let number = held.wait_for(Option::is_some).await.ok()?;
        *number
    }

    pub(super) fn is_held(&self) -> bool {
        self.held.borrow().is_some()
    }

    /// A mutating call is about to be forwarded.
    pub(super) fn enter(&self, number: u64) -> Pass {
        let (tells, told) = oneshot::channel();
        let waiting = Waiting(told);
        let mut state = self.state();
        match &mut *state {
            State::Open => Pass::Free,
            State::Armed { left, .. } if *left > 1 => {
                *left -= 1;
                Pass::Free
            }
            State::Armed { side, .. } => {
                let side = *side;
                *state = State::Shut(vec![tells]);
                match side {
                    Side::Before => {
                        self.held.send_replace(Some(number));
                        Pass::Wait(waiting)
                    }
                    Side::After => Pass::ThenWait(waiting),
                }
            }
            State::Shut(waiters) => {
                waiters.push(tells);
                Pass::Wait(waiting)
            }
        }
    }

    /// The call that waits for its answer has taken effect.
    pub(super) fn arrive(&self, number: u64, waiting: &Waiting) {
        let state = self.state();
        // It may have been let go while it was on its way.
        if matches!(*state, State::Shut(_)) && waiting.0.is_empty() {
            self.held.send_replace(Some(number));
        }
    }

    fn open(&self, verdict: Verdict, next: State) {
        let mut state = self.state();
        self.held.send_replace(None);
        let State::Shut(waiters) = std::mem::replace(&mut *state, next) else {
            return;
        };
        for waiter in waiters {
            // A call whose caller went away is not waited for: nobody is to be told.
            let _ = waiter.send(verdict);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Waiting ===

impl Waiting {
    pub(super) async fn verdict(self) -> Verdict {
        self.0.await.unwrap_or(Verdict::Drop)
    }
}
