//! What does a test look at, and what does it change by hand? Waits on conditions, never on time.

use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::{
    Resource,
    api::{DeleteParams, Patch, PatchParams},
};
use roadstead::service::request;
use roadstead_core::LoadBalancerId;
use roadstead_mock::{Balancer, Method, MockProvider};
use roadstead_testbed::{ObjectEvent, condition, events_of, poll_until, service};
use serde_json::{Value, json};

use super::{ACCEPTED, MOCK, PROGRAMMED, Place, Running};

/// How long a test waits for what cannot be watched.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

// === impl Place ===

impl Place {
    /// The Service as it is now.
    pub(crate) async fn get(&self, name: &str) -> Service {
        self.services().get(name).await.unwrap()
    }

    /// Creates `service` and waits until it is served.
    pub(crate) async fn create_served(&self, service: &Service) -> Service {
        let created = self.create(service).await;
        self.served(created.metadata.name.as_deref().unwrap()).await
    }

    /// Merges `patch` into the Service, as a user's edit does.
    pub(crate) async fn edit(&self, name: &str, patch: Value) -> Service {
        let patch = Patch::Merge(patch);
        let params = PatchParams::default();
        self.services().patch(name, &params, &patch).await.unwrap()
    }

    /// Merges `spec` into the Service's spec.
    pub(crate) async fn edit_spec(&self, name: &str, spec: Value) -> Service {
        self.edit(name, json!({ "spec": spec })).await
    }

    /// Sets an annotation of the Service, or takes it away with `None`.
    pub(crate) async fn annotate(&self, name: &str, key: &str, value: Option<&str>) -> Service {
        self.edit(
            name,
            json!({ "metadata": { "annotations": { key: value } } }),
        )
        .await
    }

    /// Merges `status` into the Service's status, as somebody else would.
    pub(crate) async fn edit_status(&self, name: &str, status: Value) -> Service {
        let patch = Patch::Merge(json!({ "status": status }));
        let params = PatchParams::default();
        self.services()
            .patch_status(name, &params, &patch)
            .await
            .unwrap()
    }

    /// Asks for the Service's deletion.
    pub(crate) async fn delete(&self, name: &str) {
        self.services()
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Returns when the controller has handled everything that came before: a Service that is created now is served.
    pub(crate) async fn settled(&self) {
        self.settled_of(MOCK).await;
    }

    /// The same where the controller answers to another class.
    pub(crate) async fn settled_of(&self, class: &str) {
        let fence = service("fence").class(class).port(80).build();
        self.create_served(&fence).await;
        self.delete("fence").await;
        self.gone("fence").await;
    }

    /// The id of the Service's load balancer.
    pub(crate) fn id(&self, service: &Service) -> LoadBalancerId {
        request::id_of(&self.cluster, service).unwrap()
    }

    /// The name of the Service's load balancer in the mock's world.
    pub(crate) fn balancer_name(&self, service: &Service) -> String {
        MockProvider::balancer_name(&self.id(service))
    }

    /// The Service's load balancer, which must be there.
    pub(crate) fn balancer(&self, service: &Service) -> Balancer {
        self.cloud.get(&self.balancer_name(service)).unwrap()
    }

    /// Waits until `check` holds of the Service's load balancer.
    pub(crate) async fn balancer_until(
        &self,
        service: &Service,
        what: &str,
        check: impl Fn(&Balancer) -> bool,
    ) -> Balancer {
        let name = self.balancer_name(service);
        let found = poll_until(what, DEADLINE, async || {
            self.cloud.get(&name).filter(&check)
        });
        match found.await {
            Ok(balancer) => balancer,
            Err(error) => panic!("{error:#}; there is {:#?}", self.cloud.get(&name)),
        }
    }

    /// How often `method` was asked for the Service's load balancer.
    pub(crate) fn calls(&self, method: Method, service: &Service) -> usize {
        let id = self.id(service);
        let calls = self.cloud.calls();
        calls
            .iter()
            .filter(|call| call.method == method && call.id.as_ref() == Some(&id))
            .count()
    }

    /// Waits until `method` was asked `more` times more for the Service's load balancer.
    pub(crate) async fn more_calls(&self, method: Method, service: &Service, more: usize) {
        let enough = self.calls(method, service) + more;
        let what = format!("{more} more calls of {method:?}");
        poll_until(&what, DEADLINE, async || {
            (self.calls(method, service) >= enough).then_some(())
        })
        .await
        .unwrap();
    }

    /// What the user was told about the object `name`, but by the API server itself: shortly after its start it takes a
    /// new Service's addresses and ports for lost, and says so.
    pub(crate) async fn events(&self, name: &str) -> Vec<ObjectEvent> {
        let mut events = events_of(&self.client, &self.namespace, name)
            .await
            .unwrap();
        let by_api_server = ["ClusterIP", "Port"];
        events.retain(|event| {
            !by_api_server
                .iter()
                .any(|start| event.reason.starts_with(start))
        });
        events
    }

    /// Waits until an event about the object `name` has this reason and a note with `text` in it, and returns it.
    pub(crate) async fn told(&self, name: &str, reason: &str, text: &str) -> ObjectEvent {
        let what = format!("the event {reason} {text:?} about {name}");
        let found = poll_until(&what, DEADLINE, async || {
            let events = self.events(name).await;
            events
                .into_iter()
                .find(|event| event.reason == reason && event.note.contains(text))
        });
        match found.await {
            Ok(event) => event,
            Err(error) => panic!("{error:#}; there are {:#?}", self.events(name).await),
        }
    }
}

// === impl Running ===

impl Running {
    /// Waits until the metric is at least this high.
    pub(crate) async fn until_metric(&self, name: &str, labels: &[&str], least: f64) {
        let what = format!("{name} {labels:?} >= {least}");
        poll_until(&what, DEADLINE, async || {
            (self.metric(name, labels) >= least).then_some(())
        })
        .await
        .unwrap();
    }
}

/// How many of `events` have this reason; a series counts as often as it was said.
pub(crate) fn count(events: &[ObjectEvent], reason: &str) -> i32 {
    let of_reason = events.iter().filter(|event| event.reason == reason);
    of_reason.map(|event| event.count).sum()
}

/// The reasons of `events`, in their order.
pub(crate) fn reasons(events: &[ObjectEvent]) -> Vec<&str> {
    events.iter().map(|event| event.reason.as_str()).collect()
}

/// The resourceVersion of an object.
pub(crate) fn version<K: Resource>(object: &K) -> String {
    object.meta().resource_version.clone().unwrap()
}

/// Status and reason of a condition; empty where there is none.
pub(crate) fn said(service: &Service, kind: &str) -> (String, String) {
    condition(service, kind)
        .map(|condition| (condition.status.clone(), condition.reason.clone()))
        .unwrap_or_default()
}

/// Whether the Service says that its request cannot be.
pub(crate) fn is_refused(service: &Service) -> bool {
    [ACCEPTED, PROGRAMMED]
        .iter()
        .all(|kind| said(service, kind) == ("False".to_owned(), "Invalid".to_owned()))
}
