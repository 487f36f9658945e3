//! Whole Services, and what does not come from annotations.

use proptest::prelude::*;

use super::*;

#[test]
fn a_plain_service_asks_for_little() {
    insta::assert_debug_snapshot!(parsed(&service(vec![port("", Protocol::Tcp, 80)])));
}

#[test]
fn a_full_service_is_understood_whole() {
    let mut want = with(
        service(vec![
            port("https", Protocol::Tcp, 443),
            port("dns-tcp", Protocol::Tcp, 53),
            port("dns", Protocol::Udp, 53),
            port("metrics", Protocol::Tcp, 9090),
        ]),
        &[
            ("type", "external"),
            ("nlb-target-type", "ip"),
            ("scheme", "internet-facing"),
            ("name", "shop-front"),
            ("ip-address-type", "dualstack"),
            ("subnets", "subnet-1, Public B"),
            ("eip-allocations", "eipalloc-1, eipalloc-2"),
            ("ipv6-addresses", "2001:db8::1,2001:db8:1::1"),
            ("enable-prefix-for-ipv6-source-nat", "on"),
            (
                "source-nat-ipv6-prefixes",
                "auto_assigned,2001:db8:0:0:1::/80",
            ),
            ("security-group-prefix-lists", "pl-1"),
            ("inbound-sg-rules-on-private-link-traffic", "off"),
            ("enable-icmp-for-path-mtu-discovery", "on"),
            (
                "attributes",
                "deletion_protection.enabled=true,load_balancing.cross_zone.enabled=false",
            ),
            ("cross-zone-load-balancing-enabled", "true"),
            (
                "target-group-attributes",
                "deregistration_delay.timeout_seconds=30",
            ),
            (
                "target-group-attributes.9090",
                "deregistration_delay.timeout_seconds=5",
            ),
            ("target-group-attributes.443", "stickiness.enabled=false"),
            ("proxy-protocol-per-target-group", "443"),
            (
                "listener-attributes.TCP-9090",
                "tcp.idle_timeout.seconds=600",
            ),
            (
                "ssl-cert",
                "arn:aws:acm:eu-west-1:1:certificate/a,arn:aws:acm:eu-west-1:1:certificate/b",
            ),
            ("ssl-ports", "https"),
            (
                "ssl-negotiation-policy",
                "ELBSecurityPolicy-TLS13-1-2-2021-06",
            ),
            ("alpn-policy", "HTTP2Preferred"),
            ("backend-protocol", "ssl"),
            ("healthcheck-protocol", "http"),
            ("healthcheck-port", "metrics"),
            ("healthcheck-path", "/ready"),
            ("additional-resource-tags", "team=shop,cost=42"),
            ("minimum-load-balancer-capacity", "CapacityUnits=3000"),
        ],
    );
    want.families = vec![IpFamily::V4, IpFamily::V6];
    want.session_affinity = SessionAffinity::ClientIp {
        timeout_seconds: 60,
    };
    want.source_ranges = vec!["203.0.113.0/24".parse().unwrap()];
    let defaults = Defaults {
        tags: BTreeMap::from([("cost".to_owned(), "flag".to_owned())]),
        ..Defaults::default()
    };
    insta::assert_debug_snapshot!(parse(&want, &defaults).unwrap());
}

#[test]
fn a_node_says_itself_whether_it_has_a_pod_where_traffic_stays_local() {
    let mut want = web();
    want.traffic_policy = TrafficPolicy::Local {
        health_check_node_port: PortNumber::new(31_000),
    };
    insta::assert_debug_snapshot!(parsed(&want).listeners[0].health_check);
    let pods = parsed(&with(want.clone(), &[("nlb-target-type", "ip")]));
    assert_eq!(
        pods.listeners[0].health_check,
        parsed(&web()).listeners[0].health_check
    );
    let own = parsed(&with(
        want,
        &[
            ("healthcheck-protocol", "tcp"),
            ("healthcheck-timeout", "3"),
        ],
    ));
    let check = &own.listeners[0].health_check;
    assert_eq!((check.path.as_deref(), check.timeout), (None, 3));
    assert_eq!(check.port.to_string(), "31000");
}

#[test]
fn a_load_balancer_has_both_families_only_where_the_service_needs_ipv6() {
    use crate::types::IpAddressType::{Dualstack, Ipv4};
    use IpFamily::{V4, V6};
    use IpFamilyPolicy::{PreferDualStack, RequireDualStack, SingleStack};
    let table: [(&[IpFamily], IpFamilyPolicy, _, IpFamily); 6] = [
        (&[V4], SingleStack, Ipv4, V4),
        (&[V6], SingleStack, Dualstack, V6),
        (&[V4, V6], PreferDualStack, Ipv4, V4),
        (&[V6, V4], PreferDualStack, Dualstack, V6),
        (&[V4, V6], RequireDualStack, Dualstack, V4),
        (&[V6, V4], RequireDualStack, Dualstack, V6),
    ];
    for (families, family_policy, expected, targets) in table {
        let want = LoadBalancer {
            families: families.to_vec(),
            family_policy,
            ..web()
        };
        let params = parsed(&want);
        assert_eq!(
            params.ip_address_type, expected,
            "{families:?} {family_policy:?}"
        );
        assert_eq!(params.listeners[0].target_family, targets, "{families:?}");
        assert_eq!(
            params.source_ranges.len(),
            if expected == Dualstack { 2 } else { 1 }
        );
    }
}

#[test]
fn udp_reaches_ipv6_targets_only_on_a_dualstack_load_balancer() {
    let mut want = with(
        service(vec![
            port("web", Protocol::Tcp, 80),
            port("syslog", Protocol::Udp, 514),
        ]),
        &[
            ("ip-address-type", "dualstack"),
            ("enable-prefix-for-ipv6-source-nat", "on"),
        ],
    );
    want.families = vec![IpFamily::V4, IpFamily::V6];
    let families: Vec<IpFamily> = parsed(&want)
        .listeners
        .iter()
        .map(|l| l.target_family)
        .collect();
    assert_eq!(families, [IpFamily::V4, IpFamily::V6]);
}

#[test]
fn a_client_sticks_to_its_target_unless_the_attributes_say_otherwise() {
    let mut want = with(
        web(),
        &[("target-group-attributes.443", "stickiness.enabled=false")],
    );
    want.session_affinity = SessionAffinity::ClientIp {
        timeout_seconds: 10_800,
    };
    let params = parsed(&want);
    let says = |i: usize| {
        params.listeners[i]
            .target_group_attributes
            .get("stickiness.enabled")
            .cloned()
    };
    assert_eq!(
        (says(0).as_deref(), says(1).as_deref()),
        (Some("true"), Some("false"))
    );
    assert_eq!(params.notes, Vec::<String>::new());
}

#[test]
fn who_may_connect_is_everybody_the_ranges_or_the_prefix_lists() {
    let ranges = |want: &LoadBalancer| parsed(want).source_ranges;
    let everybody = ["0.0.0.0/0".parse().unwrap()];
    assert_eq!(ranges(&web()), everybody);
    let lists = with(web(), &[("security-group-prefix-lists", "pl-1")]);
    assert_eq!(ranges(&lists), []);
    let mut both = lists;
    both.source_ranges = vec!["203.0.113.0/24".parse().unwrap()];
    assert_eq!(ranges(&both), both.source_ranges);
}

#[test]
fn flags_hold_where_a_service_says_nothing() {
    let defaults = Defaults {
        scheme: Scheme::InternetFacing,
        target_type: TargetType::Ip,
        ssl_policy: "ELBSecurityPolicy-FS-2018-06".to_owned(),
        tags: BTreeMap::from([("team".to_owned(), "flag".to_owned())]),
        manage_backend_rules: true,
    };
    let want = with(
        web(),
        &[
            ("security-groups", "sg-1"),
            ("ssl-cert", "arn:aws:acm:eu-west-1:1:certificate/a"),
            ("additional-resource-tags", "team=shop,room=2"),
        ],
    );
    let params = parse(&want, &defaults).unwrap();
    assert_eq!((params.scheme, params.target_type), (None, TargetType::Ip));
    assert_eq!(
        params.listeners[0].ssl_policy.as_deref(),
        Some("ELBSecurityPolicy-FS-2018-06")
    );
    assert!(matches!(
        params.security,
        Security::Given {
            manage_backend_rules: true,
            ..
        }
    ));
    assert_eq!(params.tags["team"], "flag");
    assert_eq!(params.tags["room"], "2");
}

#[test]
fn the_target_type_is_known_even_where_the_rest_is_wrong() {
    let table: [(&[(&str, &str)], TargetType); 4] = [
        (&[], TargetType::Instance),
        (
            &[("nlb-target-type", "ip"), ("scheme", "?")],
            TargetType::Ip,
        ),
        (
            &[("nlb-target-type", "?"), ("type", "nlb-ip")],
            TargetType::Instance,
        ),
        (&[("type", "nlb-ip")], TargetType::Ip),
    ];
    for (annotations, expected) in table {
        assert_eq!(
            target_type(&with(web(), annotations), TargetType::Instance),
            expected
        );
    }
}

#[test]
fn a_typo_is_told_the_key_that_was_meant() {
    let typos = roadstead_core::Vocabulary::typos(
        &[keys::VOCABULARY],
        [
            "service.beta.kubernetes.io/aws-load-balancer-subnet",
            "service.beta.kubernetes.io/aws-load-balancer-healthcheck-intervall",
            "service.beta.kubernetes.io/aws-load-balancer-target-group-attributes.80",
            "roadstead.dev/adapt",
        ],
    );
    let said: Vec<String> = typos.iter().map(ToString::to_string).collect();
    insta::assert_yaml_snapshot!(said);
}

proptest! {
    #[test]
    fn no_annotation_makes_the_parsing_panic(
        values in proptest::collection::vec((proptest::sample::select(keys::VOCABULARY.keys), any::<String>()), 0..8),
        suffix in "[A-Z_]{0,7}-?[0-9]{0,5}",
        udp in any::<bool>(),
    ) {
        let mut annotations: BTreeMap<String, String> = values
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value))
            .collect();
        for family in keys::VOCABULARY.families {
            annotations.insert(format!("{family}{suffix}"), "a=b".to_owned());
        }
        let mut want = if udp { dns() } else { web() };
        want.annotations = Arc::new(annotations);
        if let Err(problems) = parse(&want, &Defaults::default()) {
            prop_assert!(problems.iter().all(|p| !p.at.is_empty() && !p.what.is_empty()));
        }
    }

    #[test]
    fn what_looks_almost_right_does_not_make_it_panic(
        key in proptest::sample::select(keys::VOCABULARY.keys),
        value in "(subnet-|sg-|pl-|arn:|eipalloc-|CapacityUnits=|stickiness.enabled=)?[-a-z0-9:/=.,* ]{0,24}",
    ) {
        let mut want = web();
        want.annotations = Arc::new(BTreeMap::from([((*key).to_owned(), value)]));
        let _ = parse(&want, &Defaults::default());
    }
}
