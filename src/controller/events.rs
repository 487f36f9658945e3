//! How are events written? Handed in, and written by a few at a time; nobody waits for them. Decides nothing.

use std::sync::Arc;

use k8s_openapi::{
    api::{
        core::v1::{Node, ObjectReference, Service},
        events::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{Resource, api::ObjectMeta};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    said::Said,
    writes::{PARALLEL_EVENTS, Writes},
};
use crate::{explain::explain, metrics::Metrics};

/// Where events are handed in; writing them delays nobody.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::Sender<Event>,
    closing: CancellationToken,
    metrics: Arc<Metrics>,
}

/// How many events may wait to be written; beyond that new ones are dropped and counted.
const WAITING: usize = 16_384;

/// `note` may have 1 KiB (validation of `events.k8s.io`).
const MAX_NOTE: usize = 1024;

/// The controller's name in events.
const REPORTER: &str = "roadstead.dev/controller";

// === impl Events ===

impl Events {
    /// A place to hand events in, and the work of writing them, which ends after [`close`](Self::close).
    pub fn new(
        writes: Arc<Writes>,
        metrics: Arc<Metrics>,
    ) -> (Self, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let closing = CancellationToken::new();
        let work = write(receiver, closing.clone(), writes, Arc::clone(&metrics));
        let events = Self {
            sender,
            closing,
            metrics,
        };
        (events, work)
    }

    /// Takes no more; what was handed in is still written.
    pub fn close(&self) {
        self.closing.cancel();
    }

    /// Says it of `service`.
    pub fn of_service(&self, service: &Service, said: Said) {
        self.hand_in(service.object_ref(&()), said);
    }

    /// Says it of `node`.
    pub fn of_node(&self, node: &Node, said: Said) {
        self.hand_in(node.object_ref(&()), said);
    }

    fn hand_in(&self, regarding: ObjectReference, said: Said) {
        let event = event(regarding, said, Timestamp::now());
        if self.sender.try_send(event).is_err() {
            self.metrics.event_dropped();
            tracing::debug!("an event was dropped: too many wait to be written");
        }
    }
}

fn event(regarding: ObjectReference, said: Said, now: Timestamp) -> Event {
    let Said {
        warning,
        reason,
        mut note,
    } = said;
    note.truncate(note.floor_char_boundary(MAX_NOTE));
    let name = format!(
        "{}.{:x}",
        regarding.name.as_deref().unwrap_or("roadstead"),
        now.as_nanosecond()
    );
    // Events of things without a namespace live in `default`, by convention of every component.
    let namespace = regarding
        .namespace
        .clone()
        .unwrap_or_else(|| "default".to_owned());
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: Some(namespace),
            ..ObjectMeta::default()
        },
        type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(reason.to_owned()),
        action: Some(reason.to_owned()),
        note: Some(note),
        regarding: Some(regarding),
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(REPORTER.to_owned()),
        reporting_instance: Some(REPORTER.to_owned()),
        ..Event::default()
    }
}

async fn write(
    mut events: mpsc::Receiver<Event>,
    closing: CancellationToken,
    writes: Arc<Writes>,
    metrics: Arc<Metrics>,
) {
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            () = closing.cancelled(), if !events.is_closed() => events.close(),
            event = events.recv(), if under_way.len() < PARALLEL_EVENTS => {
                let Some(event) = event else { break };
                let (writes, metrics) = (Arc::clone(&writes), Arc::clone(&metrics));
                under_way.spawn(async move {
                    if let Err(error) = writes.event(&event).await {
                        metrics.event_dropped();
                        // A namespace that is going takes no new events; that is no fault of anybody's.
                        tracing::debug!(error = explain(&error), reason = event.reason, "event not written");
                    }
                });
            }
            Some(_) = under_way.join_next(), if !under_way.is_empty() => {}
        }
    }
    under_way.join_all().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_to_what_the_api_server_takes() {
        let event = event(
            ObjectReference::default(),
            Said::normal("X", "é".repeat(900)),
            Timestamp::UNIX_EPOCH,
        );
        assert!(event.note.unwrap().len() <= MAX_NOTE);
        assert_eq!(event.metadata.namespace.as_deref(), Some("default"));
    }
}
