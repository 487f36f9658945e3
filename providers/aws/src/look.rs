//! What does a Service want, once everything that it leaves open is looked up? Reads only.

use std::collections::BTreeSet;

use roadstead_core::{Host, LoadBalancer, PortNumber, Result, Targets};

use crate::{
    api::Calls,
    desired::{Desired, Resolved, build},
    facts::{SubnetWish, instance_id},
    ids::{InstanceId, SubnetId},
    observed::{LoadBalancerObserved, Observed},
    params::{self, Params, Security},
    provider::{AwsProvider, invalid},
    shared::Needs,
    tags::Marks,
    types::{HealthCheckPort, IpAddressType, ListenerProtocol, TargetType},
};

/// A Service's wish, read.
#[derive(Debug)]
pub(crate) struct Wish<'w> {
    pub(crate) want: &'w LoadBalancer,
    pub(crate) params: Params,
    /// The host names that its status says.
    pub(crate) published: BTreeSet<String>,
    /// The marks of everything of it.
    pub(crate) marks: Marks,
}

impl AwsProvider {
    /// Reads the annotations of `want`.
    pub(crate) fn wish<'w>(&self, want: &'w LoadBalancer) -> Result<Wish<'w>> {
        let params =
            params::parse(want, &self.settings.defaults).map_err(|problems| invalid(&problems))?;
        let published = want
            .published
            .iter()
            .filter_map(|address| match &address.host {
                Host::Hostname(name) => Some(name.to_lowercase()),
                Host::Ip(_) => None,
            });
        Ok(Wish {
            want,
            params,
            published: published.collect(),
            marks: Marks {
                cluster: want.id.cluster.clone(),
                owner: Some(want.id.owner.clone()),
                service: Some(want.service.clone()),
                role: None,
                slot: None,
                cluster_name: self.settings.cluster_name.clone(),
                settings: None,
                retire_at: None,
            },
        })
    }

    /// What should exist for `wish`, given what exists.
    pub(crate) async fn desired(
        &self,
        calls: &Calls,
        wish: &Wish<'_>,
        observed: &Observed,
    ) -> Result<Desired> {
        let Wish { want, params, .. } = wish;
        let existing = existing(observed);
        let scheme = params
            .scheme
            .or_else(|| existing.map(|there| there.seen.scheme))
            .unwrap_or(self.settings.defaults.scheme);
        let problems = params.check_scheme(scheme);
        if !problems.is_empty() {
            return Err(invalid(&problems));
        }
        // What exists is where it is; only something new needs to be told.
        let vpc = match existing {
            Some(there) if self.settings.vpc_id.is_none() => there.seen.vpc.clone(),
            _ => self.facts.vpc(calls, &want.targets).await?,
        };
        let (cidrs, ipv6_cidrs) = match params.target_type {
            TargetType::Instance => (Vec::new(), Vec::new()),
            TargetType::Ip => {
                let seen = self.facts.ranges(calls, &vpc).await?;
                (seen.cidrs.clone(), seen.ipv6_cidrs.clone())
            }
        };
        let current = existing
            .filter(|there| there.seen.scheme == scheme)
            .map(subnets_of);
        let subnets = self
            .facts
            .subnets(
                calls,
                &SubnetWish {
                    vpc: &vpc,
                    scheme,
                    dualstack: params.ip_address_type == IpAddressType::Dualstack,
                    explicit: &params.subnets,
                    current: current.as_deref(),
                    cluster_name: self.settings.cluster_name.as_deref(),
                },
            )
            .await?;
        let groups = match &params.security {
            Security::Given { groups, .. } => self.facts.groups(calls, &vpc, groups).await?,
            Security::Managed | Security::None => Vec::new(),
        };
        let resolved = Resolved {
            scheme,
            vpc,
            cidrs: &cidrs,
            ipv6_cidrs: &ipv6_cidrs,
            subnets: &subnets,
            groups: &groups,
            quotas: self.settings.quotas,
            cross_zone: false,
        };
        let mut desired = build(want, params, &resolved, params.tags.clone())
            .map_err(|problems| invalid(&problems))?;
        forget_refused(&mut desired, observed);
        Ok(desired)
    }
}

/// What the shared group and the nodes must admit for `wish`; `None` if the load balancer does not carry that group.
pub(crate) fn needs(wish: &Wish<'_>) -> Option<Needs> {
    let carried = match &wish.params.security {
        Security::Managed => true,
        Security::Given {
            manage_backend_rules,
            ..
        } => *manage_backend_rules,
        Security::None => false,
    };
    let speaks = |udp: bool| {
        wish.params
            .listeners
            .iter()
            .any(|listener| match listener.protocol {
                ListenerProtocol::Tcp | ListenerProtocol::Tls => !udp,
                ListenerProtocol::Udp => udp,
                ListenerProtocol::TcpUdp => true,
            })
    };
    carried.then(|| Needs {
        // Health checks of UDP groups are TCP or HTTP.
        tcp: true,
        udp: speaks(true),
        pods: wish.params.target_type == TargetType::Ip,
        icmp: wish.params.icmp_for_path_mtu,
        icmpv6: wish.params.icmp_for_path_mtu
            && wish.params.ip_address_type == IpAddressType::Dualstack,
        health: health_ports(wish),
    })
}

/// The ports of health checks that are no traffic port.
fn health_ports(wish: &Wish<'_>) -> BTreeSet<PortNumber> {
    let listeners = wish.params.listeners.iter();
    listeners
        .filter_map(|listener| match listener.health_check.port {
            HealthCheckPort::Port(port) => Some(port),
            HealthCheckPort::TrafficPort => None,
        })
        .collect()
}

/// The EC2 instances among the targets.
pub(crate) fn instances(targets: &Targets) -> Vec<InstanceId> {
    let targets = targets.exactly().map(|all| &**all).unwrap_or_default();
    let ids = targets
        .iter()
        .filter_map(|target| instance_id(target.provider_id.as_ref()?));
    ids.collect()
}

/// The load balancer that the Service has: what it does not say, it keeps.
fn existing(observed: &Observed) -> Option<&LoadBalancerObserved> {
    let mut all: Vec<&LoadBalancerObserved> = observed.load_balancers.iter().collect();
    all.sort_by_key(|there| (there.marks.retire_at.is_some(), &there.seen.arn));
    all.into_iter().next()
}

fn subnets_of(there: &LoadBalancerObserved) -> Vec<SubnetId> {
    let zones = there.seen.zones.iter();
    zones.map(|zone| zone.subnet.clone()).collect()
}

/// What AWS refused a moment ago is not offered again until targets were read once more.
fn forget_refused(desired: &mut Desired, observed: &Observed) {
    for (name, group) in &mut desired.target_groups {
        if let (Some(targets), Some(there)) = (&mut group.targets, observed.target_group(name)) {
            targets.retain(|target| !there.refused.contains(target));
        }
    }
}
