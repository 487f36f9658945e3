//! How does something go on in a namespace beside the test, until it is told to stop?
//!
//! A thread that writes down what it sees, where the test can look at it meanwhile. Most run before all others: what
//! they measure is the network. What it does is decided elsewhere.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use anyhow::{Context as _, Result, anyhow};
use rustix::thread::{CpuSet, sched_setaffinity};

use super::{locked, namespace::Namespace, sys};

/// A thread and what it has seen. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Running<T> {
    notes: Notes<T>,
    thread: Option<JoinHandle<Result<()>>>,
}

/// What the thread writes to.
#[derive(Debug)]
pub(super) struct Notes<T> {
    seen: Arc<Mutex<T>>,
    stopping: Arc<AtomicBool>,
}

// === impl Running ===

impl<T: Default + Send + 'static> Running<T> {
    /// Starts `work` in a namespace, before all other threads; it has to end soon once [`Notes::stopping`].
    pub(super) fn start(
        namespace: &Namespace,
        work: impl FnOnce(&Notes<T>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        Self::begin(namespace, sys::run_first, work)
    }

    /// The same, as one thread among others.
    pub(super) fn start_ordinary(
        namespace: &Namespace,
        work: impl FnOnce(&Notes<T>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        Self::begin(namespace, || {}, work)
    }

    /// The same, on one processor alone.
    pub(super) fn start_on(
        processor: usize,
        namespace: &Namespace,
        work: impl FnOnce(&Notes<T>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let mut only = CpuSet::new();
        only.set(processor);
        Self::begin(
            namespace,
            || {},
            move |notes| {
                sched_setaffinity(None, &only)
                    .with_context(|| format!("staying on processor {processor}"))?;
                work(notes)
            },
        )
    }

    fn begin(
        namespace: &Namespace,
        take_place: fn(),
        work: impl FnOnce(&Notes<T>) -> Result<()> + Send + 'static,
    ) -> Result<Self> {
        let notes = Notes {
            seen: Arc::default(),
            stopping: Arc::default(),
        };
        let thread = namespace.thread({
            let notes = notes.share();
            move || {
                take_place();
                work(&notes)
            }
        })?;
        Ok(Self {
            notes,
            thread: Some(thread),
        })
    }

    /// What it has seen so far.
    pub(super) fn seen(&self) -> MutexGuard<'_, T> {
        self.notes.seen()
    }

    /// Whether it goes on.
    pub(super) fn goes_on(&self) -> bool {
        self.thread
            .as_ref()
            .is_some_and(|thread| !thread.is_finished())
    }

    /// Ends it, and says what it has seen or why it ended before.
    pub(super) async fn stop(mut self) -> Result<T> {
        self.notes.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = tokio::task::spawn_blocking(|| thread.join()).await;
            ended
                .context("waiting for a thread")?
                .map_err(|_| anyhow!("a thread of the lab panicked"))??;
        }
        Ok(std::mem::take(&mut *self.notes.seen()))
    }
}

impl<T> Drop for Running<T> {
    fn drop(&mut self) {
        self.notes.stopping.store(true, Ordering::Relaxed);
    }
}

// === impl Notes ===

impl<T> Notes<T> {
    pub(super) fn seen(&self) -> MutexGuard<'_, T> {
        locked(&self.seen)
    }

    pub(super) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn share(&self) -> Self {
        Self {
            seen: Arc::clone(&self.seen),
            stopping: Arc::clone(&self.stopping),
        }
    }
}
