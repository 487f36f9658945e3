//! What a load balancer, its listeners and its target groups are to be like.

use roadstead_core::{LoadBalancer, LoadBalancerProvider};

use crate::{
    annotated, service, shows,
    support::{World, shown::shown, waiting::settle},
};

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
