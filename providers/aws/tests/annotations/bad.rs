//! What cannot be: named to the user, and nothing changed in AWS.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{LoadBalancerSchemeEnum, LoadBalancerTypeEnum};
use roadstead_core::{ErrorKind, LoadBalancerProvider, chain};

use crate::{
    annotated, full, service,
    support::{World, shown::shown, waiting::settle},
};

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
    ("access-log-enabled", "maybe"), ("access-log-enabled", "true"), ("cross-zone-load-balancing-enabled", ""),
    ("target-group-attributes", "stickiness.enabled=yes"), ("target-group-attributes.8080", "stickiness.enabled=true"),
    ("proxy-protocol", "true"), ("proxy-protocol-per-target-group", "all"),
    ("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=59"), ("ssl-cert", "my-certificate"),
    ("ssl-ports", "443"), ("ssl-negotiation-policy", "ELBSecurityPolicy-2016-08"), ("alpn-policy", "HTTP2Only"),
    ("backend-protocol", "ssl"), ("healthcheck-protocol", "udp"), ("healthcheck-path", "ready"), ("healthcheck-success-codes", "2xx"), ("healthcheck-port", "0"),
    ("healthcheck-interval", "4"), ("healthcheck-timeout", "1"), ("healthcheck-healthy-threshold", "1"),
    ("healthcheck-unhealthy-threshold", "11"), ("additional-resource-tags", "roadstead.dev/owner=me"),
    ("target-node-labels", "edge"), ("multi-cluster-target-group", "ja"),
    ("roadstead.dev/adopt", "arn:aws:s3:::bucket"), ("service.beta.kubernetes.io/actions.TCP-80", "{}"),
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
                let named = text.contains(&full(key));
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

/// When a listing is no longer believed to show every name.
const LATER: Duration = Duration::from_secs(11);

/// Somebody else's load balancer with this name.
async fn take(world: &World, name: &str, kind: LoadBalancerTypeEnum) -> String {
    let taken = world.elb.create_load_balancer().name(name).r#type(kind);
    let taken = taken.scheme(LoadBalancerSchemeEnum::Internal);
    let subnets = world.land.subnet_ids(false);
    let taken = taken.subnets(subnets[0]).subnets(subnets[1]);
    let made = taken.send().await.unwrap();
    made.load_balancers()[0]
        .load_balancer_arn()
        .unwrap()
        .to_owned()
}

/// Time is moved, not waited for.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_refused_before_anything_is_made() {
    let world = World::new().await;
    let mut arns = Vec::new();
    let kinds = [
        ("taken", LoadBalancerTypeEnum::Network),
        ("taken-too", LoadBalancerTypeEnum::Application),
    ];
    for (name, kind) in kinds {
        arns.push(take(&world, name, kind).await);
    }
    let cluster = service(&world, "taker").id.cluster;
    let provider = world.provider(&cluster);
    // One that is made after everything was listed.
    settle(&provider, &service(&world, "another")).await;
    pass(LATER).await;
    arns.push(take(&world, "taken-later", LoadBalancerTypeEnum::Network).await);
    let before = world.inventory().await;
    let mark = world.proxy.mark();
    for (name, arn) in ["taken", "taken-too", "taken-later"].iter().zip(&arns) {
        let want = annotated(service(&world, name), &[("name", name)]);
        for provider in [&provider, &world.provider(&cluster)] {
            let foreseen = provider.plan(&want).await.unwrap_err();
            let error = provider.ensure(&want).await.unwrap_err();
            let (text, foreseen) = (chain(&error).to_string(), chain(&foreseen).to_string());
            assert_eq!(error.kind(), ErrorKind::Conflict, "{text}");
            assert!(text.contains(arn) && text == foreseen, "{text}, {foreseen}");
        }
    }
    assert_eq!(world.proxy.since(mark).mutating().len(), 0);
    assert_eq!(world.inventory().await, before);

    // What is removed leaves its name, and nobody has to wait for the next listing.
    let delete = world.elb.delete_load_balancer();
    delete.load_balancer_arn(&arns[0]).send().await.unwrap();
    pass(LATER).await;
    let want = annotated(service(&world, "taken"), &[("name", "taken")]);
    settle(&provider, &want).await;
    assert_eq!(world.balancers_of(&want.id).await.len(), 1);
}
