//! What does a course make of what exists? AWS in a few lines, for plans alone: every step has the effect that it says.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    desired::{Desired, GroupRef, variant_slot},
    ids::{Arn, GroupId},
    observed::{ListenerObserved, LoadBalancerObserved, Observed, TargetGroupObserved},
    plan::{
        Course, Group, Marked, Situation, Step, Tagged, attributes, current, new_frontend_tags,
        new_tags, resolve,
    },
    seen::{
        ListenerSeen, LoadBalancerSeen, LoadBalancerState, SecurityGroupSeen, TargetGroupSeen,
        TargetSeen, TargetState, Word, ZoneSeen,
    },
    tags::{Marks, Role, Tags},
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
                registered: BTreeSet::new(),
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
            group.registered.extend(targets.clone());
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
            ..
        } => {
            let there = &mut balancer(observed, arn).seen;
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

fn load_balancer(
    name: &str,
    settings: Option<&String>,
    desired: &Desired,
    situation: &Situation<'_>,
    observed: &Observed,
) -> LoadBalancerObserved {
    let slot = variant_slot(desired.variant);
    let mut tags = new_tags(desired, situation, Role::LoadBalancer, Some(slot));
    tags.extend(settings.map(|it| (crate::tags::SETTINGS.to_owned(), it.clone())));
    let wanted = &desired.load_balancer;
    let scheme = desired.variant.scheme;
    let groups = wanted
        .groups
        .iter()
        .map(|group| resolve(desired, observed, group).unwrap());
    LoadBalancerObserved {
        seen: LoadBalancerSeen {
            arn: Arn::new(format!("arn:{name}/{scheme}")),
            name: name.to_owned(),
            dns_name: format!("{name}.{scheme}.example"),
            network: true,
            scheme,
            vpc: wanted.vpc.clone(),
            state: LoadBalancerState::Provisioning,
            ip_address_type: wanted.ip_address_type,
            zones: zones(&wanted.mappings),
            security_groups: groups.collect(),
            enforce_inbound_rules_on_private_link: None,
            ipv6_source_nat: wanted.ipv6_source_nat,
        },
        marks: Marks::read(&tags).unwrap(),
        tags,
        attributes: Some(attributes::new_load_balancer(scheme)),
        listeners: Some(BTreeMap::new()),
        capacity: Some(0),
    }
}

fn zones(mappings: &[crate::api::SubnetMapping]) -> Vec<ZoneSeen> {
    let zone = |map: &crate::api::SubnetMapping| ZoneSeen {
        zone: format!("zone of {}", map.subnet),
        subnet: map.subnet.clone(),
        allocation: map.allocation.clone(),
        private_ipv4: map.private_ipv4,
        ipv6: map.ipv6,
        source_nat_prefixes: map.source_nat_prefix.iter().cloned().collect(),
    };
    mappings.iter().map(zone).collect()
}

fn frontend<'o>(observed: &'o mut Observed, id: &GroupId) -> &'o mut SecurityGroupSeen {
    observed
        .frontends
        .iter_mut()
        .find(|group| group.id == *id)
        .unwrap()
}

fn group_named<'o>(observed: &'o mut Observed, name: &str) -> &'o mut TargetGroupObserved {
    observed
        .target_groups
        .iter_mut()
        .find(|group| group.seen.name == name)
        .unwrap()
}

fn group_at<'o>(observed: &'o mut Observed, arn: &Arn) -> &'o mut TargetGroupObserved {
    observed
        .target_groups
        .iter_mut()
        .find(|group| group.seen.arn == *arn)
        .unwrap()
}

fn balancer<'o>(observed: &'o mut Observed, arn: &Arn) -> &'o mut LoadBalancerObserved {
    observed
        .load_balancers
        .iter_mut()
        .find(|there| there.seen.arn == *arn)
        .unwrap()
}

fn wanted<'o>(desired: &Desired, observed: &'o mut Observed) -> &'o mut LoadBalancerObserved {
    let arn = current(desired, observed).unwrap().seen.arn.clone();
    balancer(observed, &arn)
}

fn listener_at<'o>(observed: &'o mut Observed, arn: &Arn) -> &'o mut ListenerObserved {
    let mut balancers = observed.load_balancers.iter_mut();
    balancers
        .find_map(|there| there.listeners.as_mut()?.get_mut(arn))
        .unwrap()
}

fn tags_of<'o>(observed: &'o mut Observed, tagged: &Tagged) -> &'o mut Tags {
    match tagged {
        Tagged::LoadBalancer(arn, _) => &mut balancer(observed, arn).tags,
        Tagged::TargetGroup(arn, _) => &mut group_at(observed, arn).tags,
        Tagged::Group(id, _) => &mut frontend(observed, id).tags,
    }
}
