//! How does a listing of everything become the mirror's new contents? What our own calls did meanwhile wins over it.

use std::collections::{HashMap, HashSet};

use tokio::time::Instant;

use super::{Contents, Mirror, Record, VISIBILITY, marked::Marked, owner_of};
use crate::{
    ids::Arn,
    names,
    observed::{LoadBalancerObserved, TargetGroupObserved},
    seen::{LoadBalancerSeen, SecurityGroupSeen, TargetGroupSeen},
    tags::{Marks, Role, Tags},
};

/// Everything there is, as AWS listed it.
#[derive(Debug)]
pub(crate) struct Listing {
    /// When the first list was asked for.
    pub(crate) begun: Instant,
    /// Every load balancer of the region.
    pub(crate) load_balancers: Vec<LoadBalancerSeen>,
    /// Every target group of the region.
    pub(crate) target_groups: Vec<TargetGroupSeen>,
    /// The security groups that carry this cluster's mark.
    pub(crate) groups: Vec<SecurityGroupSeen>,
    /// The tags of those whose tags were not known.
    pub(crate) tags: HashMap<Arn, Tags>,
    /// Whether the tags of what is ours are among them.
    pub(crate) all_tags: bool,
}

// === impl Mirror ===

impl Mirror {
    /// Of the things listed, those whose tags must be read to know whose they are. `all`: also those of ours.
    pub(crate) fn untagged(
        &self,
        load_balancers: &[LoadBalancerSeen],
        target_groups: &[TargetGroupSeen],
        all: bool,
    ) -> Vec<Arn> {
        let contents = self.lock();
        // Users name load balancers as they like, target groups have our names.
        let prefix = names::cluster_prefix(&self.cluster);
        let foreign: HashSet<&Arn> = contents.foreign.values().collect();
        let balancers = load_balancers
            .iter()
            .filter(|seen| seen.network && !foreign.contains(&seen.arn))
            .map(|seen| (&seen.arn, contents.load_balancers.contains_key(&seen.arn)));
        let groups = target_groups
            .iter()
            .filter(|seen| seen.name.starts_with(&prefix))
            .map(|seen| (&seen.arn, contents.target_groups.contains_key(&seen.arn)));
        balancers
            .chain(groups)
            .filter(|(_, known)| all || !known)
            .map(|(arn, _)| arn.clone())
            .collect()
    }

    /// Takes in what was listed.
    pub(crate) fn absorb(&self, listing: Listing) {
        let Listing {
            begun,
            load_balancers,
            target_groups,
            groups,
            mut tags,
            all_tags,
        } = listing;
        let mut contents = self.lock();
        let mut there = HashSet::new();
        for seen in load_balancers {
            there.insert(seen.arn.to_string());
            let tags = tags.remove(&seen.arn);
            self.absorb_one::<LoadBalancerObserved>(&mut contents, seen, tags, begun);
        }
        for seen in target_groups {
            there.insert(seen.arn.to_string());
            let tags = tags.remove(&seen.arn);
            self.absorb_one::<TargetGroupObserved>(&mut contents, seen, tags, begun);
        }
        for seen in groups {
            there.insert(seen.id.to_string());
            self.absorb_group(&mut contents, seen, begun);
        }
        contents.drop_absent(&there, begun);
        contents.removed.retain(|_, at| at.elapsed() < VISIBILITY);
        contents.free.clear();
        contents.listed = Some(begun);
        if all_tags {
            contents.listed_with_tags = Some(begun);
        }
    }

    fn absorb_one<T: Marked>(
        &self,
        contents: &mut Contents,
        seen: T::Seen,
        tags: Option<Tags>,
        begun: Instant,
    ) {
        let (arn, name) = T::is(&seen);
        let (arn, name) = (arn.clone(), name.to_owned());
        if contents.removed_lately(arn.as_ref()) {
            return;
        }
        if let Some(record) = T::records(contents).get_mut(&arn) {
            if record.may_follow(begun) {
                record.it.follow(seen, tags);
            }
            return;
        }
        let tags = match tags {
            Some(tags) => tags,
            None if T::may_be_ours(&seen) => return,
            None => Tags::default(),
        };
        let marks = Marks::read(&tags);
        let owner = marks
            .as_ref()
            .and_then(|marks| owner_of(marks, &self.cluster, T::ROLE));
        if let Some((owner, marks)) = owner.cloned().zip(marks) {
            T::of(contents.belongings(&owner)).insert(arn.clone());
            T::foreign(contents).remove(&name);
            let record = Record::found(T::found(seen, tags, marks));
            T::records(contents).insert(arn, record);
        } else {
            T::foreign(contents).insert(name, arn);
        }
    }

    fn absorb_group(&self, contents: &mut Contents, seen: SecurityGroupSeen, begun: Instant) {
        let id = seen.id.clone();
        if contents.removed_lately(id.as_ref()) {
            return;
        }
        if let Some(record) = contents.groups.get_mut(&id) {
            if record.may_follow(begun) {
                record.it = seen;
            }
            return;
        }
        let marks = Marks::read(&seen.tags);
        let owner = marks
            .as_ref()
            .and_then(|marks| owner_of(marks, &self.cluster, Role::FrontendGroup));
        if let Some(owner) = owner.cloned() {
            contents.belongings(&owner).groups.insert(id.clone());
            contents.groups.insert(id, Record::found(seen));
        }
    }
}

// === impl Contents ===

impl Contents {
    /// What was not listed is gone, unless it is too young for AWS's lists.
    fn drop_absent(&mut self, there: &HashSet<String>, begun: Instant) {
        let Self {
            load_balancers,
            target_groups,
            groups,
            owners,
            foreign,
            foreign_target_groups,
            ..
        } = self;
        load_balancers.retain(|arn, record| there.contains(arn.as_ref()) || record.is_young(begun));
        target_groups.retain(|arn, record| there.contains(arn.as_ref()) || record.is_young(begun));
        groups.retain(|id, record| there.contains(id.as_ref()) || record.is_young(begun));
        foreign.retain(|_, arn| there.contains(arn.as_ref()));
        foreign_target_groups.retain(|_, arn| there.contains(arn.as_ref()));
        for belongings in owners.values_mut() {
            belongings
                .load_balancers
                .retain(|arn| load_balancers.contains_key(arn));
            belongings
                .target_groups
                .retain(|arn| target_groups.contains_key(arn));
            belongings.groups.retain(|id| groups.contains_key(id));
        }
        owners.retain(|_, belongings| !belongings.is_empty());
    }
}

// === impl Record ===

impl<T> Record<T> {
    /// Whether a listing begun then is newer than what our own calls made of it.
    fn may_follow(&self, begun: Instant) -> bool {
        self.touched.is_none_or(|touched| touched < begun)
    }

    /// Whether it may be missing from a listing begun then although it exists.
    fn is_young(&self, begun: Instant) -> bool {
        self.made
            .is_some_and(|made| begun.saturating_duration_since(made) < VISIBILITY)
    }
}
