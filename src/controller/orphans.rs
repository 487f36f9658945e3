//! Which load balancers have no Service any more? Found by ownership marks, confirmed with the API server, given a period
//! of grace, then released. What belongs to another cluster is never even listed.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use roadstead_core::{LoadBalancerId, LoadBalancerProvider, Owned, ProviderName, Released, chain};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::explain::explain;
use crate::service::{intent, request};

/// How orphans are dealt with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphanage {
    /// Whether they are released, or only reported.
    pub release: bool,
    /// How often they are looked for.
    pub interval: Duration,
    /// How long one must have been seen before it is released.
    pub grace: Duration,
}

/// What was found at earlier sweeps, and when first.
type Suspects = HashMap<(ProviderName, LoadBalancerId), Instant>;

/// How soon a release that is in progress is looked at again, at the least.
const PAUSE: Duration = Duration::from_millis(100);

/// How long one orphan may take to go before the sweep turns to the next; the next sweep goes on with it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Sweeps at once, then at intervals, until `shutdown`; a release that runs then has `grace` to end.
pub async fn sweep_until(context: &Context, shutdown: &CancellationToken, grace: Duration) {
    let mut suspects = Suspects::new();
    let cut_off = async {
        shutdown.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        () = cut_off => {}
        () = async {
            while !shutdown.is_cancelled() {
                let now = Instant::now();
                sweep(context, &mut suspects, now, shutdown).await;
                let next = next_sweep(context, &suspects, now);
                tokio::select! {
                    () = tokio::time::sleep_until(next) => {}
                    () = shutdown.cancelled() => {}
                }
            }
        } => {}
    }
}

/// A suspect is looked at again when its grace is over, not only an interval later.
fn next_sweep(context: &Context, suspects: &Suspects, now: Instant) -> Instant {
    let ripe = suspects
        .values()
        .map(|seen| *seen + context.orphanage.grace)
        .filter(|ripe| *ripe > now)
        .min();
    let next = now + context.orphanage.interval;
    ripe.unwrap_or(next).min(next)
}

async fn sweep(
    context: &Context,
    suspects: &mut Suspects,
    now: Instant,
    shutdown: &CancellationToken,
) {
    let mut found = HashSet::new();
    for provider in &context.providers {
        let name = provider.name();
        let orphans = match orphans_of(context, &**provider).await {
            Ok(orphans) => orphans,
            Err(error) => {
                tracing::warn!(provider = %name, error, "looking for orphans failed; none is released");
                // Nothing is known of them: whoever was suspected stays so.
                found.extend(suspects.keys().filter(|(whose, _)| *whose == name).cloned());
                continue;
            }
        };
        let mut left = orphans.len();
        for orphan in orphans {
            let key = (name, orphan.id.clone());
            found.insert(key.clone());
            let seen = *suspects.entry(key.clone()).or_insert_with(|| {
                report(context, name, &orphan);
                now
            });
            let ripe = context.orphanage.release && now >= seen + context.orphanage.grace;
            if ripe && !shutdown.is_cancelled() && release(context, &**provider, &orphan).await {
                found.remove(&key);
                left -= 1;
            }
        }
        context.metrics.orphans(name, left);
    }
    suspects.retain(|suspect, _| found.contains(suspect));
}

/// What `provider` holds for Services that there are not, neither in the cache nor at the API server.
async fn orphans_of(
    context: &Context,
    provider: &dyn LoadBalancerProvider,
) -> Result<Vec<Owned>, String> {
    let owned = provider
        .owned()
        .await
        .map_err(|error| chain(&error).to_string())?;
    let of_our_namespace = |owned: &Owned| match (&context.namespace, &owned.service) {
        (Some(ours), Some(service)) => **ours == *service.namespace,
        (Some(_), None) => false,
        (None, _) => true,
    };
    let live = live_in_cache(context, provider.name());
    let mut orphans: Vec<Owned> = owned
        .into_iter()
        .filter(|owned| of_our_namespace(owned) && !live.contains(&owned.id))
        .collect();
    if orphans.is_empty() {
        return Ok(orphans);
    }
    let services = context
        .writes
        .services_now(context.namespace.as_deref(), "")
        .await;
    let services = services.map_err(|error| explain(&error))?;
    let finalizer = intent::finalizer(provider.name());
    let live: HashSet<String> = services
        .iter()
        .filter(|service| !provider.outlives_service() || service.finalizers().contains(&finalizer))
        .filter_map(ResourceExt::uid)
        .collect();
    orphans.retain(|owned| !live.contains(owned.id.owner.as_str()));
    Ok(orphans)
}

fn live_in_cache(context: &Context, provider: ProviderName) -> HashSet<LoadBalancerId> {
    let stands_for = |service: &Service| {
        intent::has_finalizer(service, provider)
            || context.classes.provider_of(service) == Some(provider)
    };
    let services = context.caches.services();
    let ids = services
        .iter()
        .filter(|service| stands_for(service))
        .filter_map(|service| request::id_of(&context.cluster, service));
    ids.collect()
}

fn report(context: &Context, provider: ProviderName, orphan: &Owned) {
    let service = orphan.service.as_ref().map(ToString::to_string);
    if context.orphanage.release {
        tracing::info!(%provider, id = %orphan.id, service, grace = ?context.orphanage.grace, "found an orphan");
    } else {
        tracing::warn!(%provider, id = %orphan.id, service, "found an orphan; it stays, as --release-orphans=false asks");
    }
}

/// True if nothing is left of it.
async fn release(context: &Context, provider: &dyn LoadBalancerProvider, orphan: &Owned) -> bool {
    let id = &orphan.id;
    // From here on no reconcile touches it; and those before it may have been long.
    context.memory.sweep(id);
    let orphaned = !live_in_cache(context, provider.name()).contains(id);
    let gone = orphaned
        && tokio::time::timeout(PATIENCE, until_gone(provider, id))
            .await
            .unwrap_or(false);
    context.memory.swept(id);
    if gone {
        let service = orphan.service.as_ref().map(ToString::to_string);
        tracing::info!(provider = %provider.name(), %id, service, "released an orphan");
        context.metrics.orphan_released(provider.name());
    }
    gone
}

async fn until_gone(provider: &dyn LoadBalancerProvider, id: &LoadBalancerId) -> bool {
    loop {
        match provider.release(id).await {
            Ok(Released::Gone) => return true,
            Ok(Released::InProgress { retry_after, .. }) => {
                tokio::time::sleep(retry_after.max(PAUSE)).await;
            }
            Err(error) => {
                tracing::warn!(provider = %provider.name(), %id, error = %chain(&error), "releasing an orphan failed");
                return false;
            }
        }
    }
}
