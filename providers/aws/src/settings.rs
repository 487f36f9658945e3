//! What do the flags say? Plain values; defaults are those of the flags.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use roadstead_core::PortNumber;

use crate::{api::ApiSettings, desired::Quotas, params::Defaults};

/// How this provider is to work.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The VPC of the load balancers; `None`: that of the nodes.
    pub vpc_id: Option<String>,
    /// The cluster's name for people, and for the tags `kubernetes.io/cluster/<name>` of subnets, groups and instances.
    pub cluster_name: Option<String>,
    /// What holds where a Service says nothing.
    pub defaults: Defaults,
    /// A backend group that exists already, instead of one of our own.
    pub backend_security_group: Option<String>,
    /// The security groups of the nodes; empty: found by asking for the nodes' instances.
    pub node_security_groups: Vec<String>,
    /// Tags that the group of the nodes carries, where a node has several groups.
    pub node_security_group_tags: BTreeMap<String, String>,
    /// The ports that kube-proxy opens.
    pub node_ports: (PortNumber, PortNumber),
    /// Tag keys that somebody else manages: never set, never removed.
    pub external_tags: BTreeSet<String>,
    /// How many targets AWS takes.
    pub quotas: Quotas,
    /// How AWS's API is to be used.
    pub api: ApiSettings,
    /// How long a replaced load balancer stays after its successor was published.
    pub replacement_grace: Duration,
    /// How long a take-over is announced before it is done.
    pub adoption_notice: Duration,
    /// How often targets are asked for once they are all healthy.
    pub health_interval: Duration,
    /// How soon they are asked for after a change; doubled until `health_interval` while some are not healthy.
    pub health_first: Duration,
    /// How long AWS may take to show what a call without an answer made: nothing is called gone before.
    pub settle: Duration,
    /// How often a Service is compared with a listing.
    pub check_interval: Duration,
    /// How often a Service is compared with everything, attributes and tags included.
    pub deep_check_interval: Duration,
}

/// The range that kube-apiserver takes node ports from unless told otherwise.
const NODE_PORTS: (u16, u16) = (30_000, 32_767);

impl Default for Settings {
    fn default() -> Self {
        let port = |number| PortNumber::new(number).unwrap_or(PortNumber::MIN);
        Self {
            vpc_id: None,
            cluster_name: None,
            defaults: Defaults::default(),
            backend_security_group: None,
            node_security_groups: Vec::new(),
            node_security_group_tags: BTreeMap::new(),
            node_ports: (port(NODE_PORTS.0), port(NODE_PORTS.1)),
            external_tags: BTreeSet::new(),
            quotas: Quotas::default(),
            api: ApiSettings::default(),
            replacement_grace: Duration::from_mins(5),
            adoption_notice: Duration::from_secs(30),
            health_interval: Duration::from_mins(5),
            health_first: Duration::from_secs(5),
            settle: Duration::from_secs(10),
            // A little less than the controller's resync, which is jittered by 20 %.
            check_interval: Duration::from_mins(7),
            deep_check_interval: Duration::from_hours(1),
        }
    }
}
