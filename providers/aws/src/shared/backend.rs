//! Which security group is the backend group of a VPC? Found by its name and marks, made if there is none.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use roadstead_core::{ErrorKind, Step};

use super::{Shared, SharedSettings, overtaken};
use crate::{
    api::{Priority, ec2::GroupFilter},
    facts::{Ec2, Failure, lock},
    ids::{GroupId, VpcId},
    names,
    seen::{Rule, SecurityGroupSeen},
    tags::{self, Marks, Role},
};

/// A group that was found, and by which rules others let it in.
type Found = (GroupId, HashMap<GroupId, BTreeSet<Rule>>);

// === impl Shared ===

impl Shared {
    /// The backend group of `vpc`, made if there is none.
    pub(super) async fn backend(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        max_age: Option<Duration>,
        done: &mut Vec<Step>,
    ) -> Result<GroupId, Failure> {
        if let Some(known) = self.known(calls, vpc, max_age).await? {
            return Ok(known);
        }
        if self.make(calls, vpc).await? {
            done.push(self.made(vpc));
        }
        let made = lock(&self.state).backend(vpc, None);
        made.ok_or_else(|| overtaken("the security group that all load balancers share"))
    }

    /// The backend group of `vpc`, if there is one: as remembered, else as read.
    pub(super) async fn known(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        max_age: Option<Duration>,
    ) -> Result<Option<GroupId>, Failure> {
        let reading = {
            let mut state = lock(&self.state);
            if let Some(known) = state.backend(vpc, max_age) {
                return Ok(Some(known));
            }
            let mine = calls.priority();
            let suits = |(where_, theirs): &(VpcId, Priority)| where_ == vpc && *theirs <= mine;
            if let Some(flight) = state.readings.join(suits) {
                flight
            } else {
                let (calls, vpc) = (calls.clone(), vpc.clone());
                let (settings, memory) = (Arc::clone(&self.settings), Arc::clone(&self.state));
                let begun = state.moment();
                state.readings.start((vpc.clone(), mine), async move {
                    let found = settings.read(&calls, &vpc).await?;
                    let id = found.as_ref().map(|(id, _)| id.clone());
                    lock(&memory).learn_backend(begun, &vpc, found);
                    Ok(id)
                })
            }
        };
        reading.await
    }

    /// Makes the group; true for the one whose call it was.
    async fn make(&self, calls: &impl Ec2, vpc: &VpcId) -> Result<bool, Failure> {
        let (making, is_mine) = {
            let mut state = lock(&self.state);
            if state.backend(vpc, None).is_some() {
                // Somebody else was faster.
                return Ok(false);
            }
            if let Some(flight) = state.makings.join(|where_| where_ == vpc) {
                (flight, false)
            } else {
                let (calls, vpc) = (calls.clone(), vpc.clone());
                let (settings, memory) = (Arc::clone(&self.settings), Arc::clone(&self.state));
                let begun = state.moment();
                let flight = state.makings.start(vpc.clone(), async move {
                    let made = settings.make(&calls, &vpc).await?;
                    lock(&memory).learn_backend(begun, &vpc, Some(made));
                    Ok(())
                });
                (flight, true)
            }
        };
        making.await.map(|()| is_mine)
    }
}

// === impl SharedSettings ===

impl SharedSettings {
    async fn read(&self, calls: &impl Ec2, vpc: &VpcId) -> Result<Option<Found>, Failure> {
        let id = match &self.backend {
            Some(given) => self.given(calls, vpc, given).await?,
            None => match self.own(calls, vpc).await? {
                Some(group) => group.id,
                None => return Ok(None),
            },
        };
        let admissions = calls.admissions(&id).await;
        let what = || format!("reading which security groups let in {id}");
        let mut admitted: HashMap<GroupId, BTreeSet<Rule>> = HashMap::new();
        for admission in admissions.map_err(|e| Failure::call(e, what()))? {
            let rules = admitted.entry(admission.group).or_default();
            rules.insert(admission.rule);
        }
        Ok(Some((id, admitted)))
    }

    /// Checks that the group that the user gave is there.
    async fn given(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        given: &GroupId,
    ) -> Result<GroupId, Failure> {
        let which = GroupFilter::Ids(std::slice::from_ref(given));
        let found = calls.security_groups(which).await;
        let what = || format!("reading the security group {given}");
        let found = found.map_err(|e| Failure::call(e, what()))?;
        let wrong = match found.first() {
            Some(group) if group.vpc == *vpc => return Ok(given.clone()),
            Some(group) => format!("is in {}, the load balancer in {vpc}", group.vpc),
            None => "does not exist".to_owned(),
        };
        Err(Failure::refused(
            ErrorKind::Conflict,
            format!("the security group {given} of --aws-backend-security-group {wrong}"),
        ))
    }

    /// The group of our name, after a look at whose it is.
    async fn own(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
    ) -> Result<Option<SecurityGroupSeen>, Failure> {
        let name = names::backend_group(&self.cluster);
        let which = GroupFilter::InVpcNamed { vpc, name: &name };
        let found = calls.security_groups(which).await;
        let what = || format!("looking for the security group {name} in {vpc}");
        let found = found.map_err(|e| Failure::call(e, what()))?;
        match found.into_iter().next() {
            Some(group) if self.is_ours(&group) => Ok(Some(group)),
            Some(group) => Err(Failure::refused(
                ErrorKind::Conflict,
                format!(
                    "the security group {} in {vpc} has the name {name}, but not the tags {} and {} of this cluster's: it is somebody else's; remove it, or name another one for all load balancers with --aws-backend-security-group",
                    group.id,
                    tags::CLUSTER,
                    tags::ROLE
                ),
            )),
            None => Ok(None),
        }
    }

    /// Whether the group is this cluster's backend group.
    pub(super) fn is_ours(&self, group: &SecurityGroupSeen) -> bool {
        Marks::read(&group.tags).is_some_and(|marks| {
            marks.cluster == self.cluster && marks.role == Some(Role::BackendGroup)
        })
    }

    async fn make(&self, calls: &impl Ec2, vpc: &VpcId) -> Result<Found, Failure> {
        let name = names::backend_group(&self.cluster);
        let made = calls
            .create_security_group(&name, &self.description(), vpc, &self.all_tags())
            .await;
        match made {
            // Nobody can have let in what did not exist.
            Ok(id) => Ok((id, HashMap::new())),
            Err(error) if error.is_code("InvalidGroup.Duplicate") => {
                let hidden = || {
                    Failure::refused(
                        ErrorKind::Unavailable,
                        format!(
                            "the security group {name} was made in {vpc}, but AWS does not show it yet"
                        ),
                    )
                };
                self.read(calls, vpc).await?.ok_or_else(hidden)
            }
            Err(error) => Err(Failure::call(
                error,
                format!("creating the security group {name} in {vpc}"),
            )),
        }
    }

    fn all_tags(&self) -> BTreeMap<String, String> {
        let marks = Marks {
            cluster: self.cluster.clone(),
            owner: None,
            service: None,
            role: Some(Role::BackendGroup),
            slot: None,
            cluster_name: self.cluster_name.clone(),
            settings: None,
            retire_at: None,
        };
        let name = names::backend_group(&self.cluster);
        let mut all = self.tags.clone();
        all.entry(tags::NAME.to_owned()).or_insert(name);
        all.extend(marks.write());
        all
    }
}
