//! How does a Service that wants a load balancer get it? Finalizer first, then the provider, then the status.

use std::{sync::Arc, time::Duration};

use futures::future::{Either, join, select};
use k8s_openapi::{api::core::v1::Service, jiff::Timestamp};
use roadstead_core::{
    Ensured, Error as ProviderError, LoadBalancer, LoadBalancerProvider, NamespacedName, Outcome,
    Plan, ProviderName, Retry, Targets, Typo, chain,
};
use tokio::time::Instant;

use super::{
    Context,
    aim::Aim,
    finalizer,
    publish::publish,
    queue::Cause,
    reconcile::{SOON, Since, Verdict},
    report::Reporter,
    writes,
};
use crate::service::{request, status};

/// What the provider is asked, and what else is said of it.
struct Asked<'a> {
    want: &'a LoadBalancer,
    typos: &'a [Typo],
    without_nodes: bool,
}

/// How long the provider may take before the user is told that it takes a while.
const PATIENCE: Duration = Duration::from_secs(1);

/// How soon to look again when the pods cannot be listed.
const POD_PATIENCE: Duration = Duration::from_secs(5);

pub(super) async fn reject(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
    name: ProviderName,
    problems: &[String],
    aim: &Aim,
) -> writes::Result<Verdict> {
    let typos = context.typos(service, name);
    let reporter = context.reporter(service, name, &typos, false);
    let written = publish(
        context,
        key,
        &reporter,
        &reporter.rejected(problems),
        &Plan::default(),
        false,
    )
    .await?;
    context.retries.forget(key);
    context.settle(key, written.as_ref().unwrap_or(service), aim, None);
    Ok(Verdict::quiet("invalid"))
}

pub(super) async fn ensure(
    context: &Context,
    key: &NamespacedName,
    service: Arc<Service>,
    name: ProviderName,
    mut want: LoadBalancer,
    aim: Aim,
    since: Since,
) -> writes::Result<Verdict> {
    let Some(provider) = context.provider(name) else {
        return Ok(Verdict::quiet("ignored"));
    };
    if context.memory.is_swept(&want.id) || context.unrestored(name).is_some() {
        return Ok(Verdict::after("waiting", SOON));
    }
    let Some(targets) = aim.targets.clone() else {
        return without_targets(context, key, &service, name, &aim).await;
    };
    want.targets = targets;
    let problems = request::unreachable_ports(&want, provider.target_kind(&want));
    if !problems.is_empty() {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        return reject(context, key, &service, name, &problems, &aim).await;
    }
    if status::addresses(&service).is_empty() {
        context
            .memory
            .waits(key, waiting_since(&service, since.due_since));
    }
    let service = match finalizer_first(context, key, &service, provider).await? {
        Some(finalized) => Arc::new(finalized),
        None => service,
    };
    if context.memory.is_swept(&want.id) {
        return Ok(Verdict::after("waiting", SOON));
    }
    context.memory.hold(key, name, &want.id);
    want.published = status::addresses(&service);
    let typos = context.typos(&service, name);
    let without_nodes = want.targets == Targets::Keep;
    let asked = Asked {
        want: &want,
        typos: &typos,
        without_nodes,
    };
    let (mut answer, service) = ask(context, key, service, provider, &asked).await;
    if let Ok(ensured) = &mut answer {
        context.keep_gates(key, &want.targets, ensured).await;
    }
    let reporter = context.reporter(&service, name, &typos, without_nodes);
    conclude(context, key, &reporter, answer, &aim, since).await
}

/// The pods are not known yet: a matter of a moment, or of a permission that is missing, which the user is told.
async fn without_targets(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
    name: ProviderName,
    aim: &Aim,
) -> writes::Result<Verdict> {
    let health = context.caches.health();
    let Some(trouble) = health.pods_trouble() else {
        return Ok(Verdict::after("waiting", SOON));
    };
    let typos = context.typos(service, name);
    let reporter = context.reporter(service, name, &typos, false);
    let waiting_for = format!("the list of the Service's pods: {trouble}");
    let desired = reporter.waiting(&waiting_for);
    let written = publish(context, key, &reporter, &desired, &Plan::default(), false).await?;
    let verdict = Verdict::after("waiting", POD_PATIENCE);
    context.rest(key, written.as_ref().unwrap_or(service), aim, verdict.again);
    Ok(verdict)
}

/// Says what the provider answered, and when it is asked again.
async fn conclude(
    context: &Context,
    key: &NamespacedName,
    reporter: &Reporter<'_>,
    answer: Result<Ensured, ProviderError>,
    aim: &Aim,
    since: Since,
) -> writes::Result<Verdict> {
    let service = reporter.service;
    match answer {
        Ok(Ensured::Ready(outcome)) => {
            let desired = reporter.ready(&outcome);
            let unasked = since.cause == Cause::Elapsed
                && !context.memory.was_awaited(key)
                && status::says(service, &desired, !reporter.reports_health);
            let repaired = !outcome.done.is_empty() && (unasked || outcome.repaired);
            let written =
                publish(context, key, reporter, &desired, &outcome.done, repaired).await?;
            if let Some(waiting) = context.memory.served(key) {
                context
                    .metrics
                    .address_after(reporter.provider, waiting.elapsed());
            }
            log_change(reporter.provider, &outcome, repaired);
            context.retries.forget(key);
            let again = context.next_look(key, outcome.look_again);
            context.settle(key, written.as_ref().unwrap_or(service), aim, Some(again));
            Ok(Verdict::at("ready", again))
        }
        Ok(Ensured::Pending {
            outcome,
            waiting_for,
            retry_after,
        }) => {
            let desired = reporter.pending(&outcome, &waiting_for);
            let written = publish(context, key, reporter, &desired, &outcome.done, false).await?;
            context.retries.forget(key);
            let verdict = Verdict::after("pending", retry_after);
            context.rest(key, written.as_ref().unwrap_or(service), aim, verdict.again);
            Ok(verdict)
        }
        Err(error) => {
            let desired = reporter.failed(&error);
            let written =
                publish(context, key, reporter, &desired, &Plan::default(), false).await?;
            if written.is_some() {
                tracing::warn!(provider = %reporter.provider, error = %chain(&error), "ensuring failed");
            }
            let verdict = context.failed(key, &error);
            let service = written.as_ref().unwrap_or(service);
            if error.retry() == Retry::OnChange {
                context.settle(key, service, aim, None);
            } else {
                context.rest(key, service, aim, verdict.again);
            }
            Ok(verdict)
        }
    }
}

/// Asks the provider; if that takes a while, the user is told once, while it goes on.
async fn ask(
    context: &Context,
    key: &NamespacedName,
    service: Arc<Service>,
    provider: &dyn LoadBalancerProvider,
    asked: &Asked<'_>,
) -> (Result<Ensured, ProviderError>, Arc<Service>) {
    let tell = async || {
        if !status::addresses(&service).is_empty() || !context.memory.tell_once(key) {
            return None;
        }
        let reporter =
            context.reporter(&service, provider.name(), asked.typos, asked.without_nodes);
        let written = publish(
            context,
            key,
            &reporter,
            &reporter.taking_long(),
            &Plan::default(),
            false,
        )
        .await;
        written.ok().flatten()
    };
    let call = Box::pin(provider.ensure(asked.want));
    let (answer, written) = match select(call, Box::pin(tokio::time::sleep(PATIENCE))).await {
        Either::Left((answer, _)) => (answer, None),
        // What is told is told to its end: cut off, it might arrive after what the answer leads to.
        Either::Right(((), call)) => join(call, tell()).await,
    };
    (answer, written.map_or(service, Arc::new))
}

// === impl Context ===

impl Context {
    /// When a Service that is served is looked at again: at the resync, or before it if the provider asks for that.
    fn next_look(&self, key: &NamespacedName, asked_for: Option<Duration>) -> Instant {
        let resync = self.next_resync();
        let asked_for = asked_for.map(|after| Instant::now() + after.max(SOON));
        self.memory
            .awaits(key, asked_for.is_some_and(|at| at < resync));
        asked_for.map_or(resync, |at| at.min(resync))
    }
}

async fn finalizer_first(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
    provider: &dyn LoadBalancerProvider,
) -> writes::Result<Option<Service>> {
    if !provider.outlives_service() {
        return Ok(None);
    }
    let finalized = finalizer::add(&context.writes, service, provider.name()).await?;
    if let Some(finalized) = &finalized {
        context.memory.wrote(key, finalized);
    }
    Ok(finalized)
}

fn log_change(provider: ProviderName, outcome: &Outcome, repaired: bool) {
    if outcome.done.is_empty() {
        tracing::debug!(%provider, "as asked");
    } else {
        let addresses: Vec<String> = outcome.addresses.iter().map(ToString::to_string).collect();
        tracing::info!(%provider, address = addresses.join(","), repaired, done = %outcome.done, "ensured");
    }
}

/// Since when a Service waits for its first address: since it was due, or since its creation if that was before our time.
fn waiting_since(service: &Service, due_since: Instant) -> Instant {
    let created = service
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let age = created
        .and_then(|created| Duration::try_from(Timestamp::now().duration_since(created)).ok());
    // creationTimestamp has whole seconds; below two it says less than the clock.
    match age.filter(|age| *age >= Duration::from_secs(2)) {
        Some(age) => Instant::now()
            .checked_sub(age)
            .unwrap_or(due_since)
            .min(due_since),
        None => due_since,
    }
}
