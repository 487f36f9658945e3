//! When may a lane begin? When the stages before its own are over; one about something new, as soon as that is made. After a
//! failure no later stage begins. Carries out nothing.

use tokio::sync::watch;

use crate::plan::{Course, Step, Thing};

/// The order in which the lanes of a course begin.
#[derive(Debug)]
pub(super) struct Order {
    /// What the course makes.
    makes: Vec<Thing>,
    standing: watch::Sender<Standing>,
}

/// How far a course has come.
#[derive(Debug)]
struct Standing {
    /// How many lanes of each stage have not ended.
    left: Vec<usize>,
    made: Vec<Thing>,
    /// The first stage in which something failed.
    failed: Option<usize>,
}

// === impl Order ===

impl Order {
    pub(super) fn of(course: &Course) -> Self {
        let steps = course.stages.iter().flatten().flatten();
        Self {
            makes: steps.filter_map(Step::makes).collect(),
            standing: watch::Sender::new(Standing {
                left: course.stages.iter().map(Vec::len).collect(),
                made: Vec::new(),
                failed: None,
            }),
        }
    }

    /// Waits until `lane` of this stage may begin; false: it may not any more.
    pub(super) async fn turn(&self, stage: usize, lane: &[Step]) -> bool {
        let about = lane.first().and_then(Step::is_about);
        let new = about.filter(|thing| self.makes.contains(thing));
        let mut seen = self.standing.subscribe();
        let decided = seen.wait_for(|now| now.decides(stage, new.as_ref()).is_some());
        let now = decided.await;
        now.ok().and_then(|now| now.decides(stage, new.as_ref())) == Some(true)
    }

    /// A step was taken.
    pub(super) fn taken(&self, step: &Step) {
        if let Some(thing) = step.makes() {
            self.standing.send_modify(|now| now.made.push(thing));
        }
    }

    /// A lane of this stage has ended, well or not.
    pub(super) fn ended(&self, stage: usize, well: bool) {
        self.standing.send_modify(|now| {
            if let Some(left) = now.left.get_mut(stage) {
                *left = left.saturating_sub(1);
            }
            if !well {
                now.failed = Some(now.failed.map_or(stage, |first| first.min(stage)));
            }
        });
    }
}

// === impl Standing ===

impl Standing {
    /// Whether a lane of `stage` may begin; `None`: not yet.
    fn decides(&self, stage: usize, about: Option<&Thing>) -> Option<bool> {
        if self.failed.is_some_and(|first| first < stage) {
            return Some(false);
        }
        let ready = match about {
            Some(thing) => self.made.contains(thing),
            None => self.left.iter().take(stage).all(|left| *left == 0),
        };
        ready.then_some(true)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::FutureExt as _;

    use super::*;
    use crate::{
        desired::{Variant, WantedGroup},
        ids::{Arn, GroupId},
        plan::Group,
        types::Scheme,
    };

    const VARIANT: Variant = Variant {
        scheme: Scheme::Internal,
        grouped: true,
    };

    /// As of a course: the group, then the load balancer and the group's rules, then something of a later stage.
    fn course() -> Course {
        let group = Step::CreateGroup(WantedGroup {
            name: "clients".to_owned(),
            rules: BTreeSet::new(),
        });
        let other = Step::DeleteTargetGroup {
            arn: Arn::new("other"),
            name: "other".to_owned(),
        };
        let balancer = Step::CreateLoadBalancer {
            variant: VARIANT,
            name: "web".to_owned(),
            replaces: None,
            settings: None,
        };
        let rules = Step::Authorize {
            group: Group::New("clients".to_owned()),
            rules: BTreeSet::new(),
        };
        let last = Step::DeleteGroup {
            id: GroupId::new("sg-old"),
            name: "old".to_owned(),
        };
        let mut course = Course::default();
        for (stage, lanes) in course.stages.iter_mut().zip([
            vec![vec![group], vec![other]],
            vec![vec![balancer], vec![rules]],
            vec![vec![last]],
        ]) {
            *stage = lanes;
        }
        course
    }

    /// What may begin now, of the lanes of a stage.
    fn may(order: &Order, course: &Course, stage: usize) -> Vec<Option<bool>> {
        let lanes = course.stages[stage].iter();
        lanes
            .map(|lane| order.turn(stage, lane).now_or_never())
            .collect()
    }

    #[test]
    fn what_is_about_something_new_waits_for_that_alone_and_the_rest_for_its_stage() {
        let course = course();
        let order = Order::of(&course);
        assert_eq!(may(&order, &course, 0), [Some(true), Some(true)]);
        assert_eq!(may(&order, &course, 1), [None, None]);
        order.taken(&course.stages[0][0][0]);
        order.ended(0, true);
        assert_eq!(
            may(&order, &course, 1),
            [None, Some(true)],
            "the group is there, the rest of its stage is not over"
        );
        order.ended(0, true);
        assert_eq!(may(&order, &course, 1), [Some(true), Some(true)]);
        order.ended(1, true);
        assert_eq!(may(&order, &course, 2), [None]);
        order.ended(1, true);
        assert_eq!(may(&order, &course, 2), [Some(true)]);
    }

    #[test]
    fn after_a_failure_no_later_stage_begins() {
        let course = course();
        let order = Order::of(&course);
        order.ended(0, false);
        order.taken(&course.stages[0][0][0]);
        assert_eq!(may(&order, &course, 0), [Some(true), Some(true)]);
        assert_eq!(may(&order, &course, 1), [Some(false), Some(false)]);
        assert_eq!(may(&order, &course, 2), [Some(false)]);
    }
}
