//! How does a Service come to what it asks for? Look, plan, apply, and look whether anything is left.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use roadstead_core::{Address, Ensured, Host, LoadBalancer, Outcome, Plan, Result};
use tokio::time::Instant;

use crate::{
    api::{Calls, Priority},
    apply::{Apply, BELIEVED, Failure, free_name},
    desired::Desired,
    details::{self, Depth},
    health,
    look::{Wish, instances, needs},
    observed::Observed,
    plan::{Course, Situation, attributes, current, plan},
    provider::AwsProvider,
    shared::SharedReady,
};

/// So often a course is followed by another before the rest is left to the next call.
const ROUNDS: usize = 6;
/// So often what exists may turn out to be other than thought.
const SURPRISES: usize = 2;

/// What a look showed.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) desired: Desired,
    pub(crate) observed: Observed,
    pub(crate) course: Course,
    /// As long as it is held, the group that all share does not go.
    shared: Option<SharedReady>,
}

/// What was done in one call.
#[derive(Debug, Default)]
struct Done {
    plan: Plan,
    notes: Mutex<Vec<String>>,
    repaired: bool,
}

impl AwsProvider {
    pub(crate) async fn converge(&self, want: &LoadBalancer) -> Result<Ensured> {
        let wish = self.wish(want)?;
        let calls = self.api.calls(Priority::Serve);
        self.know(&wish, Priority::Serve).await?;
        if let Some(announced) = self.adopt(&calls, &wish).await? {
            return Ok(announced);
        }
        let mut done = Done::default();
        let mut looked = self.settle(&calls, &wish, &mut done).await?;
        if done.plan.is_empty() && self.check(&wish).await? {
            done.repaired = true;
            looked = self.settle(&calls, &wish, &mut done).await?;
        }
        if self
            .recognize(&wish, &looked.desired, &looked.observed)
            .await?
        {
            looked = self.settle(&calls, &wish, &mut done).await?;
        }
        let changed = !done.plan.is_empty();
        if self.poll_health(&wish, &looked, changed).await? {
            looked = self.settle(&calls, &wish, &mut done).await?;
        }
        Ok(self.answer(&wish, looked, done))
    }

    /// Lists what exists if that was never done, or if a call for this Service ended without an answer.
    pub(crate) async fn know(&self, wish: &Wish<'_>, priority: Priority) -> Result<()> {
        let owner = &wish.want.id.owner;
        if let Some(ago) = self.mirror.doubted(owner) {
            let after = Instant::now().checked_sub(ago);
            self.look_anew(owner, after.unwrap_or_else(Instant::now), priority)
                .await?;
        } else {
            self.refresh.once(priority).await?;
        }
        Ok(())
    }

    /// Follows courses until nothing is left to do now.
    async fn settle(&self, calls: &Calls, wish: &Wish<'_>, done: &mut Done) -> Result<Looked> {
        let mut surprises = 0;
        for _ in 0..ROUNDS {
            let mut looked = match self.look(calls, wish).await {
                Ok(looked) => looked,
                Err(failure) => {
                    self.surprised(wish, failure, &mut surprises).await?;
                    continue;
                }
            };
            if let Some(shared) = &mut looked.shared {
                done.plan.steps.append(&mut shared.done);
            }
            if looked.course.is_empty() {
                return Ok(looked);
            }
            let apply = Apply {
                calls,
                mirror: &self.mirror,
                desired: &looked.desired,
                situation: &self.situation(wish),
                backend: looked.observed.backend.clone(),
                notes: &done.notes,
            };
            let applied = apply.run(&looked.course).await;
            done.plan.steps.extend(applied.done.steps);
            match applied.failure {
                None => {}
                Some(failure) => self.surprised(wish, failure, &mut surprises).await?,
            }
        }
        Ok(self.look(calls, wish).await?)
    }

    /// What exists is other than thought: it is listed anew, unless that was tried before.
    async fn surprised(
        &self,
        wish: &Wish<'_>,
        failure: Failure,
        surprises: &mut usize,
    ) -> Result<()> {
        if !failure.surprised || *surprises >= SURPRISES {
            return Err(failure.error);
        }
        *surprises += 1;
        self.shared.forget();
        self.look_anew(&wish.want.id.owner, Instant::now(), Priority::Serve)
            .await
    }

    /// Compares what is wanted with what exists.
    pub(crate) async fn look(&self, calls: &Calls, wish: &Wish<'_>) -> Result<Looked, Failure> {
        let mut observed = self.mirror.observe(&wish.want.id);
        let mut desired = self.desired(calls, wish, &observed).await?;
        self.check_name(calls, wish, &desired, &observed).await?;
        let mut shared = None;
        let mut begin = false;
        if let Some(needs) = needs(wish) {
            let (vpc, nodes) = (&desired.load_balancer.vpc, instances(&wish.want.targets));
            let ready = if observed.is_empty() {
                // Something that names its Service is made before what all share: whatever is left behind is found by it.
                self.shared.ready(vpc, &nodes, &needs)
            } else {
                Some(self.shared.ensure(calls, vpc, &nodes, &needs).await?)
            };
            begin = ready.is_none();
            if let Some(ready) = &ready {
                observed.backend = Some(ready.backend.clone());
                desired.notes.extend(ready.notes.iter().cloned());
            }
            shared = ready;
        }
        self.read_details(wish, &desired, &observed).await?;
        let backend = observed.backend.take();
        observed = Observed {
            backend,
            ..self.mirror.observe(&wish.want.id)
        };
        let mut course = plan(&desired, &observed, &self.situation(wish));
        if begin {
            course.begin_only();
        }
        Ok(Looked {
            desired,
            observed,
            course,
            shared,
        })
    }

    /// Refuses a name that somebody else has, before anything is made for a load balancer that would need it.
    pub(crate) async fn check_name(
        &self,
        calls: &Calls,
        wish: &Wish<'_>,
        desired: &Desired,
        observed: &Observed,
    ) -> Result<(), Failure> {
        if current(desired, observed).is_none() {
            let (id, variant) = (&wish.want.id, desired.variant);
            let name = &desired.load_balancer.name;
            free_name(calls, &self.mirror, id, variant, name, BELIEVED).await?;
        }
        Ok(())
    }

    /// Reads what lists do not show, as far as a mark does not say that it is as asked.
    pub(crate) async fn read_details(
        &self,
        wish: &Wish<'_>,
        desired: &Desired,
        observed: &Observed,
    ) -> Result<(), Failure> {
        // Whoever has an address already can wait a little.
        let calls = self.api.calls(if wish.published.is_empty() {
            Priority::Serve
        } else {
            Priority::Check
        });
        let noted = current(desired, observed).is_some_and(|there| {
            there.marks.settings.as_deref() == Some(attributes::fingerprint(desired).as_str())
        });
        let depth = if noted { Depth::Light } else { Depth::Deep };
        details::read(&calls, &self.mirror, observed, depth).await?;
        if desired.load_balancer.capacity.is_some() && depth == Depth::Deep {
            details::read_capacity(&calls, &self.mirror, observed).await?;
        }
        Ok(())
    }

    fn answer(&self, wish: &Wish<'_>, looked: Looked, done: Done) -> Ensured {
        let Looked {
            desired,
            observed,
            course,
            shared: _,
        } = looked;
        let Done {
            plan,
            notes,
            repaired,
        } = done;
        let mut told = desired.notes.clone();
        told.extend(wish.params.notes.iter().cloned());
        told.extend(notes.into_inner().unwrap_or_else(PoisonError::into_inner));
        told.extend(
            course
                .impossible
                .iter()
                .map(|what| format!("cannot {what}")),
        );
        let look_again = self.look_again(wish, &course);
        let addresses = course.address.iter().map(|name| Address {
            host: Host::Hostname(name.to_lowercase()),
            ports: wish
                .want
                .ports
                .iter()
                .map(|port| (port.port, port.protocol))
                .collect(),
        });
        let outcome = Outcome {
            addresses: addresses.collect(),
            repaired: repaired && !plan.is_empty(),
            done: plan,
            health: health::of(&desired, &observed),
            targets: health::of_pods(&wish.want.targets, &desired, &observed),
            notes: told,
            look_again: Some(look_again),
        };
        match course.waiting {
            None if course.is_empty() => Ensured::Ready(outcome),
            waiting => Ensured::Pending {
                outcome,
                waiting_for: waiting.unwrap_or_else(|| "AWS to show what was changed".to_owned()),
                retry_after: look_again.min(self.settings.health_first * 3),
            },
        }
    }

    fn look_again(&self, wish: &Wish<'_>, course: &Course) -> Duration {
        let health = self.mirror.checked(&wish.want.id.owner).map_or(
            self.settings.health_first,
            |checked| {
                checked
                    .health_every
                    .saturating_sub(checked.health.elapsed())
            },
        );
        let due = course.due_in.map(Duration::from_secs);
        due.map_or(health, |due| due.min(health))
            .max(Duration::from_millis(100))
    }

    pub(crate) fn situation<'s>(&'s self, wish: &'s Wish<'_>) -> Situation<'s> {
        Situation {
            id: &wish.want.id,
            marks: &wish.marks,
            published: &wish.published,
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
            grace: self.settings.replacement_grace,
            external_tags: &self.settings.external_tags,
        }
    }
}
