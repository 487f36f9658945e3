//! What exists at AWS, as AWS says it, in types of our own: the SDK's end at `api`. Pure.
//!
//! A value that is also wanted has the type that the wanted side has, so that `==` decides whether there is anything to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use roadstead_core::IpFamily;

use crate::{
    ids::{AllocationId, Arn, GroupId, InstanceId, SubnetId, VpcId},
    types::{
        AlpnPolicy, HealthCheck, IpAddressType, ListenerProtocol, Scheme, TargetProtocol,
        TargetType,
    },
};

/// A word of AWS's: one that we ask for ourselves, or one that only others use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Word<T> {
    /// One of ours.
    Known(T),
    /// Another, verbatim.
    Other(String),
}

/// What a target group speaks with its targets.
pub(crate) type TargetProtocolSeen = Word<TargetProtocol>;

/// What a listener speaks with clients.
pub(crate) type ListenerProtocolSeen = Word<ListenerProtocol>;

/// What a target group's targets are.
pub(crate) type TargetTypeSeen = Word<TargetType>;

/// A load balancer, of whatever type: a name is taken by any of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoadBalancerSeen {
    pub(crate) arn: Arn,
    pub(crate) name: String,
    /// In lower case.
    pub(crate) dns_name: String,
    /// Whether it is a Network Load Balancer.
    pub(crate) network: bool,
    pub(crate) scheme: Scheme,
    pub(crate) vpc: VpcId,
    pub(crate) state: LoadBalancerState,
    pub(crate) ip_address_type: IpAddressType,
    pub(crate) zones: Vec<ZoneSeen>,
    pub(crate) security_groups: BTreeSet<GroupId>,
    /// `None` where AWS does not say: without security groups.
    pub(crate) enforce_inbound_rules_on_private_link: Option<bool>,
    pub(crate) ipv6_source_nat: bool,
}

/// How far a load balancer's creation has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoadBalancerState {
    /// It is being made: minutes.
    Provisioning,
    /// It works.
    Active,
    /// It works, but could not be given what it needs to grow.
    ActiveImpaired,
    /// It could not be made; AWS's reason.
    Failed(String),
}

/// A load balancer's place in one availability zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZoneSeen {
    pub(crate) zone: String,
    pub(crate) subnet: SubnetId,
    pub(crate) allocation: Option<AllocationId>,
    pub(crate) private_ipv4: Option<Ipv4Addr>,
    pub(crate) ipv6: Option<Ipv6Addr>,
    pub(crate) source_nat_prefixes: Vec<String>,
}

/// A target group, of whatever type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetGroupSeen {
    pub(crate) arn: Arn,
    pub(crate) name: String,
    pub(crate) protocol: TargetProtocolSeen,
    /// The port of targets that are registered without one; 0 where AWS has none.
    pub(crate) port: u16,
    pub(crate) vpc: VpcId,
    pub(crate) target_type: TargetTypeSeen,
    pub(crate) ip_address_type: IpFamily,
    pub(crate) health_check: HealthCheck,
    /// The load balancers that forward to it: AWS allows one.
    pub(crate) load_balancers: Vec<Arn>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerSeen {
    pub(crate) arn: Arn,
    pub(crate) load_balancer: Arn,
    pub(crate) port: u16,
    pub(crate) protocol: ListenerProtocolSeen,
    /// The default one; the others are asked for with `listener_certificates`.
    pub(crate) certificates: Vec<String>,
    pub(crate) ssl_policy: Option<String>,
    /// `None` where nothing is negotiated: AWS says so by its word `None`, or not at all.
    pub(crate) alpn: Option<AlpnPolicy>,
    /// Where it forwards to, each once.
    pub(crate) target_groups: Vec<Arn>,
}

/// A security group and who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SecurityGroupSeen {
    pub(crate) id: GroupId,
    pub(crate) name: String,
    pub(crate) vpc: VpcId,
    pub(crate) ingress: BTreeSet<Rule>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// One ingress rule with one source: EC2's `IpPermission`, taken apart. Its description is no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub(crate) protocol: RuleProtocol,
    /// The first port; an ICMP type; -1: all.
    pub(crate) from: i32,
    /// The last port; an ICMP code; -1: all.
    pub(crate) to: i32,
    pub(crate) source: RuleSource,
}

/// What a rule lets in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RuleProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// ICMP of IPv6.
    Icmpv6,
    /// A protocol's number; `-1`: all.
    Other(String),
}

/// Whom a rule lets in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RuleSource {
    /// Addresses.
    Cidr(IpNet),
    /// A managed prefix list: `pl-…`.
    PrefixList(String),
    /// Whatever carries this security group.
    Group(GroupId),
}

/// A registered target and how it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TargetSeen {
    /// An instance's id or an address.
    pub(crate) id: String,
    pub(crate) port: u16,
    pub(crate) state: TargetState,
    /// AWS's reason code: `Target.FailedHealthChecks`.
    pub(crate) reason: Option<String>,
    /// AWS's sentence about it.
    pub(crate) description: Option<String>,
}

/// What a load balancer thinks of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum TargetState {
    /// Being registered, or not checked often enough yet.
    Initial,
    /// Well.
    Healthy,
    /// Not well.
    Unhealthy,
    /// Not asked: no listener uses its group, or its zone is not enabled.
    Unused,
    /// Deregistered; its connections may end.
    Draining,
    /// Health checks are not possible.
    Unavailable,
    /// Not well, and its connections may end.
    UnhealthyDraining,
}

/// A virtual private cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VpcSeen {
    pub(crate) id: VpcId,
    pub(crate) cidrs: Vec<Ipv4Net>,
    pub(crate) ipv6_cidrs: Vec<Ipv6Net>,
}

/// A subnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SubnetSeen {
    pub(crate) id: SubnetId,
    pub(crate) zone: String,
    pub(crate) zone_type: ZoneType,
    /// The outpost it is on.
    pub(crate) outpost: Option<Arn>,
    pub(crate) vpc: VpcId,
    /// `None`: IPv6 only.
    pub(crate) cidr: Option<Ipv4Net>,
    pub(crate) ipv6_cidrs: Vec<Ipv6Net>,
    pub(crate) free_ips: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

/// What kind of place a zone is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ZoneType {
    /// Of a region.
    AvailabilityZone,
    /// Near a city: no Network Load Balancer there.
    LocalZone,
    /// In a carrier's network.
    WavelengthZone,
    /// Another, verbatim.
    Other(String),
}

/// Which subnets of a VPC have a route to an internet gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PublicSubnets {
    /// What holds for a subnet without a route table of its own.
    pub(crate) by_default: bool,
    /// What holds for those that have one.
    pub(crate) explicit: BTreeMap<SubnetId, bool>,
}

/// An EC2 instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InstanceSeen {
    pub(crate) id: InstanceId,
    /// `None` once it is terminated.
    pub(crate) vpc: Option<VpcId>,
    pub(crate) zone: Option<String>,
    /// Whether it may be registered as a target.
    pub(crate) running: bool,
    /// Its network interfaces, the primary one first.
    pub(crate) interfaces: Vec<InterfaceSeen>,
    /// The names of the clusters that its tags say it is for.
    pub(crate) clusters: BTreeSet<String>,
}

/// A network interface of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceSeen {
    /// `eni-…`.
    pub(crate) id: String,
    pub(crate) groups: BTreeSet<GroupId>,
}

// === impl Word ===

impl<T: PartialEq> PartialEq<T> for Word<T> {
    fn eq(&self, wanted: &T) -> bool {
        match self {
            Self::Known(seen) => seen == wanted,
            Self::Other(_) => false,
        }
    }
}

impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(word) => word.fmt(f),
            Self::Other(word) => f.write_str(word),
        }
    }
}

// === impl LoadBalancerState ===

impl LoadBalancerState {
    /// Whether it takes clients.
    pub(crate) fn is_active(&self) -> bool {
        match self {
            Self::Active | Self::ActiveImpaired => true,
            Self::Provisioning | Self::Failed(_) => false,
        }
    }
}

// === impl TargetState ===

impl TargetState {
    /// The state in a word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unused => "unused",
            Self::Draining => "draining",
            Self::Unavailable => "unavailable",
            Self::UnhealthyDraining => "unhealthy.draining",
        }
    }
}

// === impl RuleProtocol ===

impl RuleProtocol {
    /// EC2's word or number for it.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Other(number) => number,
        }
    }

    /// The protocol that EC2 names `word`.
    pub(crate) fn parse(word: &str) -> Self {
        match word {
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "icmp" => Self::Icmp,
            "icmpv6" => Self::Icmpv6,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for RuleProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl RuleSource ===

impl fmt::Display for RuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cidr(net) => net.fmt(f),
            Self::PrefixList(list) => f.write_str(list),
            Self::Group(group) => group.fmt(f),
        }
    }
}

// === impl PublicSubnets ===

impl PublicSubnets {
    /// Whether `subnet` of this VPC is one.
    pub(crate) fn contains(&self, subnet: &SubnetId) -> bool {
        self.explicit
            .get(subnet)
            .copied()
            .unwrap_or(self.by_default)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_word_equals_what_is_wanted_and_another_never_does() {
        assert_eq!(Word::Known(TargetProtocol::Tcp), TargetProtocol::Tcp);
        assert_ne!(Word::Known(TargetProtocol::Tcp), TargetProtocol::Udp);
        assert_ne!(
            TargetProtocolSeen::Other("TCP".to_owned()),
            TargetProtocol::Tcp
        );
    }

    #[test]
    fn a_subnet_without_a_route_table_of_its_own_follows_the_main_one() {
        let public = PublicSubnets {
            by_default: true,
            explicit: BTreeMap::from([(SubnetId::new("subnet-private"), false)]),
        };
        assert!(!public.contains(&SubnetId::new("subnet-private")));
        assert!(public.contains(&SubnetId::new("subnet-other")));
    }
}
