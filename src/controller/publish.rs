//! How is the user told? The status where it differs, and an event for what changed.

use k8s_openapi::{api::core::v1::Service, jiff::Timestamp};
use roadstead_core::{NamespacedName, Plan};

use super::{Context, report::Reporter, said, writes};
use crate::service::{
    conditions::{Kind, Reason},
    status::{self, Desired},
};

/// Writes what is desired and tells what changed; the Service as written, if anything was.
pub(super) async fn publish(
    context: &Context,
    key: &NamespacedName,
    reporter: &Reporter<'_>,
    desired: &Desired,
    done: &Plan,
    repaired: bool,
) -> writes::Result<Option<Service>> {
    let service = reporter.service;
    let written = say(context, key, service, desired, !reporter.reports_health).await?;
    for said in said::of_change(service, desired, done, repaired) {
        context.events.of_service(service, said);
    }
    Ok(written)
}

/// Writes what is desired, unless the Service says so already.
pub(super) async fn say(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
    desired: &Desired,
    others_report_health: bool,
) -> writes::Result<Option<Service>> {
    if status::says(service, desired, others_report_health) {
        return Ok(None);
    }
    let status = status::render(service, desired, Timestamp::now());
    let written = context.writes.status(service, status).await?;
    context.memory.wrote(key, &written);
    Ok(Some(written))
}

/// Takes away what the announcers said of a Service that is ours no longer: they do not look at it any more, and what they
/// apply is not ours to withdraw by saying nothing.
pub(super) async fn take_health_away(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
) -> writes::Result<Option<Service>> {
    let theirs = [
        Reason::Announced,
        Reason::NotAnnounced,
        Reason::AddressConflict,
    ];
    let said = status::condition(service, Kind::Healthy)
        .is_some_and(|there| theirs.iter().any(|reason| reason.as_str() == there.reason));
    if !said {
        return Ok(None);
    }
    let written = context
        .writes
        .remove_condition(service, Kind::Healthy)
        .await?;
    context.memory.wrote(key, &written);
    Ok(Some(written))
}
