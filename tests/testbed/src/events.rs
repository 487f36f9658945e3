//! What was the user told about an object?
//!
//! Lists events as `kubectl describe` shows them. Nothing is written here.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, Client, api::ListParams};

/// An event of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectEvent {
    /// `Normal` or `Warning`.
    pub type_: String,
    /// As in `EnsuredLoadBalancer`.
    pub reason: String,
    /// The sentence.
    pub note: String,
    /// How often it was said: more than once for a series.
    pub count: i32,
}

/// The events of the object `name`, whatever its kind, in the order in which they were first said.
///
/// Events of nodes and other objects without a namespace are in the namespace `default`.
///
/// # Errors
/// The API server refuses.
pub async fn events_of(client: &Client, namespace: &str, name: &str) -> Result<Vec<ObjectEvent>> {
    let about = ListParams::default().fields(&format!("regarding.name={name}"));
    let listed = Api::<Event>::namespaced(client.clone(), namespace)
        .list(&about)
        .await;
    let mut events = listed
        .with_context(|| format!("listing the events of {namespace}/{name}"))?
        .items;
    events.sort_by_key(first_said);
    Ok(events.into_iter().map(ObjectEvent::from).collect())
}

/// Events of the older API carry other times.
fn first_said(event: &Event) -> Option<Timestamp> {
    let older = event
        .deprecated_first_timestamp
        .as_ref()
        .or(event.metadata.creation_timestamp.as_ref());
    event
        .event_time
        .as_ref()
        .map(|time| time.0)
        .or_else(|| older.map(|time| time.0))
}

// === impl ObjectEvent ===

impl From<Event> for ObjectEvent {
    fn from(event: Event) -> Self {
        Self {
            type_: event.type_.unwrap_or_default(),
            reason: event.reason.unwrap_or_default(),
            note: event.note.unwrap_or_default(),
            count: event
                .series
                .map(|series| series.count)
                .or(event.deprecated_count)
                .unwrap_or(1)
                .max(1),
        }
    }
}
