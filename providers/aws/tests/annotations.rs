//! Does what an annotation says reach AWS, and does a value that cannot be right change nothing there?
//!
//! Effects are read through AWS's API alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_elasticloadbalancingv2::types::{LoadBalancerSchemeEnum, LoadBalancerTypeEnum};
use roadstead_core::{
    ClusterUid, Ensured, ErrorKind, LoadBalancer, LoadBalancerProvider, Outcome, Port, PortNumber,
    Protocol, Released, Targets, TrafficPolicy, chain,
};

use self::support::{World, request, shown::shown};

const PREFIX: &str = "service.beta.kubernetes.io/aws-load-balancer-";
/// So often a call may be followed by another before the test gives up.
const CALLS: usize = 30;

fn port(name: &str, protocol: Protocol, port: u16) -> Port {
    request::port(name, protocol, port, 30_000 + port)
}

/// A Service with ports 80 and 443, and all six nodes.
fn service(world: &World, name: &str) -> LoadBalancer {
    let cluster = ClusterUid::parse("annotations").unwrap();
    LoadBalancer {
        ports: vec![
            port("http", Protocol::Tcp, 80),
            port("https", Protocol::Tcp, 443),
        ],
        ..request::service(&cluster, name, world.targets())
    }
}

fn annotated(mut want: LoadBalancer, pairs: &[(&str, &str)]) -> LoadBalancer {
    let full = pairs
        .iter()
        .map(|(key, value)| (format!("{PREFIX}{key}"), (*value).to_owned()));
    want.annotations = Arc::new(full.collect::<BTreeMap<_, _>>());
    want
}

async fn settle(provider: &dyn LoadBalancerProvider, want: &LoadBalancer) -> Outcome {
    for _ in 0..CALLS {
        match provider.ensure(want).await {
            Ok(Ensured::Ready(outcome)) => return outcome,
            Ok(Ensured::Pending { retry_after, .. }) => tokio::time::sleep(retry_after).await,
            Err(error) => panic!("{}", chain(&error)),
        }
    }
    panic!("{} is not ready after {CALLS} calls", want.service);
}

/// AWS shows every one of `facts`; each may end early.
async fn shows(world: &World, want: &LoadBalancer, facts: &[&str]) {
    let lines = shown(world, want).await;
    let missing: Vec<_> = facts
        .iter()
        .filter(|fact| !lines.iter().any(|line| line.starts_with(**fact)))
        .collect();
    assert!(missing.is_empty(), "not in AWS: {missing:#?}\n{lines:#?}");
}

/// Everything that the test reads back, but the certificates.
const SETTINGS: &[(&str, &str)] = &[
    ("name", "a-name-of-its-own"),
    ("ssl-ports", "https"),
    (
        "ssl-negotiation-policy",
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
    ),
    ("alpn-policy", "HTTP2Preferred"),
    (
        "attributes",
        "dns_record.client_routing_policy=availability_zone_affinity",
    ),
    ("cross-zone-load-balancing-enabled", "true"),
    (
        "target-group-attributes",
        "deregistration_delay.timeout_seconds=30",
    ),
    (
        "target-group-attributes.443",
        "deregistration_delay.timeout_seconds=60",
    ),
    ("proxy-protocol-per-target-group", "80"),
    ("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=400"),
    ("healthcheck-protocol", "http"),
    ("healthcheck-port", "8080"),
    ("healthcheck-path", "/ready"),
    ("healthcheck-success-codes", "200-204"),
    ("healthcheck-interval", "20"),
    ("healthcheck-timeout", "7"),
    ("healthcheck-healthy-threshold", "4"),
    ("healthcheck-unhealthy-threshold", "5"),
    ("additional-resource-tags", "team=edge,cost=7"),
    ("enable-icmp-for-path-mtu-discovery", "on"),
    ("inbound-sg-rules-on-private-link-traffic", "off"),
];

#[tokio::test(flavor = "multi_thread")]
async fn settings_reach_aws_and_go_back_to_its_defaults() {
    let world = World::new().await;
    let plain = service(&world, "settings");
    let provider = world.provider(&plain.id.cluster);
    let first = world.account.certificate("a.example.com").await.unwrap();
    let second = world.account.certificate("b.example.com").await.unwrap();
    let certificates = format!("{first},{second}");
    let mut settings = SETTINGS.to_vec();
    settings.push(("ssl-cert", &certificates));
    let want = annotated(plain.clone(), &settings);
    settle(&provider, &want).await;
    let default = format!("listener 443 default {first}");
    let more = format!("listener 443 more {second}");
    shows(
        &world,
        &want,
        &[
            "name a-name-of-its-own",
            "listener 80 TCP",
            "listener 443 TLS",
            "listener 443 policy ELBSecurityPolicy-TLS13-1-2-2021-06",
            "listener 443 alpn HTTP2Preferred",
            &default,
            &more,
            "attribute dns_record.client_routing_policy=availability_zone_affinity",
            "attribute load_balancing.cross_zone.enabled=true",
            "group 80 deregistration_delay.timeout_seconds=30",
            "group 443 deregistration_delay.timeout_seconds=60",
            "group 80 proxy_protocol_v2.enabled=true",
            "group 443 proxy_protocol_v2.enabled=false",
            "listener 80 tcp.idle_timeout.seconds=400",
            "group 80 check HTTP 8080 Some(\"/ready\") Some(\"200-204\") every 20 for 7 after 4/5",
            "tag team=edge",
            "tag cost=7",
            "private link off",
        ],
    )
    .await;
    let lines = shown(&world, &want).await.join("\n");
    assert!(lines.contains("icmp:Some(3)-Some(4) 0.0.0.0/0"), "{lines}");

    // A listener that speaks TLS from now on takes the attributes of TCP with it.
    let encrypted = annotated(plain.clone(), &[("ssl-cert", &second)]);
    settle(&provider, &encrypted).await;
    let default = format!("listener 443 default {second}");
    shows(&world, &encrypted, &["listener 80 TLS", &default]).await;
    let lines = shown(&world, &encrypted).await.join("\n");
    assert!(!lines.contains(&first), "{lines}");
    settle(&provider, &want).await;

    // Without any of them it is as if they had never been there; only a name stays.
    settle(&provider, &plain).await;
    shows(
        &world,
        &plain,
        &[
            "listener 443 TCP",
            "attribute dns_record.client_routing_policy=any_availability_zone",
            "attribute load_balancing.cross_zone.enabled=false",
            "group 80 deregistration_delay.timeout_seconds=300",
            "group 443 deregistration_delay.timeout_seconds=300",
            "group 80 proxy_protocol_v2.enabled=false",
            "listener 80 tcp.idle_timeout.seconds=350",
            "group 80 check TCP traffic-port",
        ],
    )
    .await;
    let lines = shown(&world, &plain).await.join("\n");
    assert!(!lines.contains("icmp"), "{lines}");
    assert!(!lines.contains("tag team="), "{lines}");
}

/// Annotations, and what AWS shows of them.
type Row<'r> = (&'r [(&'r str, &'r str)], &'r [&'r str]);

async fn prefix_list(world: &World) -> String {
    let list = world.ec2.create_managed_prefix_list();
    let list = list.prefix_list_name("offices").address_family("IPv4");
    let made = list.max_entries(5).send().await.unwrap();
    let id = made.prefix_list().and_then(|list| list.prefix_list_id());
    id.unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_alone_reaches_aws_and_is_found_by_another_process() {
    let world = World::new().await;
    let certificate = world.account.certificate("a.example.com").await.unwrap();
    let list = prefix_list(&world).await;
    let admitted = format!("rules [\"tcp:Some(443)-Some(443) {list}");
    let logs = [
        ("access-log-enabled", "true"),
        ("access-log-s3-bucket-name", "logs"),
        ("access-log-s3-bucket-prefix", "web"),
    ];
    let re_encrypted = [
        ("ssl-cert", certificate.as_str()),
        ("ssl-ports", "https"),
        ("backend-protocol", "ssl"),
    ];
    let rows: [Row<'_>; 7] = [
        (
            &[("scheme", "internet-facing")],
            &["scheme internet-facing"],
        ),
        (&[("internal", "false")], &["scheme internet-facing"]),
        (
            &logs,
            &[
                "attribute access_logs.s3.enabled=true",
                "attribute access_logs.s3.bucket=logs",
                "attribute access_logs.s3.prefix=web",
            ],
        ),
        (
            &re_encrypted,
            &["group 443 protocol TLS", "group 80 protocol TCP"],
        ),
        (
            &[("security-group-prefix-lists", &list)],
            &[admitted.as_str()],
        ),
        // What three zones need at least.
        (
            &[("minimum-load-balancer-capacity", "CapacityUnits=8250")],
            &["capacity 8250"],
        ),
        (
            &[("cross-zone-load-balancing-enabled", "true")],
            &["attribute load_balancing.cross_zone.enabled=true"],
        ),
    ];
    for (n, (annotations, facts)) in rows.into_iter().enumerate() {
        let want = annotated(service(&world, &format!("row-{n}")), annotations);
        let provider = world.provider(&want.id.cluster);
        let outcome = settle(&provider, &want).await;
        shows(&world, &want, facts).await;
        let want = LoadBalancer {
            published: outcome.addresses,
            ..want
        };
        let plan = world.provider(&want.id.cluster).plan(&want).await.unwrap();
        assert!(plan.is_empty(), "{annotations:?}: {plan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_groups_reach_aws() {
    let world = World::new().await;
    let plain = service(&world, "places");
    let provider = world.provider(&plain.id.cluster);
    let subnets = world.land.subnet_ids(false);
    let given = world.ec2.create_security_group().group_name("given");
    let given = given.description("given").vpc_id(&world.land.vpc_id);
    let given = given.send().await.unwrap().group_id().unwrap().to_owned();
    let two = format!("{},{}", subnets[0], subnets[1]);
    let mut want = annotated(
        plain,
        &[
            ("internal", "true"),
            ("subnets", &two),
            ("security-groups", &given),
            ("manage-backend-security-group-rules", "false"),
        ],
    );
    want.ports = vec![
        port("dns", Protocol::Udp, 53),
        port("dns-tcp", Protocol::Tcp, 53),
    ];
    want.ports[1].node_port = want.ports[0].node_port;
    settle(&provider, &want).await;
    let facts = [
        "scheme internal".to_owned(),
        format!("subnet {}", subnets[0]),
        format!("subnet {}", subnets[1]),
        format!("security group {given}"),
        "listener 53 TCP_UDP".to_owned(),
        "group 53 protocol TCP_UDP".to_owned(),
        "group 53 type instance".to_owned(),
    ];
    shows(&world, &want, &facts.each_ref().map(String::as_str)).await;
    let lines = shown(&world, &want).await;
    let count = |what: &str| lines.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!(
        (count("subnet "), count("security group ")),
        (2, 1),
        "{lines:#?}"
    );
    assert_eq!(count("listener 53 TCP_UDP"), 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn protection_against_deletion_is_named_and_waited_for() {
    let world = World::new().await;
    let want = annotated(
        service(&world, "protected"),
        &[("attributes", "deletion_protection.enabled=true")],
    );
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    shows(
        &world,
        &want,
        &["attribute deletion_protection.enabled=true"],
    )
    .await;
    match provider.release(&want.id).await.unwrap() {
        Released::InProgress { waiting_for, .. } => {
            assert!(
                waiting_for.contains("deletion_protection.enabled"),
                "{waiting_for}"
            );
        }
        Released::Gone => panic!("deleted in spite of its protection"),
    }
    assert_eq!(world.balancers_of(&want.id).await.len(), 1);
}

#[rustfmt::skip]
const BAD: &[(&str, &str)] = &[
    ("type", "clb"), ("nlb-target-type", "pod"), ("scheme", "public"), ("internal", "perhaps"),
    ("name", "a-name-that-is-longer-than-aws-allows"), ("ip-address-type", "ipv6"),
    ("subnets", "subnet-1,subnet-1"),
    ("eip-allocations", "203.0.113.7"), ("private-ipv4-addresses", "10.0.0.256"),
    ("ipv6-addresses", "10.0.0.9"), ("enable-prefix-for-ipv6-source-nat", "true"),
    ("source-nat-ipv6-prefixes", "auto_assigned"), ("security-groups", "sg-1,sg-1"),
    ("manage-backend-security-group-rules", "yes"), ("disable-nlb-sg", "on"),
    ("security-group-prefix-lists", "10.0.0.0/8"), ("enable-icmp-for-path-mtu-discovery", "true"),
    ("inbound-sg-rules-on-private-link-traffic", "true"), ("attributes", "deletion_protection.enabled=yes"),
    ("access-log-enabled", "maybe"), ("cross-zone-load-balancing-enabled", ""),
    ("target-group-attributes", "stickiness.enabled=yes"), ("target-group-attributes.8080", "stickiness.enabled=true"),
    ("proxy-protocol", "true"), ("proxy-protocol-per-target-group", "all"),
    ("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=59"), ("ssl-cert", "my-certificate"),
    ("ssl-ports", "443"), ("ssl-negotiation-policy", "ELBSecurityPolicy-2016-08"), ("alpn-policy", "HTTP2Only"),
    ("backend-protocol", "ssl"), ("healthcheck-protocol", "udp"), ("healthcheck-port", "0"),
    ("healthcheck-interval", "4"), ("healthcheck-timeout", "1"), ("healthcheck-healthy-threshold", "1"),
    ("healthcheck-unhealthy-threshold", "11"), ("additional-resource-tags", "roadstead.dev/owner=me"),
    ("target-node-labels", "edge"), ("multi-cluster-target-group", "ja"),
    ("minimum-load-balancer-capacity", "3000"), ("enable-tcp-udp-listener", "please"), ("quic-enabled-ports", "443"),
];

/// What may come to exist without an edit of the Service.
const MISSING: &[(&str, &str)] = &[
    ("subnets", "subnet-00000000000000000"),
    ("subnets", "no-such-name"),
    ("security-groups", "sg-00000000000000000"),
    ("security-groups", "no-such-name"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_value_is_named_and_changes_nothing() {
    let world = World::new().await;
    let want = service(&world, "bad");
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    let before = (world.inventory().await, shown(&world, &want).await);
    let mut wrong = Vec::new();
    let bad = BAD.iter().map(|pair| (pair, ErrorKind::InvalidSpec));
    let missing = MISSING.iter().map(|pair| (pair, ErrorKind::Conflict));
    for ((key, value), kind) in bad.chain(missing) {
        let bad = annotated(want.clone(), &[(key, value)]);
        match provider.ensure(&bad).await {
            Ok(_) => wrong.push(format!("{key}: {value} was taken")),
            Err(error) => {
                let text = chain(&error).to_string();
                let named = text.contains(&format!("{PREFIX}{key}"));
                if error.kind() != kind || !named {
                    wrong.push(format!("{key}: {value}: {:?} {text}", error.kind()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let after = (world.inventory().await, shown(&world, &want).await);
    assert_eq!(after, before, "a refused value changed AWS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_somebody_else_has_is_a_conflict() {
    let world = World::new().await;
    let taken = world.elb.create_load_balancer().name("taken");
    let taken = taken.r#type(LoadBalancerTypeEnum::Network);
    let taken = taken.scheme(LoadBalancerSchemeEnum::Internal);
    let subnets = world.land.subnet_ids(false);
    taken.subnets(subnets[0]).send().await.unwrap();
    let want = annotated(service(&world, "taker"), &[("name", "taken")]);
    let provider = world.provider(&want.id.cluster);
    let error = provider.ensure(&want).await.unwrap_err();
    let text = chain(&error).to_string();
    assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
    assert!(text.contains("taken"), "{text}");
    let after = world.inventory().await;
    let balancers = after
        .iter()
        .filter(|it| !it.starts_with("target") && !it.starts_with("security"));
    let balancers: Vec<_> = balancers.collect();
    assert_eq!(
        balancers.len(),
        1,
        "it is as it was, without listeners: {balancers:?}"
    );
    assert!(world.balancers_of(&want.id).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_labels_and_missing_groups_reach_aws() {
    let world = World::new().await;
    let mut want = annotated(
        service(&world, "pods"),
        &[
            ("nlb-target-type", "ip"),
            ("disable-nlb-sg", "true"),
            ("proxy-protocol", "*"),
        ],
    );
    want.ports.truncate(1);
    let mut pod = world.targets().remove(0);
    pod.port = PortNumber::new(8080);
    pod.port_name = Some("http".into());
    let address = pod.addresses[0];
    want.targets = Targets::Exactly([pod].into_iter().collect());
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    let registered = format!("group 80 targets [\"{address}:8080\"]");
    let facts = [
        "group 80 type ip",
        "group 80 proxy_protocol_v2.enabled=true",
        &registered,
    ];
    shows(&world, &want, &facts).await;
    let lines = shown(&world, &want).await;
    assert!(
        !lines.iter().any(|line| line.starts_with("security group")),
        "{lines:#?}"
    );

    let mut labelled = annotated(
        service(&world, "labelled"),
        &[("target-node-labels", "pool=edge")],
    );
    labelled.ports.truncate(1);
    labelled.traffic_policy = TrafficPolicy::Local {
        health_check_node_port: PortNumber::new(32_000),
    };
    let mut nodes = world.targets();
    nodes[0].labels = Arc::new(BTreeMap::from([("pool".to_owned(), "edge".to_owned())]));
    let edge = nodes[0].provider_id.clone().unwrap().0;
    let edge = edge.rsplit('/').next().unwrap().to_owned();
    labelled.targets = Targets::Exactly(nodes.into_iter().collect());
    settle(&provider, &labelled).await;
    let registered = format!("group 80 targets [\"{edge}:30080\"]");
    let facts = [
        registered.as_str(),
        "group 80 check HTTP 32000 Some(\"/healthz\")",
    ];
    shows(&world, &labelled, &facts).await;
}
