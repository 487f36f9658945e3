//! Who acts? One process at a time, by a Lease; everybody else stands by with warm caches.
//!
//! Every write is conditioned on the resourceVersion that was read. Expiry is judged on the local monotonic clock, from
//! when a change of the Lease was observed: clocks of two machines are never compared. Nothing but this file writes Leases.

use std::{pin::pin, time::Duration};

use futures::{Stream, StreamExt};
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};
use kube::{
    Api, Client,
    api::{ObjectMeta, PostParams},
    runtime::{WatchStreamExt, watcher},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// How leadership is kept and lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseConfig {
    /// Where the Lease lives.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// Who this process is; unique among the replicas.
    pub identity: String,
    /// How long a leader that is not heard of keeps the others waiting.
    pub duration: Duration,
    /// How long a leader that cannot renew goes on acting; shorter than `duration`, so that it stops before another starts.
    pub renew_deadline: Duration,
    /// How often the leader renews.
    pub retry_period: Duration,
}

/// Durations that would let two processes act at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The renew deadline is not below the lease duration.
    #[error(
        "--renew-deadline ({deadline:?}) must be shorter than --lease-duration ({duration:?}): a leader must stop before another starts"
    )]
    Deadline {
        /// `--renew-deadline`.
        deadline: Duration,
        /// `--lease-duration`.
        duration: Duration,
    },
    /// The retry period is not below the renew deadline.
    #[error(
        "--retry-period ({period:?}) must be above zero and shorter than --renew-deadline ({deadline:?})"
    )]
    Period {
        /// `--retry-period`.
        period: Duration,
        /// `--renew-deadline`.
        deadline: Duration,
    },
}

/// Whether this process may act. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Leadership(watch::Receiver<State>);

/// Takes part in the election.
pub struct Candidate {
    api: Api<Lease>,
    config: LeaseConfig,
    state: watch::Sender<State>,
}

#[derive(Clone, Debug)]
enum State {
    Standby { holder: Option<String> },
    Leading { until: Option<Instant> },
    Lost,
}

/// The Lease as last seen, and since when it looks like that.
struct Observed {
    lease: Option<Lease>,
    since: Instant,
}

/// The API server did not take a write of the Lease.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("somebody else wrote the lease")]
    Conflict,
    #[error("no answer in time")]
    Timeout,
    #[error(transparent)]
    Api(kube::Error),
}

// === impl LeaseConfig ===

impl LeaseConfig {
    /// Checks that the durations keep two processes apart.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.renew_deadline >= self.duration {
            return Err(ConfigError::Deadline {
                deadline: self.renew_deadline,
                duration: self.duration,
            });
        }
        if self.retry_period.is_zero() || self.retry_period >= self.renew_deadline {
            return Err(ConfigError::Period {
                period: self.retry_period,
                deadline: self.renew_deadline,
            });
        }
        Ok(())
    }
}

// === impl Leadership ===

impl Leadership {
    /// Leadership without an election, for a single replica.
    #[must_use]
    pub fn unopposed() -> Self {
        let (sender, receiver) = watch::channel(State::Leading { until: None });
        // The channel's last value is all that is asked for.
        drop(sender);
        Self(receiver)
    }

    /// True while this process may act; asked before every call that changes something.
    #[must_use]
    pub fn is_current(&self) -> bool {
        match &*self.0.borrow() {
            State::Leading { until: None } => true,
            State::Leading { until: Some(until) } => Instant::now() < *until,
            State::Standby { .. } | State::Lost => false,
        }
    }

    /// Who leads, as far as this process knows; `None` while nobody is known to.
    #[must_use]
    pub fn holder(&self) -> Option<String> {
        match &*self.0.borrow() {
            State::Standby { holder } => holder.clone(),
            State::Leading { .. } => Some("this process".to_owned()),
            State::Lost => None,
        }
    }

    /// Waits until this process leads.
    pub async fn acquired(&mut self) {
        let leads = |state: &State| matches!(state, State::Leading { .. });
        if self.0.wait_for(leads).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until this process may no longer act, after it did.
    pub async fn lost(&mut self) {
        loop {
            let state = self.0.borrow_and_update().clone();
            match state {
                State::Lost => return,
                State::Leading { until: Some(until) } if Instant::now() >= until => return,
                State::Leading { until: Some(until) } => {
                    tokio::select! {
                        () = sleep_until(until) => {}
                        _ = self.0.changed() => {}
                    }
                }
                State::Leading { until: None } | State::Standby { .. } => {
                    if self.0.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }
}

// === impl Candidate ===

impl Candidate {
    /// A candidate, and the leadership that follows from its [`run`](Self::run).
    #[must_use]
    pub fn new(client: Client, config: LeaseConfig) -> (Self, Leadership) {
        let (state, receiver) = watch::channel(State::Standby { holder: None });
        let api = Api::namespaced(client, &config.namespace);
        (Self { api, config, state }, Leadership(receiver))
    }

    /// Takes part until `vacate` (then hands over at once if it leads) or until leadership is lost.
    pub async fn run(self, vacate: CancellationToken) {
        let observed = tokio::select! {
            observed = self.stand_by() => observed,
            () = vacate.cancelled() => return,
        };
        tracing::info!(lease = %self.config.name, identity = %self.config.identity, "leading");
        let mut lease = observed;
        if self.lead(&mut lease, &vacate).await {
            self.vacate(lease).await;
        } else {
            tracing::error!(lease = %self.config.name, "leadership lost");
            self.state.send_replace(State::Lost);
        }
    }

    /// Watches the Lease until it is ours.
    async fn stand_by(&self) -> Lease {
        let mut observed = Observed {
            lease: self.read().await,
            since: Instant::now(),
        };
        let mut changes = pin!(self.changes());
        loop {
            self.announce_holder(&observed);
            tokio::select! {
                Some(lease) = changes.next() => observed.see(lease),
                () = sleep_until(observed.free_at(&self.config)) => {
                    let asked = Instant::now();
                    match self.claim(observed.lease.as_ref()).await {
                        Ok(lease) => {
                            self.leading_since(asked);
                            return lease;
                        }
                        Err(error) => {
                            if !matches!(error, Error::Conflict) {
                                tracing::warn!(%error, lease = %self.config.name, "claiming the lease failed");
                                tokio::time::sleep(self.config.retry_period).await;
                            }
                            observed.see(self.read().await);
                        }
                    }
                }
            }
        }
    }

    /// Renews until told to vacate (true) or until leadership is lost (false).
    async fn lead(&self, lease: &mut Lease, vacate: &CancellationToken) -> bool {
        let mut until = Instant::now() + self.config.renew_deadline;
        let mut next = Instant::now() + self.config.retry_period;
        loop {
            tokio::select! {
                () = vacate.cancelled() => return true,
                () = sleep_until(next.min(until)) => {}
            }
            let asked = Instant::now();
            if asked >= until {
                return false;
            }
            next = asked + self.config.retry_period;
            match timeout(until - asked, self.renew(lease)).await {
                Ok(Ok(renewed)) => {
                    *lease = renewed;
                    until = self.leading_since(asked);
                }
                Ok(Err(Error::Conflict)) => match self.read().await {
                    // Somebody edited it by hand; it is still ours.
                    Some(edited) if holder(&edited) == Some(&self.config.identity) => {
                        *lease = edited;
                        next = asked;
                    }
                    _ => return false,
                },
                Ok(Err(error)) => {
                    tracing::warn!(%error, lease = %self.config.name, "renewing the lease failed");
                }
                Err(_elapsed) => return false,
            }
        }
    }

    async fn vacate(&self, lease: Lease) {
        // No process may act from here on, whether the write arrives or not.
        self.state.send_replace(State::Standby { holder: None });
        let mut spec = lease.spec.clone().unwrap_or_default();
        spec.holder_identity = Some(String::new());
        spec.renew_time = Some(MicroTime(Timestamp::now()));
        let vacated = Lease {
            spec: Some(spec),
            ..lease
        };
        match self.replace(&vacated).await {
            Ok(_) => tracing::info!(lease = %self.config.name, "handed the lease over"),
            Err(error) => {
                tracing::warn!(%error, lease = %self.config.name, "handing the lease over failed");
            }
        }
    }

    fn leading_since(&self, asked: Instant) -> Instant {
        let until = asked + self.config.renew_deadline;
        self.state
            .send_replace(State::Leading { until: Some(until) });
        until
    }

    fn announce_holder(&self, observed: &Observed) {
        let holder = observed.lease.as_ref().and_then(holder).cloned();
        self.state.send_if_modified(|state| match state {
            State::Standby { holder: before } if *before == holder => false,
            _ => {
                *state = State::Standby { holder };
                true
            }
        });
    }

    /// The Lease's changes: `None` when it is deleted.
    fn changes(&self) -> impl Stream<Item = Option<Lease>> {
        watcher::watch_object(self.api.clone(), &self.config.name)
            .default_backoff()
            .filter_map(|change| std::future::ready(change.ok()))
    }

    async fn read(&self) -> Option<Lease> {
        loop {
            match timeout(
                self.config.renew_deadline,
                self.api.get_opt(&self.config.name),
            )
            .await
            {
                Ok(Ok(lease)) => return lease,
                Ok(Err(error)) => {
                    tracing::warn!(%error, lease = %self.config.name, "reading the lease failed");
                }
                Err(_elapsed) => {
                    tracing::warn!(lease = %self.config.name, "reading the lease takes too long");
                }
            }
            tokio::time::sleep(self.config.retry_period).await;
        }
    }

    async fn claim(&self, lease: Option<&Lease>) -> Result<Lease, Error> {
        let now = Some(MicroTime(Timestamp::now()));
        let spec = self.spec(lease, now);
        if let Some(lease) = lease {
            let claimed = Lease {
                spec: Some(spec),
                ..lease.clone()
            };
            self.replace(&claimed).await
        } else {
            let fresh = Lease {
                metadata: ObjectMeta {
                    name: Some(self.config.name.clone()),
                    ..ObjectMeta::default()
                },
                spec: Some(spec),
            };
            let params = PostParams::default();
            outcome(timeout(self.config.renew_deadline, self.api.create(&params, &fresh)).await)
        }
    }

    fn spec(&self, before: Option<&Lease>, now: Option<MicroTime>) -> LeaseSpec {
        let transitions = before.and_then(|lease| lease.spec.as_ref()?.lease_transitions);
        LeaseSpec {
            acquire_time: now.clone(),
            renew_time: now,
            holder_identity: Some(self.config.identity.clone()),
            lease_duration_seconds: i32::try_from(self.config.duration.as_secs().max(1)).ok(),
            lease_transitions: Some(transitions.map_or(0, |n| n.saturating_add(1))),
            ..LeaseSpec::default()
        }
    }

    async fn renew(&self, lease: &Lease) -> Result<Lease, Error> {
        let mut renewed = lease.clone();
        if let Some(spec) = &mut renewed.spec {
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        self.replace(&renewed).await
    }

    /// Replaces the Lease if nobody wrote it since it was read: it carries its resourceVersion.
    async fn replace(&self, lease: &Lease) -> Result<Lease, Error> {
        let params = PostParams::default();
        let call = self.api.replace(&self.config.name, &params, lease);
        outcome(timeout(self.config.renew_deadline, call).await)
    }
}

fn outcome(
    result: Result<kube::Result<Lease>, tokio::time::error::Elapsed>,
) -> Result<Lease, Error> {
    match result {
        Ok(Ok(lease)) => Ok(lease),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => Err(Error::Conflict),
        Ok(Err(error)) => Err(Error::Api(error)),
        Err(_elapsed) => Err(Error::Timeout),
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease
        .spec
        .as_ref()?
        .holder_identity
        .as_ref()
        .filter(|holder| !holder.is_empty())
}

// === impl Observed ===

impl Observed {
    fn see(&mut self, lease: Option<Lease>) {
        let version = |lease: &Option<Lease>| {
            lease
                .as_ref()
                .and_then(|lease| lease.metadata.resource_version.clone())
        };
        if version(&lease) != version(&self.lease) {
            self.since = Instant::now();
            self.lease = lease;
        }
    }

    /// When the Lease may be claimed: at once if nobody holds it, else when its holder was silent for the time it asked for.
    fn free_at(&self, config: &LeaseConfig) -> Instant {
        let Some(lease) = &self.lease else {
            return self.since;
        };
        if holder(lease).is_none() {
            self.since
        } else {
            let seconds = lease
                .spec
                .as_ref()
                .and_then(|spec| spec.lease_duration_seconds);
            let asked = seconds
                .and_then(|s| u64::try_from(s).ok())
                .map(Duration::from_secs);
            self.since + asked.unwrap_or(config.duration)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LeaseConfig {
        LeaseConfig {
            namespace: "default".to_owned(),
            name: "roadstead".to_owned(),
            identity: "me".to_owned(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }

    fn lease(holder: &str, version: &str) -> Lease {
        let mut lease = Lease::default();
        lease.metadata.resource_version = Some(version.to_owned());
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        });
        lease
    }

    #[test]
    fn durations_that_let_two_act_are_refused() {
        assert_eq!(config().validate(), Ok(()));
        let late = LeaseConfig {
            renew_deadline: Duration::from_secs(15),
            ..config()
        };
        assert!(
            late.validate()
                .unwrap_err()
                .to_string()
                .contains("--lease-duration")
        );
        let lazy = LeaseConfig {
            retry_period: Duration::from_secs(10),
            ..config()
        };
        assert!(
            lazy.validate()
                .unwrap_err()
                .to_string()
                .contains("--retry-period")
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_holder_is_waited_out_from_when_it_was_last_heard() {
        let start = Instant::now();
        let mut observed = Observed {
            lease: Some(lease("other", "1")),
            since: start,
        };
        tokio::time::advance(Duration::from_secs(9)).await;
        observed.see(Some(lease("other", "1")));
        assert_eq!(
            observed.free_at(&config()),
            start + Duration::from_secs(15),
            "seeing it again is no sign of life"
        );
        observed.see(Some(lease("other", "2")));
        assert_eq!(
            observed.free_at(&config()),
            start + Duration::from_secs(24),
            "a renewal is"
        );
        observed.see(Some(lease("", "3")));
        assert_eq!(
            observed.free_at(&config()),
            Instant::now(),
            "a vacated lease is free at once"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn leadership_ends_by_itself_at_the_renew_deadline() {
        let until = Instant::now() + Duration::from_secs(10);
        let (sender, receiver) = watch::channel(State::Leading { until: Some(until) });
        let mut leadership = Leadership(receiver);
        assert!(leadership.is_current());
        leadership.lost().await;
        assert_eq!(Instant::now(), until);
        assert!(!leadership.is_current(), "without anybody saying so");
        drop(sender);
    }
}
