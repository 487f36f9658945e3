//! An EC2 of this process's own for tests: it does what AWS documents, remembers what it was asked, and fails when told to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Ec2, lock};
use crate::{
    api::{
        Action, Error, Priority,
        ec2::{Admission, GroupFilter},
        error::Result,
    },
    ids::{GroupId, InstanceId, SubnetId, VpcId},
    seen::{
        InstanceSeen, InterfaceSeen, PublicSubnets, Rule, RuleSource, SecurityGroupSeen,
        SubnetSeen, VpcSeen, ZoneType,
    },
    tags,
};

/// EC2's calls into this world, made for one reason.
#[derive(Clone, Debug)]
pub(crate) struct World {
    contents: Arc<Mutex<Contents>>,
    priority: Priority,
}

#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) subnets: Vec<SubnetSeen>,
    pub(crate) public: PublicSubnets,
    pub(crate) instances: BTreeMap<InstanceId, InstanceSeen>,
    pub(crate) groups: BTreeMap<GroupId, SecurityGroupSeen>,
    /// What stands beside rules.
    pub(crate) descriptions: BTreeMap<(GroupId, Rule), String>,
    /// Groups that network interfaces have.
    pub(crate) in_use: BTreeSet<GroupId>,
    /// Groups that exist, but are not listed yet.
    pub(crate) hidden: BTreeSet<GroupId>,
    /// How many rules a group may have.
    pub(crate) rules: usize,
    made: usize,
    asked: Vec<Action>,
    script: VecDeque<(Action, &'static str)>,
}

/// So long a call takes, half before it takes effect and half after.
pub(crate) const CALL: Duration = Duration::from_millis(100);

// === impl World ===

impl World {
    /// An empty world.
    pub(crate) fn new() -> Self {
        let contents = Contents {
            rules: 60,
            ..Contents::default()
        };
        Self {
            contents: Arc::new(Mutex::new(contents)),
            priority: Priority::Serve,
        }
    }

    /// The same world, asked for another reason.
    pub(crate) fn with_priority(&self, priority: Priority) -> Self {
        Self {
            contents: Arc::clone(&self.contents),
            priority,
        }
    }

    /// Changes the world from outside, or looks at it.
    pub(crate) fn edit<T>(&self, edit: impl FnOnce(&mut Contents) -> T) -> T {
        edit(&mut lock(&self.contents))
    }

    /// What was asked since this was last asked.
    pub(crate) fn asked(&self) -> Vec<Action> {
        self.edit(|world| std::mem::take(&mut world.asked))
    }

    /// The next call of `action` is refused with `code`, without effect.
    pub(crate) fn refuse(&self, action: Action, code: &'static str) {
        self.edit(|world| world.script.push_back((action, code)));
    }

    async fn call<T>(
        &self,
        action: Action,
        effect: impl FnOnce(&mut Contents) -> Result<T, &'static str> + Send,
    ) -> Result<T> {
        self.edit(|world| world.asked.push(action));
        tokio::time::sleep(CALL / 2).await;
        let outcome = self.edit(|world| match world.script.front() {
            Some((next, code)) if *next == action => {
                let code = *code;
                world.script.pop_front();
                Err(code)
            }
            _ => effect(world),
        });
        tokio::time::sleep(CALL / 2).await;
        outcome.map_err(|code| Error::answered(action, 400, Some(code), Some("so it is")))
    }
}

impl Ec2 for World {
    fn priority(&self) -> Priority {
        self.priority
    }

    async fn vpc(&self, id: &VpcId) -> Result<VpcSeen> {
        self.call(Action::DescribeVpcs, |_| {
            Ok(VpcSeen {
                id: id.clone(),
                cidrs: vec!["10.0.0.0/16".parse().unwrap()],
                ipv6_cidrs: Vec::new(),
            })
        })
        .await
    }

    async fn subnets(&self, _: &VpcId) -> Result<Vec<SubnetSeen>> {
        self.call(Action::DescribeSubnets, |world| Ok(world.subnets.clone()))
            .await
    }

    async fn public_subnets(&self, _: &VpcId) -> Result<PublicSubnets> {
        self.call(Action::DescribeRouteTables, |world| {
            Ok(world.public.clone())
        })
        .await
    }

    async fn instances(&self, ids: &[InstanceId]) -> Result<Vec<InstanceSeen>> {
        self.call(Action::DescribeInstances, |world| {
            let found = ids.iter().filter_map(|id| world.instances.get(id));
            Ok(found.cloned().collect())
        })
        .await
    }

    async fn security_groups(&self, which: GroupFilter<'_>) -> Result<Vec<SecurityGroupSeen>> {
        self.call(Action::DescribeSecurityGroups, |world| {
            let listed = world.groups.values();
            Ok(listed
                .filter(|group| !world.hidden.contains(&group.id) && suits(&which, group))
                .cloned()
                .collect())
        })
        .await
    }

    async fn admissions(&self, source: &GroupId) -> Result<Vec<Admission>> {
        self.call(Action::DescribeSecurityGroups, |world| {
            let mut found = Vec::new();
            for group in world.groups.values() {
                for rule in group.ingress.iter().filter(|rule| is_from(rule, source)) {
                    let key = (group.id.clone(), rule.clone());
                    found.push(Admission {
                        group: group.id.clone(),
                        rule: rule.clone(),
                        description: world.descriptions.get(&key).cloned(),
                    });
                }
            }
            Ok(found)
        })
        .await
    }

    async fn create_security_group(
        &self,
        name: &str,
        _: &str,
        vpc: &VpcId,
        tags: &BTreeMap<String, String>,
    ) -> Result<GroupId> {
        self.call(Action::CreateSecurityGroup, |world| {
            let taken = |group: &SecurityGroupSeen| group.name == name && group.vpc == *vpc;
            if world.groups.values().any(taken) {
                return Err("InvalidGroup.Duplicate");
            }
            world.made += 1;
            let id = GroupId::new(format!("sg-made-{}", world.made));
            world.put(group(id.as_str(), name, tags.clone()));
            Ok(id)
        })
        .await
    }

    async fn authorize(&self, group: &GroupId, rules: &[Rule], description: &str) -> Result<()> {
        self.call(Action::AuthorizeSecurityGroupIngress, |world| {
            let sources_exist = rules.iter().all(|rule| match &rule.source {
                RuleSource::Group(source) => world.groups.contains_key(source),
                RuleSource::Cidr(_) | RuleSource::PrefixList(_) => true,
            });
            let limit = world.rules;
            let Some(there) = world.groups.get_mut(group).filter(|_| sources_exist) else {
                return Err("InvalidGroup.NotFound");
            };
            if rules.iter().any(|rule| there.ingress.contains(rule)) {
                return Err("InvalidPermission.Duplicate");
            }
            if there.ingress.len() + rules.len() > limit {
                return Err("RulesPerSecurityGroupLimitExceeded");
            }
            for rule in rules {
                there.ingress.insert(rule.clone());
                let key = (group.clone(), rule.clone());
                world.descriptions.insert(key, description.to_owned());
            }
            Ok(())
        })
        .await
    }

    async fn revoke(&self, group: &GroupId, rules: &[Rule], _: &str) -> Result<()> {
        self.call(Action::RevokeSecurityGroupIngress, |world| {
            let Some(there) = world.groups.get_mut(group) else {
                return Err("InvalidGroup.NotFound");
            };
            if !rules.iter().all(|rule| there.ingress.contains(rule)) {
                return Err("InvalidPermission.NotFound");
            }
            there.ingress.retain(|rule| !rules.contains(rule));
            Ok(())
        })
        .await
    }

    async fn delete_security_group(&self, id: &GroupId) -> Result<()> {
        self.call(Action::DeleteSecurityGroup, |world| {
            let mut all_rules = world.groups.values().flat_map(|group| &group.ingress);
            if world.in_use.contains(id) || all_rules.any(|rule| is_from(rule, id)) {
                return Err("DependencyViolation");
            }
            match world.groups.remove(id) {
                Some(_) => Ok(()),
                None => Err("InvalidGroup.NotFound"),
            }
        })
        .await
    }
}

// === impl Contents ===

impl Contents {
    /// Puts a security group there.
    pub(crate) fn put(&mut self, group: SecurityGroupSeen) {
        self.groups.insert(group.id.clone(), group);
    }

    /// Starts an instance whose interfaces have these groups.
    pub(crate) fn start(&mut self, id: &str, interfaces: &[&[&str]]) {
        let interface = |(n, groups): (usize, &&[&str])| InterfaceSeen {
            id: format!("eni-{id}-{n}"),
            groups: groups.iter().map(|group| GroupId::new(*group)).collect(),
        };
        let instance = InstanceSeen {
            id: id.into(),
            vpc: Some("vpc-1".into()),
            zone: Some("us-east-1a".to_owned()),
            running: true,
            interfaces: interfaces.iter().enumerate().map(interface).collect(),
            clusters: BTreeSet::new(),
        };
        self.instances.insert(instance.id.clone(), instance);
    }

    /// Starts an instance whose tags say that it is for these clusters.
    pub(crate) fn start_for(&mut self, id: &str, clusters: &[&str]) {
        self.start(id, &[]);
        if let Some(instance) = self.instances.get_mut(&InstanceId::new(id)) {
            instance.clusters = clusters.iter().map(|name| (*name).to_owned()).collect();
        }
    }

    /// The groups and rules there are, as one would read them.
    pub(crate) fn told(&self) -> Vec<String> {
        let rule = |rule: &Rule| {
            let Rule {
                protocol,
                from,
                to,
                source,
            } = rule;
            format!("{} {from}-{to} from {source}", protocol.as_str())
        };
        self.groups
            .values()
            .map(|group| {
                let rules: Vec<String> = group.ingress.iter().map(rule).collect();
                format!("{} ({}): {}", group.id, group.name, rules.join(", "))
            })
            .collect()
    }
}

/// A security group in `vpc-1` that lets nobody in.
pub(crate) fn group(id: &str, name: &str, tags: BTreeMap<String, String>) -> SecurityGroupSeen {
    SecurityGroupSeen {
        id: id.into(),
        name: name.to_owned(),
        vpc: "vpc-1".into(),
        ingress: BTreeSet::new(),
        tags,
    }
}

/// A subnet of `vpc-1` that could take a load balancer, were it tagged.
pub(crate) fn subnet(id: &str, zone: &str) -> SubnetSeen {
    SubnetSeen {
        id: SubnetId::new(format!("subnet-{id}")),
        zone: format!("us-east-1{zone}"),
        zone_type: ZoneType::AvailabilityZone,
        outpost: None,
        vpc: "vpc-1".into(),
        cidr: Some("10.0.0.0/24".parse().unwrap()),
        ipv6_cidrs: Vec::new(),
        free_ips: 8,
        tags: BTreeMap::new(),
    }
}

/// One tag.
pub(crate) fn tag(key: &str, value: &str) -> BTreeMap<String, String> {
    [(key.to_owned(), value.to_owned())].into()
}

fn is_from(rule: &Rule, source: &GroupId) -> bool {
    matches!(&rule.source, RuleSource::Group(group) if group == source)
}

fn suits(which: &GroupFilter<'_>, group: &SecurityGroupSeen) -> bool {
    let has = |key: &str, value: &str| group.tags.get(key).is_some_and(|it| it == value);
    match which {
        GroupFilter::Tagged { key, value } => has(key, value),
        GroupFilter::Ids(ids) => ids.contains(&group.id),
        GroupFilter::InVpcNamed { vpc, name } => group.vpc == **vpc && group.name == *name,
        GroupFilter::InVpcTaggedName { vpc, names } => {
            group.vpc == **vpc && names.iter().any(|name| has(tags::NAME, name))
        }
    }
}
