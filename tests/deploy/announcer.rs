//! Are the rights that the chart gives announcers enough, and none too many? One does everything that announcers do, as the
//! service account of the chart, on segments that the test plays.

use anyhow::{Context as _, Result};
use roadstead_arp::{InterfaceIndex, Mac, engine::Event};
use roadstead_testbed::{ControlPlane, events_of, kube::api::PatchParams, namespace, poll_until};
use serde_json::json;

use super::{
    admission::apply,
    announcing::{Announcing, add_node, give, web},
    chart::{Part, Release, kind},
    identity::Identity,
    support::{DEADLINE, HEALTHY, Place},
};

#[tokio::test]
async fn the_chart_grants_exactly_what_the_announcer_uses() -> Result<()> {
    let control_plane = ControlPlane::builder().audit().start().await?;
    let admin = control_plane.client().await?;
    let values = json!({ "controller": { "providers": ["arp"] } });
    let release = Release::new("plain", &namespace(&admin, "plain").await?, values);
    for object in release.objects().await? {
        if kind(&object) == "CustomResourceDefinition" {
            apply(&admin, &object, PatchParams::apply("helm")).await?;
        }
    }
    let identity = Identity::arrive(&control_plane, &release, Part::Announcer).await?;
    let place = Place::on(&control_plane, "announced").await;
    let acted = act(&control_plane, &place, &identity).await;
    identity.check(&control_plane, acted)
}

async fn act(control_plane: &ControlPlane, place: &Place, identity: &Identity) -> Result<()> {
    let me = add_node(place, "a").await;
    let announcing = Announcing::through(place, &identity.kubeconfig, &me).await;
    place.create(&web(place).local_traffic().build()).await;
    give(place, "web", "192.0.2.7").await;
    announcing
        .stage
        .until("192.0.2.7", "to be known", |wanted| wanted.is_some())
        .await;
    announcing.hear(Event::Conflict {
        address: "192.0.2.7".parse()?,
        interface: InterfaceIndex(2),
        mac: Mac([2, 0, 0, 0, 0, 9]),
    });
    let said = |service: &_| roadstead_testbed::condition(service, HEALTHY).is_some();
    place.until("web", "a word of its health", said).await;
    poll_until("an event", DEADLINE, async || {
        let events = events_of(&place.client, &place.namespace, "web")
            .await
            .ok()?;
        (!events.is_empty()).then_some(())
    })
    .await?;
    poll_until("every watch to have begun", DEADLINE, async || {
        let requests = identity.requests(control_plane).ok()?;
        let watched = ["services", "nodes", "endpointslices", "addresspools"];
        let begun = |resource: &&str| {
            let mut requests = requests.iter();
            requests.any(|request| request.verb == "watch" && request.resource == **resource)
        };
        watched.iter().all(begun).then_some(())
    })
    .await
    .context("watching")?;
    announcing.stop().await;
    Ok(())
}
