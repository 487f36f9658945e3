//! When may the Lease be claimed? Judged from when its changes were seen, on this machine's clock alone. No I/O.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::LeaseConfig;

/// The Lease as last seen, and since when it looks like that.
pub(super) struct Observed {
    pub(super) lease: Option<Lease>,
    since: Instant,
    /// How long whoever held it before it vanished may still act.
    held_for: Option<Duration>,
}

// === impl Observed ===

impl Observed {
    pub(super) fn new(lease: Option<Lease>) -> Self {
        Self {
            lease,
            since: Instant::now(),
            held_for: None,
        }
    }

    pub(super) fn see(&mut self, lease: Option<Lease>) {
        let version = |lease: &Option<Lease>| {
            lease
                .as_ref()
                .and_then(|lease| lease.metadata.resource_version.clone())
        };
        if version(&lease) == version(&self.lease) {
            return;
        }
        // A Lease that is deleted while it is held leaves a leader behind who does not know it yet.
        let deleted = lease
            .is_none()
            .then(|| self.lease.as_ref().and_then(held_for));
        self.held_for = deleted.flatten();
        self.since = Instant::now();
        self.lease = lease;
    }

    /// When the Lease may be claimed: at once if nobody holds it, else when its holder was silent for the time it asked for.
    pub(super) fn free_at(&self, config: &LeaseConfig) -> Instant {
        let held_for = match &self.lease {
            None => self.held_for,
            Some(lease) => holder(lease).map(|_| held_for(lease).unwrap_or(config.duration)),
        };
        self.since + held_for.unwrap_or_default()
    }
}

/// How long the holder of `lease` asked the others to wait; `None` if nobody holds it, or if it does not say.
fn held_for(lease: &Lease) -> Option<Duration> {
    holder(lease)?;
    let seconds = lease.spec.as_ref()?.lease_duration_seconds?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}

pub(super) fn holder(lease: &Lease) -> Option<&String> {
    lease
        .spec
        .as_ref()?
        .holder_identity
        .as_ref()
        .filter(|holder| !holder.is_empty())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;

    use super::{super::tests::config, *};

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

    #[tokio::test(start_paused = true)]
    async fn a_silent_holder_is_waited_out_from_when_it_was_last_heard() {
        let start = Instant::now();
        let mut observed = Observed::new(Some(lease("other", "1")));
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
        observed.see(None);
        assert_eq!(
            observed.free_at(&config()),
            Instant::now(),
            "and so is one that nobody held"
        );
        observed.see(Some(lease("other", "5")));
        observed.see(None);
        assert_eq!(
            observed.free_at(&config()),
            Instant::now() + Duration::from_secs(15),
            "whoever held a deleted lease may still act"
        );
    }
}
