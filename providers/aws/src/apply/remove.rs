//! How does something go? What is gone already is gone; what is still in use is waited for, not fought.

use std::{collections::BTreeSet, time::Duration};

use roadstead_core::{Error, ErrorKind};

use super::{Apply, Failure, Result, failure};
use crate::{
    NAME,
    api::TargetRef,
    ids::{Arn, GroupId},
    seen::{Rule, TargetState},
};

/// How soon to look again whether AWS let go of a security group: its network interfaces go within minutes.
const LET_GO: Duration = Duration::from_secs(10);

/// So many targets are deregistered with one call.
const CHUNK: usize = 200;

impl Apply<'_> {
    pub(super) async fn revoke(&self, group: &GroupId, rules: &BTreeSet<Rule>) -> Result<()> {
        let list: Vec<Rule> = rules.iter().cloned().collect();
        match self.attempt(self.calls.revoke(group, &list)).await {
            Ok(()) => {}
            Err(error) if error.is_code("InvalidPermission.NotFound") => {}
            Err(error) => {
                return Err(failure(
                    error,
                    format_args!("revoking rules of security group {group}"),
                ));
            }
        }
        self.mirror.edit_group(group, |there| {
            there.ingress.retain(|rule| !rules.contains(rule));
        });
        Ok(())
    }

    pub(super) async fn deregister(&self, arn: &Arn, targets: &BTreeSet<TargetRef>) -> Result<()> {
        let list: Vec<TargetRef> = targets.iter().cloned().collect();
        for chunk in list.chunks(CHUNK) {
            self.change(
                format!("deregistering targets of target group {arn}"),
                self.calls.deregister(arn, chunk),
            )
            .await?;
            self.mirror.edit_target_group(arn, |there| {
                for seen in there.targets.iter_mut().flatten() {
                    let left =
                        |target: &TargetRef| target.id == seen.id && target.port == seen.port;
                    if chunk.iter().any(left) {
                        seen.state = TargetState::Draining;
                    }
                }
                there.ours.retain(|target| !chunk.contains(target));
            });
        }
        Ok(())
    }

    pub(super) async fn delete_listener(&self, load_balancer: &Arn, arn: &Arn) -> Result<()> {
        match self.attempt(self.calls.delete_listener(arn)).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(failure(error, format_args!("deleting listener {arn}"))),
        }
        self.mirror.edit_load_balancer(load_balancer, |there| {
            if let Some(listeners) = &mut there.listeners {
                listeners.remove(arn);
            }
        });
        Ok(())
    }

    pub(super) async fn delete_target_group(&self, arn: &Arn, name: &str) -> Result<()> {
        match self.attempt(self.calls.delete_target_group(arn)).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                return Err(failure(error, format_args!("deleting target group {name}")));
            }
        }
        self.mirror.removed_target_group(arn);
        Ok(())
    }

    pub(super) async fn delete_load_balancer(&self, arn: &Arn, name: &str) -> Result<()> {
        match self.attempt(self.calls.delete_load_balancer(arn)).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => {
                return Err(failure(
                    error,
                    format_args!("deleting load balancer {name}"),
                ));
            }
        }
        self.mirror.removed_load_balancer(arn);
        Ok(())
    }

    pub(super) async fn delete_group(&self, id: &GroupId, name: &str) -> Result<()> {
        match self.attempt(self.calls.delete_security_group(id)).await {
            Ok(()) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) if error.is_code("DependencyViolation") => {
                return Err(Failure {
                    error: Error::new(
                        ErrorKind::Unavailable,
                        NAME,
                        format!("security group {name} is still in use by a load balancer on its way out"),
                    )
                    .with_retry_after(LET_GO),
                    surprised: false,
                });
            }
            Err(error) => {
                return Err(failure(
                    error,
                    format_args!("deleting security group {name}"),
                ));
            }
        }
        self.mirror.removed_group(id);
        Ok(())
    }

    pub(super) async fn remove_certificates(
        &self,
        arn: &Arn,
        certificates: &BTreeSet<String>,
    ) -> Result<()> {
        let list: Vec<String> = certificates.iter().cloned().collect();
        self.change(
            format!("removing certificates of listener {arn}"),
            self.calls.remove_listener_certificates(arn, &list),
        )
        .await?;
        let load_balancer = self.load_balancer()?;
        self.mirror.edit_load_balancer(&load_balancer, |there| {
            let listener = there.listeners.as_mut().and_then(|all| all.get_mut(arn));
            if let Some(known) = listener.and_then(|listener| listener.certificates.as_mut()) {
                known.retain(|certificate| !certificates.contains(certificate));
            }
        });
        Ok(())
    }
}
