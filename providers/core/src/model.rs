//! What is asked of a provider? The whole request, in the field's own words. Pure data: no I/O, no defaults hidden.

use std::{collections::BTreeMap, fmt, hash::Hash, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::LoadBalancerId;

/// A port number from 1 to 65535.
pub type PortNumber = std::num::NonZeroU16;

/// Namespace and name of a Kubernetes object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NamespacedName {
    /// The namespace.
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

/// The name of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeName(pub Arc<str>);

/// `spec.providerID` of a node, as the cloud's own controller wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProviderId(pub Arc<str>);

/// The transport protocol of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// One port of the Service.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Port {
    /// Its name; empty where the Service has a single unnamed port.
    pub name: String,
    /// The transport protocol.
    pub protocol: Protocol,
    /// The port that clients connect to.
    pub port: PortNumber,
    /// The port that pods listen on; absent where each pod has a say in it, because the Service names it.
    pub target_port: Option<PortNumber>,
    /// The port that kube-proxy opens on every node; absent where the Service allocates none.
    pub node_port: Option<PortNumber>,
    /// The hint at the application's protocol, verbatim.
    pub app_protocol: Option<String>,
}

/// What receives traffic: a node, or a pod for a provider that asked for [`TargetKind::Endpoints`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// The node, or the node that the pod runs on.
    pub node: NodeName,
    /// The node's provider id.
    pub provider_id: Option<ProviderId>,
    /// The target's addresses.
    pub addresses: Vec<IpAddr>,
    /// The port that a pod listens on; a node listens on the port's `node_port`.
    pub port: Option<PortNumber>,
    /// The name of the Service's port that a pod serves at [`port`](Self::port), empty for an unnamed one; `None` for a
    /// node, which serves all of them.
    pub port_name: Option<Arc<str>>,
    /// The pod, where the endpoint is one.
    pub pod: Option<NamespacedName>,
    /// The node's labels, for a provider that lets the user choose nodes by them; empty for a pod.
    #[serde(default, skip_serializing_if = "no_labels")]
    pub labels: Arc<BTreeMap<String, String>>,
}

/// Which kind of target a provider wants for a Service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// Every eligible node, at the `NodePort`.
    Nodes,
    /// The Service's serving pods, from its `EndpointSlices`.
    Endpoints,
    /// Nothing: whoever receives the traffic finds out by itself where it goes.
    Nothing,
}

/// The targets that a load balancer is to have.
///
/// Shared, because thousands of load balancers point at the same thousand nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Targets {
    /// Leave the targets as they are: at this moment nothing is eligible, and the last ones are the better guess.
    Keep,
    /// Exactly these.
    Exactly(Arc<[Target]>),
}

/// `spec.externalTrafficPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TrafficPolicy {
    /// Any node forwards to any pod.
    Cluster,
    /// A node forwards to its own pods only, and says on a port of its own whether it has any.
    Local {
        /// `spec.healthCheckNodePort`.
        health_check_node_port: Option<PortNumber>,
    },
}

/// An IP family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum IpFamily {
    /// IPv4.
    #[serde(rename = "IPv4")]
    V4,
    /// IPv6.
    #[serde(rename = "IPv6")]
    V6,
}

/// `spec.ipFamilyPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum IpFamilyPolicy {
    /// One family.
    SingleStack,
    /// Two if the cluster has two.
    PreferDualStack,
    /// Two or nothing.
    RequireDualStack,
}

/// `spec.sessionAffinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SessionAffinity {
    /// None.
    None,
    /// By client address, for so many seconds.
    ClientIp {
        /// `spec.sessionAffinityConfig.clientIP.timeoutSeconds`.
        timeout_seconds: u32,
    },
}

/// Labels that a provider may choose by; empty unless it [reads them](crate::LoadBalancerProvider::reads_labels).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Labels {
    /// Those of the Service.
    pub service: Arc<BTreeMap<String, String>>,
    /// Those of its namespace.
    pub namespace: Arc<BTreeMap<String, String>>,
    /// Those that its pods must have: `spec.selector`.
    pub pods: Arc<BTreeMap<String, String>>,
}

/// The whole request for one load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoadBalancer {
    /// Whose it is.
    pub id: LoadBalancerId,
    /// The Service, for people; never identity.
    pub service: NamespacedName,
    /// Its ports, in the Service's order.
    pub ports: Vec<Port>,
    /// Its targets.
    pub targets: Targets,
    /// Where the Service's status says at this moment that clients reach it: what they were told last.
    pub published: Vec<Address>,
    /// Which of those addresses a foreign host was seen to use.
    pub in_conflict: Vec<IpAddr>,
    /// How nodes forward.
    pub traffic_policy: TrafficPolicy,
    /// The families wanted, in order of preference; never empty.
    pub families: Vec<IpFamily>,
    /// How firmly they are wanted.
    pub family_policy: IpFamilyPolicy,
    /// Who may connect; empty: everybody.
    pub source_ranges: Vec<IpNet>,
    /// Whether a client sticks to a target.
    pub session_affinity: SessionAffinity,
    /// Addresses that the user asked for.
    pub requested_ips: Vec<IpAddr>,
    /// The Service's annotations, for the provider to parse.
    pub annotations: Arc<BTreeMap<String, String>>,
    /// Labels around the Service.
    pub labels: Labels,
}

/// Where clients reach a load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// An IP address.
    Ip(IpAddr),
    /// A DNS name, lowercase.
    Hostname(String),
}

/// One entry of `status.loadBalancer.ingress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The address or name.
    pub host: Host,
    /// The ports served there; empty: not said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<(PortNumber, Protocol)>,
}

// === impl NamespacedName ===

impl NamespacedName {
    /// Both parts.
    pub fn new(namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

// === impl NodeName, ProviderId ===

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Protocol ===

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

// === impl Port ===

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

// === impl IpFamily ===

impl IpFamily {
    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

// === impl Target ===

impl Target {
    /// Whether traffic to both goes the same way; what nodes are labelled, and which pod it is, do not count.
    #[must_use]
    pub fn same_way(&self, other: &Self) -> bool {
        self.way() == other.way()
    }

    /// Everything that traffic to it depends on.
    #[must_use]
    pub fn way(&self) -> impl Eq + Hash + use<'_> {
        let Self {
            node,
            provider_id,
            addresses,
            port,
            port_name,
            pod: _,
            labels: _,
        } = self;
        (node, provider_id, addresses, port, port_name)
    }
}

fn no_labels(labels: &BTreeMap<String, String>) -> bool {
    labels.is_empty()
}

// === impl Targets ===

impl Targets {
    /// The targets, where they are given.
    #[must_use]
    pub fn exactly(&self) -> Option<&Arc<[Target]>> {
        match self {
            Self::Keep => None,
            Self::Exactly(targets) => Some(targets),
        }
    }
}

// === impl Host ===

impl Host {
    /// The address; `None` for a name.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::Hostname(_) => None,
        }
    }
}

// === impl Address ===

impl Address {
    /// An IP address, with nothing said of ports.
    #[must_use]
    pub fn ip(address: IpAddr) -> Self {
        Self {
            host: Host::Ip(address),
            ports: Vec::new(),
        }
    }

    /// A DNS name, lowercased, with nothing said of ports.
    #[must_use]
    pub fn hostname(name: &str) -> Self {
        Self {
            host: Host::Hostname(name.to_lowercase()),
            ports: Vec::new(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Hostname(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.host.fmt(f)
    }
}
