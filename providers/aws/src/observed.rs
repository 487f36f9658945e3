//! What exists in AWS for one Service, as far as it was looked at? Pure values, made by the mirror, read by the plan.
//!
//! `None` stands for what was not looked at, because a mark on the load balancer says that it was applied as asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::TargetRef,
    ids::{Arn, GroupId},
    seen::{
        ListenerSeen, LoadBalancerSeen, SecurityGroupSeen, TargetGroupSeen, TargetSeen, TargetState,
    },
    tags::{Marks, Tags},
};

/// Everything of one Service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// Its load balancers: one, and more while one replaces another.
    pub(crate) load_balancers: Vec<LoadBalancerObserved>,
    /// Its target groups.
    pub(crate) target_groups: Vec<TargetGroupObserved>,
    /// The security groups of its own: one.
    pub(crate) frontends: Vec<SecurityGroupSeen>,
    /// The group that all load balancers of the cluster share, once it is known.
    pub(crate) backend: Option<GroupId>,
}

/// A load balancer.
#[derive(Clone, Debug)]
pub(crate) struct LoadBalancerObserved {
    /// What AWS says of it.
    pub(crate) seen: LoadBalancerSeen,
    /// Its tags, the marks among them.
    pub(crate) tags: Tags,
    /// Its marks.
    pub(crate) marks: Marks,
    /// Its attributes.
    pub(crate) attributes: Option<BTreeMap<String, String>>,
    /// Its listeners.
    pub(crate) listeners: Option<BTreeMap<Arn, ListenerObserved>>,
    /// The capacity units reserved for it; zero: none.
    pub(crate) capacity: Option<u32>,
}

/// A listener.
#[derive(Clone, Debug)]
pub(crate) struct ListenerObserved {
    /// What AWS says of it.
    pub(crate) seen: ListenerSeen,
    /// Its certificates besides the default one.
    pub(crate) certificates: Option<BTreeSet<String>>,
    /// Its attributes.
    pub(crate) attributes: Option<BTreeMap<String, String>>,
}

/// A target group.
#[derive(Clone, Debug)]
pub(crate) struct TargetGroupObserved {
    /// What AWS says of it.
    pub(crate) seen: TargetGroupSeen,
    /// Its tags, the marks among them.
    pub(crate) tags: Tags,
    /// Its marks.
    pub(crate) marks: Marks,
    /// Its attributes.
    pub(crate) attributes: Option<BTreeMap<String, String>>,
    /// Its targets, with how they fare.
    pub(crate) targets: Option<Vec<TargetSeen>>,
    /// The targets that are known to be this cluster's, for a group that other clusters share: this process registered them, they
    /// were wanted, or the tags of their instances say so.
    pub(crate) ours: BTreeSet<TargetRef>,
    /// The targets that AWS refused since they were last read.
    pub(crate) refused: BTreeSet<TargetRef>,
}

// === impl Observed ===

impl Observed {
    /// True if nothing of it exists; the shared group does not count.
    pub(crate) fn is_empty(&self) -> bool {
        let Self {
            load_balancers,
            target_groups,
            frontends,
            backend: _,
        } = self;
        load_balancers.is_empty() && target_groups.is_empty() && frontends.is_empty()
    }

    /// The target group of this name.
    pub(crate) fn target_group(&self, name: &str) -> Option<&TargetGroupObserved> {
        self.target_groups
            .iter()
            .find(|group| group.seen.name == name)
    }

    /// The target group of this ARN.
    pub(crate) fn target_group_at(&self, arn: &Arn) -> Option<&TargetGroupObserved> {
        self.target_groups
            .iter()
            .find(|group| group.seen.arn == *arn)
    }
}

// === impl LoadBalancerObserved ===

impl LoadBalancerObserved {
    /// The listener at `port`.
    pub(crate) fn listener(&self, port: u16) -> Option<&ListenerObserved> {
        self.listeners
            .iter()
            .flat_map(BTreeMap::values)
            .find(|listener| listener.seen.port == port)
    }

    /// Its listeners, as far as they were looked at.
    pub(crate) fn all_listeners(&self) -> impl Iterator<Item = &ListenerObserved> {
        self.listeners.iter().flat_map(BTreeMap::values)
    }
}

// === impl TargetGroupObserved ===

impl TargetGroupObserved {
    /// The targets that are registered: one that drains is on its way out.
    pub(crate) fn registered_targets(&self) -> impl Iterator<Item = &TargetSeen> {
        self.targets
            .iter()
            .flatten()
            .filter(|target| target.state != TargetState::Draining)
    }

    /// How many of its targets receive traffic without trouble.
    pub(crate) fn healthy(&self) -> usize {
        self.registered_targets()
            .filter(|target| target.state == TargetState::Healthy)
            .count()
    }
}
