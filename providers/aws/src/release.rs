//! How does everything of a Service go? Load balancers first, then what they used; what AWS still holds on to is waited for.

use std::time::Duration;

use futures::future::join_all;
use roadstead_core::{LoadBalancerId, OwnerUid, Released, Result};
use tokio::time::Instant;

use crate::{
    api::{self, Calls, Priority},
    apply::{attempt, failure},
    observed::Observed,
    provider::AwsProvider,
    shared::Collected,
};

/// How soon to look again for a target group that a deleted load balancer still holds.
const SOON: Duration = Duration::from_secs(2);
/// How soon to look again for a security group whose network interfaces are on their way out: up to minutes.
const INTERFACES: Duration = Duration::from_secs(10);
/// How soon to look again for what only a person can end.
const PATIENCE: Duration = Duration::from_mins(1);

/// What keeps something from going.
type Held = Option<(String, Duration)>;

impl AwsProvider {
    pub(crate) async fn remove(&self, id: &LoadBalancerId) -> Result<Released> {
        let calls = self.api.calls(Priority::Release);
        let doubted = self.mirror.doubted(&id.owner);
        if let Some(ago) = doubted {
            let after = Instant::now().checked_sub(ago);
            self.list_for_release(id, after.unwrap_or_else(Instant::now))
                .await?;
        } else {
            self.refresh.once(Priority::Release).await?;
        }
        let observed = self.mirror.observe(id);
        if observed.is_empty() {
            if let Some(held) = self.remove_shared(&calls, id).await? {
                return Ok(in_progress(held));
            }
            return Ok(self.gone(id, doubted));
        }
        if let Some(held) = self.remove_all(&calls, id, &observed).await? {
            return Ok(in_progress(held));
        }
        Ok(self.gone(id, None))
    }

    async fn list_for_release(&self, id: &LoadBalancerId, not_before: Instant) -> Result<()> {
        self.refresh
            .since(not_before, Priority::Release, false)
            .await?;
        self.mirror.trust(&id.owner);
        Ok(())
    }

    async fn remove_all(
        &self,
        calls: &Calls,
        id: &LoadBalancerId,
        observed: &Observed,
    ) -> Result<Held> {
        let Observed {
            load_balancers,
            target_groups,
            frontends,
            backend: _,
        } = observed;
        let balancers = load_balancers.iter().map(async |there| {
            let (arn, name) = (&there.seen.arn, &there.seen.name);
            let call = attempt(&self.mirror, &id.owner, calls.delete_load_balancer(arn));
            self.removed(
                call.await,
                &id.owner,
                &format!("load balancer {name}"),
                || {
                    self.mirror.removed_load_balancer(arn);
                },
            )
        });
        if let Some(held) = first(join_all(balancers).await)? {
            return Ok(Some(held));
        }
        let groups = target_groups.iter().map(async |there| {
            let (arn, name) = (&there.seen.arn, &there.seen.name);
            let call = attempt(&self.mirror, &id.owner, calls.delete_target_group(arn));
            self.removed(
                call.await,
                &id.owner,
                &format!("target group {name}"),
                || {
                    self.mirror.removed_target_group(arn);
                },
            )
        });
        if let Some(held) = first(join_all(groups).await)? {
            return Ok(Some(held));
        }
        // Before the last thing that names the Service: what is left behind is found by it.
        if let Some(held) = self.remove_shared(calls, id).await? {
            return Ok(Some(held));
        }
        let frontends = frontends.iter().map(async |there| {
            let call = attempt(
                &self.mirror,
                &id.owner,
                calls.delete_security_group(&there.id),
            );
            self.removed(
                call.await,
                &id.owner,
                &format!("security group {}", there.name),
                || self.mirror.removed_group(&there.id),
            )
        });
        first(join_all(frontends).await)
    }

    /// What all load balancers share goes with the last one.
    async fn remove_shared(&self, calls: &Calls, id: &LoadBalancerId) -> Result<Held> {
        let since = self.shared.watermark();
        if self.mirror.load_balancers_besides(&id.owner) > 0 {
            return Ok(None);
        }
        match self.shared.release(calls, since).await? {
            Collected::Gone => Ok(None),
            Collected::InUse(what) => Ok(Some((what, INTERFACES))),
        }
    }

    /// Reads AWS's answer to a deletion.
    fn removed(
        &self,
        answer: api::Result<()>,
        owner: &OwnerUid,
        what: &str,
        gone: impl FnOnce(),
    ) -> Result<Held> {
        let error = match answer {
            Ok(()) => {
                gone();
                return Ok(None);
            }
            Err(error) if error.is_not_found() => {
                // AWS says clearly what became of it.
                self.mirror.trust(owner);
                gone();
                return Ok(None);
            }
            Err(error) => error,
        };
        let held = match error.code() {
            Some("OperationNotPermitted") => (
                format!(
                    "the deletion protection of {what} to be switched off: set deletion_protection.enabled to false in the \
                     console, or with aws elbv2 modify-load-balancer-attributes"
                ),
                PATIENCE,
            ),
            Some("ResourceInUse") if what.starts_with("load balancer") => (
                format!(
                    "{what}, which is in use by a VPC endpoint service or another AWS service; remove that first"
                ),
                PATIENCE,
            ),
            Some("ResourceInUse") => (format!("AWS to let go of {what}"), SOON),
            Some("DependencyViolation") => (
                format!("the network interfaces of the load balancer to go, which hold {what}"),
                INTERFACES,
            ),
            _ => return Err(failure(error, format_args!("deleting {what}")).error),
        };
        Ok(Some(held))
    }

    /// Nothing of the Service is left, as far as AWS shows.
    fn gone(&self, id: &LoadBalancerId, doubted: Option<Duration>) -> Released {
        if let Some(ago) = doubted.filter(|ago| *ago < self.settings.settle) {
            // Something that AWS does not show yet may have been made.
            self.mirror.doubt_again(&id.owner, ago);
            return in_progress((
                "AWS to show whether the last call took effect".to_owned(),
                self.settings.settle.saturating_sub(ago),
            ));
        }
        self.mirror.forget(&id.owner);
        Released::Gone
    }
}

fn in_progress((waiting_for, retry_after): (String, Duration)) -> Released {
    Released::InProgress {
        waiting_for,
        retry_after,
    }
}

/// The first failure, or else the first thing that is waited for.
fn first(results: Vec<Result<Held>>) -> Result<Held> {
    let held: Result<Vec<Held>> = results.into_iter().collect();
    Ok(held?.into_iter().flatten().next())
}
