//! How does a watch fare? What it says goes to whoever wants it, what it suffers is kept for those who ask. Decides nothing.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{Stream, StreamExt};
use kube::runtime::watcher;
use tokio::time::Instant;

use crate::explain::explain;

/// How the watches fare.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// By resource; absent: not begun.
    pub watches: HashMap<&'static str, WatchState>,
}

/// How a watch fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchState {
    /// The first list is under way.
    Syncing,
    /// It is up to date.
    Synced,
    /// It failed, and is tried again; its objects are as they were last heard of.
    Failing {
        /// Whether there was a first list at all.
        synced: bool,
        /// When it failed last.
        last: Instant,
        /// What the API server said.
        error: String,
    },
}

/// A watch that fails is tried again within a minute, and has five seconds to connect.
const RECOVERED: Duration = Duration::from_secs(90);

/// The resources, as RBAC names them.
pub(crate) const SERVICES: &str = "services";
pub(crate) const NODES: &str = "nodes";
pub(crate) const SLICES: &str = "endpointslices";
pub(super) const PODS: &str = "pods";
pub(super) const NAMESPACES: &str = "namespaces";

/// What a watch has to tell.
pub(crate) enum Change<K> {
    /// One object changed.
    Touched(K),
    /// All were listed anew.
    Listed,
}

/// Follows `stream` to its end, which does not come, and keeps in `health` how it fares.
pub(crate) async fn follow<K>(
    resource: &'static str,
    stream: impl Stream<Item = Result<watcher::Event<K>, watcher::Error>>,
    health: Arc<Mutex<Health>>,
    mut tell: impl FnMut(Change<K>),
) {
    let set = |state| lock(&health).watches.insert(resource, state);
    set(WatchState::Syncing);
    let mut stream = pin!(stream);
    while let Some(event) = stream.next().await {
        match event {
            Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => {
                recover(&health, resource);
                tell(Change::Touched(object));
            }
            Ok(watcher::Event::Init | watcher::Event::InitApply(_)) => {}
            Ok(watcher::Event::InitDone) => {
                set(WatchState::Synced);
                tell(Change::Listed);
            }
            Err(error) => {
                let error = explain(&error);
                let before = lock(&health).watches.get(resource).cloned();
                let synced = before.as_ref().is_some_and(WatchState::is_synced);
                let last = Instant::now();
                let told = before
                    .map(|before| before.at(last))
                    .is_some_and(|before| before.error() == Some(error.as_str()));
                if !told {
                    tracing::warn!(resource, error, "watching failed; trying again");
                }
                set(WatchState::Failing {
                    synced,
                    last,
                    error,
                });
            }
        }
    }
}

fn recover(health: &Mutex<Health>, resource: &'static str) {
    if let Some(state @ WatchState::Failing { synced: true, .. }) =
        lock(health).watches.get_mut(resource)
    {
        *state = WatchState::Synced;
    }
}

pub(crate) fn lock(health: &Mutex<Health>) -> MutexGuard<'_, Health> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Health ===

impl Health {
    /// True if the watches that every Service needs have had their first list.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.have_listed(&[SERVICES, NODES])
    }

    /// True if the watches of these have had their first list.
    pub(crate) fn have_listed(&self, resources: &[&str]) -> bool {
        resources.iter().all(|resource| {
            self.watches
                .get(resource)
                .is_some_and(WatchState::is_synced)
        })
    }

    /// How they fare at `now`.
    #[must_use]
    pub fn at(mut self, now: Instant) -> Self {
        for state in self.watches.values_mut() {
            *state = state.clone().at(now);
        }
        self
    }

    /// Why the pods of Services are not known; `None` if they are, or if that is a matter of a moment.
    #[must_use]
    pub fn pods_trouble(&self) -> Option<&str> {
        [SLICES, PODS].iter().find_map(|resource| {
            let state = self.watches.get(resource)?;
            state.error().filter(|_| !state.is_synced())
        })
    }

    /// True if there was a first list of what says which pods Services have.
    pub(super) fn pods_are_known(&self) -> bool {
        self.have_listed(&[SLICES, PODS])
    }
}

// === impl WatchState ===

impl WatchState {
    /// The state as it is at `now`: a watch that goes on where it was cut off says nothing before something changes, so
    /// one that has not failed for so long is taken to be up to date again.
    pub(crate) fn at(self, now: Instant) -> Self {
        match self {
            Self::Failing {
                synced: true, last, ..
            } if now >= last + RECOVERED => Self::Synced,
            Self::Syncing | Self::Synced | Self::Failing { .. } => self,
        }
    }

    /// What is wrong, if anything is.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Syncing | Self::Synced => None,
            Self::Failing { error, .. } => Some(error),
        }
    }

    /// True if there was a first list.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        matches!(self, Self::Synced | Self::Failing { synced: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_has_not_failed_for_long_is_up_to_date_again() {
        let last = Instant::now();
        let failing = |synced| WatchState::Failing {
            synced,
            last,
            error: "connection refused".to_owned(),
        };
        assert_eq!(failing(true).at(last), failing(true));
        assert_eq!(failing(true).at(last + RECOVERED), WatchState::Synced);
        assert_eq!(
            failing(false).at(last + RECOVERED),
            failing(false),
            "it still lacks its first list"
        );
    }
}
