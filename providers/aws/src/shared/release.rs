//! What becomes of the backend group when the last load balancer of the cluster is gone? It goes, and our rules before it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Collected, Shared, SharedSettings, Watermark, rules::Told};
use crate::{
    api::ec2::{Admission, GroupFilter},
    facts::{Ec2, Failure, lock},
    ids::GroupId,
    seen::Rule,
    tags::{self, Role},
};

// === impl Shared ===

impl Shared {
    /// How many load balancers had begun to need the group. To be taken before looking whether there are any.
    pub(crate) fn watermark(&self) -> Watermark {
        lock(&self.state).watermark()
    }

    /// Takes our rules off the nodes' groups and deletes the backend group, also one that an earlier process left.
    ///
    /// To be called when the cluster has no load balancer any more; `since` is the [watermark](Self::watermark) from before that
    /// was looked up. If a load balancer began to need the group since then, or is being made, nothing is done.
    ///
    /// A group that the user gave is not deleted; of its rules those go that we made. Costs one call if nothing is left.
    pub(crate) async fn release(
        &self,
        calls: &impl Ec2,
        since: Watermark,
    ) -> roadstead_core::Result<Collected> {
        let flight = {
            let mut state = lock(&self.state);
            if let Some(flight) = state.releasing.join(|()| true) {
                flight
            } else if state.is_held() || state.watermark() != since {
                return Ok(Collected::InUse(
                    "a load balancer is being made that needs the shared security group".to_owned(),
                ));
            } else {
                // From here on an ensure waits, and then looks anew.
                state.forget();
                let calls = calls.clone();
                let (settings, memory) = (Arc::clone(&self.settings), Arc::clone(&self.state));
                state.releasing.start((), async move {
                    let collected = settings.collect(&calls).await;
                    lock(&memory).forget();
                    collected
                })
            }
        };
        Ok(flight.await?)
    }

    /// Waits until a release under way is over, however it ends.
    pub(super) async fn after_release(&self) {
        let releasing = lock(&self.state).releasing.join(|()| true);
        if let Some(releasing) = releasing {
            // Its outcome is for whoever asked for it.
            let _ = releasing.await;
        }
    }
}

// === impl SharedSettings ===

impl SharedSettings {
    async fn collect(&self, calls: &impl Ec2) -> Result<Collected, Failure> {
        if let Some(given) = &self.backend {
            self.withdraw(calls, given).await?;
            return Ok(Collected::Gone);
        }
        let which = GroupFilter::Tagged {
            key: tags::ROLE,
            value: Role::BackendGroup.as_str(),
        };
        let found = calls.security_groups(which).await;
        let what = "looking for the security group that load balancers shared";
        let mut in_use = Vec::new();
        for group in found.map_err(|e| Failure::call(e, what))? {
            if self.is_ours(&group) {
                in_use.extend(self.delete(calls, &group.id).await?);
            }
        }
        if in_use.is_empty() {
            Ok(Collected::Gone)
        } else {
            Ok(Collected::InUse(in_use.join("; ")))
        }
    }

    /// Deletes the group; what it waits for, if it cannot yet.
    async fn delete(&self, calls: &impl Ec2, id: &GroupId) -> Result<Option<String>, Failure> {
        let foreign = self.withdraw(calls, id).await?;
        if !foreign.is_empty() {
            return Ok(Some(format!(
                "the shared security group {id} is let in by rules that are not Roadstead's, remove them: {}",
                told(&foreign)
            )));
        }
        match calls.delete_security_group(id).await {
            Ok(()) => {
                tracing::info!(group = %id, "deleted the security group that load balancers shared");
                Ok(None)
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) if error.is_code("DependencyViolation") => Ok(Some(format!(
                "the shared security group {id} is still used: a load balancer's network interfaces go away some minutes after it"
            ))),
            Err(error) => Err(Failure::call(
                error,
                format!("deleting the security group {id} that load balancers shared"),
            )),
        }
    }

    /// Takes our rules away by which others let `backend` in; those that are not ours are left and returned.
    async fn withdraw(
        &self,
        calls: &impl Ec2,
        backend: &GroupId,
    ) -> Result<BTreeMap<GroupId, BTreeSet<Rule>>, Failure> {
        let admissions = calls.admissions(backend).await;
        let what = || format!("reading which security groups let in {backend}");
        let description = self.description();
        let (ours, foreign): (Vec<_>, Vec<_>) = admissions
            .map_err(|e| Failure::call(e, what()))?
            .into_iter()
            .partition(|it| it.description.as_deref() == Some(description.as_str()));
        for (group, rules) in by_group(ours) {
            let list: Vec<Rule> = rules.iter().cloned().collect();
            match calls.revoke(&group, &list, &description).await {
                Ok(()) => tracing::info!(
                    %group, rules = %Told(&rules), "took the load balancers' rules off the nodes"
                ),
                Err(error) if is_gone(&error) => {}
                Err(error) => {
                    return Err(Failure::call(
                        error,
                        format!(
                            "taking the load balancers' rules off the nodes' security group {group}"
                        ),
                    ));
                }
            }
        }
        Ok(by_group(foreign))
    }
}

fn is_gone(error: &crate::api::Error) -> bool {
    error.is_not_found() || error.is_code("InvalidPermission.NotFound")
}

fn by_group(admissions: Vec<Admission>) -> BTreeMap<GroupId, BTreeSet<Rule>> {
    let mut groups: BTreeMap<GroupId, BTreeSet<Rule>> = BTreeMap::new();
    for admission in admissions {
        let rules = groups.entry(admission.group).or_default();
        rules.insert(admission.rule);
    }
    groups
}

fn told(groups: &BTreeMap<GroupId, BTreeSet<Rule>>) -> String {
    let each: Vec<String> = groups
        .iter()
        .map(|(group, rules)| format!("{} in {group}", Told(rules)))
        .collect();
    each.join("; ")
}
