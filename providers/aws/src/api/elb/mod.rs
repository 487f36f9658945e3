//! ELBv2: what is asked for, in types of our own. The calls are beside: reads, writes, and how answers are read.

mod answers;
mod reads;
mod requests;
mod targets;
mod writes;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use roadstead_core::IpFamily;

use crate::{
    ids::{AllocationId, Arn, GroupId, SubnetId, VpcId},
    types::{
        AlpnPolicy, HealthCheck, IpAddressType, ListenerProtocol, Scheme, TargetProtocol,
        TargetType,
    },
};

/// Which load balancers or target groups.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which<'a> {
    /// All of the region: paged.
    All,
    /// These; one that does not exist fails the call.
    Arns(&'a [Arn]),
    /// These; one that does not exist fails the call.
    Names(&'a [String]),
}

/// A load balancer to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewLoadBalancer {
    pub(crate) name: String,
    pub(crate) scheme: Scheme,
    pub(crate) ip_address_type: IpAddressType,
    pub(crate) mappings: Vec<SubnetMapping>,
    pub(crate) security_groups: Vec<GroupId>,
    pub(crate) ipv6_source_nat: bool,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A subnet of a load balancer and the addresses it is to have there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubnetMapping {
    pub(crate) subnet: SubnetId,
    pub(crate) allocation: Option<AllocationId>,
    pub(crate) private_ipv4: Option<Ipv4Addr>,
    pub(crate) ipv6: Option<Ipv6Addr>,
    /// A /80 prefix, or AWS's word `auto_assigned`.
    pub(crate) source_nat_prefix: Option<String>,
}

/// A target group to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewTargetGroup {
    pub(crate) name: String,
    pub(crate) protocol: TargetProtocol,
    pub(crate) port: u16,
    pub(crate) vpc: VpcId,
    pub(crate) target_type: TargetType,
    pub(crate) family: IpFamily,
    pub(crate) health_check: HealthCheck,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A listener to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewListener {
    pub(crate) load_balancer: Arn,
    pub(crate) port: u16,
    pub(crate) settings: ListenerSettings,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Everything of a listener that may be changed in place, as it is to be. The last three are for TLS only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerSettings {
    pub(crate) protocol: ListenerProtocol,
    pub(crate) target_group: Arn,
    /// The default one.
    pub(crate) certificate: Option<String>,
    pub(crate) ssl_policy: Option<String>,
    pub(crate) alpn: Option<AlpnPolicy>,
}

/// A target to register or deregister.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TargetRef {
    /// An instance's id or an address.
    pub(crate) id: String,
    pub(crate) port: u16,
    /// `all` for an address outside the VPC; else `None`.
    pub(crate) zone: Option<String>,
}

// === impl TargetRef ===

impl TargetRef {
    /// The one that is registered as `id` at `port`: by these two it is known, whatever its zone.
    pub(crate) fn registered(id: &str, port: u16) -> Self {
        Self {
            id: id.to_owned(),
            port,
            zone: None,
        }
    }
}
