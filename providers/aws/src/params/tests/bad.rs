//! What each annotation cannot say, and how its writer is told.

use std::net::Ipv4Addr;

use super::{good, *};

type Case = good::Case;

const TLS: (&str, &str) = ("ssl-cert", "arn:aws:acm:eu-west-1:1:certificate/a");

/// Both families, as a cluster that has both gives them.
fn ipv6_first() -> LoadBalancer {
    LoadBalancer {
        families: vec![IpFamily::V6, IpFamily::V4],
        ..web()
    }
}

fn ipv6_ranges() -> LoadBalancer {
    LoadBalancer {
        source_ranges: vec!["2001:db8::/32".parse().unwrap()],
        ..web()
    }
}

fn ranges() -> LoadBalancer {
    LoadBalancer {
        source_ranges: vec!["203.0.113.0/24".parse().unwrap()],
        ..web()
    }
}

fn sticky() -> LoadBalancer {
    LoadBalancer {
        session_affinity: SessionAffinity::ClientIp {
            timeout_seconds: 10_800,
        },
        ..web()
    }
}

fn with_an_address() -> LoadBalancer {
    LoadBalancer {
        requested_ips: vec![Ipv4Addr::new(192, 0, 2, 9).into()],
        ..web()
    }
}

fn sctp() -> LoadBalancer {
    service(vec![
        port("web", Protocol::Tcp, 80),
        port("signal", Protocol::Sctp, 2905),
    ])
}

/// TCP and UDP of one number, apart at the targets.
fn torn() -> LoadBalancer {
    let mut want = dns();
    want.ports[1].node_port = PortNumber::new(31_999);
    want.ports[1].target_port = PortNumber::new(5_353);
    want
}

fn named_target_port() -> LoadBalancer {
    let mut want = web();
    want.ports[1].target_port = None;
    want
}

fn crowd() -> LoadBalancer {
    service(
        (1..=51)
            .map(|n| port(&format!("p{n}"), Protocol::Tcp, n))
            .collect(),
    )
}

#[rustfmt::skip]
const TABLE: &[Case] = &[
    (web, &[("type", "clb")]),
    (web, &[("type", "")]),
    (web, &[("nlb-target-type", "pod")]),
    (web, &[("scheme", "public")]),
    (web, &[("internal", "0.0.0.0/0")]),
    (web, &[("name", "internal-web")]),
    (web, &[("name", "a-name-that-is-longer-than-aws-allows")]),
    (web, &[("roadstead.dev/adopt", "an_nlb")]),
    (web, &[("roadstead.dev/adopt", "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/web/50dc6c495c0c9188")]),
    (web, &[("roadstead.dev/adopt", "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/50dc6c495c0c9188")]),
    (web, &[("roadstead.dev/adopt", "arn:aws:s3:::loadbalancer/net/web/1")]),
    (web, &[("roadstead.dev/adopt", "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/net/old/50dc6c495c0c9188"), ("name", "new")]),
    (web, &[("ip-address-type", "ipv6")]),
    (ipv6_first, &[("ip-address-type", "ipv4")]),
    (web, &[("subnets", "subnet-1,subnet-1")]),
    (web, &[("eip-allocations", "203.0.113.7")]),
    (web, &[("eip-allocations", "eipalloc-1,eipalloc-1")]),
    (web, &[("eip-allocations", "eipalloc-1"), ("subnets", "subnet-1,subnet-2")]),
    (web, &[("eip-allocations", "eipalloc-1"), ("scheme", "internal")]),
    (web, &[("private-ipv4-addresses", "10.0.0.256")]),
    (web, &[("private-ipv4-addresses", "10.0.0.9,10.0.0.9")]),
    (web, &[("private-ipv4-addresses", "10.0.0.9"), ("subnets", "a,b")]),
    (web, &[("private-ipv4-addresses", "10.0.0.9"), ("scheme", "internet-facing")]),
    (web, &[("private-ipv4-addresses", "10.0.0.9"), ("internal", "false")]),
    (web, &[("ipv6-addresses", "10.0.0.9"), ("ip-address-type", "dualstack")]),
    (web, &[("ipv6-addresses", "2001:db8::9")]),
    (web, &[("ipv6-addresses", "2001:db8::9"), ("ip-address-type", "dualstack"), ("subnets", "a,b")]),
    (web, &[("enable-prefix-for-ipv6-source-nat", "true")]),
    (web, &[("enable-prefix-for-ipv6-source-nat", "on")]),
    (web, &[("source-nat-ipv6-prefixes", "auto_assigned")]),
    (web, &[("source-nat-ipv6-prefixes", "2001:db8::/64,2001:db8::1/80,auto,2001:db8:0:0:1::/80,2001:db8:0:0:1::/80"), ("enable-prefix-for-ipv6-source-nat", "on"), ("ip-address-type", "dualstack")]),
    (web, &[("source-nat-ipv6-prefixes", "auto_assigned"), ("enable-prefix-for-ipv6-source-nat", "on"), ("ip-address-type", "dualstack"), ("subnets", "a,b")]),
    (web, &[("security-groups", "sg-1,sg-1")]),
    (web, &[("security-groups", "sg-1"), ("disable-nlb-sg", "true")]),
    (web, &[("manage-backend-security-group-rules", "yes")]),
    (web, &[("disable-nlb-sg", "on")]),
    (ranges, &[("disable-nlb-sg", "true"), ("security-group-prefix-lists", "pl-1"), ("inbound-sg-rules-on-private-link-traffic", "on")]),
    (ipv6_ranges, &[]),
    (ipv6_ranges, &[("service.beta.kubernetes.io/load-balancer-source-ranges", "2001:db8::/32")]),
    (web, &[("security-group-prefix-lists", "10.0.0.0/8")]),
    (web, &[("enable-icmp-for-path-mtu-discovery", "true")]),
    (web, &[("inbound-sg-rules-on-private-link-traffic", "true")]),
    (web, &[("attributes", "deletion_protection.enabled")]),
    (web, &[("attributes", "deletion_protection.enabled=yes,dns_record.client_routing_policy=any,secondary_ips.auto_assigned.per_subnet=8,idle_timeout.timeout_seconds=60")]),
    (web, &[("attributes", "access_logs.s3.enabled=true")]),
    (web, &[("access-log-enabled", "true")]),
    (web, &[("access-log-enabled", "true"), ("access-log-s3-bucket-name", "")]),
    (web, &[("access-log-enabled", "maybe")]),
    (web, &[("cross-zone-load-balancing-enabled", "")]),
    (web, &[("target-group-attributes", "stickiness.enabled=yes,stickiness.type=lb_cookie,deregistration_delay.timeout_seconds=3601,load_balancing.cross_zone.enabled=on")]),
    (web, &[("target-group-attributes", "target_group_health.dns_failover.minimum_healthy_targets.count=0,target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage=101,slow_start.duration_seconds=30")]),
    (web, &[("target-group-attributes", "target_health_state.unhealthy.draining_interval_seconds=60")]),
    (web, &[("target-group-attributes.8080", "stickiness.enabled=true")]),
    (web, &[("target-group-attributes.", "stickiness.enabled=true")]),
    (web, &[("target-group-attributes.443", "stickiness.enabled")]),
    (web, &[("target-group-attributes.443", "stickiness.enabled=1")]),
    (dns, &[("target-group-attributes", "preserve_client_ip.enabled=false,target_health_state.unhealthy.connection_termination.enabled=true")]),
    (dns, &[("target-group-attributes.53", "preserve_client_ip.enabled=false")]),
    (web, &[TLS, ("target-group-attributes.443", "stickiness.enabled=true"), ("ssl-ports", "443")]),
    (web, &[("proxy-protocol", "true")]),
    (web, &[("proxy-protocol-per-target-group", "80, 8443, all")]),
    (web, &[("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=59")]),
    (web, &[("listener-attributes.TCP-80", "tcp.idle_timeout.seconds")]),
    (web, &[("listener-attributes.TCP-80", "routing.http.response.server.enabled=false")]),
    (web, &[("listener-attributes.TCP-8080", "tcp.idle_timeout.seconds=60")]),
    (web, &[("listener-attributes.UDP-80", "tcp.idle_timeout.seconds=60")]),
    (web, &[("listener-attributes.80", "tcp.idle_timeout.seconds=60")]),
    (web, &[("listener-attributes.TLS-443", "tcp.idle_timeout.seconds=60"), TLS]),
    (web, &[("ssl-cert", "my-certificate")]),
    (web, &[("ssl-cert", "arn:aws:s3:::bucket")]),
    (syslog, &[TLS]),
    (dns, &[TLS]),
    (web, &[TLS, ("ssl-ports", "*")]),
    (web, &[TLS, ("ssl-ports", "443,8443,htps")]),
    (dns, &[TLS, ("ssl-ports", "dns")]),
    (web, &[("ssl-ports", "443"), ("ssl-negotiation-policy", "ELBSecurityPolicy-2016-08"), ("alpn-policy", "HTTP2Only"), ("backend-protocol", "ssl")]),
    (web, &[TLS, ("ssl-negotiation-policy", "")]),
    (web, &[TLS, ("ssl-negotiation-policy", "TLS 1.3")]),
    (web, &[TLS, ("alpn-policy", "h2")]),
    (web, &[TLS, ("backend-protocol", "http")]),
    (web, &[("healthcheck-protocol", "udp")]),
    (web, &[("healthcheck-port", "0")]),
    (web, &[("healthcheck-port", "metrics")]),
    (named_target_port, &[("healthcheck-port", "https"), ("nlb-target-type", "ip")]),
    (web, &[("healthcheck-protocol", "http"), ("healthcheck-path", "ready")]),
    (web, &[("healthcheck-protocol", "http"), ("healthcheck-path", "/is ready")]),
    (web, &[("healthcheck-protocol", "http"), ("healthcheck-success-codes", "2xx")]),
    (web, &[("healthcheck-protocol", "http"), ("healthcheck-success-codes", "399-200")]),
    (web, &[("healthcheck-protocol", "http"), ("healthcheck-success-codes", "100")]),
    (web, &[("healthcheck-interval", "4")]),
    (web, &[("healthcheck-interval", "10s")]),
    (web, &[("healthcheck-timeout", "1")]),
    (web, &[("healthcheck-timeout", "30")]),
    (web, &[("healthcheck-healthy-threshold", "1"), ("healthcheck-unhealthy-threshold", "11")]),
    (web, &[("additional-resource-tags", "team")]),
    (web, &[("additional-resource-tags", "roadstead.dev/owner=me,aws:x=y,te#m=x")]),
    (web, &[("target-node-labels", "edge")]),
    (web, &[("target-node-labels", "pool=the edge")]),
    (web, &[("multi-cluster-target-group", "ja")]),
    (web, &[("minimum-load-balancer-capacity", "3000")]),
    (web, &[("minimum-load-balancer-capacity", "3000=CapacityUnits")]),
    (web, &[("minimum-load-balancer-capacity", "CapacityUnits=-1")]),
    (web, &[("enable-tcp-udp-listener", "please")]),
    (web, &[("quic-enabled-ports", "443")]),
    (web, &[("service.beta.kubernetes.io/actions.TCP-80", "{}")]),
    (with_an_address, &[]),
    (sctp, &[]),
    (torn, &[]),
    (torn, &[("nlb-target-type", "ip")]),
    (crowd, &[]),
    (sticky, &[TLS, ("ssl-ports", "https")]),
    (syslog, &[("ip-address-type", "dualstack")]),
    // What follows from a mistake is not a second one.
    (ipv6_ranges, &[("ip-address-type", "both"), ("ipv6-addresses", "2001:db8::9"), ("healthcheck-interval", "4"), ("healthcheck-timeout", "30")]),
    (web, &[("source-nat-ipv6-prefixes", "auto_assigned"), ("enable-prefix-for-ipv6-source-nat", "yes"), ("subnets", "subnet-1,subnet-1")]),
    // Several at once.
    (sctp, &[("scheme", "public"), ("healthcheck-interval", "never"), ("eip-allocations", "one")]),
];

/// Whatever these say can be right, or is said of the annotation that goes with it.
const NEVER_BAD: [&str; 2] = [keys::ACCESS_LOG_BUCKET, keys::ACCESS_LOG_PREFIX];

#[test]
fn every_bad_value_is_explained() {
    let mut seen = Vec::new();
    for (service, annotations) in TABLE {
        let problems = problems(&with(service(), annotations));
        assert!(!problems.is_empty(), "{annotations:?} is right");
        let written: Vec<String> = annotations
            .iter()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        seen.push((written.join("; "), problems));
    }
    insta::assert_yaml_snapshot!(seen);
}

#[test]
fn every_known_annotation_is_in_both_tables() {
    let in_table = |table: &[Case], known: &str| {
        table
            .iter()
            .flat_map(|(_, annotations)| *annotations)
            .map(|(short, _)| key(short))
            .any(|key| key == known || (known.ends_with('.') && key.starts_with(known)))
    };
    for known in keys::VOCABULARY
        .keys
        .iter()
        .chain(keys::VOCABULARY.families)
    {
        let never_good = [keys::ACTIONS_OF, keys::SOURCE_RANGES].contains(known);
        assert!(
            never_good || in_table(good::TABLE, known),
            "{known} is untested"
        );
        let never_bad = NEVER_BAD.contains(known);
        assert!(
            never_bad || in_table(TABLE, known),
            "{known} is never refused"
        );
    }
}

#[test]
fn every_known_annotation_is_in_the_reference() {
    let reference = include_str!("../../../README.md");
    let keys = keys::VOCABULARY.keys.iter().map(|key| format!("`{key}`"));
    let families = keys::VOCABULARY.families.iter().map(|f| format!("`{f}P"));
    for known in keys.chain(families) {
        let written = known.replace(P, "…");
        assert!(reference.contains(&written), "{written} is missing");
    }
}

#[test]
fn what_the_scheme_rules_out_is_known_once_the_scheme_is() {
    let table = [
        ("eip-allocations", "eipalloc-1", Scheme::Internal),
        ("private-ipv4-addresses", "10.0.0.9", Scheme::InternetFacing),
    ];
    for (key, value, wrong) in table {
        let params = parsed(&with(web(), &[(key, value)]));
        for scheme in Scheme::ALL {
            let problems = params.check_scheme(*scheme);
            assert_eq!(
                problems.len(),
                usize::from(*scheme == wrong),
                "{key} {scheme}"
            );
        }
    }
}

#[test]
fn too_many_tags_are_counted_with_those_of_the_flag() {
    let tags =
        |n: usize, prefix: &str| (0..n).map(|i| format!("{prefix}{i}=x")).collect::<Vec<_>>();
    let defaults = Defaults {
        tags: BTreeMap::from([("cost".to_owned(), "1".to_owned())]),
        ..Defaults::default()
    };
    for (count, fits) in [
        (crate::tags::MAX_USER_TAGS - 1, true),
        (crate::tags::MAX_USER_TAGS, false),
    ] {
        let text = tags(count, "t").join(",");
        let want = with(web(), &[("additional-resource-tags", &text)]);
        assert_eq!(parse(&want, &defaults).is_ok(), fits, "{count}");
    }
}
