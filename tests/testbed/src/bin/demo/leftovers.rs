//! What is left when all Services of the demo are gone? Looked for in all three places where something could be.

use std::time::Duration;

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Service;
use kube::{Api, api::ListParams};
use roadstead_testbed::poll_until;

use crate::stage::Stage;

/// How many there are of what, all of which should be none.
pub(crate) async fn count(
    stage: &Stage,
    deadline: Duration,
) -> Result<[(&'static str, String); 3]> {
    let all: Api<Service> = Api::all(stage.client().await?);
    let all = all.list(&ListParams::default()).await;
    let all = all.context("listing all Services")?.items;
    let ours = all.iter().filter(|service| bears_our_mark(service)).count();
    let held = stage.load_balancers()?.len();
    let counted = counted(stage, deadline).await?;
    Ok([
        (
            "Services with a finalizer, condition or class of Roadstead's",
            ours.to_string(),
        ),
        ("load balancers of the mock provider", held.to_string()),
        ("roadstead_load_balancers on /metrics", counted.to_string()),
    ])
}

/// How many Services the controller counts, once it had the time to hear that they are gone.
async fn counted(stage: &Stage, deadline: Duration) -> Result<f64> {
    let roadstead = stage.roadstead()?;
    let mut last = None;
    let none = poll_until("none", deadline, async || {
        let metric = roadstead.metric("roadstead_load_balancers").await.ok()?;
        // A series that there never was, or is no more, counts nothing.
        let count = metric.unwrap_or_default();
        last = Some(count);
        (count == 0.0).then_some(count)
    })
    .await;
    none.ok()
        .or(last)
        .context("reading the metrics of roadstead: no answer")
}

fn bears_our_mark(service: &Service) -> bool {
    let finalizers = service.metadata.finalizers.iter().flatten();
    let status = service.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let class = service
        .spec
        .as_ref()
        .and_then(|spec| spec.load_balancer_class.as_deref());
    let ours = |text: &str| text.contains("roadstead.dev/");
    finalizers.into_iter().any(|finalizer| ours(finalizer))
        || conditions.iter().any(|condition| ours(&condition.type_))
        || class.is_some_and(ours)
}
