//! How is something changed in place? One call a change, and what it made is noted.

use std::collections::{BTreeMap, BTreeSet};

use super::{Apply, Result, failure};
use crate::{
    api::{SubnetMapping, TargetRef},
    desired::{GroupRef, WantedListener},
    ids::{Arn, GroupId},
    observed::LoadBalancerObserved,
    plan::{Group, Marked, Tagged},
    seen::{Rule, TargetSeen, TargetState},
    tags::{Marks, Tags},
    types::{HealthCheck, IpAddressType},
};

/// So many targets are registered with one call: larger batches were seen to be refused.
const CHUNK: usize = 200;

impl Apply<'_> {
    pub(super) async fn authorize(&self, group: &Group, rules: &BTreeSet<Rule>) -> Result<()> {
        let id = match group {
            Group::New(_) => self.group(&GroupRef::Frontend)?,
            Group::There(id, _) => id.clone(),
        };
        let wanted: Vec<Rule> = rules.iter().cloned().collect();
        let what = format!("admitting clients to security group {id}");
        let call = self.calls.authorize(&id, &wanted, "clients");
        match self.attempt(call).await {
            Ok(()) => {}
            // One that is there already spoils the whole call: each on its own then.
            Err(error) if error.is_code("InvalidPermission.Duplicate") => {
                for rule in &wanted {
                    let one = std::slice::from_ref(rule);
                    match self
                        .attempt(self.calls.authorize(&id, one, "clients"))
                        .await
                    {
                        Err(error) if !error.is_code("InvalidPermission.Duplicate") => {
                            return Err(failure(error, what));
                        }
                        Ok(()) | Err(_) => {}
                    }
                }
            }
            Err(error) => return Err(failure(error, what)),
        }
        self.mirror
            .edit_group(&id, |there| there.ingress.extend(wanted));
        Ok(())
    }

    pub(super) async fn register(&self, name: &str, targets: &BTreeSet<TargetRef>) -> Result<()> {
        let arn = self.target_group(name)?;
        let mut left: Vec<TargetRef> = targets.iter().cloned().collect();
        let mut refused: BTreeSet<TargetRef> = BTreeSet::new();
        while !left.is_empty() {
            let chunk: Vec<TargetRef> = left.iter().take(CHUNK).cloned().collect();
            match self.attempt(self.calls.register(&arn, &chunk)).await {
                Ok(()) => {
                    left.drain(..chunk.len());
                    self.registered(&arn, &chunk);
                }
                Err(error) => {
                    let bad: BTreeSet<String> = error.invalid_targets().into_iter().collect();
                    let (out, kept): (Vec<_>, Vec<_>) = left
                        .into_iter()
                        .partition(|target| bad.contains(&target.id));
                    if out.is_empty() {
                        return Err(failure(
                            error,
                            format_args!("registering targets in target group {name}"),
                        ));
                    }
                    refused.extend(out);
                    left = kept;
                }
            }
        }
        if !refused.is_empty() {
            let ids: Vec<&str> = refused.iter().map(|target| target.id.as_str()).collect();
            self.tell(format!(
                "AWS takes {} as no target (not running, or in another VPC); the others are registered",
                ids.join(", ")
            ));
        }
        self.mirror
            .edit_target_group(&arn, |there| there.refused = refused);
        Ok(())
    }

    fn registered(&self, arn: &Arn, targets: &[TargetRef]) {
        self.mirror.edit_target_group(arn, |there| {
            let list = there.targets.get_or_insert_default();
            for target in targets {
                list.retain(|seen| !(seen.id == target.id && seen.port == target.port));
                list.push(TargetSeen {
                    id: target.id.clone(),
                    port: target.port,
                    state: TargetState::Initial,
                    reason: Some("Elb.RegistrationInProgress".to_owned()),
                    description: None,
                });
            }
            let registered = targets.iter();
            there
                .ours
                .extend(registered.map(|it| TargetRef::registered(&it.id, it.port)));
        });
    }

    pub(super) async fn change_health_check(&self, arn: &Arn, wanted: &HealthCheck) -> Result<()> {
        let seen = self
            .change(
                format!("changing the health check of target group {arn}"),
                self.calls.modify_target_group(arn, wanted),
            )
            .await?;
        self.mirror
            .edit_target_group(arn, |there| there.seen = seen);
        Ok(())
    }

    pub(super) async fn change_target_group_attributes(
        &self,
        name: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<()> {
        let arn = self.target_group(name)?;
        self.change(
            format!("changing attributes of target group {name}"),
            self.calls.modify_target_group_attributes(&arn, attributes),
        )
        .await?;
        self.mirror
            .edit_target_group(&arn, |there| merge(&mut there.attributes, attributes));
        Ok(())
    }

    pub(super) async fn set_subnets(
        &self,
        arn: &Arn,
        mappings: &[SubnetMapping],
        ipv6_source_nat: Option<bool>,
        ip_address_type: Option<IpAddressType>,
    ) -> Result<()> {
        self.change(
            format!("changing the subnets of load balancer {arn}"),
            self.calls
                .set_subnets(arn, mappings, ipv6_source_nat, ip_address_type),
        )
        .await?;
        // Which addresses it has now only AWS knows.
        self.reread_load_balancer(arn).await
    }

    async fn reread_load_balancer(&self, arn: &Arn) -> Result<()> {
        let arns = [arn.clone()];
        let found = self
            .calls
            .load_balancers(crate::api::Which::Arns(&arns))
            .await
            .map_err(|error| failure(error, format_args!("reading load balancer {arn}")))?;
        let Some(seen) = found.into_iter().next() else {
            return Err(self.vanished("the load balancer"));
        };
        self.mirror
            .edit_load_balancer(arn, |there| there.seen = seen);
        Ok(())
    }

    pub(super) async fn set_groups(
        &self,
        arn: &Arn,
        groups: &BTreeSet<GroupRef>,
        enforce: Option<bool>,
    ) -> Result<()> {
        let ids: Result<Vec<GroupId>> = groups.iter().map(|group| self.group(group)).collect();
        let ids = ids?;
        self.change(
            format!("changing the security groups of load balancer {arn}"),
            self.calls.set_security_groups(arn, &ids, enforce),
        )
        .await?;
        self.mirror.edit_load_balancer(arn, |there| {
            there.seen.security_groups = ids.into_iter().collect();
            if enforce.is_some() {
                there.seen.enforce_inbound_rules_on_private_link = enforce;
            }
        });
        Ok(())
    }

    pub(super) async fn set_ip_address_type(&self, arn: &Arn, to: IpAddressType) -> Result<()> {
        self.change(
            format!("changing the address type of load balancer {arn} to {to}"),
            self.calls.set_ip_address_type(arn, to),
        )
        .await?;
        self.mirror
            .edit_load_balancer(arn, |there| there.seen.ip_address_type = to);
        Ok(())
    }

    pub(super) async fn change_load_balancer_attributes(
        &self,
        attributes: &BTreeMap<String, String>,
    ) -> Result<()> {
        let arn = self.load_balancer()?;
        self.change(
            format!("changing attributes of load balancer {arn}"),
            self.calls.modify_load_balancer_attributes(&arn, attributes),
        )
        .await?;
        self.mirror
            .edit_load_balancer(&arn, |there| merge(&mut there.attributes, attributes));
        Ok(())
    }

    pub(super) async fn reserve_capacity(&self, units: Option<u32>) -> Result<()> {
        let arn = self.load_balancer()?;
        self.change(
            format!("reserving capacity for load balancer {arn}"),
            self.calls.modify_capacity(&arn, units),
        )
        .await?;
        self.mirror.edit_load_balancer(&arn, |there| {
            there.capacity = Some(units.unwrap_or_default());
        });
        Ok(())
    }

    pub(super) async fn change_listener(
        &self,
        arn: &Arn,
        port: u16,
        wanted: &WantedListener,
    ) -> Result<()> {
        let settings = self.listener_settings(wanted)?;
        let seen = self
            .change(
                format!("changing listener {port}/{}", wanted.protocol),
                self.calls.modify_listener(arn, port, &settings),
            )
            .await?;
        self.mirror
            .edit_load_balancer(&seen.load_balancer.clone(), |there| {
                if let Some(listener) = there.listeners.as_mut().and_then(|all| all.get_mut(arn)) {
                    if listener.seen.protocol != seen.protocol {
                        // They do not outlive the protocol that they belong to.
                        listener.certificates = Some(BTreeSet::new());
                        listener.attributes = None;
                    }
                    listener.seen = seen;
                }
            });
        Ok(())
    }

    pub(super) async fn change_listener_attributes(
        &self,
        port: u16,
        attributes: &BTreeMap<String, String>,
    ) -> Result<()> {
        let (load_balancer, arn) = self.listener(port)?;
        self.change(
            format!("changing attributes of listener {port}"),
            self.calls.modify_listener_attributes(&arn, attributes),
        )
        .await?;
        self.mirror.edit_load_balancer(&load_balancer, |there| {
            if let Some(listener) = there.listeners.as_mut().and_then(|all| all.get_mut(&arn)) {
                merge(&mut listener.attributes, attributes);
            }
        });
        Ok(())
    }

    pub(super) async fn add_certificates(
        &self,
        port: u16,
        certificates: &BTreeSet<String>,
    ) -> Result<()> {
        let (load_balancer, arn) = self.listener(port)?;
        let list: Vec<String> = certificates.iter().cloned().collect();
        self.change(
            format!("adding certificates to listener {port}"),
            self.calls.add_listener_certificates(&arn, &list),
        )
        .await?;
        self.mirror.edit_load_balancer(&load_balancer, |there| {
            if let Some(listener) = there.listeners.as_mut().and_then(|all| all.get_mut(&arn)) {
                listener.certificates.get_or_insert_default().extend(list);
            }
        });
        Ok(())
    }

    pub(super) async fn mark(&self, what: &Marked, tags: &Tags) -> Result<()> {
        let arn = match what {
            Marked::Variant(_) => self.load_balancer()?,
            Marked::LoadBalancer(arn) => arn.clone(),
        };
        let arns = [arn.clone()];
        self.change(
            format!("tagging load balancer {arn}"),
            self.calls.add_tags(&arns, tags),
        )
        .await?;
        self.mirror.edit_load_balancer(&arn, |there| {
            there.tags.extend(tags.clone());
            remark(&mut there.marks, &there.tags);
        });
        Ok(())
    }

    pub(super) async fn tag(&self, what: &[Tagged], tags: &Tags) -> Result<()> {
        let arns = self.arns(what);
        if !arns.is_empty() {
            self.change("adding tags", self.calls.add_tags(&arns, tags))
                .await?;
        }
        for tagged in what {
            if let Tagged::Group(id, name) = tagged {
                self.change(
                    format!("tagging security group {name}"),
                    self.calls.create_ec2_tags(id.as_str(), tags),
                )
                .await?;
            }
            self.retag(tagged, |there| there.extend(tags.clone()));
        }
        Ok(())
    }

    pub(super) async fn untag(&self, what: &[Tagged], keys: &BTreeSet<String>) -> Result<()> {
        let arns = self.arns(what);
        let list: Vec<String> = keys.iter().cloned().collect();
        if !arns.is_empty() {
            self.change("removing tags", self.calls.remove_tags(&arns, &list))
                .await?;
        }
        for tagged in what {
            if let Tagged::Group(id, name) = tagged {
                self.change(
                    format!("removing tags of security group {name}"),
                    self.calls.delete_ec2_tags(id.as_str(), &list),
                )
                .await?;
            }
            self.retag(tagged, |there| there.retain(|key, _| !keys.contains(key)));
        }
        Ok(())
    }

    /// What the ELB API tags at once; listeners get what their load balancer gets.
    fn arns(&self, what: &[Tagged]) -> Vec<Arn> {
        let observed = self.observed();
        let mut arns = Vec::new();
        for tagged in what {
            match tagged {
                Tagged::LoadBalancer(arn, _) => {
                    arns.push(arn.clone());
                    let balancers = observed.load_balancers.iter();
                    let ours = balancers.filter(|there| there.seen.arn == *arn);
                    arns.extend(
                        ours.flat_map(LoadBalancerObserved::all_listeners)
                            .map(|listener| listener.seen.arn.clone()),
                    );
                }
                Tagged::TargetGroup(arn, _) => arns.push(arn.clone()),
                Tagged::Group(_, _) => {}
            }
        }
        arns
    }

    fn retag(&self, tagged: &Tagged, edit: impl FnOnce(&mut Tags)) {
        match tagged {
            Tagged::LoadBalancer(arn, _) => self.mirror.edit_load_balancer(arn, |there| {
                edit(&mut there.tags);
                remark(&mut there.marks, &there.tags);
            }),
            Tagged::TargetGroup(arn, _) => self.mirror.edit_target_group(arn, |there| {
                edit(&mut there.tags);
                remark(&mut there.marks, &there.tags);
            }),
            Tagged::Group(id, _) => self.mirror.edit_group(id, |there| edit(&mut there.tags)),
        }
    }
}

fn remark(marks: &mut Marks, tags: &Tags) {
    if let Some(read) = Marks::read(tags) {
        *marks = read;
    }
}

fn merge(known: &mut Option<BTreeMap<String, String>>, changed: &BTreeMap<String, String>) {
    if let Some(known) = known {
        known.extend(changed.clone());
    }
}
