//! How does a process come to lead, and go on leading? Every write is conditioned on the version that was read.

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

use super::{
    Leadership, LeaseConfig, State,
    observed::{Observed, holder},
};
use crate::explain::explain;

/// Takes part in the election.
pub struct Candidate {
    api: Api<Lease>,
    config: LeaseConfig,
    state: watch::Sender<State>,
}

/// How often a renewal is tried before leadership ends.
const ATTEMPTS: u32 = 3;

/// The API server did not take a write of the Lease.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("somebody else wrote the lease")]
    Conflict,
    #[error("no answer in time")]
    Timeout,
    #[error("the API server refused, or did not answer")]
    Api(#[source] kube::Error),
    #[error("the API server refused, or did not answer")]
    Watch(#[source] watcher::Error),
}

// === impl Candidate ===

impl Candidate {
    /// A candidate, and the leadership that follows from its [`run`](Self::run).
    #[must_use]
    pub fn new(client: Client, config: LeaseConfig) -> (Self, Leadership) {
        let (state, receiver) = watch::channel(State::Standby {
            holder: None,
            trouble: None,
        });
        let api = Api::namespaced(client, &config.namespace);
        (Self { api, config, state }, Leadership(receiver))
    }

    /// Takes part until `vacate` (then hands over at once if it leads) or until leadership is lost.
    pub async fn run(self, vacate: CancellationToken) {
        let (mut lease, until) = tokio::select! {
            claimed = self.stand_by() => claimed,
            () = vacate.cancelled() => return,
        };
        tracing::info!(lease = %self.config.name, identity = %self.config.identity, "leading");
        if self.lead(&mut lease, until, &vacate).await {
            self.vacate(lease).await;
        } else {
            tracing::error!(lease = %self.config.name, "leadership lost");
            self.state.send_replace(State::Lost);
        }
    }

    /// Watches the Lease until it is ours, and until when that lets this process act.
    async fn stand_by(&self) -> (Lease, Instant) {
        let mut observed = Observed::new(self.read().await);
        let mut changes = pin!(self.changes());
        loop {
            self.announce_holder(&observed);
            tokio::select! {
                Some(lease) = changes.next() => observed.see(lease),
                () = sleep_until(observed.free_at(&self.config)) => {
                    let asked = Instant::now();
                    match self.claim(observed.lease.as_ref()).await {
                        Ok(lease) => {
                            return (lease, self.leading_since(asked));
                        }
                        Err(error) => {
                            if !matches!(error, Error::Conflict) {
                                self.troubled("claiming", &error);
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
    async fn lead(
        &self,
        lease: &mut Lease,
        mut until: Instant,
        vacate: &CancellationToken,
    ) -> bool {
        let mut next = Instant::now() + self.config.retry_period;
        loop {
            tokio::select! {
                // Who ends because its time is over has nothing to hand over, and whoever restarts it need not wait.
                () = vacate.cancelled() => return Instant::now() < until,
                () = sleep_until(next.min(until)) => {}
            }
            let asked = Instant::now();
            if asked >= until {
                return false;
            }
            next = asked + self.config.retry_period;
            // One attempt never takes all the time there is: a connection that died silently leaves room for another.
            let patience = (self.config.renew_deadline / ATTEMPTS).min(until - asked);
            match timeout(patience, self.renew(lease)).await {
                Ok(Ok(renewed)) => {
                    *lease = renewed;
                    until = self.leading_since(asked);
                }
                Ok(Err(Error::Conflict)) => match timeout(until - asked, self.read()).await {
                    // Somebody edited it by hand, or our own write arrived and its answer did not; it is still ours.
                    Ok(Some(edited)) if holder(&edited) == Some(&self.config.identity) => {
                        *lease = edited;
                        next = asked;
                    }
                    _ => return false,
                },
                Ok(Err(error)) => {
                    tracing::warn!(error = explain(&error), lease = %self.config.name, "renewing the lease failed");
                }
                Err(_elapsed) => {
                    tracing::warn!(lease = %self.config.name, ?patience, "renewing the lease takes too long; trying again");
                    next = asked;
                }
            }
        }
    }

    async fn vacate(&self, lease: Lease) {
        // No process may act from here on, whether the write arrives or not.
        self.state.send_replace(State::Standby {
            holder: None,
            trouble: None,
        });
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
                tracing::warn!(error = explain(&error), lease = %self.config.name, "handing the lease over failed");
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
            State::Standby {
                holder: before,
                trouble: None,
            } if *before == holder => false,
            _ => {
                *state = State::Standby {
                    holder,
                    trouble: None,
                };
                true
            }
        });
    }

    /// Says why this process cannot stand for election, in the log and to whoever asks whether it is ready.
    fn troubled(&self, act: &str, error: &Error) {
        let told = format!("{act} the lease {}: {}", self.config.name, explain(error));
        self.state.send_if_modified(|state| match state {
            State::Standby { trouble, .. } if trouble.as_deref() != Some(&told) => {
                tracing::warn!("{told}; trying again");
                *trouble = Some(told);
                true
            }
            State::Standby { .. } | State::Leading { .. } | State::Lost => false,
        });
    }

    /// The Lease's changes: `None` when it is deleted.
    fn changes(&self) -> impl Stream<Item = Option<Lease>> {
        watcher::watch_object(self.api.clone(), &self.config.name)
            .default_backoff()
            .filter_map(|change| {
                let change =
                    change.map_err(|error| self.troubled("watching", &Error::Watch(error)));
                std::future::ready(change.ok())
            })
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
                Ok(Err(error)) => self.troubled("reading", &Error::Api(error)),
                Err(_elapsed) => self.troubled("reading", &Error::Timeout),
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
            lease_duration_seconds: Some(whole_seconds(self.config.duration)),
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

/// Rounded up: a Lease that promises less than this process acts for would let two act.
fn whole_seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use kube::client::Body;

    use super::{super::tests::config, *};

    /// A candidate whose API server answers nothing.
    fn unheard() -> Candidate {
        let silent = tower::service_fn(|_: http::Request<Body>| {
            std::future::pending::<Result<http::Response<Body>, kube::Error>>()
        });
        Candidate::new(Client::new(silent, "default"), config()).0
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lost_is_not_handed_over() {
        let candidate = unheard();
        let vacate = CancellationToken::new();
        vacate.cancel();
        let lead = async |until| {
            let mut lease = Lease::default();
            candidate.lead(&mut lease, until, &vacate).await
        };
        // Which of two things that are ready is seen first is left to chance.
        for _ in 0..64 {
            assert!(!lead(Instant::now()).await);
            assert!(lead(Instant::now() + Duration::from_secs(1)).await);
        }
    }

    #[test]
    fn a_lease_never_promises_less_than_its_holder_acts_for() {
        assert_eq!(whole_seconds(Duration::from_millis(1_500)), 2);
        assert_eq!(whole_seconds(Duration::from_secs(15)), 15);
    }
}
