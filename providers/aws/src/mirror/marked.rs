//! What do load balancers and target groups have in common while they are taken in from a listing?

use std::collections::{BTreeSet, HashMap};

use super::{Belongings, Contents, Record};
use crate::{
    ids::Arn,
    observed::{LoadBalancerObserved, TargetGroupObserved},
    seen::{LoadBalancerSeen, TargetGroupSeen},
    tags::{Marks, Role, Tags},
};

/// What is listed without tags, and is ours if its tags say so.
pub(super) trait Marked: Sized {
    /// As AWS lists it.
    type Seen;
    /// What it is for.
    const ROLE: Role;

    /// What identifies it: its ARN, and its name.
    fn is(seen: &Self::Seen) -> (&Arn, &str);
    /// Whether its tags would have been asked for, had they not been known before.
    fn may_be_ours(seen: &Self::Seen) -> bool;
    /// One that was not known before.
    fn found(seen: Self::Seen, tags: Tags, marks: Marks) -> Self;
    /// Takes in what was listed of one that was.
    fn follow(&mut self, seen: Self::Seen, tags: Option<Tags>);
    fn records(contents: &mut Contents) -> &mut HashMap<Arn, Record<Self>>;
    fn foreign(contents: &mut Contents) -> &mut HashMap<String, Arn>;
    fn of(belongings: &mut Belongings) -> &mut BTreeSet<Arn>;
}

// === impl Marked ===

impl Marked for LoadBalancerObserved {
    type Seen = LoadBalancerSeen;
    const ROLE: Role = Role::LoadBalancer;

    fn is(seen: &LoadBalancerSeen) -> (&Arn, &str) {
        (&seen.arn, &seen.name)
    }

    fn may_be_ours(seen: &LoadBalancerSeen) -> bool {
        seen.network
    }

    fn found(seen: LoadBalancerSeen, tags: Tags, marks: Marks) -> Self {
        Self {
            seen,
            tags,
            marks,
            attributes: None,
            listeners: None,
            capacity: None,
        }
    }

    fn follow(&mut self, seen: LoadBalancerSeen, tags: Option<Tags>) {
        self.seen = seen;
        if let Some(tags) = tags {
            follow_marks(&mut self.marks, &tags);
            self.tags = tags;
        }
    }

    fn records(contents: &mut Contents) -> &mut HashMap<Arn, Record<Self>> {
        &mut contents.load_balancers
    }

    fn foreign(contents: &mut Contents) -> &mut HashMap<String, Arn> {
        &mut contents.foreign
    }

    fn of(belongings: &mut Belongings) -> &mut BTreeSet<Arn> {
        &mut belongings.load_balancers
    }
}

impl Marked for TargetGroupObserved {
    type Seen = TargetGroupSeen;
    const ROLE: Role = Role::TargetGroup;

    fn is(seen: &TargetGroupSeen) -> (&Arn, &str) {
        (&seen.arn, &seen.name)
    }

    /// One with another name is not even looked at.
    fn may_be_ours(_: &TargetGroupSeen) -> bool {
        true
    }

    fn found(seen: TargetGroupSeen, tags: Tags, marks: Marks) -> Self {
        Self {
            seen,
            tags,
            marks,
            attributes: None,
            targets: None,
            ours: BTreeSet::new(),
            refused: BTreeSet::new(),
        }
    }

    fn follow(&mut self, seen: TargetGroupSeen, tags: Option<Tags>) {
        self.seen = seen;
        if let Some(tags) = tags {
            follow_marks(&mut self.marks, &tags);
            self.tags = tags;
        }
    }

    fn records(contents: &mut Contents) -> &mut HashMap<Arn, Record<Self>> {
        &mut contents.target_groups
    }

    fn foreign(contents: &mut Contents) -> &mut HashMap<String, Arn> {
        &mut contents.foreign_target_groups
    }

    fn of(belongings: &mut Belongings) -> &mut BTreeSet<Arn> {
        &mut belongings.target_groups
    }
}

/// Marks that somebody took off are put back by the plan; whose the thing is does not change by that.
fn follow_marks(marks: &mut Marks, tags: &Tags) {
    if let Some(read) = Marks::read(tags).filter(|read| read.owner == marks.owner) {
        *marks = read;
    }
}
