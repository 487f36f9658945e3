//! What do facts and shared groups need of EC2? The calls as a trait, so that tests put a world of their own in AWS's place.

use std::{collections::BTreeMap, fmt};

use crate::{
    api::{
        Calls, Priority,
        ec2::{Admission, GroupFilter},
        error::Result,
    },
    ids::{GroupId, InstanceId, VpcId},
    seen::{InstanceSeen, PublicSubnets, Rule, SecurityGroupSeen, SubnetSeen, VpcSeen},
};

/// EC2's calls, made for one reason. Their contract is that of [`Calls`].
pub(crate) trait Ec2: Clone + fmt::Debug + Send + Sync + 'static {
    /// Why they are made.
    fn priority(&self) -> Priority;

    /// A VPC.
    fn vpc(&self, id: &VpcId) -> impl Future<Output = Result<VpcSeen>> + Send;

    /// All subnets of a VPC.
    fn subnets(&self, vpc: &VpcId) -> impl Future<Output = Result<Vec<SubnetSeen>>> + Send;

    /// Which of them have a route to an internet gateway.
    fn public_subnets(&self, vpc: &VpcId) -> impl Future<Output = Result<PublicSubnets>> + Send;

    /// Those of these instances that exist.
    fn instances(
        &self,
        ids: &[InstanceId],
    ) -> impl Future<Output = Result<Vec<InstanceSeen>>> + Send;

    /// Security groups.
    fn security_groups(
        &self,
        which: GroupFilter<'_>,
    ) -> impl Future<Output = Result<Vec<SecurityGroupSeen>>> + Send;

    /// The rules, of whatever group, that let in what carries `source`.
    fn admissions(&self, source: &GroupId) -> impl Future<Output = Result<Vec<Admission>>> + Send;

    /// Creates a security group.
    fn create_security_group(
        &self,
        name: &str,
        description: &str,
        vpc: &VpcId,
        tags: &BTreeMap<String, String>,
    ) -> impl Future<Output = Result<GroupId>> + Send;

    /// Adds rules: all of them or none.
    fn authorize(
        &self,
        group: &GroupId,
        rules: &[Rule],
        description: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Takes rules away that have this description.
    fn revoke(
        &self,
        group: &GroupId,
        rules: &[Rule],
        description: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes a security group.
    fn delete_security_group(&self, id: &GroupId) -> impl Future<Output = Result<()>> + Send;
}

impl Ec2 for Calls {
    fn priority(&self) -> Priority {
        Self::priority(self)
    }

    async fn vpc(&self, id: &VpcId) -> Result<VpcSeen> {
        Self::vpc(self, id).await
    }

    async fn subnets(&self, vpc: &VpcId) -> Result<Vec<SubnetSeen>> {
        Self::subnets(self, vpc).await
    }

    async fn public_subnets(&self, vpc: &VpcId) -> Result<PublicSubnets> {
        Self::public_subnets(self, vpc).await
    }

    async fn instances(&self, ids: &[InstanceId]) -> Result<Vec<InstanceSeen>> {
        Self::instances(self, ids).await
    }

    async fn security_groups(&self, which: GroupFilter<'_>) -> Result<Vec<SecurityGroupSeen>> {
        Self::security_groups(self, which).await
    }

    async fn admissions(&self, source: &GroupId) -> Result<Vec<Admission>> {
        Self::admissions(self, source).await
    }

    async fn create_security_group(
        &self,
        name: &str,
        description: &str,
        vpc: &VpcId,
        tags: &BTreeMap<String, String>,
    ) -> Result<GroupId> {
        Self::create_security_group(self, name, description, vpc, tags).await
    }

    async fn authorize(&self, group: &GroupId, rules: &[Rule], description: &str) -> Result<()> {
        Self::authorize(self, group, rules, description).await
    }

    async fn revoke(&self, group: &GroupId, rules: &[Rule], description: &str) -> Result<()> {
        self.revoke_described(group, rules, Some(description)).await
    }

    async fn delete_security_group(&self, id: &GroupId) -> Result<()> {
        Self::delete_security_group(self, id).await
    }
}
