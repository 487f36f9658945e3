//! What single things can be done, and how do people read them? Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use roadstead_core::{Action, Step as ToldStep};

use crate::{
    api::{SubnetMapping, TargetRef},
    desired::{GroupRef, Variant, WantedGroup, WantedListener, WantedTargetGroup},
    ids::{Arn, GroupId, SubnetId},
    seen::{Rule, RuleProtocol, RuleSource},
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
    pub(crate) fn told(&self) -> Option<ToldStep> {
        let (action, what) = match self {
            Self::Mark { .. } => return None,
            Self::CreateGroup(group) => (
                Action::Create,
                format!("security group {} for {}", group.name, Rules(&group.rules)),
            ),
            Self::Authorize {
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

// === texts ===

fn listener_text(port: u16, listener: &WantedListener) -> String {
    let WantedListener {
        protocol,
        node_port,
        target_group,
        ..
    } = listener;
    match node_port {
        Some(node_port) => format!("{port}/{protocol} -> node port {node_port}"),
        None => format!("{port}/{protocol} -> pods of {target_group}"),
    }
}

/// More than so many of a kind are counted, not listed: a message has its limits.
const LISTED: usize = 4;

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    things: impl ExactSizeIterator<Item = T>,
    show: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    let more = things.len().saturating_sub(LISTED);
    for (n, thing) in things.take(LISTED).enumerate() {
        if n > 0 {
            f.write_str(", ")?;
        }
        show(f, thing)?;
    }
    match more {
        0 => Ok(()),
        _ => write!(f, " and {more} more"),
    }
}

struct Rules<'a>(&'a BTreeSet<Rule>);
struct Pairs<'a>(&'a BTreeMap<String, String>);
struct Words<'a>(&'a BTreeSet<String>);
struct TargetsText<'a>(&'a BTreeSet<TargetRef>);
struct GroupsText<'a>(&'a BTreeSet<GroupRef>);
struct TaggedText<'a>(&'a [Tagged]);
struct HealthCheckText<'a>(&'a HealthCheck);
struct VariantText(Variant);
struct Enforce(Option<bool>);

impl fmt::Display for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nobody");
        }
        list(f, self.0.iter(), |f, rule| {
            let Rule {
                protocol,
                from,
                to,
                source,
            } = rule;
            match protocol {
                RuleProtocol::Tcp | RuleProtocol::Udp if from == to => {
                    write!(f, "{from}/{} from ", protocol.as_str().to_uppercase())?
                }
                RuleProtocol::Tcp | RuleProtocol::Udp => {
                    write!(f, "{from}-{to}/{} from ", protocol.as_str().to_uppercase())?
                }
                RuleProtocol::Icmp | RuleProtocol::Icmpv6 | RuleProtocol::Other(_) => {
                    write!(f, "{protocol} {from}/{to} from ")?
                }
            }
            match source {
                RuleSource::Cidr(range) => range.fmt(f),
                RuleSource::PrefixList(list) => f.write_str(list),
                RuleSource::Group(group) => group.fmt(f),
            }
        })
    }
}

impl fmt::Display for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter(), |f, (key, value)| {
            write!(f, "{key}={value}")
        })
    }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter(), |f, word| f.write_str(word))
    }
}

impl fmt::Display for TargetsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "{count} {}: ",
            if count == 1 { "target" } else { "targets" }
        )?;
        list(f, self.0.iter(), |f, target| {
            write!(f, "{}:{}", target.id, target.port)
        })
    }
}

impl fmt::Display for GroupsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("security groups ")?;
        list(f, self.0.iter(), |f, group| match group {
            GroupRef::Frontend => f.write_str("of its own"),
            GroupRef::Backend => f.write_str("of the cluster"),
            GroupRef::Given(id) => id.fmt(f),
        })
    }
}

impl fmt::Display for TaggedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter(), |f, tagged| match tagged {
            Tagged::LoadBalancer(_, name) => write!(f, "load balancer {name}"),
            Tagged::TargetGroup(_, name) => write!(f, "target group {name}"),
            Tagged::Group(_, name) => write!(f, "security group {name}"),
        })
    }
}

impl fmt::Display for HealthCheckText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HealthCheck {
            protocol,
            port,
            path,
            interval,
            timeout,
            healthy_threshold,
            unhealthy_threshold,
            success_codes,
        } = self.0;
        write!(f, "{protocol} {port}")?;
        if let Some(path) = path {
            write!(f, " {path}")?;
        }
        write!(
            f,
            " every {interval} s, timeout {timeout} s, healthy after {healthy_threshold}, unhealthy after {unhealthy_threshold}"
        )?;
        match success_codes {
            Some(codes) => write!(f, ", success is {codes}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for VariantText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.scheme)?;
        f.write_str(if self.0.grouped {
            ""
        } else {
            ", without security groups"
        })
    }
}

impl fmt::Display for Enforce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(true) => f.write_str(", their rules hold for PrivateLink"),
            Some(false) => f.write_str(", their rules do not hold for PrivateLink"),
        }
    }
}

impl fmt::Display for SubnetChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed } = self;
        let subnets = |f: &mut fmt::Formatter<'_>, list: &[SubnetId]| {
            self::list(f, list.iter(), |f, id| id.fmt(f))
        };
        match (added.is_empty(), removed.is_empty()) {
            (true, true) => f.write_str("addresses in its subnets"),
            (false, true) => {
                f.write_str("add ")?;
                subnets(f, added)
            }
            (true, false) => {
                f.write_str("remove ")?;
                subnets(f, removed)
            }
            (false, false) => {
                f.write_str("add ")?;
                subnets(f, added)?;
                f.write_str(", remove ")?;
                subnets(f, removed)
            }
        }
    }
}
