//! ELBv2's changes of load balancers, listeners and tags. None is repeated here: whether a lost one took effect is for the next look to find out.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types as sdk;

use super::{
    ListenerSettings, NewListener, NewLoadBalancer, SubnetMapping,
    answers::{self, all},
    reads::texts,
    requests::{
        self, address_type, alpn, certificate, forward, non_empty, of_tls, pairs, protocol,
        source_nat,
    },
};
use crate::{
    api::{
        Calls,
        actions::Action,
        error::{Result, required},
    },
    ids::{Arn, GroupId},
    seen::{ListenerSeen, LoadBalancerSeen},
    types::{IpAddressType, Scheme},
};

impl Calls {
    /// Creates a Network Load Balancer. AWS answers with the existing one if it has this name and these settings.
    pub(crate) async fn create_load_balancer(
        &self,
        new: &NewLoadBalancer,
    ) -> Result<LoadBalancerSeen> {
        const ACTION: Action = Action::CreateLoadBalancer;
        let NewLoadBalancer {
            name,
            scheme,
            ip_address_type,
            mappings,
            security_groups,
            ipv6_source_nat,
            tags,
        } = new;
        let request = self
            .elb()
            .create_load_balancer()
            .name(name)
            .r#type(sdk::LoadBalancerTypeEnum::Network)
            .scheme(match scheme {
                Scheme::Internal => sdk::LoadBalancerSchemeEnum::Internal,
                Scheme::InternetFacing => sdk::LoadBalancerSchemeEnum::InternetFacing,
            })
            .ip_address_type(address_type(*ip_address_type))
            .set_subnet_mappings(Some(requests::mappings(mappings)))
            .set_security_groups(non_empty(requests::groups(security_groups)))
            .set_enable_prefix_for_ipv6_source_nat(ipv6_source_nat.then(|| source_nat(true)))
            .set_tags(non_empty(requests::tags(tags)));
        let answer = self.call(ACTION, || request.clone().send()).await?;
        let made = all(answer.load_balancers).next();
        answers::load_balancer(ACTION, required(ACTION, "LoadBalancers", made)?)
    }

    /// Creates a listener. AWS answers with the existing one if it has these settings.
    pub(crate) async fn create_listener(&self, new: &NewListener) -> Result<ListenerSeen> {
        const ACTION: Action = Action::CreateListener;
        let NewListener {
            load_balancer,
            port,
            settings,
            tags,
        } = new;
        let request = self
            .elb()
            .create_listener()
            .load_balancer_arn(load_balancer.as_str())
            .port(i32::from(*port))
            .protocol(protocol(settings.protocol))
            .default_actions(forward(&settings.target_group))
            .set_certificates(certificate(settings))
            .set_ssl_policy(of_tls(settings).and_then(|tls| tls.ssl_policy.clone()))
            .set_alpn_policy(alpn(settings))
            .set_tags(non_empty(requests::tags(tags)));
        let answer = self.call(ACTION, || request.clone().send()).await?;
        let made = all(answer.listeners).next();
        answers::listener(ACTION, required(ACTION, "Listeners", made)?)
    }

    /// Gives a listener these settings, all of them.
    pub(crate) async fn modify_listener(
        &self,
        arn: &Arn,
        port: u16,
        settings: &ListenerSettings,
    ) -> Result<ListenerSeen> {
        const ACTION: Action = Action::ModifyListener;
        let request = self
            .elb()
            .modify_listener()
            .listener_arn(arn.as_str())
            .port(i32::from(port))
            .protocol(protocol(settings.protocol))
            .default_actions(forward(&settings.target_group))
            .set_certificates(certificate(settings))
            .set_ssl_policy(of_tls(settings).and_then(|tls| tls.ssl_policy.clone()))
            .set_alpn_policy(alpn(settings));
        let answer = self.call(ACTION, || request.clone().send()).await?;
        let changed = all(answer.listeners).next();
        answers::listener(ACTION, required(ACTION, "Listeners", changed)?)
    }

    /// Sets attributes of a load balancer; others stay.
    pub(crate) async fn modify_load_balancer_attributes(
        &self,
        arn: &Arn,
        attributes: &BTreeMap<String, String>,
    ) -> Result<()> {
        let attributes = pairs(attributes, |key, value| {
            sdk::LoadBalancerAttribute::builder()
                .key(key)
                .value(value)
                .build()
        });
        let request = self
            .elb()
            .modify_load_balancer_attributes()
            .load_balancer_arn(arn.as_str())
            .set_attributes(Some(attributes));
        self.call(Action::ModifyLoadBalancerAttributes, || {
            request.clone().send()
        })
        .await?;
        Ok(())
    }

    /// Sets attributes of a listener; others stay.
    pub(crate) async fn modify_listener_attributes(
        &self,
        arn: &Arn,
        attributes: &BTreeMap<String, String>,
    ) -> Result<()> {
        let attributes = pairs(attributes, |key, value| {
            sdk::ListenerAttribute::builder()
                .key(key)
                .value(value)
                .build()
        });
        let request = self
            .elb()
            .modify_listener_attributes()
            .listener_arn(arn.as_str())
            .set_attributes(Some(attributes));
        self.call(Action::ModifyListenerAttributes, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Reserves capacity units for a load balancer; `None`: gives the reservation back.
    pub(crate) async fn modify_capacity(
        &self,
        load_balancer: &Arn,
        units: Option<u32>,
    ) -> Result<()> {
        let request = self
            .elb()
            .modify_capacity_reservation()
            .load_balancer_arn(load_balancer.as_str());
        let request = match units {
            Some(units) => request.minimum_load_balancer_capacity(
                sdk::MinimumLoadBalancerCapacity::builder()
                    .capacity_units(i32::try_from(units).unwrap_or(i32::MAX))
                    .build(),
            ),
            None => request.reset_capacity_reservation(true),
        };
        self.call(Action::ModifyCapacityReservation, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Adds certificates for server names to a TLS listener.
    pub(crate) async fn add_listener_certificates(
        &self,
        listener: &Arn,
        certificates: &[String],
    ) -> Result<()> {
        let request = self
            .elb()
            .add_listener_certificates()
            .listener_arn(listener.as_str())
            .set_certificates(Some(requests::certificates(certificates)));
        self.call(Action::AddListenerCertificates, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Takes certificates for server names from a TLS listener.
    pub(crate) async fn remove_listener_certificates(
        &self,
        listener: &Arn,
        certificates: &[String],
    ) -> Result<()> {
        let request = self
            .elb()
            .remove_listener_certificates()
            .listener_arn(listener.as_str())
            .set_certificates(Some(requests::certificates(certificates)));
        self.call(Action::RemoveListenerCertificates, || {
            request.clone().send()
        })
        .await?;
        Ok(())
    }

    /// Puts a load balancer into these subnets and no others; the prefix for source NAT stays as it is with `None`.
    pub(crate) async fn set_subnets(
        &self,
        arn: &Arn,
        mappings: &[SubnetMapping],
        ipv6_source_nat: Option<bool>,
        ip_address_type: Option<IpAddressType>,
    ) -> Result<()> {
        let request = self
            .elb()
            .set_subnets()
            .load_balancer_arn(arn.as_str())
            .set_subnet_mappings(Some(requests::mappings(mappings)))
            .set_enable_prefix_for_ipv6_source_nat(ipv6_source_nat.map(source_nat))
            .set_ip_address_type(ip_address_type.map(address_type));
        self.call(Action::SetSubnets, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Gives a load balancer these security groups and no others; `enforce`, whether they hold for PrivateLink, stays with `None`.
    pub(crate) async fn set_security_groups(
        &self,
        arn: &Arn,
        groups: &[GroupId],
        enforce: Option<bool>,
    ) -> Result<()> {
        use sdk::EnforceSecurityGroupInboundRulesOnPrivateLinkTrafficEnum as Enforce;
        let request = self
            .elb()
            .set_security_groups()
            .load_balancer_arn(arn.as_str())
            .set_security_groups(Some(requests::groups(groups)))
            .set_enforce_security_group_inbound_rules_on_private_link_traffic(enforce.map(
                |enforce| {
                    if enforce { Enforce::On } else { Enforce::Off }
                },
            ));
        self.call(Action::SetSecurityGroups, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Gives a load balancer addresses of these families.
    pub(crate) async fn set_ip_address_type(
        &self,
        arn: &Arn,
        ip_address_type: IpAddressType,
    ) -> Result<()> {
        let request = self
            .elb()
            .set_ip_address_type()
            .load_balancer_arn(arn.as_str())
            .ip_address_type(address_type(ip_address_type));
        self.call(Action::SetIpAddressType, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Sets tags; others stay.
    pub(crate) async fn add_tags(
        &self,
        arns: &[Arn],
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let request = self
            .elb()
            .add_tags()
            .set_resource_arns(Some(texts(arns)))
            .set_tags(Some(requests::tags(tags)));
        self.call(Action::AddTags, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Takes tags away.
    pub(crate) async fn remove_tags(&self, arns: &[Arn], keys: &[String]) -> Result<()> {
        let request = self
            .elb()
            .remove_tags()
            .set_resource_arns(Some(texts(arns)))
            .set_tag_keys(Some(keys.to_vec()));
        self.call(Action::RemoveTags, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Deletes a load balancer with its listeners; one that does not exist is no error.
    pub(crate) async fn delete_load_balancer(&self, arn: &Arn) -> Result<()> {
        let request = self
            .elb()
            .delete_load_balancer()
            .load_balancer_arn(arn.as_str());
        self.call(Action::DeleteLoadBalancer, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Deletes a listener.
    pub(crate) async fn delete_listener(&self, arn: &Arn) -> Result<()> {
        let request = self.elb().delete_listener().listener_arn(arn.as_str());
        self.call(Action::DeleteListener, || request.clone().send())
            .await?;
        Ok(())
    }
}
