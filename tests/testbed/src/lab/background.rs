//! Where do a lab's own tasks run?
//!
//! Apart from the test's runtime, which a lab may outlive, and apart from each other: a pod answers at once, however
//! much is said to the API server. What they do is decided elsewhere.

use anyhow::{Context as _, Result, anyhow};
use tokio::runtime::{Builder, Handle, Runtime};

use super::sys;

/// A runtime with a thread of its own.
#[derive(Debug)]
pub(super) struct Background(Option<Runtime>);

// === impl Background ===

impl Background {
    /// For tasks that may have to wait for a processor.
    pub(super) fn ordinary(name: &str) -> Result<Self> {
        Self::start(name, || {})
    }

    /// For tasks that stand for other machines, which have processors of their own.
    pub(super) fn first(name: &str) -> Result<Self> {
        Self::start(name, sys::run_first)
    }

    fn start(name: &str, on_start: fn()) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name(name)
            .on_thread_start(on_start)
            .enable_all()
            .build();
        let runtime = runtime.with_context(|| format!("starting a runtime for {name}"))?;
        Ok(Self(Some(runtime)))
    }

    pub(super) fn handle(&self) -> Result<&Handle> {
        let runtime = self.0.as_ref();
        runtime
            .map(Runtime::handle)
            .ok_or_else(|| anyhow!("the lab has ended"))
    }
}

impl Drop for Background {
    /// Without waiting for it, which the runtime of a test does not allow.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
