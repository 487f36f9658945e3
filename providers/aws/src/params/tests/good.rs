//! What each annotation changes.

use super::*;

/// The leaves of a value's debug text, each with the names of the fields above it.
fn leaves(params: &Params) -> Vec<String> {
    let text = format!("{params:#?}");
    let mut path: Vec<String> = Vec::new();
    let mut leaves = Vec::new();
    for line in text.lines().map(str::trim) {
        let line = line.trim_end_matches(',');
        if matches!(line, "}" | "]" | ")") {
            path.pop();
        } else if let Some(opened) = line.strip_suffix(['{', '[', '(']) {
            let name = opened.split_once(": ").map_or(opened, |(name, _)| name);
            path.push(name.trim().to_owned());
        } else {
            let above = path.iter().skip(1).map(String::as_str);
            let all: Vec<&str> = above
                .chain([line])
                .filter(|name| !name.is_empty() && *name != "ListenerParams")
                .collect();
            leaves.push(all.join(" > "));
        }
    }
    leaves
}

/// What is in one list and not in the other, however often.
fn changes(before: &[String], after: &[String]) -> Vec<String> {
    after
        .iter()
        .filter(|leaf| !before.contains(leaf))
        .map(|leaf| leaf.replace(P, "…"))
        .collect()
}

pub(super) type Case = (
    fn() -> LoadBalancer,
    &'static [(&'static str, &'static str)],
);

const TLS: (&str, &str) = ("ssl-cert", "arn:aws:acm:eu-west-1:1:certificate/a");

#[rustfmt::skip]
pub(super) const TABLE: &[Case] = &[
    (web, &[("type", "external")]),
    (web, &[("type", "nlb")]),
    (web, &[("type", "nlb-ip")]),
    (web, &[("type", "nlb-ip"), ("nlb-target-type", "instance")]),
    (web, &[("nlb-target-type", "ip")]),
    (web, &[("nlb-target-type", " ip ")]),
    (web, &[("scheme", "internet-facing")]),
    (web, &[("internal", "true")]),
    (web, &[("internal", "false")]),
    (web, &[("internal", "true"), ("scheme", "internet-facing")]),
    (web, &[("name", "shop-front")]),
    (web, &[("roadstead.dev/adopt", "old-nlb")]),
    (web, &[("roadstead.dev/adopt", "old-nlb"), ("name", "old-nlb")]),
    (web, &[("roadstead.dev/adopt", "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/old-nlb/50dc6c495c0c9188")]),
    (web, &[("ip-address-type", "dualstack")]),
    (web, &[("ip-address-type", "ipv4")]),
    (web, &[("subnets", "subnet-1, Public A, Public A")]),
    (web, &[("subnets", "")]),
    (web, &[("subnets", "subnet-1,subnet-2"), ("eip-allocations", "eipalloc-1,eipalloc-2"), ("scheme", "internet-facing")]),
    (web, &[("eip-allocations", "eipalloc-1")]),
    (web, &[("subnets", "subnet-1"), ("private-ipv4-addresses", "10.0.0.9"), ("scheme", "internal")]),
    (web, &[("subnets", "subnet-1"), ("ipv6-addresses", "2001:db8::9"), ("ip-address-type", "dualstack")]),
    (web, &[("enable-prefix-for-ipv6-source-nat", "on"), ("ip-address-type", "dualstack")]),
    (web, &[("enable-prefix-for-ipv6-source-nat", "off")]),
    (web, &[("enable-prefix-for-ipv6-source-nat", "on"), ("source-nat-ipv6-prefixes", "auto_assigned,auto_assigned,2001:db8:0:0:1::/80"), ("ip-address-type", "dualstack")]),
    (web, &[("security-groups", "sg-1, web")]),
    (web, &[("security-groups", "sg-1"), ("manage-backend-security-group-rules", "true")]),
    (web, &[("manage-backend-security-group-rules", "false")]),
    (web, &[("disable-nlb-sg", "true")]),
    (web, &[("disable-nlb-sg", "false")]),
    (web, &[("security-group-prefix-lists", "pl-1,pl-2")]),
    (web, &[("security-groups", "sg-1"), ("security-group-prefix-lists", "pl-1"), ("enable-icmp-for-path-mtu-discovery", "on")]),
    (web, &[("enable-icmp-for-path-mtu-discovery", "on")]),
    (web, &[("inbound-sg-rules-on-private-link-traffic", "off")]),
    (web, &[("attributes", "load_balancing.cross_zone.enabled=true,deletion_protection.enabled=true,of.tomorrow=x")]),
    (web, &[("attributes", "load_balancing.cross_zone.enabled=true"), ("cross-zone-load-balancing-enabled", "false")]),
    (web, &[("access-log-enabled", "true"), ("access-log-s3-bucket-name", "logs"), ("access-log-s3-bucket-prefix", "web")]),
    (web, &[("access-log-enabled", "true"), ("attributes", "access_logs.s3.bucket=logs")]),
    (web, &[("access-log-enabled", "false"), ("access-log-s3-bucket-name", "logs")]),
    (web, &[("access-log-s3-bucket-name", "logs"), ("access-log-s3-bucket-prefix", "web")]),
    (web, &[("target-group-attributes", "deregistration_delay.timeout_seconds=30,preserve_client_ip.enabled=false")]),
    (web, &[("target-group-attributes", "stickiness.enabled=true"), ("target-group-attributes.443", "stickiness.enabled=,deregistration_delay.timeout_seconds=5")]),
    (web, &[("target-group-attributes.http", "stickiness.enabled=true")]),
    (web, &[("target-group-attributes", "target_health_state.unhealthy.connection_termination.enabled=false,target_health_state.unhealthy.draining_interval_seconds=60")]),
    (dns, &[("target-group-attributes", "target_health_state.unhealthy.draining_interval_seconds=60")]),
    (web, &[("proxy-protocol", "*")]),
    (web, &[("proxy-protocol-per-target-group", "443")]),
    (web, &[("proxy-protocol-per-target-group", "443"), ("target-group-attributes", "proxy_protocol_v2.enabled=false")]),
    (web, &[("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=400")]),
    (dns, &[("listener-attributes.TCP_UDP-53", "tcp.idle_timeout.seconds=400")]),
    (dns, &[("listener-attributes.TCP-53", "tcp.idle_timeout.seconds=400")]),
    (web, &[TLS]),
    (web, &[("ssl-cert", "arn:aws:acm:eu-west-1:1:certificate/a,arn:aws-cn:iam::1:server-certificate/b,arn:aws:acm:eu-west-1:1:certificate/a"), ("ssl-ports", "443")]),
    (web, &[TLS, ("ssl-ports", "https"), ("ssl-negotiation-policy", "ELBSecurityPolicy-TLS13-1-2-2021-06")]),
    (web, &[TLS, ("ssl-ports", "https"), ("backend-protocol", "ssl"), ("alpn-policy", "HTTP2Preferred")]),
    (web, &[TLS, ("ssl-ports", "https"), ("alpn-policy", "None")]),
    (web, &[("backend-protocol", "tcp")]),
    (web, &[("healthcheck-protocol", "HTTP")]),
    (web, &[("healthcheck-protocol", "https"), ("healthcheck-path", "/ready?full=1"), ("healthcheck-success-codes", "200, 204")]),
    (web, &[("healthcheck-path", "/ready"), ("healthcheck-success-codes", "200")]),
    (web, &[("healthcheck-port", "traffic-port")]),
    (web, &[("healthcheck-port", "8080")]),
    (web, &[("healthcheck-port", "https")]),
    (web, &[("healthcheck-port", "https"), ("nlb-target-type", "ip")]),
    (web, &[("healthcheck-interval", "5")]),
    (web, &[("healthcheck-interval", "300"), ("healthcheck-timeout", "120"), ("healthcheck-healthy-threshold", "2"), ("healthcheck-unhealthy-threshold", "10")]),
    (web, &[("additional-resource-tags", "team=shop, note=a = b")]),
    (web, &[("target-node-labels", "pool=edge,example.com/zone=")]),
    (web, &[("target-node-labels", "pool=edge"), ("nlb-target-type", "ip")]),
    (web, &[("multi-cluster-target-group", "true")]),
    (web, &[("minimum-load-balancer-capacity", "CapacityUnits=3000")]),
    (web, &[("minimum-load-balancer-capacity", "CapacityUnits=0")]),
    (dns, &[("enable-tcp-udp-listener", "false")]),
    (web, &[("quic-enabled-ports", "")]),
    (syslog, &[("healthcheck-port", "10256")]),
];

#[test]
fn every_annotation_changes_what_it_says() {
    let mut seen = Vec::new();
    for (service, annotations) in TABLE {
        let params = parsed(&with(service(), annotations));
        let written: Vec<String> = annotations
            .iter()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        let before = leaves(&parsed(&service()));
        seen.push((written.join("; "), changes(&before, &leaves(&params))));
    }
    insta::assert_yaml_snapshot!(seen);
}
