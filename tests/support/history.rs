//! Which addresses did a Service carry? All of them, also those that it had for a moment.
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::pin::pin;

use futures::StreamExt;
use kube::runtime::{WatchStreamExt, watcher::watch_object};
use roadstead_testbed::addresses;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::support::Place;

/// The addresses that a Service carried, from its creation to its deletion.
pub(crate) struct History(JoinHandle<Vec<Vec<String>>>);

// === impl History ===

impl History {
    /// Begins to write it down; returns when the Service is seen.
    pub(crate) async fn begin(place: &Place, name: &str) -> Self {
        let (seen, first) = oneshot::channel();
        let (services, name) = (place.services(), name.to_owned());
        let task = tokio::spawn(async move {
            let mut seen = Some(seen);
            let mut carried = Vec::new();
            let mut states = pin!(watch_object(services, &name).default_backoff());
            while let Some(Some(service)) = states.next().await.map(Result::unwrap) {
                carried.push(addresses(&service));
                seen.take().map(|seen| seen.send(()));
            }
            carried
        });
        first.await.unwrap();
        Self(task)
    }

    /// After the Service is gone: there was an address, and never another one.
    pub(crate) async fn has_one_address(self) {
        let mut carried = self.0.await.unwrap();
        carried.retain(|addresses| !addresses.is_empty());
        carried.dedup();
        assert_eq!(carried.len(), 1, "{carried:?}");
    }
}
