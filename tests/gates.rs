//! Do pods that wait for their load balancer before they are ready become its targets, and learn that they are?
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    clippy::indexing_slicing,
    reason = "what is missing fails the test, and counts are whole"
)]

mod support;

use k8s_openapi::api::core::v1::{Pod, PodCondition, Service};
use roadstead_mock::Method;
use roadstead_testbed::{eventually, service};
use support::{
    MOCK, Place, Running,
    pods::{GATE, add_pod, add_slice, pods_of, set_ready},
    version,
};

const INITIAL: &str = "initial health checks in progress";

/// One that points at pods, and whose provider looks at their health all the time.
fn pods(name: &str) -> Service {
    let service = service(name)
        .class(MOCK)
        .annotation("roadstead.dev/mock-target-type", "ip");
    service
        .annotation("roadstead.dev/mock-look-again", "200ms")
        .port(80)
        .build()
}

fn gate(pod: &Pod) -> Option<&PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == GATE)
}

/// Waits until the pod's gate says this, and returns the pod.
async fn says(place: &Place, pod: &str, status: &str, text: &str) -> Pod {
    let what = format!("the gate {status}, {text:?}");
    let pods = pods_of(place);
    let said = eventually(&pods, pod, &what, |pod: Option<&Pod>| {
        pod.and_then(gate).is_some_and(|gate| {
            gate.status == status && gate.message.as_deref().unwrap_or_default().contains(text)
        })
    });
    said.await.unwrap().unwrap()
}

async fn points_at(place: &Place, service: &Service, wanted: &[&str]) {
    let what = format!("the targets {wanted:?}");
    place
        .balancer_until(service, &what, |balancer| {
            let addresses = balancer
                .targets
                .iter()
                .map(|target| target.addresses[0].to_string());
            addresses.eq(wanted.iter().map(ToString::to_string))
        })
        .await;
}

fn sicken(place: &Place, address: &str, reason: Option<&str>) {
    place.cloud.sicken(address.parse().unwrap(), reason);
}

fn gate_writes(running: &Running) -> f64 {
    running.metric(
        "roadstead_api_requests_total",
        &["resource=\"pods/status\""],
    )
}

#[tokio::test]
async fn a_gate_opens_when_the_target_is_well_and_is_written_once_a_change() {
    let place = Place::with_nodes("gate").await;
    add_pod(&place, "web-1", "10.1.0.1", &[GATE], true).await;
    add_slice(&place, "web", &[("web-1", "10.1.0.1")]).await;
    sicken(&place, "10.1.0.1", Some(INITIAL));
    let running = place.controller().await;
    let web = place.create_served(&pods("web")).await;
    points_at(&place, &web, &["10.1.0.1"]).await;
    let closed = says(&place, "web-1", "False", INITIAL).await;
    assert_eq!(gate(&closed).unwrap().reason.as_deref(), Some("Unhealthy"));
    let said = gate(&closed).unwrap().message.clone().unwrap();
    assert!(
        said.contains(&format!("{}/web", place.namespace)),
        "it names the Service: {said}"
    );

    sicken(&place, "10.1.0.1", None);
    let open = says(&place, "web-1", "True", "").await;
    place.more_calls(Method::Ensure, &web, 5).await;
    assert_eq!(
        version(&pods_of(&place).get("web-1").await.unwrap()),
        version(&open)
    );
    assert_eq!(gate_writes(&running), 2.0);

    // One that is ill again is no ready endpoint, and has to stay a target all the same, or it never gets well.
    sicken(&place, "10.1.0.1", Some("timed out"));
    says(&place, "web-1", "False", "timed out").await;
    place.more_calls(Method::Ensure, &web, 2).await;
    points_at(&place, &web, &["10.1.0.1"]).await;
    assert_eq!(gate_writes(&running), 3.0);
    running.stop().await;

    // Another process finds it said already.
    let next = place.controller().await;
    place.more_calls(Method::Ensure, &web, 3).await;
    assert_eq!(gate_writes(&next), 0.0);
    next.stop().await;
}

#[tokio::test]
async fn a_pod_is_a_target_as_soon_as_nothing_but_our_gate_is_closed() {
    let place = Place::with_nodes("fit").await;
    add_pod(&place, "starts", "10.1.0.1", &[GATE], false).await;
    add_pod(&place, "ungated", "10.1.0.2", &[], true).await;
    add_pod(
        &place,
        "other",
        "10.1.0.3",
        &[GATE, "example.com/other"],
        true,
    )
    .await;
    let all = [
        ("starts", "10.1.0.1"),
        ("ungated", "10.1.0.2"),
        ("other", "10.1.0.3"),
    ];
    add_slice(&place, "web", &all).await;
    let running = place.controller().await;
    let web = place.create_served(&pods("web")).await;
    points_at(&place, &web, &[]).await;
    // No slice says so: the endpoint stays as it is until the gate is open.
    set_ready(&place, "starts", "10.1.0.1", true).await;
    points_at(&place, &web, &["10.1.0.1"]).await;
    says(&place, "starts", "True", "healthy").await;
    set_ready(&place, "starts", "10.1.0.1", false).await;
    points_at(&place, &web, &[]).await;
    for pod in ["ungated", "other"] {
        assert_eq!(
            gate(&pods_of(&place).get(pod).await.unwrap()),
            None,
            "{pod}"
        );
    }
    running.stop().await;
}

#[tokio::test]
async fn a_pod_of_two_services_waits_for_both_load_balancers() {
    let place = Place::with_nodes("both").await;
    add_pod(&place, "web-1", "10.1.0.1", &[GATE], true).await;
    add_slice(&place, "web", &[("web-1", "10.1.0.1")]).await;
    add_slice(&place, "api", &[("web-1", "10.1.0.1")]).await;
    let running = place.controller().await;
    place.create_served(&pods("web")).await;
    says(&place, "web-1", "True", "/web").await;
    place.create_served(&pods("api")).await;
    says(
        &place,
        "web-1",
        "True",
        &format!("{}/api, {0}/web", place.namespace),
    )
    .await;
    // The one that goes does not keep the pod waiting.
    place.delete("api").await;
    place.gone("api").await;
    sicken(&place, "10.1.0.1", Some("timed out"));
    let closed = says(&place, "web-1", "False", "timed out").await;
    let message = gate(&closed).unwrap().message.clone().unwrap();
    assert!(!message.contains("/api"), "{message}");
    running.stop().await;
}

#[tokio::test]
async fn nobody_looks_at_pods_where_nodes_are_the_targets() {
    let place = Place::with_nodes("nodes").await;
    let running = place.controller().await;
    place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    let reads = |resource: &str| {
        let resource = format!("resource=\"{resource}\"");
        running.metric("roadstead_api_requests_total", &[&resource])
    };
    assert!(reads("nodes") > 0.0);
    assert_eq!((reads("pods"), reads("endpointslices")), (0.0, 0.0));
    running.stop().await;
}
