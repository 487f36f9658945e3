//! AWS's API as typed calls: each waits for its place, is sent at most once (a read may be sent twice), measured, and its failure classified.
//!
//! The only place that knows the SDK. It decides nothing about load balancers.

mod actions;
mod buckets;
mod codes;
mod connect;
pub(crate) mod ec2;
pub(crate) mod elb;
pub(crate) mod error;
mod limiter;
mod limits;
mod message;
mod metrics;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    error::Error as StdError,
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_config::SdkConfig;
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use roadstead_core::ErrorKind;
use tokio::{
    sync::{OnceCell, Semaphore},
    time::Instant,
};

pub(crate) use self::{
    actions::Action,
    ec2::GroupFilter,
    elb::{
        ListenerSettings, NewListener, NewLoadBalancer, NewTargetGroup, SubnetMapping, TargetRef,
        Which,
    },
    error::{Error, Result},
};
pub use self::{
    actions::Category,
    connect::ConnectError,
    limits::{Limit, Limits, ParseLimitError, RaisedLimit},
    metrics::AwsMetrics,
};
use self::{
    error::Failure,
    limiter::{Limiter, Permit},
};
use crate::seen::ZoneType;

/// Why a call is made, in the order in which calls are served when tokens are short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// A user waits for it: creation, edits, targets.
    Serve,
    /// Something is to go away.
    Release,
    /// Somebody looks whether all is well.
    Check,
}

/// How AWS's API is used.
#[derive(Clone, Debug, Default)]
pub struct ApiSettings {
    /// How many calls AWS takes: its documented limits, unless they were raised for the account.
    pub limits: Limits,
    /// Where calls are counted.
    pub metrics: AwsMetrics,
}

/// So many calls are under way at once. Each has a connection of its own, which stays for a while when it has ended: memory, and a
/// file descriptor. AWS's limits let no more through for long; where they were raised, so many are still hundreds a second.
const AT_ONCE: usize = 64;

/// AWS's API of one region, as one identity.
#[derive(Clone, Debug)]
pub(crate) struct Api(Arc<Shared>);

struct Shared {
    elb: aws_sdk_elasticloadbalancingv2::Client,
    ec2: aws_sdk_ec2::Client,
    region: String,
    limiter: Arc<Limiter>,
    /// For [`AT_ONCE`] calls.
    room: Semaphore,
    /// How often calls were asked for: when each work began.
    begun: AtomicU64,
    metrics: AwsMetrics,
    zones: OnceCell<HashMap<String, ZoneType>>,
}

/// The calls, made for one reason. A call that is dropped frees its place.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    api: Api,
    priority: Priority,
    begun: u64,
}

// === impl Api ===

impl Api {
    /// Connects by the SDK's standard chain.
    ///
    /// # Errors
    /// Within seconds, if there is no region or are no credentials; what was tried is in the error.
    pub(crate) async fn connect(settings: &ApiSettings) -> Result<Self, ConnectError> {
        Ok(Self::new(settings, &connect::connect().await?))
    }

    pub(crate) fn new(settings: &ApiSettings, config: &SdkConfig) -> Self {
        let ApiSettings { limits, metrics } = settings;
        Self(Arc::new(Shared {
            elb: aws_sdk_elasticloadbalancingv2::Client::new(config),
            ec2: aws_sdk_ec2::Client::new(config),
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            limiter: Limiter::new(limits.clone()),
            room: Semaphore::new(AT_ONCE),
            begun: AtomicU64::new(0),
            metrics: metrics.clone(),
            zones: OnceCell::new(),
        }))
    }

    /// The calls, made for this reason, of a work that begins now: of the same priority, what began first goes first.
    pub(crate) fn calls(&self, priority: Priority) -> Calls {
        Calls {
            api: self.clone(),
            priority,
            begun: self.0.begun.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

// === impl Calls ===

impl Calls {
    /// Why they are made.
    pub(crate) fn priority(&self) -> Priority {
        self.priority
    }

    fn elb(&self) -> &aws_sdk_elasticloadbalancingv2::Client {
        &self.api.0.elb
    }

    fn ec2(&self) -> &aws_sdk_ec2::Client {
        &self.api.0.ec2
    }

    fn known_zones(&self) -> &OnceCell<HashMap<String, ZoneType>> {
        &self.api.0.zones
    }

    /// Makes one call; a read is made again, once, if it was throttled or got no usable answer. A change never is.
    async fn call<T, E, F>(&self, action: Action, request: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, SdkError<E, Response>>>,
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        match self.attempt(action, &request).await {
            Err(error) if action.is_read() && is_worth_repeating(&error) => {
                self.attempt(action, &request).await
            }
            result => result,
        }
    }

    async fn attempt<T, E, F>(&self, action: Action, request: &impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, SdkError<E, Response>>>,
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let permit = self.turn(action).await;
        // After the limiter, which knows who comes first; nobody closes it.
        let _room = self.api.0.room.acquire().await;
        let sent = Instant::now();
        // On the heap: the SDK's futures are large, and there is one in each of ours.
        let result = Box::pin(request())
            .await
            .map_err(|error| Error::from_sdk(action, error));
        let outcome = result.as_ref().map_or_else(Error::label, |_| "ok");
        self.api.0.metrics.called(action, outcome, sent.elapsed());
        result.map_err(|error| {
            if error.kind() == ErrorKind::Throttled {
                self.api.0.metrics.throttled(action);
                error.with_retry_after(permit.throttled())
            } else {
                error
            }
        })
    }

    /// Waits until the call may be made.
    async fn turn(&self, action: Action) -> Permit {
        let asked = Instant::now();
        let limiter = &self.api.0.limiter;
        let permit = limiter.acquire(action, self.priority, self.begun).await;
        self.api
            .0
            .metrics
            .waited(action.category(), self.priority, asked.elapsed());
        permit
    }
}

/// Whether a read that failed like this may well succeed at once.
fn is_worth_repeating(error: &Error) -> bool {
    match error.failure() {
        Failure::Failed | Failure::NoAnswer => true,
        Failure::Refused => error.kind() == ErrorKind::Throttled,
        Failure::NotSent | Failure::TimedOut | Failure::Unreadable => false,
    }
}

// === impl Priority ===

impl Priority {
    /// Its label in metrics.
    const fn label(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Release => "release",
            Self::Check => "check",
        }
    }
}
