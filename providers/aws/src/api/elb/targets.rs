//! ELBv2's changes of target groups and their targets. As all changes, none is repeated here.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types as sdk;
use roadstead_core::IpFamily;

use super::{
    NewTargetGroup, TargetRef,
    answers::{self, all},
    requests::{self, check_protocol, matcher, non_empty, pairs},
};
use crate::{
    api::{
        Calls,
        actions::Action,
        error::{Result, required},
    },
    ids::Arn,
    seen::TargetGroupSeen,
    types::{HealthCheck, TargetProtocol, TargetType},
};

impl Calls {
    /// Creates a target group. AWS answers with the existing one if it has this name and these settings.
    pub(crate) async fn create_target_group(
        &self,
        new: &NewTargetGroup,
    ) -> Result<TargetGroupSeen> {
        const ACTION: Action = Action::CreateTargetGroup;
        let NewTargetGroup {
            name,
            protocol,
            port,
            vpc,
            target_type,
            family,
            health_check,
            tags,
        } = new;
        let HealthCheck {
            protocol: check_protocol,
            port: check_port,
            path,
            interval,
            timeout,
            healthy_threshold,
            unhealthy_threshold,
            success_codes,
        } = health_check;
        let request = self
            .elb()
            .create_target_group()
            .name(name)
            .protocol(match protocol {
                TargetProtocol::Tcp => sdk::ProtocolEnum::Tcp,
                TargetProtocol::Udp => sdk::ProtocolEnum::Udp,
                TargetProtocol::TcpUdp => sdk::ProtocolEnum::TcpUdp,
                TargetProtocol::Tls => sdk::ProtocolEnum::Tls,
            })
            .port(i32::from(*port))
            .vpc_id(vpc.as_str())
            .target_type(match target_type {
                TargetType::Instance => sdk::TargetTypeEnum::Instance,
                TargetType::Ip => sdk::TargetTypeEnum::Ip,
            })
            .ip_address_type(match family {
                IpFamily::V4 => sdk::TargetGroupIpAddressTypeEnum::Ipv4,
                IpFamily::V6 => sdk::TargetGroupIpAddressTypeEnum::Ipv6,
            })
            .health_check_protocol(requests::check_protocol(*check_protocol))
            .health_check_port(check_port.to_string())
            .set_health_check_path(path.clone())
            .health_check_interval_seconds(i32::from(*interval))
            .health_check_timeout_seconds(i32::from(*timeout))
            .healthy_threshold_count(i32::from(*healthy_threshold))
            .unhealthy_threshold_count(i32::from(*unhealthy_threshold))
            .set_matcher(matcher(success_codes.as_deref()))
            .set_tags(non_empty(requests::tags(tags)));
        let answer = self.call(ACTION, || request.clone().send()).await?;
        let made = all(answer.target_groups).next();
        answers::target_group(ACTION, required(ACTION, "TargetGroups", made)?)
    }

    /// Gives a target group this health check.
    pub(crate) async fn modify_target_group(
        &self,
        arn: &Arn,
        health_check: &HealthCheck,
    ) -> Result<TargetGroupSeen> {
        const ACTION: Action = Action::ModifyTargetGroup;
        let HealthCheck {
            protocol,
            port,
            path,
            interval,
            timeout,
            healthy_threshold,
            unhealthy_threshold,
            success_codes,
        } = health_check;
        let request = self
            .elb()
            .modify_target_group()
            .target_group_arn(arn.as_str())
            .health_check_protocol(check_protocol(*protocol))
            .health_check_port(port.to_string())
            .set_health_check_path(path.clone())
            .health_check_interval_seconds(i32::from(*interval))
            .health_check_timeout_seconds(i32::from(*timeout))
            .healthy_threshold_count(i32::from(*healthy_threshold))
            .unhealthy_threshold_count(i32::from(*unhealthy_threshold))
            .set_matcher(matcher(success_codes.as_deref()));
        let answer = self.call(ACTION, || request.clone().send()).await?;
        let changed = all(answer.target_groups).next();
        answers::target_group(ACTION, required(ACTION, "TargetGroups", changed)?)
    }

    /// Sets attributes of a target group; others stay.
    pub(crate) async fn modify_target_group_attributes(
        &self,
        arn: &Arn,
        attributes: &BTreeMap<String, String>,
    ) -> Result<()> {
        let attributes = pairs(attributes, |key, value| {
            sdk::TargetGroupAttribute::builder()
                .key(key)
                .value(value)
                .build()
        });
        let request = self
            .elb()
            .modify_target_group_attributes()
            .target_group_arn(arn.as_str())
            .set_attributes(Some(attributes));
        self.call(Action::ModifyTargetGroupAttributes, || {
            request.clone().send()
        })
        .await?;
        Ok(())
    }

    /// Registers targets, 200 at the most; one that is registered already stays so.
    ///
    /// # Errors
    /// One target that AWS does not take fails all: `InvalidTarget`, see `invalid_targets`.
    pub(crate) async fn register(&self, group: &Arn, targets: &[TargetRef]) -> Result<()> {
        let request = self
            .elb()
            .register_targets()
            .target_group_arn(group.as_str())
            .set_targets(Some(requests::targets(targets)));
        self.call(Action::RegisterTargets, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Deregisters targets, 200 at the most, each with the port that it was registered with; one that is not registered is no error.
    pub(crate) async fn deregister(&self, group: &Arn, targets: &[TargetRef]) -> Result<()> {
        let request = self
            .elb()
            .deregister_targets()
            .target_group_arn(group.as_str())
            .set_targets(Some(requests::targets(targets)));
        self.call(Action::DeregisterTargets, || request.clone().send())
            .await?;
        Ok(())
    }

    /// Deletes a target group; one that does not exist is no error.
    pub(crate) async fn delete_target_group(&self, arn: &Arn) -> Result<()> {
        let request = self
            .elb()
            .delete_target_group()
            .target_group_arn(arn.as_str());
        self.call(Action::DeleteTargetGroup, || request.clone().send())
            .await?;
        Ok(())
    }
}
