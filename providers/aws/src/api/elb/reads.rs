//! ELBv2's reads. Each call changes nothing at AWS.

use std::collections::{BTreeMap, HashMap};

use super::{
    Which,
    answers::{self, all},
};
use crate::{
    api::{
        Calls,
        actions::Action,
        error::{Result, required},
    },
    ids::Arn,
    seen::{ListenerSeen, LoadBalancerSeen, TargetGroupSeen, TargetSeen},
};

/// The largest page of a listing (ELBv2's `PageSize`).
const PAGE: i32 = 400;

/// How many ARNs or names one call may carry (ELBv2, `DescribeLoadBalancers` and `DescribeTags`).
pub(super) const BATCH: usize = 20;

impl Calls {
    /// The load balancers of the region, of whatever type.
    ///
    /// # Errors
    /// By ARN or name, one that does not exist fails all: `is_not_found`.
    pub(crate) async fn load_balancers(&self, which: Which<'_>) -> Result<Vec<LoadBalancerSeen>> {
        const ACTION: Action = Action::DescribeLoadBalancers;
        let mut found = Vec::new();
        for batch in batches(which) {
            let mut marker = None;
            loop {
                let request = match &batch {
                    Batch::All => self.elb().describe_load_balancers().page_size(PAGE),
                    Batch::Arns(arns) => self
                        .elb()
                        .describe_load_balancers()
                        .set_load_balancer_arns(Some(arns.clone())),
                    Batch::Names(names) => self
                        .elb()
                        .describe_load_balancers()
                        .set_names(Some(names.clone())),
                }
                .set_marker(marker);
                let answer = self.call(ACTION, || request.clone().send()).await?;
                for load_balancer in all(answer.load_balancers) {
                    found.push(answers::load_balancer(ACTION, load_balancer)?);
                }
                marker = answer.next_marker;
                if marker.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The target groups of the region, of whatever type.
    ///
    /// # Errors
    /// By ARN or name, one that does not exist fails all: `is_not_found`.
    pub(crate) async fn target_groups(&self, which: Which<'_>) -> Result<Vec<TargetGroupSeen>> {
        const ACTION: Action = Action::DescribeTargetGroups;
        let mut found = Vec::new();
        for batch in batches(which) {
            let mut marker = None;
            loop {
                let request = match &batch {
                    Batch::All => self.elb().describe_target_groups().page_size(PAGE),
                    Batch::Arns(arns) => self
                        .elb()
                        .describe_target_groups()
                        .set_target_group_arns(Some(arns.clone())),
                    Batch::Names(names) => self
                        .elb()
                        .describe_target_groups()
                        .set_names(Some(names.clone())),
                }
                .set_marker(marker);
                let answer = self.call(ACTION, || request.clone().send()).await?;
                for group in all(answer.target_groups) {
                    found.push(answers::target_group(ACTION, group)?);
                }
                marker = answer.next_marker;
                if marker.is_none() {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The listeners of a load balancer.
    pub(crate) async fn listeners(&self, load_balancer: &Arn) -> Result<Vec<ListenerSeen>> {
        const ACTION: Action = Action::DescribeListeners;
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            let request = self
                .elb()
                .describe_listeners()
                .load_balancer_arn(load_balancer.as_str())
                .set_marker(marker);
            let answer = self.call(ACTION, || request.clone().send()).await?;
            for listener in all(answer.listeners) {
                found.push(answers::listener(ACTION, listener)?);
            }
            marker = answer.next_marker;
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// A TLS listener's further certificates: those for server names (SNI), without the default one.
    pub(crate) async fn listener_certificates(&self, listener: &Arn) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut marker = None;
        loop {
            let request = self
                .elb()
                .describe_listener_certificates()
                .listener_arn(listener.as_str())
                .set_marker(marker);
            let answer = self
                .call(Action::DescribeListenerCertificates, || {
                    request.clone().send()
                })
                .await?;
            found.extend(
                all(answer.certificates)
                    .filter(|certificate| certificate.is_default != Some(true))
                    .filter_map(|certificate| certificate.certificate_arn),
            );
            marker = answer.next_marker;
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    /// The tags of load balancers, listeners and target groups. One that does not exist is absent.
    pub(crate) async fn tags(
        &self,
        arns: &[Arn],
    ) -> Result<HashMap<Arn, BTreeMap<String, String>>> {
        let mut found = HashMap::new();
        let mut asked: Vec<Vec<Arn>> = arns.chunks(BATCH).map(<[Arn]>::to_vec).collect();
        while let Some(mut chunk) = asked.pop() {
            match self.tags_of_all(&chunk, &mut found).await {
                Ok(()) => {}
                Err(error) if error.is_not_found() => {
                    // AWS names the one that is gone, or does not: then the halves are asked.
                    let before = chunk.len();
                    chunk.retain(|arn| !error.message().contains(arn.as_str()));
                    if chunk.len() == before {
                        let rest = chunk.split_off(before / 2);
                        if before > 1 {
                            asked.push(rest);
                        }
                    }
                    if !chunk.is_empty() {
                        asked.push(chunk);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    async fn tags_of_all(
        &self,
        arns: &[Arn],
        found: &mut HashMap<Arn, BTreeMap<String, String>>,
    ) -> Result<()> {
        const ACTION: Action = Action::DescribeTags;
        let request = self
            .elb()
            .describe_tags()
            .set_resource_arns(Some(texts(arns)));
        let answer = self.call(ACTION, || request.clone().send()).await?;
        for description in all(answer.tag_descriptions) {
            let arn = required(ACTION, "ResourceArn", description.resource_arn)?;
            found.insert(arn.into(), answers::tags(description.tags));
        }
        Ok(())
    }

    /// The targets registered with a group, and how they are.
    pub(crate) async fn target_health(&self, group: &Arn) -> Result<Vec<TargetSeen>> {
        const ACTION: Action = Action::DescribeTargetHealth;
        let request = self
            .elb()
            .describe_target_health()
            .target_group_arn(group.as_str());
        let answer = self.call(ACTION, || request.clone().send()).await?;
        all(answer.target_health_descriptions)
            .map(|target| answers::target(ACTION, target))
            .collect()
    }

    /// A load balancer's attributes.
    pub(crate) async fn load_balancer_attributes(
        &self,
        arn: &Arn,
    ) -> Result<BTreeMap<String, String>> {
        let request = self
            .elb()
            .describe_load_balancer_attributes()
            .load_balancer_arn(arn.as_str());
        let answer = self
            .call(Action::DescribeLoadBalancerAttributes, || {
                request.clone().send()
            })
            .await?;
        Ok(all(answer.attributes)
            .filter_map(|attribute| Some((attribute.key?, attribute.value.unwrap_or_default())))
            .collect())
    }

    /// A target group's attributes.
    pub(crate) async fn target_group_attributes(
        &self,
        arn: &Arn,
    ) -> Result<BTreeMap<String, String>> {
        let request = self
            .elb()
            .describe_target_group_attributes()
            .target_group_arn(arn.as_str());
        let answer = self
            .call(Action::DescribeTargetGroupAttributes, || {
                request.clone().send()
            })
            .await?;
        Ok(all(answer.attributes)
            .filter_map(|attribute| Some((attribute.key?, attribute.value.unwrap_or_default())))
            .collect())
    }

    /// A listener's attributes.
    pub(crate) async fn listener_attributes(&self, arn: &Arn) -> Result<BTreeMap<String, String>> {
        let request = self
            .elb()
            .describe_listener_attributes()
            .listener_arn(arn.as_str());
        let answer = self
            .call(Action::DescribeListenerAttributes, || {
                request.clone().send()
            })
            .await?;
        Ok(all(answer.attributes)
            .filter_map(|attribute| Some((attribute.key?, attribute.value.unwrap_or_default())))
            .collect())
    }

    /// The capacity units reserved for a load balancer; `None`: none.
    pub(crate) async fn capacity(&self, load_balancer: &Arn) -> Result<Option<u32>> {
        let request = self
            .elb()
            .describe_capacity_reservation()
            .load_balancer_arn(load_balancer.as_str());
        let answer = self
            .call(Action::DescribeCapacityReservation, || {
                request.clone().send()
            })
            .await?;
        Ok(answer
            .minimum_load_balancer_capacity
            .and_then(|capacity| capacity.capacity_units)
            .and_then(|units| units.try_into().ok())
            .filter(|units| *units > 0))
    }
}

/// What one call is asked for.
enum Batch {
    All,
    Arns(Vec<String>),
    Names(Vec<String>),
}

fn batches(which: Which<'_>) -> Vec<Batch> {
    match which {
        Which::All => vec![Batch::All],
        Which::Arns(arns) => arns
            .chunks(BATCH)
            .map(|chunk| Batch::Arns(texts(chunk)))
            .collect(),
        Which::Names(names) => names
            .chunks(BATCH)
            .map(|chunk| Batch::Names(chunk.to_vec()))
            .collect(),
    }
}

/// ARNs as the SDK takes them.
pub(super) fn texts(arns: &[Arn]) -> Vec<String> {
    arns.iter().map(ToString::to_string).collect()
}
