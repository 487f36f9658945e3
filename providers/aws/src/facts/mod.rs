//! What does EC2 look like around the load balancers? Facts that change seldom, asked once for all Services and kept for a
//! stated time. It changes nothing.

mod cached;
mod ec2;
mod failure;
mod groups;
mod members;
mod nodes;
mod subnets;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use roadstead_core::{ErrorKind, Target, Targets};

use self::{cached::Cached, members::Members};
pub(crate) use self::{
    cached::{Flights, Trust, lock},
    ec2::Ec2,
    failure::Failure,
    groups::NodeWish,
    nodes::instance_id,
    subnets::SubnetWish,
};
use crate::{
    ids::{GroupId, InstanceId, VpcId},
    seen::{InstanceSeen, PublicSubnets, SecurityGroupSeen, SubnetSeen, VpcSeen},
};

/// What EC2 was seen to be.
///
/// Several who want the same fact at once make one call. A failure is never kept, and what is missing is asked for again once
/// the answer is older than a few seconds ([`cached::RECENT`]): a subnet works as soon as it is tagged.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The VPC, once it is known or if it was given: for ever, nodes do not move.
    vpc: OnceLock<VpcId>,
    /// A VPC's address ranges: 10 minutes.
    ranges: Cached<VpcId, VpcSeen>,
    /// A VPC's subnets, with the kinds of their zones: 5 minutes.
    subnets: Cached<VpcId, Arc<[SubnetSeen]>>,
    /// Which subnets of a VPC are public: 5 minutes.
    routes: Cached<VpcId, Arc<PublicSubnets>>,
    /// Instances, with their interfaces: 10 minutes.
    instances: Cached<InstanceId, InstanceSeen>,
    /// The security groups with a tag `Name`: 5 minutes.
    named: Cached<(VpcId, String), BTreeSet<GroupId>>,
    /// Security groups by id, for their VPC and tags: 5 minutes.
    groups: Cached<GroupId, Arc<SecurityGroupSeen>>,
    /// Which clusters instances are for: an hour.
    members: Members,
}

const FIVE_MINUTES: Duration = Duration::from_mins(5);
const TEN_MINUTES: Duration = Duration::from_mins(10);

/// So many nodes are asked for their VPC at once: the values that one filter of `DescribeInstances` takes.
const ASKED_FOR_VPC: usize = 200;

// === impl Facts ===

impl Facts {
    /// Nothing known yet, but the VPC if it is given.
    pub(crate) fn new(vpc: Option<VpcId>) -> Self {
        Self {
            vpc: vpc.map_or_else(OnceLock::new, OnceLock::from),
            ranges: Cached::kept_for(TEN_MINUTES),
            subnets: Cached::kept_for(FIVE_MINUTES),
            routes: Cached::kept_for(FIVE_MINUTES),
            instances: Cached::kept_for(TEN_MINUTES),
            named: Cached::kept_for(FIVE_MINUTES),
            groups: Cached::kept_for(FIVE_MINUTES),
            members: Members::default(),
        }
    }

    /// The VPC of the load balancers: the one that was given, else that of the first node that is an EC2 instance.
    ///
    /// # Errors
    ///
    /// `Unavailable` while no node tells it; the message says how to give it.
    pub(crate) async fn vpc(
        &self,
        calls: &impl Ec2,
        targets: &Targets,
    ) -> roadstead_core::Result<VpcId> {
        if let Some(vpc) = self.vpc.get() {
            return Ok(vpc.clone());
        }
        let targets: &[Target] = targets.exactly().map_or(&[], AsRef::as_ref);
        let mut ids: Vec<InstanceId> = Vec::new();
        for target in targets {
            let id = target.provider_id.as_ref().and_then(instance_id);
            ids.extend(id.filter(|id| ids.len() < ASKED_FOR_VPC && !ids.contains(id)));
        }
        let seen = self.ask_instances(calls, &ids, Trust::Kept).await?;
        let found = ids.iter().find_map(|id| seen.get(id)?.vpc.clone());
        let unknown = || {
            let why = match (targets.len(), ids.len()) {
                (0, _) => "there is no node that tells it".to_owned(),
                (all, 0) => format!("none of the {all} targets is on an EC2 instance"),
                (_, all) => format!("EC2 knows none of the nodes' {all} instances"),
            };
            Failure::refused(
                ErrorKind::Unavailable,
                format!("the load balancer's VPC is not known: {why}; name it with --aws-vpc-id"),
            )
        };
        let found = found.ok_or_else(unknown)?;
        Ok(self.vpc.get_or_init(|| found).clone())
    }

    /// A VPC's address ranges.
    pub(crate) async fn ranges(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
    ) -> roadstead_core::Result<VpcSeen> {
        let asking = calls.clone();
        let asked = vpc.clone();
        let mut answers = self
            .ranges
            .get(slice(vpc), Trust::Kept, calls.priority(), |_| async move {
                let seen = asking.vpc(&asked).await;
                let seen = seen.map_err(|e| Failure::call(e, format!("reading {asked}")))?;
                Ok(vec![(asked, seen)])
            })
            .await?;
        Ok(answers.remove(vpc).ok_or_else(|| lost(vpc))?)
    }

    /// The subnets for a load balancer: one a zone; see [`SubnetWish`] for how they are chosen.
    ///
    /// # Errors
    ///
    /// `InvalidSpec` where only an edit of the Service helps; `Conflict` where none is fit: each is named with the reason, and
    /// what to do.
    pub(crate) async fn subnets(
        &self,
        calls: &impl Ec2,
        wish: &SubnetWish<'_>,
    ) -> roadstead_core::Result<Vec<SubnetSeen>> {
        match self.choose(calls, wish, Trust::Kept).await? {
            Ok(chosen) => Ok(chosen),
            // Perhaps one was tagged, or made, since AWS was asked.
            Err(_) => Ok(self.choose(calls, wish, Trust::Recent).await??),
        }
    }

    async fn choose(
        &self,
        calls: &impl Ec2,
        wish: &SubnetWish<'_>,
        trust: Trust,
    ) -> Result<Result<Vec<SubnetSeen>, Failure>, Failure> {
        let all = self.all_subnets(calls, wish.vpc, trust).await?;
        let public = if subnets::needs_routes(wish, &all) {
            Some(self.public_subnets(calls, wish.vpc, trust).await?)
        } else {
            None
        };
        Ok(subnets::choose(wish, &all, public.as_deref()))
    }

    async fn all_subnets(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        trust: Trust,
    ) -> Result<Arc<[SubnetSeen]>, Failure> {
        let asking = calls.clone();
        let asked = vpc.clone();
        let mut answers = self
            .subnets
            .get(slice(vpc), trust, calls.priority(), |_| async move {
                let seen = asking.subnets(&asked).await;
                let what = || format!("reading the subnets of {asked}");
                let seen = seen.map_err(|e| Failure::call(e, what()))?;
                Ok(vec![(asked, seen.into())])
            })
            .await?;
        answers.remove(vpc).ok_or_else(|| lost(vpc))
    }

    async fn public_subnets(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        trust: Trust,
    ) -> Result<Arc<PublicSubnets>, Failure> {
        let asking = calls.clone();
        let asked = vpc.clone();
        let mut answers = self
            .routes
            .get(slice(vpc), trust, calls.priority(), |_| async move {
                let seen = asking.public_subnets(&asked).await;
                let what = || format!("reading the routes of {asked}");
                let seen = seen.map_err(|e| Failure::call(e, what()))?;
                Ok(vec![(asked, Arc::new(seen))])
            })
            .await?;
        answers.remove(vpc).ok_or_else(|| lost(vpc))
    }

    async fn ask_instances(
        &self,
        calls: &impl Ec2,
        ids: &[InstanceId],
        trust: Trust,
    ) -> Result<HashMap<InstanceId, InstanceSeen>, Failure> {
        let asking = calls.clone();
        self.instances
            .get(ids, trust, calls.priority(), |ids| async move {
                let seen = asking.instances(&ids).await;
                let what = || format!("reading {} EC2 instances", ids.len());
                let seen = seen.map_err(|e| Failure::call(e, what()))?;
                Ok(seen.into_iter().map(|it| (it.id.clone(), it)).collect())
            })
            .await
    }
}

fn slice<T>(one: &T) -> &[T] {
    std::slice::from_ref(one)
}

/// What is asked for one key answers for that key, or fails.
fn lost(vpc: &VpcId) -> Failure {
    Failure::refused(
        ErrorKind::Internal,
        format!("the answer about {vpc} was lost; this is a bug, please report it"),
    )
}
