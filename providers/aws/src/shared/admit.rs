//! How does a node group come to let the backend group in? One call for all rules that are missing, whoever misses them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use roadstead_core::{ErrorKind, Step};

use super::{Shared, SharedSettings, overtaken, rules::Told, state::State};
use crate::{
    facts::{Ec2, Failure, lock},
    ids::{GroupId, VpcId},
    seen::Rule,
};

// === impl Shared ===

impl Shared {
    /// Adds to `group` what it lacks of `wanted`.
    pub(super) async fn admit(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        backend: &GroupId,
        group: &GroupId,
        wanted: &BTreeSet<Rule>,
        done: &mut Vec<Step>,
    ) -> Result<(), Failure> {
        loop {
            let (flight, mine) = {
                let mut state = lock(&self.state);
                let missing = state
                    .missing(vpc, backend, group, wanted)
                    .ok_or_else(|| overtaken(&format!("the security group {backend}")))?;
                if missing.is_empty() {
                    return Ok(());
                }
                let key = (backend.clone(), group.clone());
                if let Some(flight) = state.admitting.join(|theirs| *theirs == key) {
                    (flight, None)
                } else {
                    let call = Admitting {
                        settings: Arc::clone(&self.settings),
                        memory: Arc::clone(&self.state),
                        vpc: vpc.clone(),
                        backend: backend.clone(),
                        group: group.clone(),
                        rules: missing.clone(),
                    };
                    let flight = state.admitting.start(key, call.make(calls.clone()));
                    (flight, Some(missing))
                }
            };
            flight.await?;
            if let Some(added) = mine {
                done.push(self.admitted(group, &added));
            }
        }
    }
}

/// Rules on their way into a node group.
struct Admitting {
    settings: Arc<SharedSettings>,
    memory: Arc<Mutex<State>>,
    vpc: VpcId,
    backend: GroupId,
    group: GroupId,
    rules: BTreeSet<Rule>,
}

impl Admitting {
    async fn make(self, calls: impl Ec2) -> Result<(), Failure> {
        let Self { memory, rules, .. } = &self;
        let all: Vec<Rule> = rules.iter().cloned().collect();
        if !self.authorize(&calls, &all).await? && all.len() > 1 {
            // One of them is there already, so none was added: one by one.
            for rule in &all {
                self.authorize(&calls, std::slice::from_ref(rule)).await?;
            }
        }
        lock(memory).learn_admitted(&self.vpc, &self.backend, &self.group, rules);
        Ok(())
    }

    /// False if one of the rules is there already.
    async fn authorize(&self, calls: &impl Ec2, rules: &[Rule]) -> Result<bool, Failure> {
        let Self { backend, group, .. } = self;
        let description = self.settings.description();
        let Err(error) = calls.authorize(group, rules, &description).await else {
            return Ok(true);
        };
        if error.is_code("InvalidPermission.Duplicate") {
            return Ok(false);
        }
        if error.is_code("RulesPerSecurityGroupLimitExceeded") {
            return Err(Failure::refused(
                ErrorKind::Quota,
                format!(
                    "the nodes' security group {group} has no room for the rules that let load balancers in ({} from {backend}); remove rules from it, raise the quota \"Inbound or outbound rules per security group\" in AWS Service Quotas, or name another group of the nodes with --aws-node-security-group",
                    Told(&self.rules)
                ),
            ));
        }
        if error.is_not_found() {
            // One of the two is gone; which one, the next look tells.
            let mut memory = lock(&self.memory);
            memory.forget();
            memory.doubt_nodes();
        }
        Err(Failure::call(
            error,
            format!(
                "letting the load balancers' security group {backend} into the nodes' security group {group}"
            ),
        ))
    }
}
