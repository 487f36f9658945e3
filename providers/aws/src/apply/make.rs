//! How does something new come to exist? Under a name that is a function of whose it is, and only if nobody else has that name.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use roadstead_core::{Error, ErrorKind};

use super::{
    Apply, Failure, Result, failure,
    name::{free_name, taken},
};
use crate::{
    NAME,
    api::{GroupFilter, ListenerSettings, NewListener, NewLoadBalancer, NewTargetGroup, Which},
    desired::{Desired, WantedGroup, WantedListener, WantedTargetGroup, variant_slot},
    observed::{ListenerObserved, LoadBalancerObserved, TargetGroupObserved},
    plan::{attributes, new_frontend_tags, new_tags},
    seen::{LoadBalancerSeen, SecurityGroupSeen},
    tags::{self, Marks, Role, Tags},
};

impl Apply<'_> {
    pub(super) async fn create_group(&self, wanted: &WantedGroup) -> Result<()> {
        let vpc = &self.desired.load_balancer.vpc;
        let tags = new_frontend_tags(self.desired, self.situation, &wanted.name);
        let description = match &self.situation.marks.service {
            Some(service) => format!("Clients of the load balancer of Service {service}"),
            None => "Clients of a load balancer".to_owned(),
        };
        let call = self
            .calls
            .create_security_group(&wanted.name, &description, vpc, &tags);
        match self.attempt(call).await {
            Ok(id) => {
                let seen = SecurityGroupSeen {
                    id,
                    name: wanted.name.clone(),
                    vpc: vpc.clone(),
                    ingress: BTreeSet::new(),
                    tags,
                };
                self.mirror.made_group(self.owner(), seen);
                Ok(())
            }
            Err(error) if error.is_code("InvalidGroup.Duplicate") => {
                self.find_group(&wanted.name).await
            }
            Err(error) => Err(failure(
                error,
                format_args!("creating security group {}", wanted.name),
            )),
        }
    }

    /// The name is taken: by ourselves, when an answer was lost, or by somebody else.
    async fn find_group(&self, name: &str) -> Result<()> {
        let vpc = &self.desired.load_balancer.vpc;
        let found = self
            .calls
            .security_groups(GroupFilter::InVpcNamed { vpc, name })
            .await
            .map_err(|error| failure(error, format_args!("looking for security group {name}")))?;
        let Some(seen) = found.into_iter().next() else {
            return Err(self.vanished(&format!("security group {name}")));
        };
        if !self.is_ours(&seen.tags) {
            return Err(taken("security group", name, seen.id.as_str()));
        }
        self.mirror.made_group(self.owner(), seen);
        Ok(())
    }

    pub(super) async fn create_target_group(
        &self,
        name: &str,
        wanted: &WantedTargetGroup,
    ) -> Result<()> {
        if let Some(arn) = self.mirror.foreign_target_group(name) {
            return Err(taken("target group", name, arn.as_str()));
        }
        let tags = new_tags(
            self.desired,
            self.situation,
            Role::TargetGroup,
            Some(wanted.slot.clone()),
        );
        let new = NewTargetGroup {
            name: name.to_owned(),
            protocol: wanted.protocol,
            port: wanted.port.get(),
            vpc: self.desired.load_balancer.vpc.clone(),
            target_type: wanted.target_type,
            family: wanted.family,
            health_check: wanted.health_check.clone(),
            tags: tags.clone(),
        };
        match self.attempt(self.calls.create_target_group(&new)).await {
            Ok(seen) => {
                let it = TargetGroupObserved {
                    seen,
                    marks: read(&tags)?,
                    tags,
                    attributes: Some(attributes::new_target_group(wanted)),
                    targets: Some(Vec::new()),
                    ours: BTreeSet::new(),
                    refused: BTreeSet::new(),
                };
                self.mirror.made_target_group(self.owner(), it);
                Ok(())
            }
            Err(error) if error.is_code("DuplicateTargetGroupName") => {
                self.find_target_group(name).await
            }
            Err(error) => Err(failure(error, format_args!("creating target group {name}"))),
        }
    }

    async fn find_target_group(&self, name: &str) -> Result<()> {
        let looking = |error| failure(error, format_args!("looking for target group {name}"));
        let names = [name.to_owned()];
        let found = self
            .calls
            .target_groups(Which::Names(&names))
            .await
            .map_err(looking)?;
        let Some(seen) = found.into_iter().next() else {
            return Err(self.vanished(&format!("target group {name}")));
        };
        let arns = [seen.arn.clone()];
        let mut tags = self.calls.tags(&arns).await.map_err(looking)?;
        let tags = tags.remove(&seen.arn).unwrap_or_default();
        if !self.is_ours(&tags) {
            return Err(taken("target group", name, seen.arn.as_str()));
        }
        let it = TargetGroupObserved {
            seen,
            marks: read(&tags)?,
            tags,
            attributes: None,
            targets: None,
            ours: BTreeSet::new(),
            refused: BTreeSet::new(),
        };
        self.mirror.made_target_group(self.owner(), it);
        // What it is like must be compared before it is used.
        Err(Failure {
            surprised: true,
            ..self.vanished(&format!("target group {name}, which was there already,"))
        })
    }

    pub(super) async fn create_load_balancer(
        &self,
        name: &str,
        settings: Option<&str>,
    ) -> Result<()> {
        let (id, variant) = (self.situation.id, self.variant());
        let name = free_name(self.calls, self.mirror, id, variant, name, Duration::ZERO).await?;
        let Desired { load_balancer, .. } = self.desired;
        let mut tags = new_tags(
            self.desired,
            self.situation,
            Role::LoadBalancer,
            Some(variant_slot(self.variant())),
        );
        if let Some(settings) = settings {
            tags.insert(tags::SETTINGS.to_owned(), settings.to_owned());
        }
        let groups: Result<Vec<_>> = load_balancer
            .groups
            .iter()
            .map(|group| self.group(group))
            .collect();
        let new = NewLoadBalancer {
            name: name.clone(),
            scheme: self.variant().scheme,
            ip_address_type: load_balancer.ip_address_type,
            mappings: load_balancer.mappings.clone(),
            security_groups: groups?,
            ipv6_source_nat: load_balancer.ipv6_source_nat,
            tags: tags.clone(),
        };
        let seen = self
            .change(
                format!("creating load balancer {name}"),
                self.calls.create_load_balancer(&new),
            )
            .await?;
        self.made(seen, tags)
    }

    fn made(&self, seen: LoadBalancerSeen, tags: Tags) -> Result<()> {
        let scheme = seen.scheme;
        let it = LoadBalancerObserved {
            seen,
            marks: read(&tags)?,
            tags,
            attributes: Some(attributes::new_load_balancer(scheme)),
            listeners: Some(BTreeMap::new()),
            capacity: Some(0),
        };
        self.mirror.made_load_balancer(self.owner(), it);
        Ok(())
    }

    pub(super) async fn create_listener(&self, port: u16, wanted: &WantedListener) -> Result<()> {
        let load_balancer = self.load_balancer()?;
        let new = NewListener {
            load_balancer: load_balancer.clone(),
            port,
            settings: self.listener_settings(wanted)?,
            tags: new_tags(self.desired, self.situation, Role::Listener, None),
        };
        let seen = self
            .change(
                format!("creating listener {port}/{}", wanted.protocol),
                self.calls.create_listener(&new),
            )
            .await?;
        self.mirror.edit_load_balancer(&load_balancer, |there| {
            let it = ListenerObserved {
                certificates: Some(BTreeSet::new()),
                attributes: Some(attributes::new_listener()),
                seen,
            };
            let listeners = there.listeners.get_or_insert_default();
            listeners.insert(it.seen.arn.clone(), it);
        });
        Ok(())
    }

    pub(super) fn listener_settings(&self, wanted: &WantedListener) -> Result<ListenerSettings> {
        Ok(ListenerSettings {
            protocol: wanted.protocol,
            target_group: self.target_group(&wanted.target_group)?,
            certificate: wanted.certificates.first().cloned(),
            ssl_policy: wanted.ssl_policy.clone(),
            alpn: wanted.alpn,
        })
    }

    fn is_ours(&self, tags: &Tags) -> bool {
        Marks::read(tags).and_then(|marks| marks.id()).as_ref() == Some(self.situation.id)
    }
}

fn read(tags: &Tags) -> Result<Marks> {
    Marks::read(tags).ok_or_else(|| Failure {
        error: Error::new(
            ErrorKind::Internal,
            NAME,
            "the marks of a new object cannot be read back; this is a bug, please report it",
        ),
        surprised: false,
    })
}
