//! Which permissions does a call need, on what, and what is known of it?

use std::{collections::BTreeMap, fmt};

use super::tags::{Tags, created, tags_of};
use crate::fault_proxy::{AwsService, Call};

/// One permission that a call needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// As in `elasticloadbalancing:CreateListener`.
    pub(super) action: String,
    /// An ARN; `*` where AWS knows the action on everything only.
    pub(super) resource: String,
    /// What conditions can ask for, by their keys.
    pub(super) context: BTreeMap<String, String>,
}

const ELB: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000";
const EC2: &str = "arn:aws:ec2:us-east-1:000000000000";

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            action,
            resource,
            context,
        } = self;
        write!(f, "{action} on {resource} with {context:?}")
    }
}

/// What `call` needs where objects have these `tags`. Nothing for what is gone, and for what is no call of ours.
pub(super) fn asked(call: &Call, tags: &Tags) -> Vec<Asked> {
    match call.service {
        AwsService::Elbv2 => elb(call, tags),
        AwsService::Ec2 => ec2(call, tags),
        AwsService::Sts
        | AwsService::Iam
        | AwsService::Acm
        | AwsService::Tagging
        | AwsService::Other => Vec::new(),
    }
}

fn elb(call: &Call, tags: &Tags) -> Vec<Asked> {
    let action = format!("elasticloadbalancing:{}", call.action);
    let request = requested(call);
    let name = call.param("Name").unwrap_or_default();
    let made = match call.action.as_str() {
        "CreateLoadBalancer" => Some(format!("{ELB}:loadbalancer/net/{name}/0")),
        "CreateTargetGroup" => Some(format!("{ELB}:targetgroup/{name}/0")),
        "CreateListener" => call
            .param("LoadBalancerArn")
            .map(|arn| format!("{}/0", arn.replace(":loadbalancer/", ":listener/"))),
        _ => None,
    };
    if let Some(made) = made {
        let on = call.param("LoadBalancerArn").unwrap_or(&made);
        let key = "elasticloadbalancing:CreateAction";
        let create = about(&action, on, &request, tags);
        return create
            .into_iter()
            .chain(tagging(call, "elasticloadbalancing:AddTags", &made, key))
            .collect();
    }
    if !call.mutates() {
        return vec![everything(action)];
    }
    if call.values("ResourceArns").next().is_some() {
        let all = call.values("ResourceArns");
        return all
            .filter_map(|arn| about(&action, arn, &request, tags))
            .collect();
    }
    let keys = ["ListenerArn", "TargetGroupArn", "LoadBalancerArn"];
    let on = keys.iter().find_map(|key| call.param(key));
    on.and_then(|arn| about(&action, arn, &request, tags))
        .into_iter()
        .collect()
}

fn ec2(call: &Call, tags: &Tags) -> Vec<Asked> {
    let action = format!("ec2:{}", call.action);
    let request = requested(call);
    if !call.mutates() {
        return vec![everything(action)];
    }
    if call.is("CreateSecurityGroup") {
        let made = format!("{EC2}:security-group/sg-0");
        let vpc = format!("{EC2}:vpc/{}", call.param("VpcId").unwrap_or_default());
        let group = about(&action, &made, &request, tags);
        let network = about(&action, &vpc, &BTreeMap::new(), tags);
        let tagging = tagging(call, "ec2:CreateTags", &made, "ec2:CreateAction");
        return group.into_iter().chain(network).chain(tagging).collect();
    }
    call.values("GroupId")
        .chain(call.values("ResourceId"))
        .filter_map(|id| {
            let of_it = tags.of(id)?;
            let mut asked = about(
                &action,
                &format!("{EC2}:security-group/{id}"),
                &request,
                tags,
            )?;
            asked.context.extend(resource(of_it));
            Some(asked)
        })
        .collect()
}

/// Permission to give what is being made its tags; nothing if it gets none.
fn tagging(call: &Call, action: &str, made: &str, key: &str) -> Option<Asked> {
    let mut context = requested(call);
    if context.is_empty() {
        return None;
    }
    context.insert(key.to_owned(), call.action.clone());
    Some(Asked {
        action: action.to_owned(),
        resource: made.to_owned(),
        context,
    })
}

fn everything(action: String) -> Asked {
    Asked {
        action,
        resource: "*".to_owned(),
        context: BTreeMap::new(),
    }
}

/// Permission on an object with the tags that it has; `None` if it is gone.
fn about(
    action: &str,
    arn: &str,
    request: &BTreeMap<String, String>,
    tags: &Tags,
) -> Option<Asked> {
    let mut context = request.clone();
    context.extend(resource(tags.of(arn)?));
    Some(Asked {
        action: action.to_owned(),
        resource: arn.to_owned(),
        context,
    })
}

/// The tags that a request carries, as conditions know them.
fn requested(call: &Call) -> BTreeMap<String, String> {
    let adds = created(call).is_some() || call.is("AddTags") || call.is("CreateTags");
    let tags = tags_of(call).into_iter().filter(|_| adds);
    tags.map(|(key, value)| (format!("aws:RequestTag/{key}"), value))
        .collect()
}

fn resource(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (String, String)> {
    tags.iter()
        .map(|(key, value)| (format!("aws:ResourceTag/{key}"), value.clone()))
}
