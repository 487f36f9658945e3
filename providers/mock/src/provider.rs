//! How does the mock keep the contract? Observe, plan, apply, with a pause at every step where a real cloud has one.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use rand::{Rng, SeedableRng, rngs::StdRng};
use roadstead_core::{
    Address, ClusterUid, Ensured, Error, ErrorKind, Host, LoadBalancer, LoadBalancerId,
    LoadBalancerProvider, Outcome, Owned, Plan, Problem, ProviderName, Published, Released, Result,
    TargetKind, Vocabulary,
};

use crate::{
    Balancer, Cloud, Failure, Method, Settings,
    params::{self, Params},
    plan::{self, Step},
};

/// The name in flags, classes and finalizers.
pub const NAME: ProviderName = ProviderName::new("mock");

/// How long the mock asks for when it is told to stay pending.
const PENDING: Duration = Duration::from_secs(5);

/// Load balancers that exist in a [`Cloud`] only.
pub struct MockProvider {
    pub(crate) cloud: Arc<Cloud>,
    cluster: ClusterUid,
    pub(crate) settings: Settings,
    dice: Mutex<StdRng>,
}

/// What `ensure` and `plan` begin with.
struct Observed {
    name: String,
    now: Option<Balancer>,
    addresses: Vec<Address>,
    steps: Vec<Step>,
}

// === impl MockProvider ===

impl fmt::Debug for MockProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MockProvider")
            .field("cluster", &self.cluster)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl MockProvider {
    /// A provider of `cluster` over `cloud`.
    #[must_use]
    pub fn new(cloud: Arc<Cloud>, cluster: ClusterUid, settings: Settings) -> Self {
        let dice = Mutex::new(StdRng::seed_from_u64(settings.seed));
        Self {
            cloud,
            cluster,
            settings,
            dice,
        }
    }

    /// The name that a load balancer gets: a pure function of its id, 19 characters.
    #[must_use]
    pub fn balancer_name(id: &LoadBalancerId) -> String {
        // FNV-1a: the name must be the same in every version of this program, so no hasher of the standard library.
        let hash = id
            .to_string()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        format!("rs-{hash:016x}")
    }

    fn observe(&self, want: &LoadBalancer, params: &Params) -> Result<Observed> {
        let name = Self::balancer_name(&want.id);
        let now = self.cloud.get(&name);
        if let Some(balancer) = &now
            && balancer.id.as_ref() != Some(&want.id)
        {
            return Err(conflict(&name, balancer));
        }
        let addresses = self.addresses(want, params, &name, now.as_ref())?;
        let steps = plan::plan(want, &addresses, now.as_ref());
        Ok(Observed {
            name,
            now,
            addresses,
            steps,
        })
    }

    /// What a cloud would be asked, one step at a time: cut off between two, the next call finds what is there.
    ///
    /// `None` if another Service took the address after it was looked at.
    async fn apply(
        &self,
        want: &LoadBalancer,
        observed: &Observed,
        silently: bool,
    ) -> Result<Option<Plan>> {
        let mut balancer = observed.now.clone().unwrap_or_else(|| Balancer {
            id: Some(want.id.clone()),
            service: Some(want.service.clone()),
            ..Balancer::default()
        });
        balancer.known = true;
        let mut done = Plan::default();
        for step in &observed.steps {
            step.apply(&mut balancer);
            let claimed = self
                .cloud
                .claim(&observed.name, &balancer, &self.settings.addresses)
                .map_err(|error| storing(&observed.name, error))?;
            if !claimed {
                return Ok(None);
            }
            if !silently {
                done.steps.push(step.told(&observed.name));
            }
            tokio::task::yield_now().await;
        }
        Ok(Some(done))
    }

    /// Fails as the Service, a script or the dice ask for.
    async fn misbehave(
        &self,
        scripted: Option<Failure>,
        asked: Option<Failure>,
    ) -> Result<Option<Ensured>> {
        let rolled = || {
            let dice: f64 = self
                .dice
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .random();
            self.settings.failures.fall(dice)
        };
        match scripted.or(asked).or_else(rolled) {
            None => Ok(None),
            Some(Failure::Error(kind)) => Err(Error::new(
                kind,
                NAME,
                format!("the mock was asked to fail: {}", kind.label()),
            )),
            Some(Failure::Panic) => panicking(),
            Some(Failure::Hang) => std::future::pending().await,
            Some(Failure::Pending) => Ok(Some(Ensured::Pending {
                outcome: Outcome::default(),
                waiting_for: "the mock, which was asked to stay pending".to_owned(),
                retry_after: PENDING,
            })),
        }
    }
}

#[expect(
    clippy::panic,
    reason = "the panic is what the user asked the mock for"
)]
fn panicking() -> ! {
    panic!("the mock was asked to panic")
}

pub(crate) fn invalid(problems: &[Problem]) -> Error {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Error::new(ErrorKind::InvalidSpec, NAME, problems.join("; "))
}

fn conflict(name: &str, foreign: &Balancer) -> Error {
    let whose = match &foreign.id {
        Some(id) => format!("belongs to {id}"),
        None => "carries no mark of Roadstead".to_owned(),
    };
    Error::new(
        ErrorKind::Conflict,
        NAME,
        format!("a load balancer named {name} exists and {whose}; remove or rename it"),
    )
}

fn storing(name: &str, error: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        NAME,
        format!("storing load balancer {name} in --mock-state"),
    )
    .with_source(error)
}

#[async_trait]
impl LoadBalancerProvider for MockProvider {
    fn name(&self) -> ProviderName {
        NAME
    }

    fn vocabulary(&self) -> Vocabulary {
        params::VOCABULARY
    }

    fn outlives_service(&self) -> bool {
        true
    }

    fn needs_provider_ids(&self) -> bool {
        true
    }

    fn reports_health(&self) -> bool {
        true
    }

    fn target_kind(&self, want: &LoadBalancer) -> TargetKind {
        params::target_kind(want)
    }

    fn chooses_by_label(&self, want: &LoadBalancer) -> bool {
        params::node_label(want).is_some()
    }

    async fn plan(&self, want: &LoadBalancer) -> Result<Plan> {
        self.cloud.called(Method::Plan, Some(&want.id));
        let params = params::parse(want).map_err(|problems| invalid(&problems))?;
        let observed = self.observe(want, &params)?;
        if observed
            .now
            .as_ref()
            .is_some_and(|balancer| !balancer.known)
        {
            return Ok(Plan {
                notes: vec![format!(
                    "{} is known by its address alone: the process that made it holds the rest in memory, unless both \
                     are given one --mock-state",
                    observed.name
                )],
                ..Plan::default()
            });
        }
        Ok(observed
            .steps
            .iter()
            .map(|step| step.told(&observed.name))
            .collect())
    }

    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured> {
        let scripted = self.cloud.called(Method::Ensure, Some(&want.id));
        let params = params::parse(want).map_err(|problems| invalid(&problems))?;
        let latency = params.latency.unwrap_or(self.settings.latency);
        if !latency.is_zero() && !self.observe(want, &params)?.steps.is_empty() {
            tokio::time::sleep(latency).await;
        }
        if let Some(pending) = self.misbehave(scripted, params.failure).await? {
            return Ok(pending);
        }
        // Looked at after the wait, and again when another Service was quicker to take the address.
        let (observed, done) = loop {
            let observed = self.observe(want, &params)?;
            let silently = observed
                .now
                .as_ref()
                .is_some_and(|balancer| !balancer.known);
            if let Some(done) = self.apply(want, &observed, silently).await? {
                break (observed, done);
            }
        };
        let balancer = self.cloud.get(&observed.name).unwrap_or_default();
        Ok(Ensured::Ready(Outcome {
            health: Some(self.health(&balancer)),
            targets: self.states(want),
            look_again: params.look_again,
            addresses: observed.addresses,
            done,
            ..Outcome::default()
        }))
    }

    async fn release(&self, id: &LoadBalancerId) -> Result<Released> {
        let scripted = self.cloud.called(Method::Release, Some(id));
        let name = Self::balancer_name(id);
        let ours = |balancer: Balancer| balancer.id.as_ref() == Some(id);
        if !self.cloud.get(&name).is_some_and(ours) {
            return Ok(Released::Gone);
        }
        if !self.settings.latency.is_zero() {
            tokio::time::sleep(self.settings.latency).await;
        }
        if self.misbehave(scripted, None).await?.is_some() {
            return Ok(Released::InProgress {
                waiting_for: "the mock, which was asked to stay pending".to_owned(),
                retry_after: PENDING,
            });
        }
        self.cloud
            .remove(&name)
            .map_err(|error| storing(&name, error))?;
        tokio::task::yield_now().await;
        Ok(Released::Gone)
    }

    async fn owned(&self) -> Result<Vec<Owned>> {
        self.cloud.called(Method::Owned, None);
        let owned = self.cloud.balancers().into_values().filter_map(|balancer| {
            let id = balancer.id.filter(|id| id.cluster == self.cluster)?;
            Some(Owned {
                id,
                service: balancer.service,
            })
        });
        Ok(owned.collect())
    }

    async fn restore(&self, published: &[Published]) -> Result<()> {
        self.cloud.refresh().map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                NAME,
                "looking at what exists in --mock-state",
            )
            .with_source(error)
        })?;
        for Published {
            id,
            service,
            addresses,
            want: _,
        } in published
        {
            let name = Self::balancer_name(id);
            let ours = |address: &Address| match &address.host {
                Host::Ip(ip) => self
                    .settings
                    .addresses
                    .iter()
                    .any(|range| range.contains(ip)),
                Host::Hostname(host) => *host == format!("{name}.lb.test"),
            };
            let addresses: Vec<Address> = addresses
                .iter()
                .filter(|address| ours(address))
                .cloned()
                .collect();
            if addresses.is_empty() || self.cloud.get(&name).is_some() {
                continue;
            }
            let balancer = Balancer {
                id: Some(id.clone()),
                service: Some(service.clone()),
                addresses,
                known: false,
                ..Balancer::default()
            };
            self.cloud
                .put(&name, balancer)
                .map_err(|error| storing(&name, error))?;
        }
        Ok(())
    }
}
