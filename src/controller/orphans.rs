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

use super::Context;
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

/// Sweeps at once, then at intervals, for ever.
pub async fn sweep_forever(context: &Context) {
    let mut suspects = Suspects::new();
    loop {
        let now = Instant::now();
        sweep(context, &mut suspects, now).await;
        // A suspect is looked at again when its grace is over, not only an interval later.
        let ripe = suspects
            .values()
            .map(|seen| *seen + context.orphanage.grace)
            .filter(|ripe| *ripe > now)
            .min();
        let next = now + context.orphanage.interval;
        tokio::time::sleep_until(ripe.unwrap_or(next).min(next)).await;
    }
}

async fn sweep(context: &Context, suspects: &mut Suspects, now: Instant) {
    let mut found = HashSet::new();
    for provider in &context.providers {
        let name = provider.name();
        let owned = match provider.owned().await {
            Ok(owned) => owned,
            Err(error) => {
                tracing::warn!(provider = %name, error = %chain(&error), "looking for orphans failed");
                // Nothing is known of them: whoever was suspected stays so.
                found.extend(suspects.keys().filter(|(whose, _)| *whose == name).cloned());
                continue;
            }
        };
        let orphans = without_service(context, name, owned).await;
        context.metrics.orphans(name, orphans.len());
        for orphan in orphans {
            let key = (name, orphan.id.clone());
            found.insert(key.clone());
            let seen = *suspects.entry(key.clone()).or_insert_with(|| {
                report(context, name, &orphan);
                now
            });
            if context.orphanage.release
                && now >= seen + context.orphanage.grace
                && release(context, &**provider, &orphan).await
            {
                found.remove(&key);
            }
        }
    }
    suspects.retain(|suspect, _| found.contains(suspect));
}

/// Those of `owned` that no Service of ours stands for, neither in the cache nor at the API server.
async fn without_service(
    context: &Context,
    provider: ProviderName,
    owned: Vec<Owned>,
) -> Vec<Owned> {
    let of_our_namespace = |owned: &Owned| match (&context.namespace, &owned.service) {
        (Some(ours), Some(service)) => **ours == *service.namespace,
        (Some(_), None) => false,
        (None, _) => true,
    };
    let cached: HashSet<LoadBalancerId> = context
        .caches
        .services()
        .iter()
        .filter(|service| stands_for(context, provider, service))
        .filter_map(|service| request::id_of(&context.cluster, service))
        .collect();
    let mut orphans: Vec<Owned> = owned
        .into_iter()
        .filter(|owned| of_our_namespace(owned) && !cached.contains(&owned.id))
        .collect();
    if orphans.is_empty() {
        return orphans;
    }
    match context
        .writes
        .services_now(context.namespace.as_deref())
        .await
    {
        Ok(services) => {
            let live = |owned: &Owned| {
                services.iter().any(|service| {
                    service.uid().as_deref() == Some(owned.id.owner.as_str())
                        && service.finalizers().contains(&intent::finalizer(provider))
                })
            };
            orphans.retain(|owned| !live(owned));
            orphans
        }
        Err(error) => {
            tracing::warn!(error = %chain(&error), "confirming orphans failed; none is released");
            Vec::new()
        }
    }
}

fn stands_for(context: &Context, provider: ProviderName, service: &Service) -> bool {
    intent::has_finalizer(service, provider)
        || context.classes.provider_of(service) == Some(provider)
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
    context.memory.sweep(id);
    let gone = tokio::time::timeout(PATIENCE, until_gone(provider, id))
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
