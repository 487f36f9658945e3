//! How is a course carried out? Stage by stage, the lanes of a stage side by side, and what is about something new as soon as that
//! is made; what each call did is noted in the mirror. Decides nothing: a step that fails ends its lane, and the course after its
//! stage.

mod make;
mod name;
mod order;
mod remove;
mod shape;

pub(crate) use self::name::{BELIEVED, free_name};

use std::{
    fmt,
    future::Future,
    sync::{Mutex, PoisonError},
};

use futures::future::join_all;
use roadstead_core::{Error, ErrorKind, OwnerUid, Plan};

use self::order::Order;
use crate::{
    NAME,
    api::{self, Calls},
    desired::{Desired, GroupRef, Variant},
    ids::{Arn, GroupId},
    mirror::Mirror,
    observed::Observed,
    plan::{Course, Situation, Step, current, resolve},
};

/// Carries out courses of one Service.
#[derive(Debug)]
pub(crate) struct Apply<'a> {
    pub(crate) calls: &'a Calls,
    pub(crate) mirror: &'a Mirror,
    pub(crate) desired: &'a Desired,
    pub(crate) situation: &'a Situation<'a>,
    /// The group that all load balancers of the cluster share, where this one carries it.
    pub(crate) backend: Option<GroupId>,
    /// What the user should know of what was done.
    pub(crate) notes: &'a Mutex<Vec<String>>,
}

/// What became of a course.
#[derive(Debug)]
pub(crate) struct Applied {
    /// The steps that were taken.
    pub(crate) done: Plan,
    /// Why not all of them were.
    pub(crate) failure: Option<Failure>,
}

/// A step that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Why.
    pub(crate) error: Error,
    /// Whether what exists is not what we thought: to be listed anew and tried again at once.
    pub(crate) surprised: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self {
            error,
            surprised: false,
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

type Result<T, E = Failure> = std::result::Result<T, E>;

// === impl Apply ===

impl Apply<'_> {
    /// Carries out `course`.
    pub(crate) async fn run(&self, course: &Course) -> Applied {
        let order = Order::of(course);
        let stages = course.stages.iter().enumerate();
        let lanes = stages.flat_map(|(stage, lanes)| lanes.iter().map(move |lane| (stage, lane)));
        let ended = join_all(lanes.map(async |(stage, lane)| {
            if !order.turn(stage, lane).await {
                order.ended(stage, true);
                return (Vec::new(), None);
            }
            let ended = self.lane(&order, lane).await;
            order.ended(stage, ended.1.is_none());
            ended
        }))
        .await;
        let mut failure = None;
        let mut done = Plan::default();
        for (taken, failed) in ended {
            done.steps
                .extend(taken.iter().filter_map(|step| step.told()));
            failure = failure.or(failed);
        }
        Applied { done, failure }
    }

    async fn lane<'s>(&self, order: &Order, lane: &'s [Step]) -> (Vec<&'s Step>, Option<Failure>) {
        let mut taken = Vec::with_capacity(lane.len());
        for step in lane {
            match self.step(step).await {
                Ok(()) => {
                    order.taken(step);
                    taken.push(step);
                }
                Err(failure) => return (taken, Some(failure)),
            }
        }
        (taken, None)
    }

    async fn step(&self, step: &Step) -> Result<()> {
        match step {
            Step::CreateGroup(group) => self.create_group(group).await,
            Step::Authorize { group, rules } => self.authorize(group, rules).await,
            Step::CreateTargetGroup { name, group } => self.create_target_group(name, group).await,
            Step::CreateLoadBalancer { name, settings, .. } => {
                self.create_load_balancer(name, settings.as_deref()).await
            }
            Step::CreateListener { port, listener, .. } => {
                self.create_listener(*port, listener).await
            }
            Step::Register { name, targets, .. } => self.register(name, targets).await,
            Step::ChangeHealthCheck {
                arn, health_check, ..
            } => self.change_health_check(arn, health_check).await,
            Step::ChangeTargetGroupAttributes { name, attributes } => {
                self.change_target_group_attributes(name, attributes).await
            }
            Step::SetSubnets {
                arn,
                mappings,
                ipv6_source_nat,
                ip_address_type,
                ..
            } => {
                self.set_subnets(arn, mappings, *ipv6_source_nat, *ip_address_type)
                    .await
            }
            Step::SetGroups {
                arn,
                groups,
                enforce,
                ..
            } => self.set_groups(arn, groups, *enforce).await,
            Step::SetIpAddressType { arn, to, .. } => self.set_ip_address_type(arn, *to).await,
            Step::ChangeLoadBalancerAttributes { attributes, .. } => {
                self.change_load_balancer_attributes(attributes).await
            }
            Step::ReserveCapacity { units, .. } => self.reserve_capacity(*units).await,
            Step::ChangeListener {
                arn,
                port,
                listener,
                ..
            } => self.change_listener(arn, *port, listener).await,
            Step::ChangeListenerAttributes {
                port, attributes, ..
            } => self.change_listener_attributes(*port, attributes).await,
            Step::AddCertificates {
                port, certificates, ..
            } => self.add_certificates(*port, certificates).await,
            Step::RemoveCertificates {
                arn, certificates, ..
            } => self.remove_certificates(arn, certificates).await,
            Step::Mark { what, tags } => self.mark(what, tags).await,
            Step::Tag { what, tags } => self.tag(what, tags).await,
            Step::Untag { what, keys } => self.untag(what, keys).await,
            Step::Revoke { group, rules, .. } => self.revoke(group, rules).await,
            Step::Deregister { arn, targets, .. } => self.deregister(arn, targets).await,
            Step::DeleteListener {
                arn, load_balancer, ..
            } => self.delete_listener(load_balancer, arn).await,
            Step::DeleteTargetGroup { arn, name } => self.delete_target_group(arn, name).await,
            Step::DeleteLoadBalancer { arn, name, .. } => {
                self.delete_load_balancer(arn, name).await
            }
            Step::DeleteGroup { id, name } => self.delete_group(id, name).await,
        }
    }

    fn owner(&self) -> &OwnerUid {
        &self.situation.id.owner
    }

    fn observed(&self) -> Observed {
        Observed {
            backend: self.backend.clone(),
            ..self.mirror.observe(self.situation.id)
        }
    }

    /// The load balancer that is, or was just made to be, the wanted one.
    fn load_balancer(&self) -> Result<Arn> {
        let observed = self.observed();
        let balancer = current(self.desired, &observed).map(|there| there.seen.arn.clone());
        balancer.ok_or_else(|| self.vanished("the load balancer"))
    }

    fn target_group(&self, name: &str) -> Result<Arn> {
        let observed = self.observed();
        let group = observed
            .target_group(name)
            .map(|there| there.seen.arn.clone());
        group.ok_or_else(|| self.vanished(&format!("target group {name}")))
    }

    fn listener(&self, port: u16) -> Result<(Arn, Arn)> {
        let observed = self.observed();
        let found = current(self.desired, &observed).and_then(|balancer| {
            let listener = balancer.listener(port)?;
            Some((balancer.seen.arn.clone(), listener.seen.arn.clone()))
        });
        found.ok_or_else(|| self.vanished(&format!("listener {port}")))
    }

    fn group(&self, group: &GroupRef) -> Result<GroupId> {
        let observed = self.observed();
        let id = resolve(self.desired, &observed, group);
        id.ok_or_else(|| self.vanished("a security group"))
    }

    fn variant(&self) -> Variant {
        self.desired.variant
    }

    fn vanished(&self, what: &str) -> Failure {
        let service = self.situation.marks.service.as_ref();
        let of = service.map_or_else(String::new, |service| format!(" of {service}"));
        Failure {
            error: Error::new(
                ErrorKind::Unavailable,
                NAME,
                format!("{what}{of} vanished while it was being changed; looking again"),
            ),
            surprised: true,
        }
    }

    fn tell(&self, note: String) {
        self.notes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(note);
    }

    /// Makes a call that changes something. Without a clear answer, a doubt stays on the Service.
    async fn change<T>(
        &self,
        what: impl fmt::Display,
        call: impl Future<Output = api::Result<T>>,
    ) -> Result<T> {
        self.attempt(call)
            .await
            .map_err(|error| failure(error, what))
    }

    /// As [`change`](Self::change), with the error as AWS gave it.
    async fn attempt<T>(
        &self,
        call: impl Future<Output = api::Result<T>>,
    ) -> Result<T, api::Error> {
        attempt(self.mirror, self.owner(), call).await
    }
}

/// Makes a call that changes something of `owner`'s; without a clear answer, a doubt stays.
///
/// A denial is none: a policy that goes by tags knows none of what is gone.
pub(crate) async fn attempt<T>(
    mirror: &Mirror,
    owner: &OwnerUid,
    call: impl Future<Output = api::Result<T>>,
) -> Result<T, api::Error> {
    let doubt = mirror.doubt(owner);
    let result = call.await;
    let clear = match &result {
        Ok(_) => true,
        Err(error) => !error.may_have_taken_effect() && !is_surprise(error) && !error.is_denied(),
    };
    if clear {
        doubt.settle();
    }
    result
}

pub(crate) fn failure(error: api::Error, what: impl fmt::Display) -> Failure {
    Failure {
        surprised: is_surprise(&error),
        error: error.into_core(what),
    }
}

/// Whether AWS's answer shows that what exists is not what we thought.
fn is_surprise(error: &api::Error) -> bool {
    error.is_not_found()
        || [
            "DuplicateListener",
            "DuplicateLoadBalancerName",
            "DuplicateTargetGroupName",
            "InvalidGroup.Duplicate",
            "InvalidSecurityGroup",
            "TargetGroupAssociationLimit",
        ]
        .iter()
        .any(|code| error.is_code(code))
}
