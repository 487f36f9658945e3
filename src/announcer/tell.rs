//! How is it said? On the Service's status, with the announcers' own field manager; of a foreign user of an address also in an
//! event; and in the log, one line a change. Decides nothing.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use k8s_openapi::{
    api::core::v1::{Service, ServiceStatus},
    apimachinery::pkg::apis::meta::v1::{Condition as KubeCondition, Time},
    jiff::Timestamp,
};
use kube::api::ObjectMeta;
use roadstead_arp::engine::Event;
use roadstead_core::NamespacedName;

use super::{
    outage::Turn,
    speaker::{AWAY_AT_MOST, End, Write},
    wish::Seen,
};
use crate::{
    controller::{
        events::Events,
        said::Said,
        writes::{self, ANNOUNCER, Writes},
    },
    explain::explain,
    service::{
        class::Classes,
        conditions::{Condition, Reason},
    },
};

/// The way to the API server.
#[derive(Debug)]
pub struct Teller {
    writes: Arc<Writes>,
    events: Events,
    classes: Classes,
}

/// So many changes of one kind at once are named in the log; more are counted.
const ONE_BY_ONE: usize = 5;

// === impl Teller ===

impl Teller {
    /// Writes through `writes`, and says conflicts in `events`.
    #[must_use]
    pub fn new(writes: Arc<Writes>, events: Events, classes: Classes) -> Self {
        Self {
            writes,
            events,
            classes,
        }
    }

    /// Writes it. Returns the Service as it is then, or how the write ended without it.
    pub async fn tell(
        &self,
        key: &NamespacedName,
        seen: &Seen,
        write: &Write,
    ) -> Result<Seen, End> {
        let service = Service {
            metadata: ObjectMeta {
                name: Some(key.name.to_string()),
                namespace: Some(key.namespace.to_string()),
                uid: seen.uid.clone(),
                ..ObjectMeta::default()
            },
            ..Service::default()
        };
        let status = ServiceStatus {
            load_balancer: None,
            conditions: Some(render(seen, write, Timestamp::now())),
        };
        match self.writes.status_as(ANNOUNCER, &service, status).await {
            Ok(written) => {
                if let Some(warning) = warning(seen, write) {
                    self.events.of_service(&service, warning);
                }
                // One that is ours no more is still what was written.
                let read = Seen::of(&written, &self.classes);
                Ok(read.unwrap_or_else(|| Seen {
                    ours: false,
                    healthy: None,
                    ..seen.clone()
                }))
            }
            Err(writes::Error::Gone { .. } | writes::Error::Stale { .. }) => Err(End::Done),
            Err(error) => {
                let why = explain(&error);
                if error.is_refusal() {
                    tracing::warn!(service = %key, error = why, "its condition was not written; trying again");
                    Err(End::Refused)
                } else {
                    tracing::debug!(service = %key, error = why, "its condition was not written; trying again");
                    Err(End::Unheard(why))
                }
            }
        }
    }
}

/// The conditions to apply; one that still holds keeps the time since when.
fn render(seen: &Seen, write: &Write, now: Timestamp) -> Vec<KubeCondition> {
    let condition = match write {
        Write::Say(condition) => condition,
        Write::Withdraw => return Vec::new(),
    };
    let Condition {
        kind,
        holds,
        reason,
        message,
    } = condition;
    let before = seen
        .healthy
        .as_ref()
        .filter(|before| before.status == holds.as_str());
    vec![KubeCondition {
        type_: kind.type_().to_owned(),
        status: holds.as_str().to_owned(),
        reason: reason.as_str().to_owned(),
        message: message.clone(),
        last_transition_time: before
            .map_or(Time(now), |before| before.last_transition_time.clone()),
        observed_generation: seen.generation,
    }]
}

/// The event of a conflict that was not said before.
fn warning(seen: &Seen, write: &Write) -> Option<Said> {
    let Write::Say(condition) = write else {
        return None;
    };
    let said = seen
        .healthy
        .as_ref()
        .is_some_and(|before| condition.is(before));
    (condition.reason == Reason::AddressConflict && !said)
        .then(|| Said::warning(Reason::AddressConflict.as_str(), condition.message.clone()))
}

/// One line a change; of many changes of one kind one line for all of them.
pub fn log(events: &[Event]) {
    let mut kinds: BTreeMap<(bool, String), Vec<String>> = BTreeMap::new();
    for event in events {
        let bad = matches!(event, Event::Conflict { .. } | Event::Stalled { .. });
        let (kind, what) = describe(event);
        kinds.entry((bad, kind)).or_default().push(what);
    }
    for ((bad, kind), mut what) in kinds {
        let more = what.len().saturating_sub(ONE_BY_ONE);
        what.truncate(ONE_BY_ONE);
        let mut what = what.join(", ");
        if more > 0 {
            let _ = write!(what, " and {more} more");
        }
        if bad {
            tracing::warn!("{kind}: {what}");
        } else {
            tracing::info!("{kind}: {what}");
        }
    }
}

/// One line for an outage of the API server, and one for its end.
pub fn log_outage(turn: &Turn) {
    match turn {
        Turn::Began { service, why } => {
            tracing::warn!(%service, error = why, "the API server does not hear what is said of Services; trying again every {AWAY_AT_MOST:?} until it does");
        }
        Turn::Over { lasted, services } => {
            tracing::info!(
                services,
                "the API server hears what is said of Services again, after {} s",
                lasted.as_secs()
            );
        }
    }
}

/// What kind of change it is, and what changed.
fn describe(event: &Event) -> (String, String) {
    match event {
        Event::Claimed { address, cause, .. } => {
            (format!("announcing ({cause})"), address.to_string())
        }
        Event::LetGo { address, cause, .. } => (
            format!("no longer announcing ({cause})"),
            address.to_string(),
        ),
        Event::PeerJoined { peer, .. } => (
            "another announcer is there".to_owned(),
            format!("{} on {}", peer.node, peer.interface),
        ),
        Event::PeerLost { peer, cause, .. } => (
            format!("another announcer is lost ({})", cause.label()),
            format!("{} on {}", peer.node, peer.interface),
        ),
        Event::Conflict { address, mac, .. } => (
            "an address is used by a host that is no announcer".to_owned(),
            format!("{address} by {mac}"),
        ),
        Event::ConflictOver { address, .. } => (
            "no foreign host uses the address any more".to_owned(),
            address.to_string(),
        ),
        Event::Stalled { by } => (
            "this process was not run for too long, so everything was let go".to_owned(),
            format!("{by:?}"),
        ),
    }
}
