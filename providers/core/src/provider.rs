//! What may the controller ask of a provider? One trait, and the values it answers with.

use std::{fmt, net::IpAddr, time::Duration};

use async_trait::async_trait;

use crate::{
    Address, LoadBalancer, LoadBalancerId, NamespacedName, Plan, PortNumber, Result, TargetKind,
    Vocabulary,
};

/// A provider's name, as flags, classes, finalizers and metrics carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderName(&'static str);

/// How the targets of a load balancer fare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether traffic reaches a target; `None`: not known yet.
    pub serving: Option<bool>,
    /// `3/3 healthy`.
    pub message: String,
}

/// What there is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Where clients reach it; may be known long before it serves.
    pub addresses: Vec<Address>,
    /// The steps that this call took; empty if everything was as asked.
    pub done: Plan,
    /// How its targets fare; `None` if somebody else says so on the Service.
    pub health: Option<Health>,
    /// What the user should know although nothing failed: a wish that cannot be granted in place, a quota near its end.
    pub notes: Vec<String>,
    /// Ready, and yet to be asked again after so long, if the resync does not come first: health that is polled, an old
    /// load balancer whose time of grace ends. Neither a failure nor a wait.
    pub look_again: Option<Duration>,
    /// Whether the steps that were taken repair what was changed behind the controller.
    ///
    /// A provider need not say so of what it finds at a resync that nobody asked for: steps that a call takes for no other
    /// reason than that time has passed are a repair. Only after a [`look_again`](Self::look_again) of its own does the
    /// provider alone know whether it finished what it had begun.
    pub repaired: bool,
    /// How each pod fares, where pods are the targets: for the pods that wait for it to be ready. Empty: not said.
    pub targets: Vec<TargetState>,
}

/// How one pod fares as a target.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetState {
    /// Its address, as in [`Target::addresses`](crate::Target::addresses).
    pub address: IpAddr,
    /// The port it is a target at.
    pub port: PortNumber,
    /// The pod, where the target named one.
    pub pod: Option<NamespacedName>,
    /// Whether it is sent traffic.
    pub healthy: bool,
    /// Why, in the provider's words: `initial health checks in progress (Elb.InitialHealthChecking)`.
    pub reason: String,
}

/// The answer to `ensure`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// It exists as asked.
    Ready(Outcome),
    /// It is on its way. Waiting is no failure.
    Pending {
        /// What there is so far.
        outcome: Outcome,
        /// What is waited for, for the condition's message.
        waiting_for: String,
        /// When to look again.
        retry_after: Duration,
    },
}

/// The answer to `release`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Released {
    /// Nothing is left.
    Gone,
    /// It is on its way out. Waiting is no failure.
    InProgress {
        /// What is waited for.
        waiting_for: String,
        /// When to look again.
        retry_after: Duration,
    },
}

/// Something that still exists for an id, found by ownership marks.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owned {
    /// The id it is marked with.
    pub id: LoadBalancerId,
    /// The Service it was made for, where the marks say so.
    pub service: Option<NamespacedName>,
}

/// An address that a Service carried before this process started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Whose it is.
    pub id: LoadBalancerId,
    /// The Service.
    pub service: NamespacedName,
    /// What its status says.
    pub addresses: Vec<Address>,
    /// What it asks for; `None` if that cannot be.
    pub want: Option<Box<LoadBalancer>>,
}

/// Makes load balancers exist.
///
/// # Guarantees that every provider gives
///
/// - Calls for different ids may overlap; the controller never overlaps two calls for one id.
/// - A call may be cut off at any await (the process died). The next one, of any process, converges and leaks nothing.
/// - An object that does not carry this cluster's marks is never changed, whatever its name.
///
/// # Errors
///
/// [`Error::retry`](crate::Error::retry) says when a failed call may be made again. Waiting is a value, never an error.
#[async_trait]
pub trait LoadBalancerProvider: fmt::Debug + Send + Sync + 'static {
    /// Its name.
    fn name(&self) -> ProviderName;

    /// The annotations it understands.
    fn vocabulary(&self) -> Vocabulary;

    /// Whether anything outlives the Service object, so that a finalizer is needed.
    fn outlives_service(&self) -> bool;

    /// Whether a node without a provider id cannot be a target.
    fn needs_provider_ids(&self) -> bool;

    /// Whether its outcomes say how the targets fare. If not, somebody else writes the condition `Healthy`.
    fn reports_health(&self) -> bool;

    /// What it wants as targets, from what the Service asks for. Reads nothing but its argument.
    fn target_kind(&self, want: &LoadBalancer) -> TargetKind;

    /// Whether it chooses among nodes by their labels, from what the Service asks for: only then is a node's new label a
    /// reason to ask it. Reads nothing but its argument.
    fn chooses_by_label(&self, want: &LoadBalancer) -> bool;

    /// Whether it reads [labels](crate::Labels): only then they are handed in, and a change of one is a reason to ask it.
    fn reads_labels(&self) -> bool {
        false
    }

    /// Waits until some of its Services have reason to be looked at that the API server knows nothing of, such as an address
    /// that was given back; then which. Cut off, it loses nothing.
    async fn woken(&self) -> Vec<NamespacedName> {
        std::future::pending().await
    }

    /// What `ensure` would do now. Reads only.
    async fn plan(&self, want: &LoadBalancer) -> Result<Plan>;

    /// Converges towards `want`. Idempotent; safe to be cut off at any await.
    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured>;

    /// Removes everything this provider holds for `id`, found by ownership marks, not by memory. Idempotent.
    async fn release(&self, id: &LoadBalancerId) -> Result<Released>;

    /// Every id of this cluster for which anything at all still exists: the orphan sweep's input.
    async fn owned(&self) -> Result<Vec<Owned>>;

    /// Told once, before the first `ensure`, which addresses Services already carry.
    async fn restore(&self, published: &[Published]) -> Result<()>;
}

// === impl ProviderName ===

impl ProviderName {
    /// A name: lowercase letters, fit for a DNS label.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
