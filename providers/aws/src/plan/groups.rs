//! What must be done to the load balancer's own security group? Nobody is shut out before somebody else is let in. Pure.

use std::collections::BTreeSet;

use super::{CLEAR, Course, Group, MAKE, SHAPE, Step};
use crate::{desired::Desired, observed::Observed, seen::Rule};

pub(super) fn plan(desired: &Desired, observed: &Observed, course: &mut Course) {
    let Some(wanted) = &desired.frontend else {
        return;
    };
    let there = observed
        .frontends
        .iter()
        .find(|group| group.name == wanted.name && group.vpc == desired.load_balancer.vpc);
    let Some(there) = there else {
        course.step(MAKE, Step::CreateGroup(wanted.clone()));
        if !wanted.rules.is_empty() {
            course.step(
                SHAPE,
                Step::Authorize {
                    group: Group::New(wanted.name.clone()),
                    rules: wanted.rules.clone(),
                },
            );
        }
        return;
    };
    let missing: BTreeSet<Rule> = wanted.rules.difference(&there.ingress).cloned().collect();
    let surplus: BTreeSet<Rule> = there.ingress.difference(&wanted.rules).cloned().collect();
    if !missing.is_empty() {
        course.step(
            SHAPE,
            Step::Authorize {
                group: Group::There(there.id.clone(), there.name.clone()),
                rules: missing,
            },
        );
    }
    if !surplus.is_empty() {
        course.step(
            CLEAR,
            Step::Revoke {
                group: there.id.clone(),
                name: there.name.clone(),
                rules: surplus,
            },
        );
    }
}
