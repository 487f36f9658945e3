//! Who acts? One process at a time, by a Lease; everybody else stands by with warm caches.
//!
//! Every write is conditioned on the resourceVersion that was read. Expiry is judged on the local monotonic clock, from
//! when a change of the Lease was observed: clocks of two machines are never compared. Nothing but this file writes Leases.

mod candidate;
mod observed;

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

pub use self::candidate::Candidate;

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

#[derive(Clone, Debug)]
enum State {
    Standby {
        holder: Option<String>,
        /// Why this process cannot even stand for election.
        trouble: Option<String>,
    },
    Leading {
        until: Option<Instant>,
    },
    Lost,
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
            State::Standby { holder, .. } => holder.clone(),
            State::Leading { .. } => Some("this process".to_owned()),
            State::Lost => None,
        }
    }

    /// Why this process cannot even stand for election; `None` if it can.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        match &*self.0.borrow() {
            State::Standby { trouble, .. } => trouble.clone(),
            State::Leading { .. } | State::Lost => None,
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

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn config() -> LeaseConfig {
        LeaseConfig {
            namespace: "default".to_owned(),
            name: "roadstead".to_owned(),
            identity: "me".to_owned(),
            duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
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
