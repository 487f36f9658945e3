//! Is everything that the published policy allows needed? One long life of a few Services uses every action of it.
//!
//! That nothing else is needed is judged in every test, when its `World` ends.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc};

use roadstead_aws::IAM_POLICY;
use roadstead_core::{ClusterUid, LoadBalancer, PortNumber, Protocol, Targets};
use roadstead_testbed::iam::Policy;

use self::support::{
    World,
    request::{self, port},
    waiting::{gone, settle},
};

const P: &str = "service.beta.kubernetes.io/aws-load-balancer-";

/// Never asked for by us: AWS checks them in the caller's name, or makes its own role when an account has its first
/// load balancer.
const ASKED_BY_AWS: [&str; 5] = [
    "ec2:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "ec2:DescribeInternetGateways",
    "ec2:GetSecurityGroupsForVpc",
    "iam:CreateServiceLinkedRole",
];

fn annotate(want: &mut LoadBalancer, pairs: &[(&str, &str)]) {
    let pairs = pairs.iter();
    let pairs = pairs.map(|(key, value)| (format!("{P}{key}"), (*value).to_owned()));
    want.annotations = Arc::new(pairs.collect::<BTreeMap<_, _>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_that_the_policy_allows_is_used() {
    // Without tags that say what they are for, subnets are told apart by their routes.
    let world = World::on(|land| {
        land.subnet("us-east-1a", false)
            .without_role_tag()
            .subnet("us-east-1b", false)
            .without_role_tag()
            .ipv6()
    })
    .await;
    let cluster = ClusterUid::parse("permissions").unwrap();
    let provider = world.provider(&cluster);
    let first = world.account.certificate("a.example.com").await.unwrap();
    let second = world.account.certificate("b.example.com").await.unwrap();
    let mut web = request::service(&cluster, "web", world.targets());
    web.ports.push(port("https", Protocol::Tcp, 443, 30_443));
    annotate(
        &mut web,
        &[
            ("ssl-cert", &format!("{first},{second}")),
            ("ssl-ports", "https"),
            ("cross-zone-load-balancing-enabled", "true"),
            ("proxy-protocol", "*"),
            ("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=400"),
            ("minimum-load-balancer-capacity", "CapacityUnits=5500"),
            ("additional-resource-tags", "team=edge"),
        ],
    );
    settle(&provider, &web).await;

    // Fewer ports, targets, subnets and certificates; other families, checks and tags.
    web.ports.remove(0);
    web.targets = Targets::Exactly(world.targets()[..2].to_vec().into());
    let subnets = world.land.subnet_ids(false);
    let edit = [
        ("ssl-cert", first.as_str()),
        (
            "ssl-negotiation-policy",
            "ELBSecurityPolicy-TLS13-1-2-2021-06",
        ),
        ("healthcheck-interval", "20"),
        ("ip-address-type", "dualstack"),
        ("additional-resource-tags", "cost=7"),
    ];
    annotate(&mut web, &edit);
    settle(&provider, &web).await;
    let mut narrow = edit.to_vec();
    narrow.push(("subnets", subnets.first().unwrap()));
    narrow.push(("security-groups", &world.land.node_security_group));
    annotate(&mut web, &narrow);
    settle(&provider, &web).await;

    let mut pods = request::service(&cluster, "pods", world.targets());
    annotate(&mut pods, &[("nlb-target-type", "ip")]);
    let mut pod = world.targets().remove(0);
    pod.port = PortNumber::new(8080);
    pods.targets = Targets::Exactly([pod].into_iter().collect());
    settle(&provider, &pods).await;

    // A process that knows nothing reads everything.
    annotate(
        &mut web,
        &[
            &narrow[..],
            &[("minimum-load-balancer-capacity", "CapacityUnits=5500")],
        ]
        .concat(),
    );
    annotate(
        &mut pods,
        &[
            ("nlb-target-type", "ip"),
            ("listener-attributes.TCP-80", "tcp.idle_timeout.seconds=400"),
        ],
    );
    let another = world.provider(&cluster);
    settle(&another, &web).await;
    settle(&another, &pods).await;
    for want in [&web, &pods] {
        gone(&another, &want.id).await;
    }

    let policy = Policy::parse(IAM_POLICY).unwrap();
    let used = world.judged().used;
    let unused: Vec<&str> = policy
        .actions()
        .into_iter()
        .filter(|action| !used.contains(*action) && !ASKED_BY_AWS.contains(action))
        .collect();
    assert_eq!(unused, [""; 0], "allowed, and never needed");
}
