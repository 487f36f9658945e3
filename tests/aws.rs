//! What does an application developer see of a Network Load Balancer? The real process between a real API server and an AWS
//! that behaves as documented.
#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails in a test's helper fails the test"
)]

mod support;

use std::path::Path;

use roadstead_testbed::{
    LocalStack, Roadstead, add_node, condition, events_of, is_true, node, poll_until, service,
};
use support::{ACCEPTED, DEADLINE, HEALTHY, PROGRAMMED, Place, is_refused};

const AWS: &str = "roadstead.dev/aws";
const P: &str = "service.beta.kubernetes.io/aws-load-balancer-";

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
    let args = [
        "--provider=aws",
        "--watch-namespace",
        &place.namespace,
        "--leader-elect=false",
        "--aws-health-interval=1s",
    ];
    let environment = account.environment(&localstack.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_roadstead"));
    let process = Roadstead::start_in(binary, &place.kubeconfig, &args, &environment).unwrap();

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
