//! What single things can be done, and how do people read them? Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use roadstead_core::{Action, Step as ToldStep};

use super::texts::{
    Enforce, GroupsText, HealthCheckText, Pairs, Rules, TaggedText, TargetsText, VariantText,
    Words, listener_text,
};

use crate::{
    api::{SubnetMapping, TargetRef},
    desired::{GroupRef, Variant, WantedGroup, WantedListener, WantedTargetGroup},
    ids::{Arn, GroupId, SubnetId},
    seen::Rule,
    tags::Tags,
    types::{HealthCheck, IpAddressType, ListenerProtocol},
};

/// One thing that is done with one call, or with a few calls of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    CreateGroup(WantedGroup),
    Authorize {
        group: Group,
        rules: BTreeSet<Rule>,
    },
    Revoke {
        group: GroupId,
        name: String,
        rules: BTreeSet<Rule>,
    },
    CreateTargetGroup {
        name: String,
        group: WantedTargetGroup,
    },
    ChangeHealthCheck {
        arn: Arn,
        name: String,
        health_check: HealthCheck,
    },
    ChangeTargetGroupAttributes {
        name: String,
        attributes: BTreeMap<String, String>,
    },
    Register {
        name: String,
        port: u16,
        targets: BTreeSet<TargetRef>,
    },
    Deregister {
        arn: Arn,
        name: String,
        port: u16,
        targets: BTreeSet<TargetRef>,
    },
    CreateLoadBalancer {
        variant: Variant,
        name: String,
        replaces: Option<String>,
        settings: Option<String>,
    },
    SetSubnets {
        arn: Arn,
        name: String,
        mappings: Vec<SubnetMapping>,
        ipv6_source_nat: Option<bool>,
        how: SubnetChange,
    },
    SetGroups {
        arn: Arn,
        name: String,
        groups: BTreeSet<GroupRef>,
        enforce: Option<bool>,
    },
    SetIpAddressType {
        arn: Arn,
        name: String,
        to: IpAddressType,
    },
    ChangeLoadBalancerAttributes {
        variant: Variant,
        name: String,
        attributes: BTreeMap<String, String>,
    },
    ReserveCapacity {
        variant: Variant,
        name: String,
        units: Option<u32>,
    },
    CreateListener {
        variant: Variant,
        port: u16,
        listener: WantedListener,
        warm_up: bool,
    },
    ChangeListener {
        arn: Arn,
        port: u16,
        listener: WantedListener,
        why: String,
    },
    ChangeListenerAttributes {
        variant: Variant,
        port: u16,
        protocol: ListenerProtocol,
        attributes: BTreeMap<String, String>,
    },
    AddCertificates {
        variant: Variant,
        port: u16,
        certificates: BTreeSet<String>,
    },
    RemoveCertificates {
        arn: Arn,
        port: u16,
        certificates: BTreeSet<String>,
    },
    DeleteListener {
        arn: Arn,
        load_balancer: Arn,
        port: u16,
        warm_up: bool,
    },
    DeleteTargetGroup {
        arn: Arn,
        name: String,
    },
    DeleteLoadBalancer {
        arn: Arn,
        name: String,
        why: String,
    },
    DeleteGroup {
        id: GroupId,
        name: String,
    },
    /// Our own notes on the load balancer: nothing that people asked for, so nothing that they are told.
    Mark {
        what: Marked,
        tags: Tags,
    },
    Tag {
        what: Vec<Tagged>,
        tags: Tags,
    },
    Untag {
        what: Vec<Tagged>,
        keys: BTreeSet<String>,
    },
}

/// What of a load balancer's subnets changes, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubnetChange {
    pub(crate) added: Vec<SubnetId>,
    pub(crate) removed: Vec<SubnetId>,
}

/// A group whose rules are changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// The one that a step before this one makes.
    New(String),
    /// One that exists.
    There(GroupId, String),
}

/// What a mark is put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// The load balancer of this variant, which a step before this one may have made.
    Variant(Variant),
    /// One that exists.
    LoadBalancer(Arn),
}

/// What a tag is put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    LoadBalancer(Arn, String),
    TargetGroup(Arn, String),
    Group(GroupId, String),
}

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
            Self::SetSubnets { name, how, .. } => {
                (Action::Change, format!("load balancer {name}: {how}"))
            }
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
