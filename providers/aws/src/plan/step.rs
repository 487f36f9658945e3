//! What single things can be done? Types alone; `told` says how people read them.

use std::collections::{BTreeMap, BTreeSet};

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
        /// Its new families, where they change with the subnets.
        ip_address_type: Option<IpAddressType>,
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

/// Something that a course makes, and that other steps of it are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// The security group of this name.
    Group(String),
    /// The target group of this name.
    TargetGroup(String),
    /// The load balancer of this variant.
    LoadBalancer(Variant),
}

// === impl Step ===

impl Step {
    /// What it makes, if something else may be waiting for it.
    pub(crate) fn makes(&self) -> Option<Thing> {
        match self {
            Self::CreateGroup(group) => Some(Thing::Group(group.name.clone())),
            Self::CreateTargetGroup { name, .. } => Some(Thing::TargetGroup(name.clone())),
            Self::CreateLoadBalancer { variant, .. } => Some(Thing::LoadBalancer(*variant)),
            _ => None,
        }
    }

    /// What it is about: if that is new, nothing else need be there before it. A target group is there before the load balancer,
    /// so a listener is about that alone.
    pub(crate) fn is_about(&self) -> Option<Thing> {
        match self {
            Self::Authorize {
                group: Group::New(name),
                ..
            } => Some(Thing::Group(name.clone())),
            Self::Register { name, .. } | Self::ChangeTargetGroupAttributes { name, .. } => {
                Some(Thing::TargetGroup(name.clone()))
            }
            Self::CreateListener { variant, .. } => Some(Thing::LoadBalancer(*variant)),
            _ => None,
        }
    }
}
