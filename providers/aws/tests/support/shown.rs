//! What does AWS show of a load balancer? A line a fact, for tests that look for some of them.

use aws_sdk_elasticloadbalancingv2::types::{AvailabilityZone, MinimumLoadBalancerCapacity};
use roadstead_core::LoadBalancer;

use super::World;

/// What AWS shows of the load balancer of `want`, a line a fact.
pub(crate) async fn shown(world: &World, want: &LoadBalancer) -> Vec<String> {
    let mut lines = Vec::new();
    for balancer in world.balancers_of(&want.id).await {
        let arn = balancer.load_balancer_arn().unwrap();
        lines.push(format!("name {}", balancer.load_balancer_name().unwrap()));
        lines.push(format!("scheme {}", balancer.scheme().unwrap()));
        lines.push(format!("family {}", balancer.ip_address_type().unwrap()));
        lines.extend(zones(balancer.availability_zones()));
        let nat = balancer.enable_prefix_for_ipv6_source_nat();
        lines.extend(nat.map(|nat| format!("source nat {nat}")));
        for group in balancer.security_groups() {
            lines.push(format!("security group {group}"));
            lines.push(format!("rules {}", world.rules_of(group).await));
        }
        let enforced = balancer.enforce_security_group_inbound_rules_on_private_link_traffic();
        lines.push(format!("private link {}", enforced.unwrap_or_default()));
        let tags = world.tags(arn).await.into_iter();
        lines.extend(tags.map(|(key, value)| format!("tag {key}={value}")));
        let attributes = world.elb.describe_load_balancer_attributes();
        let attributes = attributes.load_balancer_arn(arn).send().await.unwrap();
        lines.extend(
            attributes
                .attributes()
                .iter()
                .map(|it| format!("attribute {}={}", it.key().unwrap(), it.value().unwrap())),
        );
        let capacity = world.elb.describe_capacity_reservation();
        let capacity = capacity.load_balancer_arn(arn).send().await.unwrap();
        let units = capacity.minimum_load_balancer_capacity();
        let units = units.and_then(MinimumLoadBalancerCapacity::capacity_units);
        lines.push(format!("capacity {}", units.unwrap_or(0)));
        lines.extend(listeners(world, arn).await);
        lines.extend(target_groups(world, arn).await);
    }
    lines
}

/// Its subnets, and the addresses that it has there as far as AWS shows them.
fn zones(zones: &[AvailabilityZone]) -> Vec<String> {
    let mut lines = Vec::new();
    for zone in zones {
        lines.push(format!("subnet {}", zone.subnet_id().unwrap()));
        let at = format!("zone {}", zone.subnet_id().unwrap());
        for address in zone.load_balancer_addresses() {
            let kinds = [
                ("elastic", address.allocation_id()),
                ("private", address.private_ipv4_address()),
                ("ipv6", address.ipv6_address()),
            ];
            let there = kinds
                .into_iter()
                .filter_map(|(kind, it)| it.map(|it| (kind, it)));
            lines.extend(there.map(|(kind, it)| format!("{at} {kind} {it}")));
        }
        let prefixes = zone.source_nat_ipv6_prefixes().iter();
        lines.extend(prefixes.map(|prefix| format!("{at} prefix {prefix}")));
    }
    lines
}

async fn listeners(world: &World, balancer: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let found = world.elb.describe_listeners().load_balancer_arn(balancer);
    for listener in found.send().await.unwrap().listeners() {
        let arn = listener.listener_arn().unwrap();
        let (port, protocol) = (listener.port().unwrap(), listener.protocol().unwrap());
        lines.push(format!("listener {port} {protocol}"));
        let alpn = listener.alpn_policy().iter();
        lines.extend(alpn.map(|alpn| format!("listener {port} alpn {alpn}")));
        let policy = listener.ssl_policy().into_iter();
        lines.extend(policy.map(|policy| format!("listener {port} policy {policy}")));
        if protocol.as_str() == "TLS" {
            let certificates = world.elb.describe_listener_certificates();
            let certificates = certificates.listener_arn(arn).send().await.unwrap();
            lines.extend(certificates.certificates().iter().map(|it| {
                let which = if it.is_default() == Some(true) {
                    "default"
                } else {
                    "more"
                };
                format!("listener {port} {which} {}", it.certificate_arn().unwrap())
            }));
        }
        if protocol.as_str() == "TCP" {
            let attributes = world.elb.describe_listener_attributes().listener_arn(arn);
            let attributes = attributes.send().await.unwrap();
            lines.extend(attributes.attributes().iter().map(|it| {
                format!(
                    "listener {port} {}={}",
                    it.key().unwrap(),
                    it.value().unwrap()
                )
            }));
        }
    }
    lines
}

async fn target_groups(world: &World, balancer: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let found = world
        .elb
        .describe_target_groups()
        .load_balancer_arn(balancer);
    for group in found.send().await.unwrap().target_groups() {
        let arn = group.target_group_arn().unwrap();
        let at = format!("group {}", group.port().unwrap());
        lines.push(format!("{at} protocol {}", group.protocol().unwrap()));
        lines.push(format!("{at} type {}", group.target_type().unwrap()));
        lines.push(format!("{at} targets {}", world.registered(arn).await));
        lines.push(format!(
            "{at} check {} {} {:?} {:?} every {} for {} after {}/{}",
            group.health_check_protocol().unwrap(),
            group.health_check_port().unwrap(),
            group.health_check_path(),
            group.matcher().and_then(|matcher| matcher.http_code()),
            group.health_check_interval_seconds().unwrap(),
            group.health_check_timeout_seconds().unwrap(),
            group.healthy_threshold_count().unwrap(),
            group.unhealthy_threshold_count().unwrap(),
        ));
        let attributes = world.elb.describe_target_group_attributes();
        let attributes = attributes.target_group_arn(arn).send().await.unwrap();
        lines.extend(
            attributes
                .attributes()
                .iter()
                .map(|it| format!("{at} {}={}", it.key().unwrap(), it.value().unwrap())),
        );
    }
    lines
}
