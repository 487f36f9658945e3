//! What does an application developer see of a Network Load Balancer? The real process between a real API server and an AWS
//! that behaves as documented.
#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails in a test's helper fails the test"
)]

mod support;

use std::{net::TcpListener, path::Path, time::Duration};

use k8s_openapi::api::core::v1::{Pod, PodCondition};
use roadstead_testbed::{
    LocalStack, Roadstead, add_node, condition, events_of, eventually, is_true,
    localstack::{Account, Dump, Landscape, Settings},
    node, poll_until, service,
};
use support::{
    ACCEPTED, DEADLINE, HEALTHY, PROGRAMMED, Place, is_refused,
    pods::{GATE, add_pod, add_slice, pods_of},
};

const AWS: &str = "roadstead.dev/aws";
const P: &str = "service.beta.kubernetes.io/aws-load-balancer-";

/// A controller of one namespace, in this environment.
fn controller(place: &Place, more: &[&str], environment: &[(&str, String)]) -> Roadstead {
    let args = [
        "--provider=aws",
        "--watch-namespace",
        &place.namespace,
        "--leader-elect=false",
        "--aws-health-interval=1s",
    ];
    let args = [&args[..], more].concat();
    let binary = Path::new(env!("CARGO_BIN_EXE_roadstead"));
    Roadstead::start_in(binary, &place.kubeconfig, &args, environment).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_becomes_a_network_load_balancer_and_says_so() {
    let localstack = LocalStack::shared().await.unwrap();
    let account = localstack.account().await.unwrap();
    let land = account.landscape("seen").private_subnets(2).instances(3);
    let land = land.build().await.unwrap();
    let place = Place::new("aws-seen").await;
    for (n, instance) in land.instances.iter().enumerate() {
        let node = node(&format!("seen-{n}")).provider_id(&instance.provider_id());
        add_node(&place.client, node.build()).await.unwrap();
    }
    let before = account.dump().await.unwrap();
    let environment = account.environment(&localstack.endpoint());
    let process = controller(&place, &[], &environment);

    let misspelt = format!("{P}schema");
    let web = service("web")
        .class(AWS)
        .port(80)
        .annotation(&misspelt, "internal");
    place.create(&web.build()).await;
    let served = place
        .until("web", "healthy targets", |service| {
            is_true(service, PROGRAMMED) && is_true(service, HEALTHY)
        })
        .await;
    let made = account.dump().await.unwrap();
    let name = made.load_balancers[0].dns_name.to_lowercase();
    let status = served.status.as_ref().unwrap().load_balancer.as_ref();
    let entry = &status.unwrap().ingress.as_ref().unwrap()[0];
    assert_eq!(entry.hostname.as_deref(), Some(name.as_str()), "lowercase");
    let port = &entry.ports.as_ref().unwrap()[0];
    assert_eq!((port.port, port.protocol.as_str()), (80, "TCP"));
    let says = |kind: &str| condition(&served, kind).unwrap().message.clone();
    assert_eq!(says(HEALTHY), "3/3 healthy");
    assert!(says(PROGRAMMED).contains(&name), "{}", says(PROGRAMMED));
    let meant = format!("{P}scheme");
    assert!(says(ACCEPTED).contains(&meant), "{}", says(ACCEPTED));
    let told = async || {
        let events = events_of(&place.client, &place.namespace, "web")
            .await
            .unwrap();
        let ensured = events.iter().any(|it| {
            it.reason == "EnsuredLoadBalancer" && it.note.contains("create load balancer")
        });
        let warned = events
            .iter()
            .any(|it| it.type_ == "Warning" && it.note.contains(&meant));
        (ensured && warned).then_some(())
    };
    poll_until("events of what was done and of the typo", DEADLINE, told)
        .await
        .unwrap();

    place
        .annotate("web", &format!("{P}healthcheck-interval"), Some("often"))
        .await;
    let refused = place.until("web", "a refusal", is_refused).await;
    let text = condition(&refused, ACCEPTED).unwrap().message.clone();
    assert!(text.contains("healthcheck-interval"), "{text}");
    assert_eq!(
        account.dump().await.unwrap(),
        made,
        "refused, and yet something changed"
    );
    place
        .annotate("web", &format!("{P}healthcheck-interval"), None)
        .await;
    place
        .until("web", "to be served again", |service| {
            is_true(service, PROGRAMMED)
        })
        .await;

    place.delete("web").await;
    place.gone("web").await;
    assert_eq!(account.dump().await.unwrap(), before, "{}", process.log());
}

/// A world of its own, and a controller in it that knows no node.
async fn without_nodes(prefix: &str) -> (Place, Account, Landscape, Roadstead) {
    let localstack = LocalStack::shared().await.unwrap();
    let account = localstack.account().await.unwrap();
    let land = account.landscape(prefix).private_subnets(2).instances(1);
    let land = land.build().await.unwrap();
    let place = Place::new(&format!("aws-{prefix}")).await;
    let environment = account.environment(&localstack.endpoint());
    let vpc = format!("--aws-vpc-id={}", land.vpc_id);
    let process = controller(&place, &[&vpc], &environment);
    (place, account, land, process)
}

fn gate(pod: &Pod) -> Option<&PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == GATE)
}

async fn gate_says(place: &Place, status: &str, process: &Roadstead) {
    let pods = pods_of(place);
    let said = eventually(&pods, "web-1", status, |pod| {
        pod.and_then(gate).is_some_and(|gate| gate.status == status)
    });
    said.await
        .unwrap_or_else(|error| panic!("{error:#}\n{}", process.log()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_is_ready_once_its_load_balancer_reaches_it() {
    let (place, account, _, process) = without_nodes("gate").await;
    let mut slow = Settings::default();
    slow.delays.registration = Duration::from_hours(1);
    account.set(&slow).await.unwrap();
    // In the VPC, and nobody else's.
    add_pod(&place, "web-1", "10.0.8.8", &[GATE], true).await;
    add_slice(&place, "web", &[("web-1", "10.0.8.8")]).await;
    let web = service("web")
        .class(AWS)
        .port(80)
        .annotation(&format!("{P}nlb-target-type"), "ip");
    place.create(&web.build()).await;
    gate_says(&place, "False", &process).await;
    let made = account.dump().await.unwrap();
    let targets = made.target_groups.iter().flat_map(|group| &group.targets);
    let targets: Vec<(&str, u16)> = targets.map(|it| (it.id.as_str(), it.port)).collect();
    assert_eq!(targets, [("10.0.8.8", 8080)]);
    account.set(&Settings::default()).await.unwrap();
    gate_says(&place, "True", &process).await;
    place.delete("web").await;
    place.gone("web").await;
}

/// Who may connect to port 80, as the groups of load balancers say.
fn clients(dump: &Dump) -> Vec<&str> {
    let rules = dump.security_groups.iter().flat_map(|group| &group.ingress);
    let rules = rules.filter(|rule| rule.from_port == Some(80));
    let mut peers: Vec<&str> = rules.map(|rule| rule.peer.as_str()).collect();
    peers.sort_unstable();
    peers
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_clients_are_taken_from_the_annotation_or_from_the_field_that_wins() {
    const RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
    let (place, account, _, process) = without_nodes("ranges").await;
    let only = |dump: &Dump, peers: &[&str]| clients(dump) == peers;
    let shows = async |peers: &[&str]| {
        let what = format!("{peers:?} to be let in");
        let there = poll_until(&what, DEADLINE, async || {
            let dump = account.dump().await.unwrap();
            only(&dump, peers).then_some(())
        });
        there
            .await
            .unwrap_or_else(|error| panic!("{error:#}\n{}", process.log()));
    };
    let web = service("web").class(AWS).port(80);
    let web = web.annotation(RANGES, "198.51.100.0/24, 203.0.113.7/32");
    place.create(&web.build()).await;
    place.served("web").await;
    shows(&["198.51.100.0/24", "203.0.113.7/32"]).await;

    let before = account.dump().await.unwrap();
    // What is no range at all the API server does not take.
    let bad = "2001:db8::/32";
    place.annotate("web", RANGES, Some(bad)).await;
    let refused = place.until("web", "a refusal", is_refused).await;
    let said = condition(&refused, ACCEPTED).unwrap().message.clone();
    assert!(
        said.contains(RANGES) && said.contains(bad) && said.contains("dualstack"),
        "{said}"
    );
    assert_eq!(
        account.dump().await.unwrap(),
        before,
        "refused, and yet something changed"
    );

    place.annotate("web", RANGES, Some("192.0.2.0/24")).await;
    shows(&["192.0.2.0/24"]).await;
    let ranges = serde_json::json!({ "loadBalancerSourceRanges": ["203.0.113.0/24"] });
    place.edit_spec("web", ranges).await;
    shows(&["203.0.113.0/24"]).await;
    let none = serde_json::json!({ "loadBalancerSourceRanges": null });
    place.edit_spec("web", none).await;
    place.annotate("web", RANGES, None).await;
    shows(&["0.0.0.0/0"]).await;
    place.delete("web").await;
    place.gone("web").await;
}

/// Far more than a try may take: it ends a hang.
const HANG: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread")]
async fn without_region_or_credentials_the_process_ends_and_says_what_is_missing() {
    let place = Place::new("aws-unset").await;
    // A metadata service that takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let nowhere = || "/nowhere".to_owned();
    let bare = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent),
        ("AWS_CONFIG_FILE", nowhere()),
        ("AWS_SHARED_CREDENTIALS_FILE", nowhere()),
    ];
    let mut with_region = bare.to_vec();
    with_region.push(("AWS_REGION", "eu-central-1".to_owned()));
    let cases = [
        (&bare[..], "no AWS region is known: set AWS_REGION"),
        (&with_region[..], "no AWS credentials were found"),
    ];
    for (environment, text) in cases {
        let process = controller(&place, &[], environment);
        let status = process.wait(HANG).await.unwrap();
        assert!(!status.success(), "{}", process.log());
        assert!(process.log().contains(text), "{}", process.log());
    }
}
