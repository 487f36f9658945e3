//! How do people read a step? Every step in one line, beside the others. Pure.

use std::fmt;

use roadstead_core::{Action, Step as ToldStep};

use super::{
    step::{Group, Step},
    texts::{
        Enforce, Families, GroupsText, HealthCheckText, Pairs, Rules, TaggedText, TargetsText,
        VariantText, Words, listener_text,
    },
};

// === impl Step ===

impl Step {
    /// The step as people read it; `None`: it is nothing to them.
    #[expect(
        clippy::too_many_lines,
        reason = "a line or two a step, and every step beside the others"
    )]
    pub(crate) fn told(&self) -> Option<ToldStep> {
        let (action, what) = match self {
            Self::CreateGroup(group) => (
                Action::Create,
                format!("security group {} for {}", group.name, Rules(&group.rules)),
            ),
            Self::Mark { .. }
            | Self::Authorize {
                group: Group::New(_),
                ..
            } => return None,
            Self::Authorize {
                group: Group::There(_, name),
                rules,
            } => (
                Action::Change,
                format!("security group {name}: admit {}", Rules(rules)),
            ),
            Self::Revoke {
                name,
                rules,
                group: _,
            } => (
                Action::Change,
                format!("security group {name}: no longer admit {}", Rules(rules)),
            ),
            Self::CreateTargetGroup { name, group } => (
                Action::Create,
                format!(
                    "target group {name} for port {} ({}, {} targets)",
                    group.listener_port, group.protocol, group.target_type
                ),
            ),
            Self::ChangeHealthCheck {
                name,
                health_check,
                arn: _,
            } => (
                Action::Change,
                format!(
                    "target group {name}: health check {}",
                    HealthCheckText(health_check)
                ),
            ),
            Self::ChangeTargetGroupAttributes { name, attributes } => (
                Action::Change,
                format!("target group {name}: {}", Pairs(attributes)),
            ),
            Self::Register {
                name,
                port,
                targets,
            } => (
                Action::Change,
                format!(
                    "target group {name} for port {port}: register {}",
                    TargetsText(targets)
                ),
            ),
            Self::Deregister {
                name,
                port,
                targets,
                arn: _,
            } => (
                Action::Change,
                format!(
                    "target group {name} for port {port}: deregister {}",
                    TargetsText(targets)
                ),
            ),
            Self::CreateLoadBalancer {
                variant,
                name,
                replaces,
                settings: _,
            } => match replaces {
                None => (
                    Action::Create,
                    format!("load balancer {name} ({})", VariantText(*variant)),
                ),
                Some(why) => (
                    Action::Replace,
                    format!(
                        "load balancer: {name} ({}) is made, {why}",
                        VariantText(*variant)
                    ),
                ),
            },
            Self::SetSubnets {
                name,
                how,
                ip_address_type,
                ..
            } => (
                Action::Change,
                format!("load balancer {name}: {}{how}", Families(*ip_address_type)),
            ),
            Self::SetGroups {
                name,
                groups,
                enforce,
                arn: _,
            } => (
                Action::Change,
                format!(
                    "load balancer {name}: {}{}",
                    GroupsText(groups),
                    Enforce(*enforce)
                ),
            ),
            Self::SetIpAddressType { name, to, arn: _ } => (
                Action::Change,
                format!("load balancer {name}: address type {to}"),
            ),
            Self::ChangeLoadBalancerAttributes {
                name,
                attributes,
                variant: _,
            } => (
                Action::Change,
                format!("load balancer {name}: {}", Pairs(attributes)),
            ),
            Self::ReserveCapacity {
                name,
                units,
                variant: _,
            } => (
                Action::Change,
                match units {
                    Some(units) => format!("load balancer {name}: reserve {units} capacity units"),
                    None => format!("load balancer {name}: no capacity reserved"),
                },
            ),
            Self::CreateListener {
                port,
                listener,
                warm_up,
                variant: _,
            } => {
                let what = listener_text(*port, listener);
                match warm_up {
                    false => (Action::Create, format!("listener {what}")),
                    true => (
                        Action::Create,
                        format!(
                            "listener {what}, for a while: until the new target group is healthy nothing else checks it"
                        ),
                    ),
                }
            }
            Self::ChangeListener {
                port,
                listener,
                why,
                arn: _,
            } => (
                Action::Change,
                format!("listener {}: {why}", listener_text(*port, listener)),
            ),
            Self::ChangeListenerAttributes {
                port,
                protocol,
                attributes,
                variant: _,
            } => (
                Action::Change,
                format!("listener {port}/{protocol}: {}", Pairs(attributes)),
            ),
            Self::AddCertificates {
                port,
                certificates,
                variant: _,
            } => (
                Action::Change,
                format!("listener {port}/TLS: add {}", Words(certificates)),
            ),
            Self::RemoveCertificates {
                port,
                certificates,
                arn: _,
            } => (
                Action::Change,
                format!("listener {port}/TLS: remove {}", Words(certificates)),
            ),
            Self::DeleteListener {
                port,
                warm_up: false,
                ..
            } => (Action::Delete, format!("listener {port}")),
            Self::DeleteListener {
                port,
                warm_up: true,
                ..
            } => (
                Action::Delete,
                format!("listener {port}, which was for a while"),
            ),
            Self::DeleteTargetGroup { name, arn: _ } => {
                (Action::Delete, format!("target group {name}"))
            }
            Self::DeleteLoadBalancer { name, why, arn: _ } => {
                (Action::Delete, format!("load balancer {name}: {why}"))
            }
            Self::DeleteGroup { name, id: _ } => (Action::Delete, format!("security group {name}")),
            Self::Tag { what, tags } => (
                Action::Change,
                format!("{}: tag {}", TaggedText(what), Pairs(tags)),
            ),
            Self::Untag { what, keys } => (
                Action::Change,
                format!("{}: remove the tags {}", TaggedText(what), Words(keys)),
            ),
        };
        Some(ToldStep::new(action, what))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.told() {
            Some(told) => told.fmt(f),
            None => f.write_str("note it"),
        }
    }
}
