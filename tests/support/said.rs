//! What does a Service say of its trouble, and what was its user told?

use k8s_openapi::api::core::v1::Service;
use roadstead_testbed::{ObjectEvent, condition, is_true, objects::ServiceBuilder, service};

use crate::support::{MOCK, PROGRAMMED, Place, reasons};

/// Breaks the Service's provider calls.
pub(crate) const FAILURE: &str = "roadstead.dev/mock-failure";

/// A Service, to be described further.
pub(crate) fn web() -> ServiceBuilder {
    service("web").class(MOCK).port(80)
}

/// Waits until the Service is not served for this reason.
pub(crate) async fn until_reason(place: &Place, name: &str, wanted: &str) -> Service {
    let what = format!("Programmed=False, {wanted}");
    let is = |service: &Service| !is_true(service, PROGRAMMED) && reason(service) == wanted;
    place.until(name, &what, is).await
}

/// Why it is served or not.
pub(crate) fn reason(service: &Service) -> &str {
    condition(service, PROGRAMMED).map_or("none", |condition| &condition.reason)
}

/// The same in a sentence.
pub(crate) fn message(service: &Service) -> &str {
    condition(service, PROGRAMMED).map_or("none", |condition| &condition.message)
}

/// What the user was told of the load balancer. The API server's own repair loops speak up too, where they see a
/// Service that is being created.
pub(crate) async fn told(place: &Place, name: &str) -> Vec<ObjectEvent> {
    let mut events = place.events(name).await;
    events.retain(|event| event.reason.contains("LoadBalancer"));
    events
}

/// The reasons of all events of a Service, once the controller has ended.
pub(crate) async fn said(place: &Place, name: &str) -> Vec<String> {
    let events = told(place, name).await;
    reasons(&events).into_iter().map(str::to_owned).collect()
}
