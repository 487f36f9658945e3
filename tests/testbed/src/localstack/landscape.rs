//! On what does a cluster run?
//!
//! A VPC with subnets, a security group for nodes, and running instances. Made in one request; the choices are here,
//! the making is in `tests/testbed/localstack`.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::Account;

/// The zones that subnets are spread over, in this order.
const ZONES: [&str; 6] = [
    "us-east-1a",
    "us-east-1b",
    "us-east-1c",
    "us-east-1d",
    "us-east-1e",
    "us-east-1f",
];

/// What a cluster runs on.
#[derive(Clone, Debug, Deserialize)]
pub struct Landscape {
    /// The VPC.
    pub vpc_id: String,
    /// Its IPv4 block.
    pub vpc_cidr: String,
    /// The group that all instances are in, tagged `kubernetes.io/cluster/<name>: owned`.
    pub node_security_group: String,
    /// In the order they were asked for.
    pub subnets: Vec<Subnet>,
    /// Running, spread over the subnets in turn.
    pub instances: Vec<Instance>,
}

/// A subnet.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: String,
    /// Its availability zone.
    pub zone: String,
    /// Its IPv4 block.
    pub cidr: String,
    /// Its IPv6 block, if it has one.
    pub ipv6_cidr: Option<String>,
    /// Whether its routes lead to an internet gateway.
    pub public: bool,
}

/// A running instance.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: String,
    /// Its availability zone.
    pub zone: String,
    /// Its subnet.
    pub subnet_id: String,
    /// Its address.
    pub private_ip: Ipv4Addr,
    /// Its name, which is what EKS calls the node.
    pub private_dns_name: String,
}

/// Collects what a [`Landscape`] is made of.
#[derive(Clone, Debug, Serialize)]
#[must_use = "nothing is made before `build`"]
pub struct LandscapeBuilder {
    #[serde(skip)]
    account: Account,
    cluster: String,
    cidr: &'static str,
    ipv6: bool,
    subnets: Vec<SubnetRequest>,
    instances: u32,
}

#[derive(Clone, Debug, Serialize)]
struct SubnetRequest {
    zone: String,
    public: bool,
    ipv6: bool,
    role_tag: bool,
    tags: BTreeMap<String, String>,
}

// === impl Landscape ===

impl Landscape {
    /// The ids of the subnets with a way to the internet, or of those without.
    #[must_use]
    pub fn subnet_ids(&self, public: bool) -> Vec<&str> {
        let subnets = self.subnets.iter().filter(|subnet| subnet.public == public);
        subnets.map(|subnet| subnet.id.as_str()).collect()
    }
}

// === impl Instance ===

impl Instance {
    /// What a Node of this instance has in `spec.providerID`.
    #[must_use]
    pub fn provider_id(&self) -> String {
        format!("aws:///{}/{}", self.zone, self.id)
    }

    /// Its address, as Node objects have it.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        IpAddr::V4(self.private_ip)
    }
}

// === impl LandscapeBuilder ===

impl LandscapeBuilder {
    pub(super) fn new(account: Account, cluster: &str) -> Self {
        Self {
            account,
            cluster: cluster.to_owned(),
            cidr: "10.0.0.0/16",
            ipv6: false,
            subnets: Vec::new(),
            instances: 0,
        }
    }

    /// Adds `count` subnets, one in each zone from the first, with a route to an internet gateway and the tag
    /// `kubernetes.io/role/elb: 1`.
    pub fn public_subnets(self, count: usize) -> Self {
        self.zones(count, true)
    }

    /// Adds `count` subnets, one in each zone from the first, without a route out and with the tag
    /// `kubernetes.io/role/internal-elb: 1`.
    pub fn private_subnets(self, count: usize) -> Self {
        self.zones(count, false)
    }

    fn zones(self, count: usize, public: bool) -> Self {
        let zones = ZONES.iter().take(count);
        zones.fold(self, |builder, zone| builder.subnet(zone, public))
    }

    /// Adds a subnet in a zone, with the role tag that belongs to it.
    pub fn subnet(mut self, zone: &str, public: bool) -> Self {
        self.subnets.push(SubnetRequest {
            zone: zone.to_owned(),
            public,
            ipv6: self.ipv6,
            role_tag: true,
            tags: BTreeMap::new(),
        });
        self
    }

    /// Adds a tag to the subnet that was added last.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        if let Some(subnet) = self.subnets.last_mut() {
            subnet.tags.insert(key.to_owned(), value.to_owned());
        }
        self
    }

    /// Takes the role tag from the subnet that was added last.
    pub fn without_role_tag(mut self) -> Self {
        if let Some(subnet) = self.subnets.last_mut() {
            subnet.role_tag = false;
        }
        self
    }

    /// Gives the VPC an IPv6 block, and one to each subnet, those added before as well.
    pub fn ipv6(mut self) -> Self {
        self.ipv6 = true;
        for subnet in &mut self.subnets {
            subnet.ipv6 = true;
        }
        self
    }

    /// Takes the IPv6 block from the subnet that was added last.
    pub fn without_ipv6(mut self) -> Self {
        if let Some(subnet) = self.subnets.last_mut() {
            subnet.ipv6 = false;
        }
        self
    }

    /// Runs `count` instances.
    pub fn instances(mut self, count: u32) -> Self {
        self.instances = count;
        self
    }

    /// Makes it all. Without a subnet it is made with one public and one private one.
    ///
    /// # Errors
    /// LocalStack does not answer, or refuses.
    pub async fn build(self) -> Result<Landscape> {
        let builder = if self.subnets.is_empty() {
            self.public_subnets(1).private_subnets(1)
        } else {
            self
        };
        builder.account.post("landscape", &builder).await
    }
}
