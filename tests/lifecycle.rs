//! Does a Service get its address, keep it, and give it back without a trace?
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

mod support;

use roadstead_mock::MockProvider;
use roadstead_testbed::{add_node, addresses, node, service};
use support::{HEALTHY, MOCK, Place};

#[tokio::test]
async fn a_new_service_gets_an_address_and_true_conditions() {
    let place = Place::new("address").await;
    add_node(
        &place.client,
        node("node-1")
            .provider_id("mock:///node-1")
            .address("10.0.0.1")
            .build(),
    )
    .await
    .unwrap();
    let running = place.controller().await;
    place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    let served = place.served("web").await;
    assert_eq!(addresses(&served).len(), 1);
    assert!(
        served
            .metadata
            .finalizers
            .unwrap()
            .contains(&"mock.roadstead.dev/load-balancer".to_owned())
    );
    assert!(roadstead_testbed::condition(&place.served("web").await, HEALTHY).is_some());
    let id = roadstead::service::request::id_of(
        &place.cluster,
        &place.services().get("web").await.unwrap(),
    )
    .unwrap();
    assert_eq!(
        place
            .cloud
            .get(&MockProvider::balancer_name(&id))
            .unwrap()
            .listeners
            .len(),
        1
    );
    running.stop().await;
}
