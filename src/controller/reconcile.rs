//! How is one Service brought to what it asks for? In one order: decide, finalizer, provider, status, events; and when it
//! goes: address away, provider, finalizer away. Every step may be the last one of this process.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use futures::future::{Either, select};
use k8s_openapi::{api::core::v1::Service, jiff::Timestamp};
use roadstead_core::{
    Ensured, Error as ProviderError, LoadBalancer, LoadBalancerId, LoadBalancerProvider,
    NamespacedName, Outcome, Plan, ProviderName, Released, Retry, TargetKind, Targets, Typo, chain,
};
use tokio::time::Instant;

use super::{
    Context,
    events::{self, Said},
    finalizer,
    queue::Cause,
    report::Reporter,
    writes,
};
use crate::service::{
    endpoints,
    intent::{self, Intent, Why},
    request,
    status::{self, Desired},
};

/// How a reconcile ended, and when the Service is looked at again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The label in metrics.
    pub outcome: &'static str,
    /// When to look again; `None`: when it changes.
    pub again: Option<Instant>,
}

/// What a load balancer would point at, and a number that changes with it.
struct Aim {
    /// `None` while it is not known yet.
    targets: Option<Targets>,
    basis: u64,
}

/// Why and since when a Service is looked at.
#[derive(Clone, Copy)]
struct Since {
    cause: Cause,
    due_since: Instant,
}

/// What the provider is asked, and what else is said of it.
struct Asked<'a> {
    want: &'a LoadBalancer,
    typos: &'a [Typo],
    remark: Option<&'a str>,
}

/// How long the provider may take before the user is told that it takes a while.
const PATIENCE: Duration = Duration::from_secs(1);

/// How soon to look again when somebody else was quicker to write.
const SOON: Duration = Duration::from_millis(200);

/// What a Service without an eligible node is told.
const NO_NODES: &str = "no node is eligible to receive traffic, so the targets stay as they were; see kubectl get nodes";

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
    let held = context.memory.held(key).map(|(provider, _)| provider);
    let intent = intent::intent(
        &service,
        &context.cluster,
        &context.classes,
        &context.traits,
        held,
    );
    let aim = context.aim(&intent, key);
    if cause == Cause::Changed
        && let Some(again) = context
            .memory
            .settled(key, context.fingerprint(&service, &intent, &aim))
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
            release(context, key, &service, provider, &id, why).await
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
    match provider.release(&id).await {
        Ok(Released::Gone) => {
            tracing::info!(provider = %name, "released a load balancer whose Service vanished");
            context.forget(key);
            Verdict::quiet("gone")
        }
        Ok(Released::InProgress { retry_after, .. }) => Verdict::after("releasing", retry_after),
        Err(error) => context.failed(key, &error),
    }
}

/// Takes our conditions off something that is no load balancer any more.
async fn withdraw(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
) -> writes::Result<Verdict> {
    say(context, key, service, &Desired::default(), true).await?;
    context.retries.forget(key);
    Ok(Verdict::quiet("withdrawn"))
}

async fn reject(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
    name: ProviderName,
    problems: &[String],
    aim: &Aim,
) -> writes::Result<Verdict> {
    let typos = context.typos(service, name);
    let reporter = context.reporter(service, name, &typos, None);
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

async fn ensure(
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
    let (Some(targets), false) = (aim.targets.clone(), context.memory.is_swept(&want.id)) else {
        return Ok(Verdict::after("waiting", SOON));
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
    context.memory.hold(key, name, &want.id);
    let typos = context.typos(&service, name);
    let remark = (want.targets == Targets::Keep).then_some(NO_NODES);
    let asked = Asked {
        want: &want,
        typos: &typos,
        remark,
    };
    let (answer, service) = ask(context, key, service, provider, &asked).await;
    let reporter = context.reporter(&service, name, &typos, remark);
    conclude(context, key, &reporter, answer, &aim, since).await
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
            let unasked = status::says(service, &desired, !reporter.reports_health);
            let repaired = since.cause == Cause::Elapsed && unasked && !outcome.done.is_empty();
            let written =
                publish(context, key, reporter, &desired, &outcome.done, repaired).await?;
            if let Some(waiting) = context.memory.served(key) {
                context
                    .metrics
                    .address_after(reporter.provider, waiting.elapsed());
            }
            log_change(key, reporter.provider, &outcome, repaired);
            context.retries.forget(key);
            let again = context.next_resync();
            context.settle(key, written.as_ref().unwrap_or(service), aim, Some(again));
            Ok(Verdict::at("ready", again))
        }
        Ok(Ensured::Pending {
            outcome,
            waiting_for,
            retry_after,
        }) => {
            let desired = reporter.pending(&outcome, &waiting_for);
            publish(context, key, reporter, &desired, &outcome.done, false).await?;
            context.retries.forget(key);
            Ok(Verdict::after("pending", retry_after))
        }
        Err(error) => {
            let desired = reporter.failed(&error);
            let written =
                publish(context, key, reporter, &desired, &Plan::default(), false).await?;
            if written.is_some() {
                tracing::warn!(provider = %reporter.provider, error = %chain(&error), "ensuring failed");
            }
            if error.retry() == Retry::OnChange {
                context.settle(key, written.as_ref().unwrap_or(service), aim, None);
            }
            Ok(context.failed(key, &error))
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
    let waiting = async {
        tokio::time::sleep(PATIENCE).await;
        if !status::addresses(&service).is_empty() || !context.memory.tell_once(key) {
            return None;
        }
        let reporter = context.reporter(&service, provider.name(), asked.typos, asked.remark);
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
    let answered = match select(Box::pin(provider.ensure(asked.want)), Box::pin(waiting)).await {
        Either::Left((answer, _)) => (answer, None),
        Either::Right((written, call)) => (call.await, written),
    };
    let (answer, written) = answered;
    (answer, written.map_or(service, Arc::new))
}

async fn release(
    context: &Context,
    key: &NamespacedName,
    service: &Service,
    name: ProviderName,
    id: &LoadBalancerId,
    why: Why,
) -> writes::Result<Verdict> {
    let Some(provider) = context.provider(name) else {
        return Ok(Verdict::quiet("ignored"));
    };
    let mut latest = None;
    // Nobody may be sent to an address that is about to be somebody else's.
    if !status::addresses(service).is_empty() {
        let reporter = context.reporter(service, name, &[], None);
        latest = publish(
            context,
            key,
            &reporter,
            &reporter.releasing(None),
            &Plan::default(),
            false,
        )
        .await?;
    }
    let service = latest.as_ref().unwrap_or(service);
    let reporter = context.reporter(service, name, &[], None);
    match provider.release(id).await {
        Ok(Released::Gone) => {
            released(context, key, &reporter, why).await?;
            Ok(Verdict::quiet("released"))
        }
        Ok(Released::InProgress {
            waiting_for,
            retry_after,
        }) => {
            let desired = reporter.releasing(Some(&waiting_for));
            publish(context, key, &reporter, &desired, &Plan::default(), false).await?;
            context.retries.forget(key);
            Ok(Verdict::after("releasing", retry_after))
        }
        Err(error) => {
            let desired = reporter.release_failed(&error);
            if publish(context, key, &reporter, &desired, &Plan::default(), false)
                .await?
                .is_some()
            {
                tracing::warn!(provider = %name, error = %chain(&error), "releasing failed");
            }
            Ok(context.failed(key, &error))
        }
    }
}

/// Nothing is left: the conditions go where the Service stays, then the finalizer.
async fn released(
    context: &Context,
    key: &NamespacedName,
    reporter: &Reporter<'_>,
    why: Why,
) -> writes::Result<()> {
    let (service, name) = (reporter.service, reporter.provider);
    let written = match why {
        Why::Deleted => None,
        Why::TypeChanged | Why::ClassChanged => {
            say(
                context,
                key,
                service,
                &Desired::default(),
                !reporter.reports_health,
            )
            .await?
        }
    };
    let service = written.as_ref().unwrap_or(service);
    if let Some(written) = finalizer::remove(&context.writes, service, name).await? {
        context.memory.wrote(key, &written);
    }
    let reason = match why {
        Why::Deleted => "the Service was deleted",
        Why::TypeChanged => "the Service is no longer of type LoadBalancer",
        Why::ClassChanged => "the Service asks for another class",
    };
    context.events.of_service(
        service,
        Said::normal("DeletedLoadBalancer", format!("released: {reason}")),
    );
    tracing::info!(provider = %name, reason, "released");
    context.memory.let_go(key);
    context.retries.forget(key);
    Ok(())
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

/// Writes what is desired and tells what changed; the Service as written, if anything was.
async fn publish(
    context: &Context,
    key: &NamespacedName,
    reporter: &Reporter<'_>,
    desired: &Desired,
    done: &Plan,
    repaired: bool,
) -> writes::Result<Option<Service>> {
    let service = reporter.service;
    let written = say(context, key, service, desired, !reporter.reports_health).await?;
    for said in events::of_change(service, desired, done, repaired) {
        context.events.of_service(service, said);
    }
    Ok(written)
}

/// Writes what is desired, unless the Service says so already.
async fn say(
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

/// A write did not happen. The provider's part is done or will be found done: only the write is tried again.
fn unwritten(context: &Context, key: &NamespacedName, error: &writes::Error) -> Verdict {
    match error {
        writes::Error::Stale { .. } => Verdict::after("conflict", SOON),
        writes::Error::Gone { .. } => Verdict::quiet("gone"),
        writes::Error::NotLeading { .. } => Verdict::quiet("not-leading"),
        writes::Error::Refused { .. } | writes::Error::Timeout { .. } => {
            tracing::warn!(error = %chain(error), "the API server took no write; trying again");
            let again = context.retries.failed(key.clone(), Retry::Backoff);
            Verdict {
                outcome: "api-error",
                again: again.map(|wait| Instant::now() + wait),
            }
        }
    }
}

fn log_change(key: &NamespacedName, provider: ProviderName, outcome: &Outcome, repaired: bool) {
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

// === impl Verdict ===

impl Verdict {
    fn quiet(outcome: &'static str) -> Self {
        Self {
            outcome,
            again: None,
        }
    }

    fn at(outcome: &'static str, again: Instant) -> Self {
        Self {
            outcome,
            again: Some(again),
        }
    }

    fn after(outcome: &'static str, wait: Duration) -> Self {
        Self::at(outcome, Instant::now() + wait)
    }
}

// === impl Context ===

impl Context {
    /// What a load balancer for `intent` would point at right now.
    fn aim(&self, intent: &Intent, key: &NamespacedName) -> Aim {
        let selection = self.nodes.current();
        let nothing = Aim {
            targets: None,
            basis: 0,
        };
        let Intent::Ensure { provider, want } = intent else {
            return nothing;
        };
        let Some(provider) = self.provider(*provider) else {
            return nothing;
        };
        match provider.target_kind(want) {
            TargetKind::Nodes => Aim {
                targets: Some(selection.targets(provider.needs_provider_ids())),
                basis: selection.generation,
            },
            TargetKind::Endpoints => {
                let slices = self.caches.slices(key);
                let targets =
                    slices.map(|slices| endpoints::targets(slices.iter().map(AsRef::as_ref)));
                let mut hash = DefaultHasher::new();
                targets.hash(&mut hash);
                Aim {
                    targets: targets.map(|targets| Targets::Exactly(targets.into())),
                    basis: hash.finish(),
                }
            }
        }
    }

    /// What the Service asks for and says, and what it would point at, in one number: equal numbers need no call.
    fn fingerprint(&self, service: &Service, intent: &Intent, aim: &Aim) -> u64 {
        let mut hash = DefaultHasher::new();
        intent.hash(&mut hash);
        aim.basis.hash(&mut hash);
        status::addresses(service).hash(&mut hash);
        for condition in status::conditions(service) {
            (
                condition.type_,
                condition.status,
                condition.reason,
                condition.message,
            )
                .hash(&mut hash);
        }
        for provider in self.classes.providers() {
            intent::has_finalizer(service, *provider).hash(&mut hash);
        }
        if let Intent::Ensure { provider, .. } | Intent::Reject { provider, .. } = intent {
            for typo in self.typos(service, *provider) {
                typo.key.hash(&mut hash);
            }
        }
        hash.finish()
    }

    /// Everything is as asked, and `service` is how the API server has it now: its echo needs no call.
    fn settle(&self, key: &NamespacedName, service: &Service, aim: &Aim, again: Option<Instant>) {
        let intent = intent::intent(service, &self.cluster, &self.classes, &self.traits, None);
        self.memory
            .settle(key, self.fingerprint(service, &intent, aim), again);
    }

    fn typos(&self, service: &Service, provider: ProviderName) -> Vec<Typo> {
        let vocabulary = self
            .provider(provider)
            .map(LoadBalancerProvider::vocabulary);
        vocabulary
            .map(|vocabulary| intent::typos(service, vocabulary))
            .unwrap_or_default()
    }

    fn reporter<'a>(
        &self,
        service: &'a Service,
        provider: ProviderName,
        typos: &'a [Typo],
        remark: Option<&'a str>,
    ) -> Reporter<'a> {
        Reporter {
            service,
            provider,
            typos,
            reports_health: self
                .provider(provider)
                .is_some_and(LoadBalancerProvider::reports_health),
            remark,
        }
    }

    fn failed(&self, key: &NamespacedName, error: &ProviderError) -> Verdict {
        let wait = self.retries.failed(key.clone(), error.retry());
        Verdict {
            outcome: error.kind().label(),
            again: wait.map(|wait| Instant::now() + wait),
        }
    }

    fn forget(&self, key: &NamespacedName) {
        self.memory.forget(key);
        self.retries.forget(key);
    }
}
