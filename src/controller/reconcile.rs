//! How is one Service brought to what it asks for? In one order: decide, finalizer, provider, status, events; and when it
//! goes: address away, provider, finalizer away. Every step may be the last one of this process.

use std::time::Duration;

use k8s_openapi::api::core::v1::Service;
use kube::ResourceExt;
use roadstead_core::{
    Error as ProviderError, ErrorKind, LoadBalancerProvider, NamespacedName, ProviderName,
    Released, Retry, Typo,
};
use tokio::time::Instant;

use super::{
    Context,
    ensure::{ensure, reject},
    publish::{say, take_health_away},
    queue::Cause,
    release::release,
    report::Reporter,
    writes,
};
use crate::explain::explain;
use crate::service::{
    intent::{self, Intent},
    status::Desired,
};

/// How a reconcile ended, and when the Service is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The label in metrics.
    pub(super) outcome: &'static str,
    /// When to look again; `None`: when it changes.
    pub(super) again: Option<Instant>,
}

/// Why and since when a Service is looked at.
#[derive(Clone, Copy)]
pub(super) struct Since {
    pub(super) cause: Cause,
    pub(super) due_since: Instant,
}

/// How long an API server that cannot be reached is left in peace at most: when it is back, everything waits for it.
/// One that refuses (a permission is missing) is asked with full backoff.
const API_PATIENCE: Duration = Duration::from_secs(15);

/// How soon to look again when somebody else was quicker to write.
pub(super) const SOON: Duration = Duration::from_millis(200);

/// Brings the Service `key` to what it asks for.
pub(super) async fn reconcile(
    context: &Context,
    key: &NamespacedName,
    cause: Cause,
    due_since: Instant,
) -> Verdict {
    match attempt(context, key, cause, due_since).await {
        Ok(verdict) => verdict,
        Err(error) => unwritten(context, key, &error),
    }
}

async fn attempt(
    context: &Context,
    key: &NamespacedName,
    cause: Cause,
    due_since: Instant,
) -> writes::Result<Verdict> {
    let Some(service) = context.caches.service(key) else {
        return Ok(vanished(context, key).await);
    };
    if context.memory.is_behind(key, &service) {
        return Ok(Verdict::quiet("behind"));
    }
    let held = match context.memory.held(key) {
        // Of a predecessor that had the same name.
        Some((_, id)) if service.uid().as_deref() != Some(id.owner.as_str()) => {
            return Ok(vanished(context, key).await);
        }
        held => held.map(|(provider, _)| provider),
    };
    let mut intent = intent::intent(
        &service,
        &context.cluster,
        &context.classes,
        &context.traits,
        held,
    );
    if let Intent::Ensure { provider, want } = &mut intent {
        context.add_namespace(*provider, want);
    }
    let aim = context.aim(&service, &intent, key);
    if cause == Cause::Changed
        && let Some(again) = context
            .memory
            .settled(key, context.fingerprint(&service, &aim))
    {
        return Ok(Verdict {
            outcome: "unchanged",
            again,
        });
    }
    context.memory.unsettle(key);
    match intent {
        Intent::Ignore => {
            context.forget(key);
            Ok(Verdict::quiet("ignored"))
        }
        Intent::Withdraw => withdraw(context, key, &service).await,
        Intent::Reject { provider, problems } => {
            reject(context, key, &service, provider, &problems, &aim).await
        }
        Intent::Ensure { provider, want } => {
            let since = Since { cause, due_since };
            ensure(context, key, service, provider, *want, aim, since).await
        }
        Intent::Release { provider, id, why } => {
            release(context, key, &service, provider, &id, why, &aim).await
        }
    }
}

/// The Service is gone from the API server. If there may be a load balancer all the same, it goes too.
async fn vanished(context: &Context, key: &NamespacedName) -> Verdict {
    let Some((name, id)) = context.memory.held(key) else {
        context.forget(key);
        return Verdict::quiet("gone");
    };
    let Some(provider) = context.provider(name) else {
        return Verdict::quiet("gone");
    };
    if context.memory.is_swept(&id) {
        return Verdict::after("waiting", SOON);
    }
    match provider.release(&id).await {
        Ok(Released::Gone) => {
            tracing::info!(provider = %name, "released a load balancer whose Service vanished");
            context.forget(key);
            // There may be another Service of the name by now.
            Verdict::after("gone", Duration::ZERO)
        }
        Ok(Released::InProgress { retry_after, .. }) => Verdict::after("releasing", retry_after),
        Err(error) => context.release_failed(key, &error),
    }
}

/// Takes our conditions off something that is no load balancer any more.
async fn withdraw(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
) -> writes::Result<Verdict> {
    let written = say(context, key, service, &Desired::nothing(), true).await?;
    take_health_away(context, key, written.as_ref().unwrap_or(service)).await?;
    context.retries.forget(key);
    Ok(Verdict::quiet("withdrawn"))
}

/// A write did not happen. The next attempt finds the provider's part done, and writes.
fn unwritten(context: &Context, key: &NamespacedName, error: &writes::Error) -> Verdict {
    match error {
        writes::Error::Stale { .. } => Verdict::after("stale", SOON),
        writes::Error::Gone { .. } => Verdict::quiet("gone"),
        writes::Error::NotLeading { .. } => Verdict::quiet("not-leading"),
        writes::Error::Refused { .. } | writes::Error::Timeout { .. } => {
            tracing::warn!(
                error = explain(error),
                "the API server took no write; trying again"
            );
            let wait = context
                .retries
                .failed(key.clone(), Retry::Backoff)
                .unwrap_or(API_PATIENCE);
            let wait = if error.is_refusal() {
                wait
            } else {
                wait.min(API_PATIENCE)
            };
            Verdict::after("api-error", wait)
        }
    }
}

// === impl Verdict ===

impl Verdict {
    pub(super) fn quiet(outcome: &'static str) -> Self {
        Self {
            outcome,
            again: None,
        }
    }

    pub(super) fn at(outcome: &'static str, again: Instant) -> Self {
        Self {
            outcome,
            again: Some(again),
        }
    }

    pub(super) fn after(outcome: &'static str, wait: Duration) -> Self {
        Self::at(outcome, Instant::now() + wait)
    }
}

// === impl Context ===

impl Context {
    pub(super) fn typos(&self, service: &Service, provider: ProviderName) -> Vec<Typo> {
        let vocabulary = self
            .provider(provider)
            .map(LoadBalancerProvider::vocabulary);
        vocabulary
            .map(|vocabulary| intent::typos(service, vocabulary))
            .unwrap_or_default()
    }

    pub(super) fn reporter<'a>(
        &self,
        service: &'a Service,
        provider: ProviderName,
        typos: &'a [Typo],
        without_nodes: bool,
    ) -> Reporter<'a> {
        Reporter {
            service,
            provider,
            typos,
            reports_health: self
                .provider(provider)
                .is_some_and(LoadBalancerProvider::reports_health),
            without_nodes,
        }
    }

    pub(super) fn failed(&self, key: &NamespacedName, error: &ProviderError) -> Verdict {
        let wait = self.retries.failed(key.clone(), error.retry());
        Verdict {
            outcome: match error.kind() {
                ErrorKind::InvalidSpec => "invalid",
                kind => kind.label(),
            },
            again: wait.map(|wait| Instant::now() + wait),
        }
    }

    /// As [`failed`](Self::failed), for a release: it is tried until it succeeds, whatever the error, because no edit of
    /// the Service can help any more.
    pub(super) fn release_failed(&self, key: &NamespacedName, error: &ProviderError) -> Verdict {
        let retry = match error.retry() {
            Retry::OnChange => Retry::Backoff,
            retry @ (Retry::After(_) | Retry::Backoff) => retry,
        };
        Verdict {
            outcome: error.kind().label(),
            again: self
                .retries
                .failed(key.clone(), retry)
                .map(|wait| Instant::now() + wait),
        }
    }

    pub(super) fn forget(&self, key: &NamespacedName) {
        self.caches.needs_no_endpoints(key);
        self.memory.forget(key);
        self.gates.forget(key);
        self.retries.forget(key);
    }
}
