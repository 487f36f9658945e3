//! EC2's reads. Each is filtered, so that what does not exist is absent rather than an error.

use std::collections::HashMap;

use aws_sdk_ec2::types as sdk;

use super::{
    Admission, GroupFilter,
    answers::{self, all},
};
use crate::{
    api::{
        Calls,
        actions::Action,
        error::{Result, required},
    },
    ids::{GroupId, InstanceId, VpcId},
    seen::{InstanceSeen, PublicSubnets, SecurityGroupSeen, SubnetSeen, VpcSeen, ZoneType},
};

/// The largest page (EC2's `MaxResults`); of route tables it is 100.
const PAGE: i32 = 1000;
const ROUTE_TABLES_PAGE: i32 = 100;

/// How many values one filter may have (EC2's `Filters`).
const FILTER_VALUES: usize = 200;

impl Calls {
    /// A VPC.
    ///
    /// # Errors
    /// `InvalidVpcID.NotFound` if there is none.
    pub(crate) async fn vpc(&self, id: &VpcId) -> Result<VpcSeen> {
        const ACTION: Action = Action::DescribeVpcs;
        let request = self.ec2().describe_vpcs().vpc_ids(id.as_str());
        let answer = self.call(ACTION, || request.clone().send()).await?;
        let found = all(answer.vpcs).next();
        answers::vpc(ACTION, required(ACTION, "Vpcs", found)?)
    }

    /// All subnets of a VPC.
    pub(crate) async fn subnets(&self, vpc: &VpcId) -> Result<Vec<SubnetSeen>> {
        const ACTION: Action = Action::DescribeSubnets;
        let mut found = Vec::new();
        let mut token = None;
        let zones = self.zones().await?;
        loop {
            let request = self
                .ec2()
                .describe_subnets()
                .filters(filter("vpc-id", [vpc]))
                .max_results(PAGE)
                .set_next_token(token);
            let answer = self.call(ACTION, || request.clone().send()).await?;
            for subnet in all(answer.subnets) {
                found.push(answers::subnet(ACTION, subnet, zones)?);
            }
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }

    /// The region's zones: asked once in the process's life, they do not change their kind.
    async fn zones(&self) -> Result<&HashMap<String, ZoneType>> {
        self.known_zones()
            .get_or_try_init(|| async {
                let request = self.ec2().describe_availability_zones();
                let answer = self
                    .call(Action::DescribeAvailabilityZones, || request.clone().send())
                    .await?;
                Ok(all(answer.availability_zones)
                    .filter_map(answers::zone)
                    .collect())
            })
            .await
    }

    /// Which subnets of a VPC have a route to an internet gateway.
    pub(crate) async fn public_subnets(&self, vpc: &VpcId) -> Result<PublicSubnets> {
        let mut tables = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .ec2()
                .describe_route_tables()
                .filters(filter("vpc-id", [vpc]))
                .max_results(ROUTE_TABLES_PAGE)
                .set_next_token(token);
            let answer = self
                .call(Action::DescribeRouteTables, || request.clone().send())
                .await?;
            tables.extend(all(answer.route_tables));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(answers::public_subnets(tables));
            }
        }
    }

    /// Those of these instances that exist.
    pub(crate) async fn instances(&self, ids: &[InstanceId]) -> Result<Vec<InstanceSeen>> {
        const ACTION: Action = Action::DescribeInstances;
        let mut found = Vec::new();
        for chunk in ids.chunks(FILTER_VALUES) {
            let mut token = None;
            loop {
                let request = self
                    .ec2()
                    .describe_instances()
                    .filters(filter("instance-id", chunk))
                    .max_results(PAGE)
                    .set_next_token(token);
                let answer = self.call(ACTION, || request.clone().send()).await?;
                for reservation in all(answer.reservations) {
                    for instance in all(reservation.instances) {
                        found.push(answers::instance(ACTION, instance)?);
                    }
                }
                token = answer.next_token.filter(|token| !token.is_empty());
                if token.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Security groups and their ingress rules.
    pub(crate) async fn security_groups(
        &self,
        which: GroupFilter<'_>,
    ) -> Result<Vec<SecurityGroupSeen>> {
        let mut found = Vec::new();
        for filters in group_filters(&which) {
            for group in self.groups_by(filters).await? {
                found.push(answers::security_group(
                    Action::DescribeSecurityGroups,
                    group,
                )?);
            }
        }
        Ok(found)
    }

    /// The rules, of whatever group, that let in what carries `source`.
    pub(crate) async fn admissions(&self, source: &GroupId) -> Result<Vec<Admission>> {
        let mut found = Vec::new();
        let filters = vec![filter("ip-permission.group-id", [source])];
        for group in self.groups_by(filters).await? {
            found.extend(answers::admissions(
                Action::DescribeSecurityGroups,
                group,
                source,
            )?);
        }
        Ok(found)
    }

    async fn groups_by(&self, filters: Vec<sdk::Filter>) -> Result<Vec<sdk::SecurityGroup>> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self
                .ec2()
                .describe_security_groups()
                .set_filters(Some(filters.clone()))
                .max_results(PAGE)
                .set_next_token(token);
            let answer = self
                .call(Action::DescribeSecurityGroups, || request.clone().send())
                .await?;
            found.extend(all(answer.security_groups));
            token = answer.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// The filters of each call.
fn group_filters(which: &GroupFilter<'_>) -> Vec<Vec<sdk::Filter>> {
    match which {
        GroupFilter::Tagged { key, value } => {
            vec![vec![filter(&format!("tag:{key}"), [value])]]
        }
        GroupFilter::Ids(ids) => ids
            .chunks(FILTER_VALUES)
            .map(|chunk| vec![filter("group-id", chunk)])
            .collect(),
        GroupFilter::InVpcNamed { vpc, name } => {
            vec![vec![filter("vpc-id", [vpc]), filter("group-name", [name])]]
        }
        GroupFilter::InVpcTaggedName { vpc, names } => names
            .chunks(FILTER_VALUES)
            .map(|chunk| vec![filter("vpc-id", [vpc]), filter("tag:Name", chunk)])
            .collect(),
    }
}

fn filter<T: AsRef<str>>(name: &str, values: impl IntoIterator<Item = T>) -> sdk::Filter {
    let values = values
        .into_iter()
        .map(|value| value.as_ref().to_owned())
        .collect();
    sdk::Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}
