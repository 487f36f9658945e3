//! Which shape has a Service's wish once it is understood? Types, how they print, and what a scheme rules out.

use std::{
    collections::BTreeMap,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use ipnet::{IpNet, Ipv6Net};
use roadstead_core::{IpFamily, PortNumber, Problem};

use super::keys;
use crate::{
    ids::Arn,
    names::LoadBalancerName,
    types::{
        AlpnPolicy, HealthCheck, IpAddressType, ListenerProtocol, Scheme, TargetProtocol,
        TargetType,
    },
};

/// Everything a Service asks for, in types.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Params {
    /// What the targets are.
    pub(crate) target_type: TargetType,
    /// `None`: the one of the load balancer that exists, else the flag's default.
    pub(crate) scheme: Option<Scheme>,
    /// The name that the load balancer is to have.
    pub(crate) name: Option<LoadBalancerName>,
    /// The load balancer to take over instead of making one.
    pub(crate) adopt: Option<Adopt>,
    /// The families of the load balancer's addresses.
    pub(crate) ip_address_type: IpAddressType,
    /// The subnets, in the user's order; empty: discovery.
    pub(crate) subnets: Vec<ByIdOrName>,
    /// Elastic IP addresses, one a subnet; internet-facing only.
    pub(crate) eip_allocations: Vec<String>,
    /// Addresses inside the subnets; internal only.
    pub(crate) private_ipv4_addresses: Vec<Ipv4Addr>,
    /// Addresses inside the subnets; dualstack only.
    pub(crate) ipv6_addresses: Vec<Ipv6Addr>,
    /// Whether UDP over IPv6 reaches targets by way of an address of the load balancer's own.
    pub(crate) ipv6_source_nat: bool,
    /// Where those addresses come from; empty: AWS chooses.
    pub(crate) source_nat_ipv6_prefixes: Vec<SourceNatPrefix>,
    /// Which security groups the load balancer carries.
    pub(crate) security: Security,
    /// Whether the groups' rules hold for traffic from a VPC endpoint as well; `None`: AWS's default.
    pub(crate) enforce_inbound_rules_on_private_link: Option<bool>,
    /// Who may connect, beside the prefix lists; for [`Security::Managed`].
    pub(crate) source_ranges: Vec<IpNet>,
    /// Managed prefix lists that may connect.
    pub(crate) prefix_lists: Vec<String>,
    /// Whether the same may send the ICMP messages that path MTU discovery needs.
    pub(crate) icmp_for_path_mtu: bool,
    /// Attributes of the load balancer.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Tags for everything that is made, the flag's included; none of ours.
    pub(crate) tags: BTreeMap<String, String>,
    /// Labels that a node must have to be a target.
    pub(crate) target_node_labels: BTreeMap<String, String>,
    /// Whether target groups may hold targets of others, which are left alone.
    pub(crate) multi_cluster_target_group: bool,
    /// Capacity units to reserve; 0 ends the reservation, `None` leaves it.
    pub(crate) capacity_units: Option<u32>,
    /// One a port number, in the Service's order: TCP and UDP of one number are one `TCP_UDP` listener.
    pub(crate) listeners: Vec<ListenerParams>,
    /// Wishes that are harmless but have no effect, in words.
    pub(crate) notes: Vec<String>,
}

/// A load balancer to take over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Adopt {
    /// By its name.
    Name(LoadBalancerName),
    /// By its ARN.
    Arn(Arn),
}

/// How users point at subnets and security groups.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ByIdOrName {
    /// `subnet-…` or `sg-…`.
    Id(String),
    /// The value of its tag `Name`.
    Name(String),
}

/// Where the address comes from that a load balancer sends UDP over IPv6 from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SourceNatPrefix {
    /// AWS chooses.
    AutoAssigned,
    /// This /80 of the subnet.
    Prefix(Ipv6Net),
}

/// Which security groups a load balancer carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Security {
    /// One of our own for this load balancer, and the shared backend group.
    Managed,
    /// The user's.
    Given {
        /// The groups.
        groups: Vec<ByIdOrName>,
        /// Whether the load balancer carries the shared backend group too, so that nodes let it in.
        manage_backend_rules: bool,
    },
    /// None at all.
    None,
}

/// One listener and its target group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListenerParams {
    /// The port that clients connect to.
    pub(crate) port: PortNumber,
    /// What it speaks with clients.
    pub(crate) protocol: ListenerProtocol,
    /// What it speaks with targets.
    pub(crate) target_protocol: TargetProtocol,
    /// The family of the targets' addresses: the Service's first one, except for UDP on a dualstack load balancer, which
    /// AWS brings to IPv6 targets only.
    pub(crate) target_family: IpFamily,
    /// The names of the Service ports behind it; two where TCP and UDP are one listener.
    pub(crate) service_port_names: Vec<String>,
    /// Where nodes listen; `None` for ip targets, which bring a port each.
    pub(crate) node_port: Option<PortNumber>,
    /// ARNs, the default one first; empty unless TLS.
    pub(crate) certificates: Vec<String>,
    /// `Some` for TLS only.
    pub(crate) ssl_policy: Option<String>,
    /// TLS only; `None` is AWS's "None".
    pub(crate) alpn: Option<AlpnPolicy>,
    /// Attributes of the listener.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Attributes of the target group: those for all ports, those for this one, proxy protocol and stickiness.
    pub(crate) target_group_attributes: BTreeMap<String, String>,
    /// How its targets are checked.
    pub(crate) health_check: HealthCheck,
}

/// What the flags say where annotations say nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The scheme of a new load balancer.
    pub scheme: Scheme,
    /// What targets are.
    pub target_type: TargetType,
    /// The security policy of TLS listeners.
    pub ssl_policy: String,
    /// Tags for everything that is made; they win over a Service's.
    pub tags: BTreeMap<String, String>,
    /// Whether a load balancer with the user's own security groups carries the shared backend group too.
    pub manage_backend_rules: bool,
}

// === impl Params ===

impl Params {
    /// What is impossible with `scheme`, which may be known only once the load balancer that exists was seen.
    pub(crate) fn check_scheme(&self, scheme: Scheme) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut only = |at: &str, used: bool, wanted: Scheme, hint: &str| {
            if used && scheme != wanted {
                let what =
                    format!("is for {wanted} load balancers, and this one is {scheme}; {hint}");
                problems.push(Problem::new(at, what));
            }
        };
        only(
            keys::EIP_ALLOCATIONS,
            !self.eip_allocations.is_empty(),
            Scheme::InternetFacing,
            "set the scheme to internet-facing, or choose addresses with private-ipv4-addresses",
        );
        only(
            keys::PRIVATE_IPV4_ADDRESSES,
            !self.private_ipv4_addresses.is_empty(),
            Scheme::Internal,
            "set the scheme to internal, or choose addresses with eip-allocations",
        );
        problems
    }
}

// === impl Defaults ===

impl Default for Defaults {
    /// AWS Load Balancer Controller's.
    fn default() -> Self {
        Self {
            scheme: Scheme::Internal,
            target_type: TargetType::Instance,
            ssl_policy: "ELBSecurityPolicy-2016-08".to_owned(),
            tags: BTreeMap::new(),
            manage_backend_rules: false,
        }
    }
}

// === impl ByIdOrName, SourceNatPrefix, Adopt ===

impl fmt::Display for ByIdOrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

impl fmt::Display for SourceNatPrefix {
    /// As AWS's API spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AutoAssigned => f.write_str("auto_assigned"),
            Self::Prefix(prefix) => prefix.fmt(f),
        }
    }
}

impl fmt::Display for Adopt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Arn(arn) => arn.fmt(f),
        }
    }
}

impl Adopt {
    /// The name of the load balancer.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            // arn:PARTITION:elasticloadbalancing:REGION:ACCOUNT:loadbalancer/net/NAME/ID
            Self::Arn(arn) => arn.as_str().rsplit('/').nth(1).unwrap_or_default(),
        }
    }
}
