//! When is a Service that nobody edited looked at again? Compared with lists, with everything, and with how its targets fare.

use std::time::Duration;

use futures::future::try_join_all;
use roadstead_core::Result;
use tokio::time::Instant;

use crate::{
    api::Priority,
    apply::Failure,
    desired::Desired,
    details::{self, Depth},
    ensure::Looked,
    look::Wish,
    mirror::Checked,
    observed::Observed,
    provider::AwsProvider,
};

/// A listing that is younger will do for a comparison.
const FRESH: Duration = Duration::from_mins(2);

impl AwsProvider {
    /// Compares with a listing, or with everything, if that is due; true if something new may be known.
    pub(crate) async fn check(&self, wish: &Wish<'_>) -> Result<bool> {
        let owner = &wish.want.id.owner;
        let now = Instant::now();
        let Some(checked) = self.mirror.checked(owner) else {
            return Ok(false);
        };
        if checked.lightly.elapsed() < self.settings.check_interval {
            return Ok(false);
        }
        let deep = checked.deeply.elapsed() >= self.settings.deep_check_interval;
        let fresh = FRESH.min(self.settings.check_interval);
        let not_before = now.checked_sub(fresh).unwrap_or(now);
        self.refresh
            .since(not_before, Priority::Check, false)
            .await?;
        if deep {
            // The tags of all Services are read together, twenty with a call.
            let fresh = self.settings.deep_check_interval / 2;
            let not_before = now.checked_sub(fresh).unwrap_or(now);
            self.refresh
                .since(not_before, Priority::Check, true)
                .await?;
            let calls = self.api.calls(Priority::Check);
            self.mirror.distrust_settings(owner);
            let observed = self.mirror.observe(&wish.want.id);
            match details::read(&calls, &self.mirror, &observed, Depth::Deep).await {
                // Something is gone: the next look makes it anew.
                Ok(())
                | Err(Failure {
                    surprised: true, ..
                }) => {}
                Err(failure) => return Err(failure.error),
            }
            self.shared_check(&calls, wish).await?;
        }
        self.mirror.note_checked(
            owner,
            Checked {
                lightly: now,
                deeply: if deep { now } else { checked.deeply },
                ..checked
            },
        );
        Ok(true)
    }

    /// Asks how the targets fare if that is due; true if it was asked. Something that was just `changed` gets its time.
    pub(crate) async fn poll_health(
        &self,
        wish: &Wish<'_>,
        looked: &Looked,
        changed: bool,
    ) -> Result<bool> {
        let owner = &wish.want.id.owner;
        let now = Instant::now();
        let before = self.mirror.checked(owner);
        let checked = match before {
            None => Checked {
                lightly: now,
                deeply: now,
                health: now,
                // What was found was just read.
                health_every: if !changed && all_healthy(&looked.desired, &looked.observed) {
                    self.settings.health_interval
                } else {
                    self.settings.health_first
                },
            },
            Some(checked) if changed => Checked {
                health: now,
                health_every: self.settings.health_first,
                ..checked
            },
            Some(checked) => checked,
        };
        let due = !changed && before.is_some() && checked.health.elapsed() >= checked.health_every;
        if !due {
            self.mirror.note_checked(owner, checked);
            return Ok(false);
        }
        let calls = self.api.calls(Priority::Check);
        let groups = looked.observed.target_groups.iter();
        let reads = groups.map(|group| details::read_health(&calls, &self.mirror, group));
        match try_join_all(reads).await {
            Ok(_)
            | Err(Failure {
                surprised: true, ..
            }) => {}
            Err(failure) => return Err(failure.error),
        }
        if looked.course.waiting.is_some() {
            details::read_states(&calls, &self.mirror, &looked.observed).await?;
        }
        let every = if all_healthy(&looked.desired, &self.mirror.observe(&wish.want.id)) {
            self.settings.health_interval
        } else {
            (checked.health_every * 2).min(self.settings.health_interval)
        };
        self.mirror.note_checked(
            owner,
            Checked {
                health: now,
                health_every: every,
                ..checked
            },
        );
        Ok(true)
    }
}

fn all_healthy(desired: &Desired, observed: &Observed) -> bool {
    desired.target_groups.keys().all(|name| {
        observed.target_group(name).is_some_and(|group| {
            let count = group.registered_targets().count();
            count > 0 && group.healthy() == count
        })
    })
}
