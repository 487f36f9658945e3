//! EC2's changes. None is repeated here: whether a lost one took effect is for the next look to find out.

use std::collections::BTreeMap;

use aws_sdk_ec2::types as sdk;

use super::answers::permissions;
use crate::{
    api::{
        Calls,
        actions::Action,
        error::{Result, required},
    },
    ids::{GroupId, VpcId},
    seen::Rule,
};

impl Calls {
    /// Creates a security group, tagged from the first moment.
    ///
    /// # Errors
    /// `InvalidGroup.Duplicate` if the VPC has one of this name.
    pub(crate) async fn create_security_group(
        &self,
        name: &str,
        description: &str,
        vpc: &VpcId,
        tags: &BTreeMap<String, String>,
    ) -> Result<GroupId> {
        const ACTION: Action = Action::CreateSecurityGroup;
        let specification = (!tags.is_empty()).then(|| {
            vec![
                sdk::TagSpecification::builder()
                    .resource_type(sdk::ResourceType::SecurityGroup)
                    .set_tags(Some(self::tags(tags)))
                    .build(),
            ]
        });
        let request = self
            .ec2()
            .create_security_group()
            .group_name(name)
            .description(description)
            .vpc_id(vpc.as_str())
            .set_tag_specifications(specification);
        let answer = self.call(ACTION, || request.clone().send()).await?;
        Ok(required(ACTION, "GroupId", answer.group_id)?.into())
    }

    /// Lets in what these rules say. EC2 keeps the description beside each.
    ///
    /// # Errors
    /// `InvalidPermission.Duplicate` if one of them exists; then none is added.
    pub(crate) async fn authorize(
        &self,
        group: &GroupId,
        rules: &[Rule],
        description: &str,
    ) -> Result<()> {
        let request = self
            .ec2()
            .authorize_security_group_ingress()
            .group_id(group.as_str())
            .set_ip_permissions(Some(permissions(rules, Some(description))));
        self.call(Action::AuthorizeSecurityGroupIngress, || {
            request.clone().send()
        })
        .await?;
        Ok(())
    }

    /// Takes these rules away; one that does not exist is no error in a VPC.
    pub(crate) async fn revoke(&self, group: &GroupId, rules: &[Rule]) -> Result<()> {
        self.revoke_described(group, rules, None).await
    }

    /// Takes rules away that have this description. EC2 goes by the rule alone; an imitation of it may not.
    pub(crate) async fn revoke_described(
        &self,
        group: &GroupId,
        rules: &[Rule],
        description: Option<&str>,
    ) -> Result<()> {
        let request = self
            .ec2()
            .revoke_security_group_ingress()
            .group_id(group.as_str())
            .set_ip_permissions(Some(permissions(rules, description)));
        self.call(Action::RevokeSecurityGroupIngress, || {
            request.clone().send()
        })
        .await?;
        Ok(())
    }

    /// Deletes a security group.
    ///
    /// # Errors
    /// `DependencyViolation` while anything uses it: a deleted load balancer's interfaces do for minutes.
    pub(crate) async fn delete_security_group(&self, id: &GroupId) -> Result<()> {
        let request = self.ec2().delete_security_group().group_id(id.as_str());
        self.call(Action::DeleteSecurityGroup, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Sets tags of an EC2 object; others stay.
    pub(crate) async fn create_ec2_tags(
        &self,
        id: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let request = self
            .ec2()
            .create_tags()
            .resources(id)
            .set_tags(Some(self::tags(tags)));
        self.call(Action::CreateTags, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Takes tags of an EC2 object away, whatever their values.
    pub(crate) async fn delete_ec2_tags(&self, id: &str, keys: &[String]) -> Result<()> {
        let keys = keys
            .iter()
            .map(|key| sdk::Tag::builder().key(key).build())
            .collect();
        let request = self.ec2().delete_tags().resources(id).set_tags(Some(keys));
        self.call(Action::DeleteTags, || request.clone().send())
            .await?;
        Ok(())
    }
}

fn tags(wanted: &BTreeMap<String, String>) -> Vec<sdk::Tag> {
    wanted
        .iter()
        .map(|(key, value)| sdk::Tag::builder().key(key).value(value).build())
        .collect()
}
