//! Which instance is a node, and which of its security groups lets load balancers in? Pure.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_core::ProviderId;

use super::{groups::NodeWish, subnets::CLUSTER_TAG};
use crate::{
    ids::{GroupId, InstanceId},
    seen::{InstanceSeen, InterfaceSeen},
};

/// The security groups of nodes, as far as they can be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeGroups {
    /// The groups of each node.
    pub(crate) groups: BTreeMap<InstanceId, BTreeSet<GroupId>>,
    /// What is wrong with the other nodes, and what to do about it.
    pub(crate) problems: Vec<String>,
}

/// Why a node's group cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Problem {
    /// EC2 knows no such instance.
    Unknown,
    /// It has no network interface: it is being made or was ended.
    NotRunning,
    /// An interface has several groups, or none, and the tags do not single one out.
    Ambiguous {
        groups: BTreeSet<GroupId>,
        tagged: Vec<GroupId>,
    },
}

/// So many nodes of one problem are named; the others are counted.
const NAMED: usize = 3;

/// The EC2 instance that a node is, from its provider id: `aws:///us-east-1a/i-0123…`, and `aws:////i-…` or `i-…` as older
/// ones have it. `None` for what is none: Fargate, a hybrid node, another cloud's.
pub(crate) fn instance_id(provider_id: &ProviderId) -> Option<InstanceId> {
    let path = match provider_id.0.split_once("://") {
        Some(("aws", path)) => path,
        Some(_) => return None,
        None => &provider_id.0,
    };
    let id = path.rsplit('/').next()?;
    let digits = id.strip_prefix("i-")?;
    let valid = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    valid.then(|| InstanceId::new(id))
}

/// The groups whose tags decide: those of an interface that has several.
pub(super) fn undecided(instance: &InstanceSeen, pods: bool) -> BTreeSet<GroupId> {
    interfaces(instance, pods)
        .filter(|interface| interface.groups.len() > 1)
        .flat_map(|interface| interface.groups.iter().cloned())
        .collect()
}

/// The groups of `instance` that are to let load balancers in: of each interface that counts the only group, else the only one
/// that is tagged for the cluster.
pub(super) fn node_groups<'t>(
    instance: &InstanceSeen,
    tags_of: impl Fn(&GroupId) -> Option<&'t BTreeMap<String, String>>,
    wish: NodeWish<'_>,
) -> Result<BTreeSet<GroupId>, Problem> {
    if instance.interfaces.is_empty() {
        return Err(Problem::NotRunning);
    }
    interfaces(instance, wish.pods)
        .map(|interface| {
            let mut groups: Vec<&GroupId> = interface.groups.iter().collect();
            if groups.len() > 1 {
                groups.retain(|group| tags_of(group).is_some_and(|tags| is_for(wish, tags)));
            }
            match groups.as_slice() {
                [only] => Ok((*only).clone()),
                tagged => Err(Problem::Ambiguous {
                    groups: interface.groups.clone(),
                    tagged: tagged.iter().map(|group| (*group).clone()).collect(),
                }),
            }
        })
        .collect()
}

fn interfaces(instance: &InstanceSeen, pods: bool) -> impl Iterator<Item = &InterfaceSeen> {
    let many = if pods { usize::MAX } else { 1 };
    instance.interfaces.iter().take(many)
}

fn is_for(wish: NodeWish<'_>, tags: &BTreeMap<String, String>) -> bool {
    match wish.cluster_name {
        Some(name) => tags.contains_key(&format!("{CLUSTER_TAG}{name}")),
        None => tags.keys().any(|key| key.starts_with(CLUSTER_TAG)),
    }
}

/// The problems in words, those of one kind together.
pub(super) fn tell(problems: &[(InstanceId, Problem)], cluster_name: Option<&str>) -> Vec<String> {
    let mut alike: BTreeMap<&Problem, Vec<&InstanceId>> = BTreeMap::new();
    for (id, problem) in problems {
        alike.entry(problem).or_default().push(id);
    }
    alike
        .into_iter()
        .map(|(problem, nodes)| problem.told(&nodes, cluster_name))
        .collect()
}

/// Ids in a row.
pub(super) fn listed<'a>(groups: impl IntoIterator<Item = &'a GroupId>) -> String {
    let groups: Vec<&str> = groups.into_iter().map(GroupId::as_str).collect();
    groups.join(", ")
}

fn named(nodes: &[&InstanceId]) -> String {
    let first: Vec<&str> = nodes.iter().take(NAMED).map(|id| id.as_str()).collect();
    match nodes.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

// === impl Problem ===

impl Problem {
    fn told(&self, nodes: &[&InstanceId], cluster_name: Option<&str>) -> String {
        let who = named(nodes);
        let (groups, tagged) = match self {
            Self::Unknown => {
                return format!("EC2 knows no instance {who}, which nodes claim to be");
            }
            Self::NotRunning => {
                return format!("not running, without a network interface: the instance {who}");
            }
            Self::Ambiguous { groups, tagged } => (groups, tagged),
        };
        let tag = format!("{CLUSTER_TAG}{}", cluster_name.unwrap_or("<name>"));
        let found = match (groups.len(), tagged.len()) {
            (0, _) => "has no security group".to_owned(),
            (_, 0) => format!(
                "has the security groups {}, none of them with the tag {tag}",
                listed(groups)
            ),
            (_, _) => format!(
                "has the security groups {}, of which {} have the tag {tag}",
                listed(groups),
                listed(tagged)
            ),
        };
        format!(
            "load balancers may not reach the instance {who}: its network interface {found}; tag exactly one, or name the nodes' group with --aws-node-security-group"
        )
    }
}
