//! What does a course make of what exists? AWS in a few lines, for plans alone: every step has the effect that it says.

mod things;

use std::collections::BTreeSet;

use self::things::{
    balancer, frontend, group_at, group_named, listener_at, load_balancer, tags_of, wanted, zones,
};
use crate::{
    api::TargetRef,
    desired::{Desired, GroupRef},
    ids::{Arn, GroupId},
    observed::{ListenerObserved, Observed, TargetGroupObserved},
    plan::{
        Course, Group, Marked, Situation, Step, attributes, new_frontend_tags, new_tags, resolve,
    },
    seen::{
        ListenerSeen, LoadBalancerState, SecurityGroupSeen, TargetGroupSeen, TargetSeen,
        TargetState, Word,
    },
    tags::{Marks, Role},
};

/// Does what `course` says to `observed`.
pub(super) fn carry_out(
    course: &Course,
    desired: &Desired,
    situation: &Situation<'_>,
    observed: &mut Observed,
) {
    for step in course.stages.iter().flatten().flatten() {
        take(step, desired, situation, observed);
    }
}

/// Every target is found healthy.
pub(super) fn heal(observed: &mut Observed) {
    for group in &mut observed.target_groups {
        for target in group.targets.iter_mut().flatten() {
            if target.state == TargetState::Initial {
                target.state = TargetState::Healthy;
            }
        }
    }
    for balancer in &mut observed.load_balancers {
        balancer.seen.state = LoadBalancerState::Active;
    }
}

#[expect(
    clippy::too_many_lines,
    reason = "every step beside the others, as in what it stands in for"
)]
fn take(step: &Step, desired: &Desired, situation: &Situation<'_>, observed: &mut Observed) {
    match step {
        Step::CreateGroup(group) => observed.frontends.push(SecurityGroupSeen {
            id: GroupId::new(format!("sg-{}", group.name)),
            name: group.name.clone(),
            vpc: desired.load_balancer.vpc.clone(),
            ingress: BTreeSet::new(),
            tags: new_frontend_tags(desired, situation, &group.name),
        }),
        Step::Authorize { group, rules } => {
            let id = match group {
                Group::New(_) => resolve(desired, observed, &GroupRef::Frontend).unwrap(),
                Group::There(id, _) => id.clone(),
            };
            frontend(observed, &id).ingress.extend(rules.clone());
        }
        Step::Revoke { group, rules, .. } => {
            frontend(observed, group)
                .ingress
                .retain(|rule| !rules.contains(rule));
        }
        Step::CreateTargetGroup { name, group } => {
            let tags = new_tags(
                desired,
                situation,
                Role::TargetGroup,
                Some(group.slot.clone()),
            );
            observed.target_groups.push(TargetGroupObserved {
                seen: TargetGroupSeen {
                    arn: Arn::new(format!("arn:{name}")),
                    name: name.clone(),
                    protocol: Word::Known(group.protocol),
                    port: group.port.get(),
                    vpc: desired.load_balancer.vpc.clone(),
                    target_type: Word::Known(group.target_type),
                    ip_address_type: group.family,
                    health_check: group.health_check.clone(),
                    load_balancers: Vec::new(),
                },
                marks: Marks::read(&tags).unwrap(),
                tags,
                attributes: Some(attributes::new_target_group(group)),
                targets: Some(Vec::new()),
                ours: BTreeSet::new(),
                refused: BTreeSet::new(),
            });
        }
        Step::ChangeHealthCheck {
            arn, health_check, ..
        } => {
            group_at(observed, arn).seen.health_check = health_check.clone();
        }
        Step::ChangeTargetGroupAttributes { name, attributes } => {
            let group = group_named(observed, name);
            group
                .attributes
                .as_mut()
                .unwrap()
                .extend(attributes.clone());
        }
        Step::Register { name, targets, .. } => {
            let group = group_named(observed, name);
            let list = group.targets.as_mut().unwrap();
            for target in targets {
                list.retain(|seen| !(seen.id == target.id && seen.port == target.port));
                list.push(TargetSeen {
                    id: target.id.clone(),
                    port: target.port,
                    state: TargetState::Initial,
                    reason: None,
                    description: None,
                });
            }
            let registered = targets.iter();
            group
                .ours
                .extend(registered.map(|it| TargetRef::registered(&it.id, it.port)));
        }
        Step::Deregister { arn, targets, .. } => {
            for seen in group_at(observed, arn).targets.iter_mut().flatten() {
                if targets
                    .iter()
                    .any(|it| it.id == seen.id && it.port == seen.port)
                {
                    seen.state = TargetState::Draining;
                }
            }
        }
        Step::CreateLoadBalancer { name, settings, .. } => {
            let made = load_balancer(name, settings.as_ref(), desired, situation, observed);
            observed.load_balancers.push(made);
        }
        Step::SetSubnets {
            arn,
            mappings,
            ipv6_source_nat,
            ip_address_type,
            ..
        } => {
            let there = &mut balancer(observed, arn).seen;
            there.ip_address_type = ip_address_type.unwrap_or(there.ip_address_type);
            there.zones = zones(mappings);
            there.ipv6_source_nat = ipv6_source_nat.unwrap_or(there.ipv6_source_nat);
        }
        Step::SetGroups {
            arn,
            groups,
            enforce,
            ..
        } => {
            let ids = groups
                .iter()
                .map(|group| resolve(desired, observed, group).unwrap());
            let ids: BTreeSet<GroupId> = ids.collect();
            let there = &mut balancer(observed, arn).seen;
            there.security_groups = ids;
            there.enforce_inbound_rules_on_private_link =
                enforce.or(there.enforce_inbound_rules_on_private_link);
        }
        Step::SetIpAddressType { arn, to, .. } => {
            balancer(observed, arn).seen.ip_address_type = *to;
        }
        Step::ChangeLoadBalancerAttributes { attributes, .. } => {
            let there = wanted(desired, observed);
            there
                .attributes
                .as_mut()
                .unwrap()
                .extend(attributes.clone());
        }
        Step::ReserveCapacity { units, .. } => {
            wanted(desired, observed).capacity = Some(units.unwrap_or_default());
        }
        Step::CreateListener { port, listener, .. } => {
            let group = group_named(observed, &listener.target_group)
                .seen
                .arn
                .clone();
            let there = wanted(desired, observed);
            let seen = ListenerSeen {
                arn: Arn::new(format!("{}/{port}", there.seen.arn)),
                load_balancer: there.seen.arn.clone(),
                port: *port,
                protocol: Word::Known(listener.protocol),
                certificates: listener.certificates.first().cloned().into_iter().collect(),
                ssl_policy: listener.ssl_policy.clone(),
                alpn: listener.alpn,
                target_groups: vec![group],
            };
            let made = ListenerObserved {
                certificates: Some(BTreeSet::new()),
                attributes: Some(attributes::new_listener()),
                seen,
            };
            there
                .listeners
                .as_mut()
                .unwrap()
                .insert(made.seen.arn.clone(), made);
        }
        Step::ChangeListener { arn, listener, .. } => {
            let group = group_named(observed, &listener.target_group)
                .seen
                .arn
                .clone();
            let seen = &mut listener_at(observed, arn).seen;
            seen.protocol = Word::Known(listener.protocol);
            seen.certificates = listener.certificates.first().cloned().into_iter().collect();
            seen.ssl_policy.clone_from(&listener.ssl_policy);
            seen.alpn = listener.alpn;
            seen.target_groups = vec![group];
        }
        Step::ChangeListenerAttributes {
            port, attributes, ..
        } => {
            let arn = wanted(desired, observed)
                .listener(*port)
                .unwrap()
                .seen
                .arn
                .clone();
            let there = listener_at(observed, &arn);
            there
                .attributes
                .as_mut()
                .unwrap()
                .extend(attributes.clone());
        }
        Step::AddCertificates {
            port, certificates, ..
        } => {
            let arn = wanted(desired, observed)
                .listener(*port)
                .unwrap()
                .seen
                .arn
                .clone();
            let there = listener_at(observed, &arn);
            there
                .certificates
                .as_mut()
                .unwrap()
                .extend(certificates.clone());
        }
        Step::RemoveCertificates {
            arn, certificates, ..
        } => {
            let there = listener_at(observed, arn);
            there
                .certificates
                .as_mut()
                .unwrap()
                .retain(|it| !certificates.contains(it));
        }
        Step::DeleteListener {
            arn, load_balancer, ..
        } => {
            balancer(observed, load_balancer)
                .listeners
                .as_mut()
                .unwrap()
                .remove(arn);
        }
        Step::DeleteTargetGroup { arn, .. } => {
            let used = observed.load_balancers.iter().any(|balancer| {
                balancer
                    .all_listeners()
                    .any(|it| it.seen.target_groups.contains(arn))
            });
            assert!(
                !used,
                "AWS deletes no target group that a listener points at"
            );
            observed
                .target_groups
                .retain(|group| group.seen.arn != *arn);
        }
        Step::DeleteLoadBalancer { arn, .. } => {
            observed
                .load_balancers
                .retain(|there| there.seen.arn != *arn);
        }
        Step::DeleteGroup { id, .. } => observed.frontends.retain(|group| group.id != *id),
        Step::Mark { what, tags } => {
            let there = match what {
                Marked::Variant(_) => wanted(desired, observed),
                Marked::LoadBalancer(arn) => balancer(observed, arn),
            };
            there.tags.extend(tags.clone());
            there.marks = Marks::read(&there.tags).unwrap();
        }
        Step::Tag { what, tags } => {
            for tagged in what {
                tags_of(observed, tagged).extend(tags.clone());
            }
        }
        Step::Untag { what, keys } => {
            for tagged in what {
                tags_of(observed, tagged).retain(|key, _| !keys.contains(key));
            }
        }
    }
}
