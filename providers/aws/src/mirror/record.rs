//! What did our own call change? Written down as AWS answered it, so that nothing needs to be read back.

use std::collections::BTreeSet;

use roadstead_core::OwnerUid;
use tokio::time::Instant;

use super::{Mirror, Record, owner_of};
use crate::{
    api::TargetRef,
    ids::{Arn, GroupId},
    observed::{LoadBalancerObserved, TargetGroupObserved},
    seen::SecurityGroupSeen,
    tags::{Marks, Role},
};

// === impl Record ===

impl<T> Record<T> {
    /// Something that we made just now.
    pub(super) fn made(it: T) -> Self {
        let now = Instant::now();
        Self {
            it,
            made: Some(now),
            touched: Some(now),
        }
    }

    /// Something that was there already.
    pub(super) fn found(it: T) -> Self {
        Self {
            it,
            made: None,
            touched: None,
        }
    }
}

// === impl Mirror ===

impl Mirror {
    /// A load balancer of `owner` was made, or was found to be there when it was to be made.
    pub(crate) fn made_load_balancer(&self, owner: &OwnerUid, it: LoadBalancerObserved) {
        let mut contents = self.lock();
        let arn = it.seen.arn.clone();
        contents.foreign.remove(&it.seen.name);
        contents
            .belongings(owner)
            .load_balancers
            .insert(arn.clone());
        contents.load_balancers.insert(arn, Record::made(it));
    }

    /// A target group of `owner` was made.
    pub(crate) fn made_target_group(&self, owner: &OwnerUid, it: TargetGroupObserved) {
        let mut contents = self.lock();
        let arn = it.seen.arn.clone();
        contents.belongings(owner).target_groups.insert(arn.clone());
        contents.target_groups.insert(arn, Record::made(it));
    }

    /// The security group of `owner` was made.
    pub(crate) fn made_group(&self, owner: &OwnerUid, it: SecurityGroupSeen) {
        let mut contents = self.lock();
        let id = it.id.clone();
        contents.belongings(owner).groups.insert(id.clone());
        contents.groups.insert(id, Record::made(it));
    }

    /// Notes what a call made of a load balancer.
    pub(crate) fn edit_load_balancer(
        &self,
        arn: &Arn,
        edit: impl FnOnce(&mut LoadBalancerObserved),
    ) {
        if let Some(record) = self.lock().load_balancers.get_mut(arn) {
            edit(&mut record.it);
            record.touched = Some(Instant::now());
        }
    }

    /// Notes what a call made of a target group.
    pub(crate) fn edit_target_group(&self, arn: &Arn, edit: impl FnOnce(&mut TargetGroupObserved)) {
        if let Some(record) = self.lock().target_groups.get_mut(arn) {
            edit(&mut record.it);
            record.touched = Some(Instant::now());
        }
    }

    /// These targets of a group that clusters share turned out to be this cluster's; no call changed anything.
    pub(crate) fn recognized(&self, arn: &Arn, targets: BTreeSet<TargetRef>) {
        if let Some(record) = self.lock().target_groups.get_mut(arn) {
            record.it.ours.extend(targets);
        }
    }

    /// Notes what a call made of a security group.
    pub(crate) fn edit_group(&self, id: &GroupId, edit: impl FnOnce(&mut SecurityGroupSeen)) {
        if let Some(record) = self.lock().groups.get_mut(id) {
            edit(&mut record.it);
            record.touched = Some(Instant::now());
        }
    }

    /// A load balancer is gone, by a call of ours.
    pub(crate) fn removed_load_balancer(&self, arn: &Arn) {
        self.lock().removed.insert(arn.to_string(), Instant::now());
        self.vanished_load_balancer(arn);
    }

    /// AWS does not know a load balancer (any more, or yet).
    pub(crate) fn vanished_load_balancer(&self, arn: &Arn) {
        let mut contents = self.lock();
        let Some(record) = contents.load_balancers.remove(arn) else {
            return;
        };
        if let Some(owner) = owner_of(&record.it.marks, &self.cluster, Role::LoadBalancer) {
            contents.belongings(owner).load_balancers.remove(arn);
            contents.tidy(owner);
        }
    }

    /// A target group is gone, by a call of ours.
    pub(crate) fn removed_target_group(&self, arn: &Arn) {
        self.lock().removed.insert(arn.to_string(), Instant::now());
        self.vanished_target_group(arn);
    }

    /// AWS does not know a target group (any more, or yet).
    pub(crate) fn vanished_target_group(&self, arn: &Arn) {
        let mut contents = self.lock();
        let Some(record) = contents.target_groups.remove(arn) else {
            return;
        };
        if let Some(owner) = owner_of(&record.it.marks, &self.cluster, Role::TargetGroup) {
            contents.belongings(owner).target_groups.remove(arn);
            contents.tidy(owner);
        }
    }

    /// A security group is gone.
    pub(crate) fn removed_group(&self, id: &GroupId) {
        let mut contents = self.lock();
        contents.removed.insert(id.to_string(), Instant::now());
        let Some(record) = contents.groups.remove(id) else {
            return;
        };
        let marks = Marks::read(&record.it.tags);
        if let Some(owner) = marks
            .as_ref()
            .and_then(|marks| owner_of(marks, &self.cluster, Role::FrontendGroup))
        {
            contents.belongings(owner).groups.remove(id);
            contents.tidy(owner);
        }
    }
}
