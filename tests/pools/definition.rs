//! What if the API server does not know pools yet?

use roadstead_testbed::{ControlPlane, add_node, node};
use serde_json::json;

use crate::{
    quay::{Quay, define, web},
    support::PROGRAMMED,
};

#[tokio::test]
async fn without_the_definition_services_say_so_and_are_served_when_it_comes() {
    let control_plane = ControlPlane::builder().start().await.unwrap();
    let quay = Quay::on(&control_plane, "undefined").await;
    add_node(&quay.place.client, node("only").address("10.0.0.9").build())
        .await
        .unwrap();
    let _controller = quay
        .start_with(control_plane.kubeconfig(), "undefined", &[])
        .await;
    quay.place.create(&web("web").build()).await;
    quay.told("web", PROGRAMMED, "waiting for the pools of addresses: ")
        .await;
    quay.told("web", PROGRAMMED, "apply its definition").await;
    define(&quay.place.client).await;
    quay.pool("a", &[".0.0/24"], json!({})).await;
    quay.served_at("web", ".0.0").await;
}
