//! Which security groups does a user mean, and which do nodes have? Looked up, and chosen by the pure rules beside.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use roadstead_core::ErrorKind;

use super::{
    Ec2, Facts, Failure,
    cached::Trust,
    nodes::{NodeGroups, Problem, listed, node_groups, tell, undecided},
};
use crate::{
    api::ec2::GroupFilter,
    ids::{GroupId, InstanceId, VpcId},
    params::{ByIdOrName, keys},
    seen::SecurityGroupSeen,
    tags,
};

/// What was found of the groups that a user names.
#[derive(Debug)]
struct Lookup {
    by_id: HashMap<GroupId, Arc<SecurityGroupSeen>>,
    by_name: HashMap<(VpcId, String), BTreeSet<GroupId>>,
}

/// How nodes' groups are told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeWish<'a> {
    /// The name in the tags `kubernetes.io/cluster/<name>`; `None`: any such tag counts.
    pub(crate) cluster_name: Option<&'a str>,
    /// Tags that the one must have besides.
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// Whether pods are targets themselves: then every interface of a node counts, not only its first.
    pub(crate) pods: bool,
}

// === impl Facts ===

impl Facts {
    /// The security groups that the user names by id or by the tag `Name`, in the user's order, each once.
    ///
    /// # Errors
    ///
    /// `Conflict` if one is missing, in another VPC, or meant by a name that several have; each is named.
    pub(crate) async fn groups(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        wanted: &[ByIdOrName],
    ) -> roadstead_core::Result<Vec<GroupId>> {
        let kept = self.look_up(calls, vpc, wanted, Trust::Kept).await?;
        if let Ok(groups) = kept.pick(vpc, wanted) {
            return Ok(groups);
        }
        // Perhaps it was made, or named, since AWS was asked.
        let recent = self.look_up(calls, vpc, wanted, Trust::Recent).await?;
        Ok(recent.pick(vpc, wanted)?)
    }

    async fn look_up(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        wanted: &[ByIdOrName],
        trust: Trust,
    ) -> Result<Lookup, Failure> {
        let mut ids = Vec::new();
        let mut names = Vec::new();
        for group in wanted {
            match group {
                ByIdOrName::Id(id) => ids.push(GroupId::new(id.as_str())),
                ByIdOrName::Name(name) => names.push((vpc.clone(), name.clone())),
            }
        }
        Ok(Lookup {
            by_id: self.groups_by_id(calls, &ids, trust).await?,
            by_name: self.groups_by_name(calls, vpc, &names, trust).await?,
        })
    }

    async fn groups_by_id(
        &self,
        calls: &impl Ec2,
        ids: &[GroupId],
        trust: Trust,
    ) -> Result<HashMap<GroupId, Arc<SecurityGroupSeen>>, Failure> {
        let asking = calls.clone();
        self.groups
            .get(ids, trust, calls.priority(), |ids| async move {
                let seen = asking.security_groups(GroupFilter::Ids(&ids)).await;
                let what = || format!("reading the security groups {}", listed(&ids));
                Ok(seen
                    .map_err(|e| Failure::call(e, what()))?
                    .into_iter()
                    .map(|it| (it.id.clone(), Arc::new(it)))
                    .collect())
            })
            .await
    }

    async fn groups_by_name(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        names: &[(VpcId, String)],
        trust: Trust,
    ) -> Result<HashMap<(VpcId, String), BTreeSet<GroupId>>, Failure> {
        let asking = calls.clone();
        let vpc = vpc.clone();
        self.named
            .get(names, trust, calls.priority(), |keys| async move {
                let names: Vec<String> = keys.into_iter().map(|(_, name)| name).collect();
                let which = GroupFilter::InVpcTaggedName {
                    vpc: &vpc,
                    names: &names,
                };
                let seen = asking.security_groups(which).await;
                let what = || format!("reading the security groups named {}", names.join(", "));
                let mut found: BTreeMap<(VpcId, String), BTreeSet<GroupId>> = BTreeMap::new();
                for group in seen.map_err(|e| Failure::call(e, what()))? {
                    if let Some(name) = group.tags.get(tags::NAME) {
                        let key = (vpc.clone(), name.clone());
                        found.entry(key).or_default().insert(group.id);
                    }
                }
                Ok(found.into_iter().collect())
            })
            .await
    }

    /// The groups of these nodes that are to let load balancers in.
    ///
    /// A node whose group cannot be told blocks no other: it is one of the answer's problems.
    pub(crate) async fn node_groups(
        &self,
        calls: &impl Ec2,
        nodes: &[InstanceId],
        wish: NodeWish<'_>,
        trust: Trust,
    ) -> Result<NodeGroups, Failure> {
        let mut found = NodeGroups::default();
        let problems = self.judge(calls, nodes, wish, trust, &mut found).await?;
        if !problems.is_empty() {
            // Perhaps a group was tagged, or the instance started, since AWS was asked.
            let again: Vec<InstanceId> = problems.into_iter().map(|(id, _)| id).collect();
            let problems = self
                .judge(calls, &again, wish, Trust::Recent, &mut found)
                .await?;
            found.problems = tell(&problems, wish);
        }
        Ok(found)
    }

    async fn judge(
        &self,
        calls: &impl Ec2,
        nodes: &[InstanceId],
        wish: NodeWish<'_>,
        trust: Trust,
        found: &mut NodeGroups,
    ) -> Result<Vec<(InstanceId, Problem)>, Failure> {
        let instances = self.ask_instances(calls, nodes, trust).await?;
        let open: BTreeSet<GroupId> = instances
            .values()
            .flat_map(|instance| undecided(instance, wish.pods))
            .collect();
        let open: Vec<GroupId> = open.into_iter().collect();
        let tagged = self.groups_by_id(calls, &open, trust).await?;
        let mut problems = Vec::new();
        for id in nodes {
            let tags_of = |group: &GroupId| tagged.get(group).map(|seen| &seen.tags);
            let judged = instances.get(id).map_or(Err(Problem::Unknown), |instance| {
                node_groups(instance, tags_of, wish)
            });
            match judged {
                Ok(groups) => {
                    found.groups.insert(id.clone(), groups);
                }
                Err(problem) => problems.push((id.clone(), problem)),
            }
        }
        Ok(problems)
    }
}

// === impl Lookup ===

impl Lookup {
    fn pick(&self, vpc: &VpcId, wanted: &[ByIdOrName]) -> Result<Vec<GroupId>, Failure> {
        let mut picked: Vec<GroupId> = Vec::new();
        let mut missing = Vec::new();
        for group in wanted {
            match self.one(vpc, group) {
                Ok(id) if picked.contains(&id) => {}
                Ok(id) => picked.push(id),
                Err(why) => missing.push(why),
            }
        }
        if missing.is_empty() {
            return Ok(picked);
        }
        Err(Failure::refused(
            ErrorKind::Conflict,
            format!(
                "{} asks for security groups that cannot be had in {vpc}: {}",
                keys::SECURITY_GROUPS,
                missing.join("; ")
            ),
        ))
    }

    fn one(&self, vpc: &VpcId, wanted: &ByIdOrName) -> Result<GroupId, String> {
        match wanted {
            ByIdOrName::Id(id) => {
                let id = GroupId::new(id.as_str());
                match self.by_id.get(&id) {
                    Some(group) if group.vpc == *vpc => Ok(id),
                    Some(group) => Err(format!("{id} is in {}", group.vpc)),
                    None => Err(format!("there is no security group {id}")),
                }
            }
            ByIdOrName::Name(name) => {
                let found = self.by_name.get(&(vpc.clone(), name.clone()));
                let mut ids = found.into_iter().flatten();
                match (ids.next(), ids.next()) {
                    (Some(only), None) => Ok(only.clone()),
                    (Some(_), Some(_)) => Err(format!(
                        "several have the tag Name={name} ({}): name the one by id",
                        listed(found.into_iter().flatten())
                    )),
                    (None, _) => Err(format!("no security group has the tag Name={name}")),
                }
            }
        }
    }
}
