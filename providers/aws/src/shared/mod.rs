//! What do all load balancers of a cluster share? One security group, the backend group, and the rules by which the nodes let
//! it in: a constant number, however many Services there are.
//!
//! It decides nothing about single load balancers. What it did or read it remembers, so that an unchanged call costs nothing.

mod admit;
mod backend;
mod release;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    sync::{Arc, Mutex},
    time::Duration,
};

use roadstead_core::{Action, ClusterUid, ErrorKind, Step};

pub(crate) use self::rules::Needs;
use self::{
    rules::Told,
    state::{Hold, State},
};
use crate::{
    facts::{Ec2, Facts, Failure, NodeWish, Trust, lock},
    ids::{GroupId, InstanceId, VpcId},
    names,
    seen::Rule,
};

/// How the backend group is to be.
#[derive(Clone, Debug)]
pub(crate) struct SharedSettings {
    /// The cluster.
    pub(crate) cluster: ClusterUid,
    /// Its name, in tags.
    pub(crate) cluster_name: Option<String>,
    /// The backend group, if the user gave one: it is never made, tagged or deleted.
    pub(crate) backend: Option<GroupId>,
    /// The nodes' groups, if the user named them: then no instance is asked for.
    pub(crate) node_groups: BTreeSet<GroupId>,
    /// Tags that one of several groups of a node must have besides the cluster's to be the one.
    pub(crate) node_group_tags: BTreeMap<String, String>,
    /// The ports that Services have on nodes: 30000-32767, unless the API server was told otherwise.
    pub(crate) node_ports: RangeInclusive<u16>,
    /// Tags for the group besides the marks.
    pub(crate) tags: BTreeMap<String, String>,
}

/// The backend group and the rules that admit it, shared by all Services of the process.
#[derive(Debug)]
pub(crate) struct Shared {
    settings: Arc<SharedSettings>,
    facts: Arc<Facts>,
    state: Arc<Mutex<State>>,
}

/// The backend group is there and let in.
#[derive(Debug)]
pub(crate) struct SharedReady {
    /// The group that the load balancer is to carry.
    pub(crate) backend: GroupId,
    /// The steps that this call took; those that another Service's call took are told there.
    pub(crate) done: Vec<Step>,
    /// What the user should know: nodes that load balancers may not reach, and why.
    pub(crate) notes: Vec<String>,
    /// Keeps [`Shared::release`] away: to be kept until AWS has the load balancer.
    #[allow(dead_code, reason = "it is held, not looked at")]
    pub(crate) hold: Hold,
}

/// What [`Shared::ensure`] would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SharedLook {
    /// The group, if there is one already.
    pub(crate) backend: Option<GroupId>,
    /// The steps it would take.
    pub(crate) steps: Vec<Step>,
    /// What the user should know.
    pub(crate) notes: Vec<String>,
}

/// What is left of what load balancers shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Collected {
    /// Nothing.
    Gone,
    /// Something still uses it: what is waited for.
    InUse(String),
}

/// A moment in the life of the backend group: how many load balancers had begun to need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermark(u64);

/// The groups of the nodes that a load balancer has as targets.
struct Nodes {
    groups: BTreeSet<GroupId>,
    notes: Vec<String>,
}

// === impl Shared ===

impl Shared {
    /// Nothing known yet.
    pub(crate) fn new(settings: SharedSettings, facts: Arc<Facts>) -> Self {
        Self {
            settings: Arc::new(settings),
            facts,
            state: Arc::default(),
        }
    }

    /// Sees to it that the backend group exists in `vpc` and that the groups of `instances` let it in for `needs`.
    ///
    /// Costs no call if nothing is new, and for a new node the one coalesced `DescribeInstances` (and one `Authorize…` if it
    /// brings a group that was not known). Several Services at once make one group and add a rule once.
    ///
    /// # Errors
    ///
    /// `Conflict` if a group of the name is not ours; `Quota` if a node group has no room for the rules; each names the group
    /// and what to do. If AWS says later that the group does not exist, [`forget`](Self::forget) and call again.
    pub(crate) async fn ensure(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        instances: &[InstanceId],
        needs: &Needs,
    ) -> roadstead_core::Result<SharedReady> {
        self.make_so(calls, vpc, instances, needs, None).await
    }

    /// As [`ensure`](Self::ensure), if it is known that nothing is left to do; asks nobody.
    pub(crate) fn ready(
        &self,
        vpc: &VpcId,
        instances: &[InstanceId],
        needs: &Needs,
    ) -> Option<SharedReady> {
        let mut state = lock(&self.state);
        if state.releasing.join(|()| true).is_some() {
            return None;
        }
        let backend = state.backend(vpc, None)?;
        let (groups, unknown) = self.known_groups(&state, instances, needs.pods, None);
        if !unknown.is_empty() {
            return None;
        }
        let wanted = rules::wanted(needs, &self.settings.node_ports, &backend);
        let lets_in = |group| {
            let missing = state.missing(vpc, &backend, group, &wanted);
            missing.is_some_and(|missing| missing.is_empty())
        };
        groups.iter().all(lets_in).then(|| SharedReady {
            hold: state.hold(),
            backend,
            done: Vec::new(),
            notes: Vec::new(),
        })
    }

    /// Like [`ensure`](Self::ensure), but believes nothing that is older than `max_age`: finds what was changed by others, and
    /// repairs it. Two calls for all Services together, every `max_age` at most.
    pub(crate) async fn check(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        instances: &[InstanceId],
        needs: &Needs,
        max_age: Duration,
    ) -> roadstead_core::Result<SharedReady> {
        self.make_so(calls, vpc, instances, needs, Some(max_age))
            .await
    }

    async fn make_so(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        instances: &[InstanceId],
        needs: &Needs,
        max_age: Option<Duration>,
    ) -> roadstead_core::Result<SharedReady> {
        let hold = lock(&self.state).hold();
        self.after_release().await;
        let mut done = Vec::new();
        let backend = self.backend(calls, vpc, max_age, &mut done).await?;
        let nodes = self.nodes(calls, instances, needs.pods, max_age).await?;
        let wanted = rules::wanted(needs, &self.settings.node_ports, &backend);
        let mut failed = None;
        for group in &nodes.groups {
            // One group that is full keeps no other node from being reached.
            if let Err(failure) = self
                .admit(calls, vpc, &backend, group, &wanted, &mut done)
                .await
            {
                failed.get_or_insert(failure);
            }
        }
        match failed {
            Some(failure) => Err(failure.into()),
            None => Ok(SharedReady {
                backend,
                done,
                notes: nodes.notes,
                hold,
            }),
        }
    }

    /// What [`ensure`](Self::ensure) would do now. Reads only.
    pub(crate) async fn look(
        &self,
        calls: &impl Ec2,
        vpc: &VpcId,
        instances: &[InstanceId],
        needs: &Needs,
    ) -> roadstead_core::Result<SharedLook> {
        let backend = self.known(calls, vpc, None).await?;
        let nodes = self.nodes(calls, instances, needs.pods, None).await?;
        let mut steps = Vec::new();
        if backend.is_none() {
            steps.push(self.made(vpc));
        }
        // A rule names its source; which one a group would get that is still to be made is nobody's concern.
        let source = backend.clone().unwrap_or_else(|| GroupId::new("new"));
        let wanted = rules::wanted(needs, &self.settings.node_ports, &source);
        for group in &nodes.groups {
            let missing = lock(&self.state).missing(vpc, &source, group, &wanted);
            if let Some(missing) = missing.or_else(|| Some(wanted.clone()))
                && !missing.is_empty()
            {
                steps.push(self.admitted(group, &missing));
            }
        }
        Ok(SharedLook {
            backend,
            steps,
            notes: nodes.notes,
        })
    }

    /// Forgets the backend group: AWS says that it does not exist. The next call looks for it anew.
    pub(crate) fn forget(&self) {
        lock(&self.state).forget();
    }

    /// The groups of these nodes as given or remembered, and the nodes of which nothing is known, or too old things.
    fn known_groups(
        &self,
        state: &State,
        instances: &[InstanceId],
        pods: bool,
        max_age: Option<Duration>,
    ) -> (BTreeSet<GroupId>, Vec<InstanceId>) {
        let given = &self.settings.node_groups;
        if given.is_empty() {
            state.groups_of(instances, pods, max_age)
        } else {
            (given.clone(), Vec::new())
        }
    }

    /// The groups of these nodes, remembered: a node's groups hardly ever change, and [`check`](Self::check) looks again.
    async fn nodes(
        &self,
        calls: &impl Ec2,
        instances: &[InstanceId],
        pods: bool,
        max_age: Option<Duration>,
    ) -> Result<Nodes, Failure> {
        let (mut groups, unknown) = self.known_groups(&lock(&self.state), instances, pods, max_age);
        if unknown.is_empty() {
            let notes = Vec::new();
            return Ok(Nodes { groups, notes });
        }
        let wish = NodeWish {
            cluster_name: self.settings.cluster_name.as_deref(),
            tags: &self.settings.node_group_tags,
            pods,
        };
        let trust = match max_age {
            Some(_) => Trust::Recent,
            None => lock(&self.state).trust_in_nodes(),
        };
        let found = self.facts.node_groups(calls, &unknown, wish, trust).await?;
        groups.extend(found.groups.values().flatten().cloned());
        lock(&self.state).learn_nodes(found.groups, pods);
        Ok(Nodes {
            groups,
            notes: found.problems,
        })
    }

    /// The backend group in words.
    fn called(&self) -> String {
        match &self.settings.backend {
            Some(given) => given.to_string(),
            None => names::backend_group(&self.settings.cluster),
        }
    }

    /// The step that makes it.
    fn made(&self, vpc: &VpcId) -> Step {
        let name = self.called();
        Step::new(
            Action::Create,
            format!("security group {name} in {vpc}, shared by all load balancers of the cluster"),
        )
    }

    /// The step that lets it in.
    fn admitted(&self, group: &GroupId, rules: &BTreeSet<Rule>) -> Step {
        Step::new(
            Action::Change,
            format!(
                "security group {group} of the nodes: let in {} on {}",
                self.called(),
                Told(rules)
            ),
        )
    }
}

impl SharedSettings {
    /// What stands beside each of our rules, so that they are told from the user's: EC2 takes letters, digits and a few signs.
    fn description(&self) -> String {
        format!("Roadstead load balancers of cluster {}", self.cluster)
    }
}

/// What was known was forgotten while it was being used: the next try starts anew.
fn overtaken(what: &str) -> Failure {
    Failure::refused(
        ErrorKind::Unavailable,
        format!("{what} was removed while it was being set up; it is made anew at the next try"),
    )
}
