//! Which instance is a node, and which of its security groups lets load balancers in? Pure.

use std::collections::{BTreeMap, BTreeSet};

use roadstead_core::ProviderId;

use super::groups::NodeWish;
use crate::{
    ids::{GroupId, InstanceId},
    seen::{InstanceSeen, InterfaceSeen},
    tags::KUBERNETES_CLUSTER,
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
    let of_the_cluster = match wish.cluster_name {
        Some(name) => tags.contains_key(&format!("{KUBERNETES_CLUSTER}{name}")),
        None => tags.keys().any(|key| key.starts_with(KUBERNETES_CLUSTER)),
    };
    of_the_cluster
        && wish
            .tags
            .iter()
            .all(|(key, value)| tags.get(key) == Some(value))
}

/// The problems in words, those of one kind together.
pub(super) fn tell(problems: &[(InstanceId, Problem)], wish: NodeWish<'_>) -> Vec<String> {
    let mut alike: BTreeMap<&Problem, Vec<&InstanceId>> = BTreeMap::new();
    for (id, problem) in problems {
        alike.entry(problem).or_default().push(id);
    }
    alike
        .into_iter()
        .map(|(problem, nodes)| problem.told(&nodes, wish))
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
    fn told(&self, nodes: &[&InstanceId], wish: NodeWish<'_>) -> String {
        let who = named(nodes);
        let (groups, tagged) = match self {
            Self::Unknown => {
                return format!("EC2 does not know the instances that nodes say they are: {who}");
            }
            Self::NotRunning => {
                return format!("instances without a network interface, not running: {who}");
            }
            Self::Ambiguous { groups, tagged } => (groups, tagged),
        };
        let of_the_cluster = format!(
            "{KUBERNETES_CLUSTER}{}",
            wish.cluster_name.unwrap_or("<name>")
        );
        let others = wish
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        let tag: Vec<String> = std::iter::once(of_the_cluster).chain(others).collect();
        let tag = tag.join(" and ");
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
            "load balancers may not reach {who}: the network interface {found}; tag exactly one, or name the nodes' group with --aws-node-security-group"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ec2_instance_is_one() {
        for (provider_id, expected) in [
            (
                "aws:///us-east-1a/i-0123456789abcdef0",
                Some("i-0123456789abcdef0"),
            ),
            ("aws:////i-0123456789abcdef0", Some("i-0123456789abcdef0")),
            ("aws://us-east-1a/i-01234567", Some("i-01234567")),
            ("aws:///i-01234567", Some("i-01234567")),
            ("i-01234567", Some("i-01234567")),
            (
                "aws:///us-east-1a/5595dd0a-b1c2/fargate-ip-10-0-0-1.ec2.internal",
                None,
            ),
            ("eks-hybrid:///eu-central-1/prod/mi-0123456789abcdef0", None),
            ("gce://project/zone/i-01234567", None),
            ("aws:///us-east-1a/i-", None),
            ("aws:///us-east-1a/i-web", None),
            ("aws:///us-east-1a/", None),
            ("", None),
        ] {
            let found = instance_id(&ProviderId(provider_id.into()));
            assert_eq!(
                found.as_ref().map(InstanceId::as_str),
                expected,
                "{provider_id}"
            );
        }
    }

    fn groups(ids: &[&str]) -> BTreeSet<GroupId> {
        ids.iter().map(|id| GroupId::new(*id)).collect()
    }

    #[test]
    fn a_nodes_group_is_its_only_one_or_the_only_one_tagged_for_the_cluster() {
        let tag = |key: &str| {
            BTreeMap::from([(format!("{KUBERNETES_CLUSTER}{key}"), "owned".to_owned())])
        };
        let tags = BTreeMap::from([
            (GroupId::new("sg-prod"), tag("prod")),
            (GroupId::new("sg-test"), tag("test")),
            (GroupId::new("sg-other"), BTreeMap::new()),
        ]);
        let ambiguous = |all: &[&str], tagged: &[&str]| {
            Err(Problem::Ambiguous {
                groups: groups(all),
                tagged: tagged.iter().map(|id| GroupId::new(*id)).collect(),
            })
        };
        let (prod, nameless) = (Some("prod"), None);
        for (has, cluster_name, expected) in [
            (&["sg-other"][..], prod, Ok(groups(&["sg-other"]))),
            (&["sg-prod", "sg-other"], prod, Ok(groups(&["sg-prod"]))),
            (&["sg-prod", "sg-test"], prod, Ok(groups(&["sg-prod"]))),
            (&["sg-test", "sg-other"], nameless, Ok(groups(&["sg-test"]))),
            (
                &["sg-test", "sg-other"],
                prod,
                ambiguous(&["sg-other", "sg-test"], &[]),
            ),
            (
                &["sg-prod", "sg-test"],
                nameless,
                ambiguous(&["sg-prod", "sg-test"], &["sg-prod", "sg-test"]),
            ),
            (&[], prod, ambiguous(&[], &[])),
        ] {
            let none = BTreeMap::new();
            let instance = InstanceSeen {
                id: "i-1".into(),
                vpc: None,
                zone: None,
                running: true,
                interfaces: vec![InterfaceSeen {
                    id: "eni-1".to_owned(),
                    groups: groups(has),
                }],
                clusters: BTreeSet::new(),
            };
            let wish = NodeWish {
                cluster_name,
                tags: &none,
                pods: false,
            };
            let found = node_groups(&instance, |group| tags.get(group), wish);
            assert_eq!(found, expected, "{has:?} {cluster_name:?}");
        }
    }

    #[test]
    fn a_thousand_nodes_of_one_problem_are_one_sentence() {
        let problem = || Problem::Ambiguous {
            groups: groups(&["sg-a", "sg-b"]),
            tagged: Vec::new(),
        };
        let problems: Vec<_> = (0..1000)
            .map(|n| (InstanceId::new(format!("i-{n}")), problem()))
            .collect();
        let blue = BTreeMap::from([("pool".to_owned(), "blue".to_owned())]);
        let wish = NodeWish {
            cluster_name: None,
            tags: &blue,
            pods: false,
        };
        insta::assert_yaml_snapshot!(tell(&problems, wish), @r#"- "load balancers may not reach i-0, i-1, i-2 and 997 more: the network interface has the security groups sg-a, sg-b, none of them with the tag kubernetes.io/cluster/<name> and pool=blue; tag exactly one, or name the nodes' group with --aws-node-security-group""#);
    }
}
