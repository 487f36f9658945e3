//! What happens to a Service, from its creation to its deletion, and what must hold whatever becomes of its controllers.

use k8s_openapi::api::core::v1::Service;
use roadstead_testbed::{addresses, poll_until, service};
use serde_json::json;

use super::{Doom, Life, history::History};
use crate::support::{DEADLINE, MOCK, Place};

/// What happens to a Service that is served, while no controller runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is new: there was nothing before.
    Created,
    /// It has one port more.
    Edited,
    /// It is no load balancer any more.
    Withdrawn,
    /// It is deleted.
    Deleted,
}

// === impl Change ===

impl Change {
    pub(crate) async fn happen(self, place: &Place, name: &str) {
        match self {
            Self::Created => {}
            Self::Edited => {
                let port = |n: i32| json!({ "name": format!("tcp-{n}"), "port": n });
                place
                    .edit_spec(name, json!({ "ports": [port(80), port(443)] }))
                    .await;
            }
            Self::Withdrawn => {
                let plain = json!({ "type": "ClusterIP", "loadBalancerClass": null });
                place.edit_spec(name, plain).await;
            }
            Self::Deleted => place.delete(name).await,
        }
    }

    async fn done(self, place: &Place, name: &str) {
        match self {
            Self::Created => {
                place.served(name).await;
            }
            Self::Edited => {
                place.served(name).await;
                let service = place.get(name).await;
                let both = |service: &Service| place.balancer(service).listeners.len() == 2;
                poll_until("both listeners", DEADLINE, async || {
                    both(&service).then_some(())
                })
                .await
                .unwrap();
            }
            Self::Withdrawn => {
                let free = |service: &Service| {
                    let status = service.status.as_ref();
                    addresses(service).is_empty()
                        && service.metadata.finalizers.is_none()
                        && status.is_none_or(|status| status.conditions.is_none())
                };
                place
                    .until(name, "no address, condition or finalizer", free)
                    .await;
            }
            Self::Deleted => place.gone(name).await,
        }
    }

    /// How many load balancers there are afterwards.
    pub(crate) fn balancers(self) -> usize {
        match self {
            Self::Created | Self::Edited => 1,
            Self::Withdrawn | Self::Deleted => 0,
        }
    }
}

/// A Service from its creation to its deletion, with a controller of that doom for the part that is `change`. All the
/// points it came to; or the one at which it died, after the next one did the rest.
pub(crate) async fn go_through(
    place: &Place,
    change: Change,
    name: &str,
    doom: Doom,
) -> Result<Vec<String>, String> {
    place.create(&web(name)).await;
    let history = History::begin(place, name).await;
    if change != Change::Created {
        live(place, Change::Created, name, Doom::Never)
            .await
            .unwrap();
    }
    change.happen(place, name).await;
    let lived = live(place, change, name, doom.clone()).await;
    if lived.is_err() {
        live(place, change, name, Doom::Never).await.unwrap();
    }
    let left = place.cloud.balancers();
    assert_eq!(left.len(), change.balancers(), "{doom:?}: {left:#?}");
    if change != Change::Deleted {
        Change::Deleted.happen(place, name).await;
        live(place, Change::Deleted, name, Doom::Never)
            .await
            .unwrap();
        assert!(place.cloud.balancers().is_empty(), "{doom:?}");
    }
    history.has_one_address().await;
    lived
}

/// A controller's life, until `change` is dealt with; all the points it came to, or the one at which it died.
pub(crate) async fn live(
    place: &Place,
    change: Change,
    name: &str,
    doom: Doom,
) -> Result<Vec<String>, String> {
    let life = Life::begin(place, &place.kubeconfig, doom).await;
    let done = tokio::select! {
        () = change.done(place, name) => true,
        () = life.death() => false,
    };
    if done {
        // What is left to say may be its death, too.
        life.end().await
    } else {
        Err(life.bury().await)
    }
    .map_err(|mut points| points.pop().unwrap())
}

pub(crate) fn web(name: &str) -> Service {
    service(name).class(MOCK).port(80).build()
}
