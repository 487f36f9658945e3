//! What should exist in AWS for one Service? Everything resolved, nothing read: pure values that a plan compares with what exists.

mod build;
mod rules;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use roadstead_core::{IpFamily, PortNumber};

pub use self::targets::{ParseQuotaError, Quotas, RaisedQuota};
pub(crate) use self::{
    build::{Resolved, build, variant_slot},
    targets::{Candidate, instance_targets, pod_targets},
};
use crate::{
    api::{SubnetMapping, TargetRef},
    ids::{GroupId, VpcId},
    seen::Rule,
    tags::Tags,
    types::{
        AlpnPolicy, HealthCheck, IpAddressType, ListenerProtocol, Scheme, TargetProtocol,
        TargetType,
    },
};

/// Everything that should exist for one Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Desired {
    /// What AWS cannot change in place: another variant is another load balancer.
    pub(crate) variant: Variant,
    /// The load balancer.
    pub(crate) load_balancer: WantedLoadBalancer,
    /// The security group of its own, if it is to have one.
    pub(crate) frontend: Option<WantedGroup>,
    /// Its listeners, by port.
    pub(crate) listeners: BTreeMap<u16, WantedListener>,
    /// Its target groups, by name.
    pub(crate) target_groups: BTreeMap<String, WantedTargetGroup>,
    /// The tags that all of it carries besides the marks.
    pub(crate) tags: Tags,
    /// What the user should know although nothing failed.
    pub(crate) notes: Vec<String>,
}

/// What AWS cannot change in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Variant {
    /// Who can reach it.
    pub(crate) scheme: Scheme,
    /// Whether it was made with security groups: one made without can never get any.
    pub(crate) grouped: bool,
}

/// A load balancer as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedLoadBalancer {
    /// The name that a new one gets.
    pub(crate) name: String,
    /// Its VPC.
    pub(crate) vpc: VpcId,
    /// The families of its addresses.
    pub(crate) ip_address_type: IpAddressType,
    /// A subnet a zone, in the user's order, with the addresses asked for.
    pub(crate) mappings: Vec<SubnetMapping>,
    /// Its security groups; empty unless the variant is grouped.
    pub(crate) groups: BTreeSet<GroupRef>,
    /// Whether the groups' rules hold for traffic through AWS PrivateLink; `None`: AWS's own default.
    pub(crate) enforce_on_private_link: Option<bool>,
    /// Whether UDP over IPv6 has source addresses from a prefix.
    pub(crate) ipv6_source_nat: bool,
    /// The attributes asked for.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The capacity reserved; `None`: never asked for, so left alone.
    pub(crate) capacity: Option<u32>,
}

/// A security group that may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum GroupRef {
    /// The one of this load balancer.
    Frontend,
    /// The one that all load balancers of the cluster share.
    Backend,
    /// One that the user named.
    Given(GroupId),
}

/// The security group of one load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedGroup {
    /// Its name: a pure function of the Service's identity.
    pub(crate) name: String,
    /// Who may connect.
    pub(crate) rules: BTreeSet<Rule>,
}

/// A listener as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedListener {
    /// What it speaks with clients.
    pub(crate) protocol: ListenerProtocol,
    /// The name of the target group that it forwards to.
    pub(crate) target_group: String,
    /// Certificates, the default one first; empty unless it speaks TLS.
    pub(crate) certificates: Vec<String>,
    /// The TLS policy.
    pub(crate) ssl_policy: Option<String>,
    /// The ALPN policy, where it is not AWS's default.
    pub(crate) alpn: Option<AlpnPolicy>,
    /// The attributes asked for.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The port of every node, where nodes are the targets: for people.
    pub(crate) node_port: Option<PortNumber>,
}

/// A target group as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WantedTargetGroup {
    /// What makes it another target group: its name is made from this.
    pub(crate) slot: String,
    /// The listener's port that it serves.
    pub(crate) listener_port: PortNumber,
    /// What the load balancer speaks with targets.
    pub(crate) protocol: TargetProtocol,
    /// The port of the group itself; each target carries its own, so that it hardly matters.
    pub(crate) port: PortNumber,
    /// What its targets are.
    pub(crate) target_type: TargetType,
    /// The family of its targets' addresses.
    pub(crate) family: IpFamily,
    /// How targets are found to be well.
    pub(crate) health_check: HealthCheck,
    /// The attributes asked for.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Its targets; `None`: as they are.
    pub(crate) targets: Option<BTreeSet<TargetRef>>,
    /// Whether targets that this process did not register stay: other clusters register theirs in the same group.
    pub(crate) shared: bool,
}
