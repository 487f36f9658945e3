//! What exists in an account?
//!
//! Everything that a load balancer controller may make, as one answer of LocalStack shows it, for tests that look for
//! leaks. Nothing is asked here.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Tags or attributes.
pub type Pairs = BTreeMap<String, String>;

/// Everything in an account but its default security groups and what a [`Landscape`](super::Landscape) runs on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Dump {
    /// With their listeners.
    pub load_balancers: Vec<LoadBalancer>,
    /// With their targets.
    pub target_groups: Vec<TargetGroup>,
    /// With their rules. A landscape's node group is one of them.
    pub security_groups: Vec<SecurityGroup>,
    /// Those of load balancers, and those of deleted ones that are not gone yet.
    pub network_interfaces: Vec<NetworkInterface>,
}

/// A load balancer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words: DescribeLoadBalancers")]
pub struct LoadBalancer {
    pub arn: String,
    pub name: String,
    pub dns_name: String,
    pub scheme: String,
    pub state: String,
    pub ip_address_type: String,
    pub subnets: Vec<String>,
    pub security_groups: Vec<String>,
    pub attributes: Pairs,
    pub tags: Pairs,
    pub listeners: Vec<Listener>,
}

/// A listener.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words: DescribeListeners")]
pub struct Listener {
    pub arn: String,
    pub protocol: String,
    pub port: u16,
    pub target_groups: Vec<String>,
    pub certificates: Vec<String>,
    pub tags: Pairs,
}

/// A target group.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words: DescribeTargetGroups")]
pub struct TargetGroup {
    pub arn: String,
    pub name: String,
    pub protocol: String,
    pub port: u16,
    pub target_type: String,
    pub load_balancer: Option<String>,
    pub attributes: Pairs,
    pub tags: Pairs,
    pub targets: Vec<Target>,
}

/// A registered target, or one that is draining.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words: DescribeTargetHealth")]
pub struct Target {
    pub id: String,
    pub port: u16,
    pub state: String,
    pub reason: Option<String>,
}

/// A security group.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[expect(missing_docs, reason = "AWS's own words: DescribeSecurityGroups")]
pub struct SecurityGroup {
    pub id: String,
    pub name: String,
    pub vpc_id: String,
    pub tags: Pairs,
    pub ingress: Vec<Rule>,
    pub egress: Vec<Rule>,
}

/// A rule of a security group.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Rule {
    /// `tcp`, `udp`, `icmp`, `icmpv6` or `-1`.
    pub protocol: String,
    /// The first port, or the type of ICMP messages. `None`: all.
    pub from_port: Option<i32>,
    /// The last port, or the code of ICMP messages. `None`: all.
    pub to_port: Option<i32>,
    /// A CIDR, a security group or a prefix list.
    pub peer: String,
    /// What whoever made it wrote.
    pub description: Option<String>,
}

/// A network interface of a load balancer.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct NetworkInterface {
    /// Its id.
    pub id: String,
    /// `ELB net/<name>/<id>`.
    pub description: String,
}

// === impl Dump ===

impl Dump {
    /// The load balancer of that name.
    #[must_use]
    pub fn load_balancer(&self, name: &str) -> Option<&LoadBalancer> {
        self.load_balancers
            .iter()
            .find(|balancer| balancer.name == name)
    }

    /// The target groups that the load balancer sends to.
    pub fn target_groups_of<'a>(
        &'a self,
        load_balancer: &'a LoadBalancer,
    ) -> impl Iterator<Item = &'a TargetGroup> {
        let arn = Some(load_balancer.arn.as_str());
        self.target_groups
            .iter()
            .filter(move |group| group.load_balancer.as_deref() == arn)
    }

    /// The ARN or id of everything that there is, in no particular order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let Self {
            load_balancers,
            target_groups,
            security_groups,
            network_interfaces,
        } = self;
        let listeners = load_balancers.iter().flat_map(|one| &one.listeners);
        load_balancers
            .iter()
            .map(|one| one.arn.as_str())
            .chain(listeners.map(|one| one.arn.as_str()))
            .chain(target_groups.iter().map(|one| one.arn.as_str()))
            .chain(security_groups.iter().map(|one| one.id.as_str()))
            .chain(network_interfaces.iter().map(|one| one.id.as_str()))
    }
}
