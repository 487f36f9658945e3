//! What exists in AWS, as last listed and as our own calls left it? Shared by all Services of the process.
//!
//! It is filled by a listing of everything that carries this cluster's marks, follows our own calls without reading, and
//! is listed anew when it is old, or when a call ended without an answer. It calls nobody itself (see `listing`).

mod doubt;
mod listing;
mod marked;
mod record;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use roadstead_core::{ClusterUid, LoadBalancerId, OwnerUid};
use tokio::time::Instant;

pub(crate) use self::listing::Listing;
use crate::{
    ids::{Arn, GroupId},
    observed::{LoadBalancerObserved, Observed, TargetGroupObserved},
    seen::SecurityGroupSeen,
    tags::{Marks, Role},
};

/// For so long after it was made an object may be missing from AWS's lists, and after it was removed may still be there:
/// lists are eventually consistent (reference: "can be `NotFound` for seconds").
const VISIBILITY: Duration = Duration::from_secs(30);

/// What exists, with what was last seen of it.
#[derive(Debug)]
pub(crate) struct Mirror {
    cluster: ClusterUid,
    contents: Mutex<Contents>,
}

#[derive(Debug, Default)]
struct Contents {
    load_balancers: HashMap<Arn, Record<LoadBalancerObserved>>,
    target_groups: HashMap<Arn, Record<TargetGroupObserved>>,
    groups: HashMap<GroupId, Record<SecurityGroupSeen>>,
    /// Which of the above belong to whom.
    owners: HashMap<OwnerUid, Belongings>,
    /// Load balancers of others, of whatever kind, by name: a name is unique in a region.
    foreign: HashMap<String, Arn>,
    /// Names that no load balancer had, and when that was asked.
    free: HashMap<String, Instant>,
    /// Target groups of others that have a name of ours.
    foreign_target_groups: HashMap<String, Arn>,
    /// When each thing was removed by us.
    removed: HashMap<String, Instant>,
    /// Services for which a call ended without an answer, and when.
    doubts: HashMap<OwnerUid, Instant>,
    /// When everything was last listed.
    listed: Option<Instant>,
    /// When everything was last listed with the tags of what is ours.
    listed_with_tags: Option<Instant>,
    /// When each Service was last compared with a fresh listing, and with everything.
    checked: HashMap<OwnerUid, Checked>,
}

/// When a Service was compared with what exists.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checked {
    /// With a listing.
    pub(crate) lightly: Instant,
    /// With everything, attributes included.
    pub(crate) deeply: Instant,
    /// When its targets were last asked for, and after how long that is due again.
    pub(crate) health: Instant,
    /// How long until its targets are asked for again.
    pub(crate) health_every: Duration,
}

#[derive(Debug)]
struct Record<T> {
    it: T,
    /// When we made it, if we did.
    made: Option<Instant>,
    /// When a call of ours last changed it.
    touched: Option<Instant>,
}

#[derive(Debug, Default)]
struct Belongings {
    load_balancers: BTreeSet<Arn>,
    target_groups: BTreeSet<Arn>,
    groups: BTreeSet<GroupId>,
}

// === impl Mirror ===

impl Mirror {
    /// A mirror of what `cluster` owns; empty, and never listed.
    pub(crate) fn new(cluster: ClusterUid) -> Self {
        Self {
            cluster,
            contents: Mutex::default(),
        }
    }

    /// What exists for `id`, as far as it is known. The shared group is left to the caller.
    pub(crate) fn observe(&self, id: &LoadBalancerId) -> Observed {
        let contents = self.lock();
        let Some(Belongings {
            load_balancers,
            target_groups,
            groups,
        }) = contents.owners.get(&id.owner)
        else {
            return Observed::default();
        };
        let load_balancers = load_balancers
            .iter()
            .filter_map(|arn| Some(contents.load_balancers.get(arn)?.it.clone()));
        let target_groups = target_groups
            .iter()
            .filter_map(|arn| Some(contents.target_groups.get(arn)?.it.clone()));
        let frontends = groups
            .iter()
            .filter_map(|group| Some(contents.groups.get(group)?.it.clone()));
        Observed {
            load_balancers: load_balancers.collect(),
            target_groups: target_groups.collect(),
            frontends: frontends.collect(),
            backend: None,
        }
    }

    /// Every owner of whom anything is known to exist, with marks that name it.
    pub(crate) fn owners(&self) -> Vec<(LoadBalancerId, Option<Marks>)> {
        let contents = self.lock();
        let mut owners = Vec::with_capacity(contents.owners.len());
        for (owner, belongings) in &contents.owners {
            let id = LoadBalancerId {
                cluster: self.cluster.clone(),
                owner: owner.clone(),
            };
            let balancers = belongings.load_balancers.iter();
            let of_balancer =
                balancers.filter_map(|arn| Some(&contents.load_balancers.get(arn)?.it.marks));
            let targets = belongings.target_groups.iter();
            let of_targets =
                targets.filter_map(|arn| Some(&contents.target_groups.get(arn)?.it.marks));
            let marks = of_balancer.chain(of_targets).next().cloned();
            let of_group = || {
                let mut groups = belongings.groups.iter();
                groups.find_map(|group| Marks::read(&contents.groups.get(group)?.it.tags))
            };
            owners.push((id, marks.or_else(of_group)));
        }
        owners
    }

    /// How many load balancers of this cluster exist or are being made for anybody but `owner`.
    pub(crate) fn load_balancers_besides(&self, owner: &OwnerUid) -> usize {
        let contents = self.lock();
        let others = contents
            .owners
            .iter()
            .filter(|(other, _)| *other != owner)
            .map(|(_, belongings)| belongings.load_balancers.len());
        others.sum()
    }

    /// The load balancer of somebody else that has this name, as last listed.
    pub(crate) fn foreign(&self, name: &str) -> Option<Arn> {
        self.lock().foreign.get(name).cloned()
    }

    /// Whether no load balancer had this name when AWS was last asked, not longer ago than `within`.
    pub(crate) fn was_free(&self, name: &str, within: Duration) -> bool {
        let contents = self.lock();
        let asked = contents.free.get(name);
        asked.is_some_and(|at| at.elapsed() < within)
    }

    /// AWS was asked, and no load balancer has this name.
    pub(crate) fn note_free(&self, name: &str) {
        let mut contents = self.lock();
        contents.foreign.remove(name);
        contents.free.insert(name.to_owned(), Instant::now());
    }

    /// The target group of somebody else that has this name of ours, as last listed.
    pub(crate) fn foreign_target_group(&self, name: &str) -> Option<Arn> {
        self.lock().foreign_target_groups.get(name).cloned()
    }

    /// Whose load balancer, of ours, has this name.
    pub(crate) fn owner_of_name(&self, name: &str) -> Option<OwnerUid> {
        let contents = self.lock();
        let mut records = contents.load_balancers.values();
        let record = records.find(|record| record.it.seen.name == name)?;
        record.it.marks.owner.clone()
    }

    /// When the last listing of everything began; `None`: there was none.
    pub(crate) fn listed(&self) -> Option<Instant> {
        self.lock().listed
    }

    /// When the last listing began that read the tags of what is ours as well.
    pub(crate) fn listed_with_tags(&self) -> Option<Instant> {
        self.lock().listed_with_tags
    }

    /// When `owner` was last compared with what exists; `None`: not by this process.
    pub(crate) fn checked(&self, owner: &OwnerUid) -> Option<Checked> {
        self.lock().checked.get(owner).copied()
    }

    /// Notes when `owner` was compared.
    pub(crate) fn note_checked(&self, owner: &OwnerUid, checked: Checked) {
        self.lock().checked.insert(owner.clone(), checked);
    }

    /// Forgets what only saves work about `owner`: it is gone.
    pub(crate) fn forget(&self, owner: &OwnerUid) {
        let mut contents = self.lock();
        contents.checked.remove(owner);
        contents.doubts.remove(owner);
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Contents ===

impl Contents {
    fn belongings(&mut self, owner: &OwnerUid) -> &mut Belongings {
        self.owners.entry(owner.clone()).or_default()
    }

    fn tidy(&mut self, owner: &OwnerUid) {
        if self.owners.get(owner).is_some_and(Belongings::is_empty) {
            self.owners.remove(owner);
        }
    }

    fn removed_lately(&self, id: &str) -> bool {
        self.removed
            .get(id)
            .is_some_and(|at| at.elapsed() < VISIBILITY)
    }
}

// === impl Belongings ===

impl Belongings {
    fn is_empty(&self) -> bool {
        let Self {
            load_balancers,
            target_groups,
            groups,
        } = self;
        load_balancers.is_empty() && target_groups.is_empty() && groups.is_empty()
    }
}

/// The owner that marks name, if they name one of `cluster` in this role.
fn owner_of<'m>(marks: &'m Marks, cluster: &ClusterUid, role: Role) -> Option<&'m OwnerUid> {
    let owner = marks.owner.as_ref()?;
    (marks.cluster == *cluster && marks.role == Some(role)).then_some(owner)
}
