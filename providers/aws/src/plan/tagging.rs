//! Which tags must be put on, and which taken off? And what do we note on the load balancer for later? Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::{Course, MARK, Marked, Situation, Step, Tagged, attributes};
use crate::{
    desired::Desired,
    observed::{LoadBalancerObserved, Observed},
    tags::{self, Marks, Role, Tags},
};

/// Tags that AWS itself sets begin so.
const RESERVED: &str = "aws:";

pub(super) fn plan(
    desired: &Desired,
    observed: &Observed,
    current: Option<&LoadBalancerObserved>,
    situation: &Situation<'_>,
    course: &mut Course,
) {
    let mut changes = Changes::default();
    if let Some(there) = current {
        let wanted = of(
            situation,
            Role::LoadBalancer,
            Some(crate::desired::variant_slot(desired.variant)),
        );
        let tagged = Tagged::LoadBalancer(there.seen.arn.clone(), there.seen.name.clone());
        changes.compare(desired, situation, &wanted, &there.tags, tagged);
    }
    for (name, group) in &desired.target_groups {
        if let Some(there) = observed.target_group(name) {
            let wanted = of(situation, Role::TargetGroup, Some(group.slot.clone()));
            let tagged = Tagged::TargetGroup(there.seen.arn.clone(), name.clone());
            changes.compare(desired, situation, &wanted, &there.tags, tagged);
        }
    }
    if let Some(wanted_group) = &desired.frontend
        && let Some(there) = observed
            .frontends
            .iter()
            .find(|there| there.name == wanted_group.name)
    {
        let wanted = frontend_tags(situation, &wanted_group.name);
        let tagged = Tagged::Group(there.id.clone(), there.name.clone());
        changes.compare(desired, situation, &wanted, &there.tags, tagged);
    }
    changes.into_steps(course);
    note_settings(desired, current, course);
}

/// The marks and tags of something of the Service's that is made now.
pub(crate) fn new_tags(
    desired: &Desired,
    situation: &Situation<'_>,
    role: Role,
    slot: Option<String>,
) -> Tags {
    let mut tags = of(situation, role, slot);
    add_asked(&mut tags, desired, situation);
    tags
}

/// As [`new_tags`], for the security group, which consoles show by its tag `Name`.
pub(crate) fn new_frontend_tags(desired: &Desired, situation: &Situation<'_>, name: &str) -> Tags {
    let mut tags = frontend_tags(situation, name);
    add_asked(&mut tags, desired, situation);
    tags
}

fn frontend_tags(situation: &Situation<'_>, name: &str) -> Tags {
    let mut tags = of(situation, Role::FrontendGroup, None);
    tags.insert(tags::NAME.to_owned(), name.to_owned());
    tags
}

fn add_asked(tags: &mut Tags, desired: &Desired, situation: &Situation<'_>) {
    for (key, value) in &desired.tags {
        if !situation.external_tags.contains(key) {
            tags.insert(key.clone(), value.clone());
        }
    }
}

fn of(situation: &Situation<'_>, role: Role, slot: Option<String>) -> Tags {
    Marks {
        role: Some(role),
        slot,
        settings: None,
        retire_at: None,
        ..situation.marks.clone()
    }
    .write()
}

/// Notes that everything that lists do not show was applied, once nothing is left to wait for.
fn note_settings(desired: &Desired, current: Option<&LoadBalancerObserved>, course: &mut Course) {
    let wanted = attributes::fingerprint(desired);
    let noted = match current {
        Some(there) => there.marks.settings.as_deref() == Some(wanted.as_str()),
        None => attributes::is_plain(desired),
    };
    if !noted && course.waiting.is_none() {
        course.step(
            MARK,
            Step::Mark {
                what: Marked::Variant(desired.variant),
                tags: Tags::from([(tags::SETTINGS.to_owned(), wanted)]),
            },
        );
    }
}

/// What is put on and taken off, with everything that gets the same in one step.
#[derive(Default)]
struct Changes {
    tag: BTreeMap<Tags, Vec<Tagged>>,
    untag: BTreeMap<BTreeSet<String>, Vec<Tagged>>,
}

impl Changes {
    fn compare(
        &mut self,
        desired: &Desired,
        situation: &Situation<'_>,
        marks: &Tags,
        there: &Tags,
        tagged: Tagged,
    ) {
        let mut wanted = marks.clone();
        add_asked(&mut wanted, desired, situation);
        let missing: Tags = wanted
            .iter()
            .filter(|(key, value)| there.get(*key) != Some(value))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let ours = [tags::SETTINGS, tags::RETIRE_AT];
        let surplus: BTreeSet<String> = there
            .keys()
            .filter(|key| !wanted.contains_key(*key) && !ours.contains(&key.as_str()))
            .filter(|key| !key.to_ascii_lowercase().starts_with(RESERVED))
            .filter(|key| !situation.external_tags.contains(*key))
            .cloned()
            .collect();
        if !missing.is_empty() {
            self.tag.entry(missing).or_default().push(tagged.clone());
        }
        if !surplus.is_empty() {
            self.untag.entry(surplus).or_default().push(tagged);
        }
    }

    fn into_steps(self, course: &mut Course) {
        for (tags, what) in self.tag {
            course.step(MARK, Step::Tag { what, tags });
        }
        for (keys, what) in self.untag {
            course.step(MARK, Step::Untag { what, keys });
        }
    }
}
