//! How does the controller's half keep the contract? Everything it holds is in memory and on the Services themselves: it
//! calls nobody, and nothing of it outlives a Service.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use roadstead_core::{
    Address, ClusterUid, Ensured, Error, ErrorKind, LoadBalancer, LoadBalancerId,
    LoadBalancerProvider, NamespacedName, Outcome, Owned, Plan, Problem, ProviderName, Published,
    Released, Result, TargetKind, Vocabulary,
};
use tokio::time::Instant;

use crate::{
    Addresses,
    addresses::State,
    params::{self, Params},
    plan,
    pool::{Decision, Refusal},
};

/// The name in flags and classes.
pub const NAME: ProviderName = ProviderName::new("arp");

/// Gives Services addresses of the nodes' own network.
#[derive(Debug)]
pub struct ArpProvider {
    cluster: ClusterUid,
    addresses: Arc<Addresses>,
}

/// How long the pools may take to be known before Services are told that they are waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How soon a Service is looked at again that waits for the pools to be known; it is woken when they are.
const UNKNOWN_AGAIN: Duration = Duration::from_secs(10);

/// A Service that found no address is looked at again after so long. It is woken as soon as one is free; only what ends by
/// itself, as the time for which a foreign host's address is left alone, nobody wakes it for.
const FULL_AGAIN: Duration = Duration::from_mins(1);

// === impl ArpProvider ===

impl ArpProvider {
    /// A provider of `cluster`, over `addresses` that somebody tells of pools.
    #[must_use]
    pub fn new(cluster: ClusterUid, addresses: Arc<Addresses>) -> Self {
        Self { cluster, addresses }
    }

    fn ensured(&self, state: &mut State, want: &LoadBalancer, params: Params) -> Result<Ensured> {
        let (id, service) = (&want.id, &want.service);
        if !self.addresses.is_known() {
            state.waits(id, service);
            return Ok(waiting_for_pools(state, want));
        }
        let (decision, done) = match decide(state, want, &params) {
            Ok(decided) => decided,
            Err(refusal) => {
                state.waits(id, service);
                return Err(refused(&refusal));
            }
        };
        let now = Instant::now().into_std();
        let had = !state.allocator.held(id).is_empty();
        let freed = state.allocator.take(id, &params.wish, &decision, now);
        if decision.complete {
            state.waits_no_more(id);
        } else {
            state.waits(id, service);
        }
        if !done.is_empty() {
            self.addresses.changed();
        }
        if freed || (had && !done.is_empty()) {
            state.wake_waiting();
        }
        let mut notes = params.notes;
        notes.extend(decision.notes);
        Ok(Ensured::Ready(Outcome {
            addresses: decision
                .addresses
                .iter()
                .map(|kept| Address::ip(kept.address))
                .collect(),
            done,
            notes,
            look_again: decision
                .look_again
                .map(|at| at.saturating_duration_since(now)),
            ..Outcome::default()
        }))
    }
}

/// What was decided about `want`, and the steps to it.
fn decide(
    state: &State,
    want: &LoadBalancer,
    params: &Params,
) -> Result<(Decision, Plan), Refusal> {
    let wish = &params.wish;
    let decision = state
        .allocator
        .decide(&want.id, wish, Instant::now().into_std())?;
    let (held, before) = (
        state.allocator.held(&want.id),
        state.allocator.ports(&want.id),
    );
    let plan = plan::plan(held, before, &decision, &wish.ports);
    Ok((decision, plan))
}

fn parse(want: &LoadBalancer) -> Result<Params> {
    params::parse(want).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(Problem::to_string).collect();
        Error::new(ErrorKind::InvalidSpec, NAME, problems.join("; "))
    })
}

fn refused(refusal: &Refusal) -> Error {
    let error = |kind, text: &str| Error::new(kind, NAME, text);
    match refusal {
        Refusal::Impossible(text) => error(ErrorKind::InvalidSpec, text),
        Refusal::Taken(text) => error(ErrorKind::Conflict, text).with_retry_after(FULL_AGAIN),
        Refusal::Full(text) => error(
            ErrorKind::Quota,
            &format!("{text}; add addresses to a pool (kubectl get addresspools), or delete a Service that has one"),
        )
        .with_retry_after(FULL_AGAIN),
    }
}

fn waiting_for_pools(state: &State, want: &LoadBalancer) -> Ensured {
    let trouble = state.trouble().map(|trouble| format!(": {trouble}"));
    Ensured::Pending {
        outcome: Outcome {
            // What clients were told stays true.
            addresses: want.published.clone(),
            ..Outcome::default()
        },
        waiting_for: format!("the pools of addresses{}", trouble.unwrap_or_default()),
        retry_after: UNKNOWN_AGAIN,
    }
}

#[async_trait]
impl LoadBalancerProvider for ArpProvider {
    fn name(&self) -> ProviderName {
        NAME
    }

    fn vocabulary(&self) -> Vocabulary {
        params::VOCABULARY
    }

    fn outlives_service(&self) -> bool {
        false
    }

    fn needs_provider_ids(&self) -> bool {
        false
    }

    /// The node that announces an address says so itself.
    fn reports_health(&self) -> bool {
        false
    }

    /// Whoever announces an address forwards as kube-proxy does on its node.
    fn target_kind(&self, _want: &LoadBalancer) -> TargetKind {
        TargetKind::Nothing
    }

    fn chooses_by_label(&self, _want: &LoadBalancer) -> bool {
        false
    }

    fn reads_labels(&self) -> bool {
        true
    }

    async fn woken(&self) -> Vec<NamespacedName> {
        self.addresses.woken().await
    }

    async fn plan(&self, want: &LoadBalancer) -> Result<Plan> {
        let params = parse(want)?;
        self.addresses.known_within(PATIENCE).await;
        self.addresses.with(|state| {
            if !self.addresses.is_known() {
                let trouble = state.trouble().unwrap_or("nobody has told of any");
                let text = format!("the pools of addresses are not known: {trouble}");
                return Err(Error::new(ErrorKind::Unavailable, NAME, text));
            }
            let (decision, mut plan) =
                decide(state, want, &params).map_err(|refusal| refused(&refusal))?;
            plan.notes = params.notes.into_iter().chain(decision.notes).collect();
            Ok(plan)
        })
    }

    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured> {
        let params = parse(want)?;
        self.addresses
            .with(|state| self.ensured(state, want, params))
    }

    async fn release(&self, id: &LoadBalancerId) -> Result<Released> {
        self.addresses.with(|state| {
            state.waits_no_more(id);
            if state.allocator.release(id) {
                state.wake_waiting();
                self.addresses.changed();
            }
        });
        Ok(Released::Gone)
    }

    async fn owned(&self) -> Result<Vec<Owned>> {
        Ok(self.addresses.with(|state| {
            let holders = state.allocator.holders();
            let ours = holders.filter(|(id, _, _)| id.cluster == self.cluster);
            let owned = ours.map(|(id, service, _)| Owned {
                id: id.clone(),
                service: Some(service.clone()),
            });
            owned.collect()
        }))
    }

    /// Waits a moment for the pools: a Service is not told to wait for what the next second brings.
    async fn restore(&self, published: &[Published]) -> Result<()> {
        let mut published: Vec<&Published> = published.iter().collect();
        // Where two Services carry one address, every process lets the same one keep it.
        published.sort_by(|a, b| a.service.cmp(&b.service));
        self.addresses.with(|state| {
            for Published {
                id,
                service,
                addresses,
                want,
            } in published
            {
                let ips: Vec<_> = addresses
                    .iter()
                    .filter_map(|address| address.host.ip())
                    .collect();
                let params = want.as_ref().and_then(|want| params::parse(want).ok());
                state.allocator.restore(
                    id,
                    service,
                    &ips,
                    params.as_ref().map(|params| &params.wish),
                );
            }
            state.restored();
            self.addresses.changed();
        });
        self.addresses.known_within(PATIENCE).await;
        Ok(())
    }
}
