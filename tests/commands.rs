//! Does `plan` say what would happen without doing it, and do all commands end as scripts expect?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use std::{path::Path, time::Duration};

use roadstead_testbed::{Audit, ControlPlane, Roadstead, service};
use serde_json::{Value, json};
use support::{
    MOCK, Place,
    cli::{BINARY, answer, command, folder, roadstead},
    pods::{GATE, add_pod, add_slice},
    version,
};

const MANIFEST: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: before}
---
apiVersion: v1
kind: Service
metadata: {name: draft, namespace: nowhere}
spec:
  type: LoadBalancer
  loadBalancerClass: roadstead.dev/mock
  ports: [{port: 80}, {port: 53, protocol: UDP}]
";

/// Asks for the plan of a Service of this place.
async fn plan(place: &Place, name: &str, more: &[&str]) -> support::cli::Answer {
    let name = format!("{}/{name}", place.namespace);
    let args = [&["plan", &name, "--provider", "mock"], more].concat();
    roadstead(&place.kubeconfig, &args).await
}

/// The numbered lines.
fn steps(text: &str) -> Vec<String> {
    let numbered = text.lines().filter_map(|line| {
        let (number, step) = line.trim_start().split_once(". ")?;
        number.parse::<u32>().ok()?;
        Some(step.to_owned())
    });
    numbered.collect()
}

#[tokio::test]
async fn a_plan_names_every_step_in_order_and_takes_none() {
    let place = Place::with_nodes("plan").await;
    let web = place
        .create(
            &service("web")
                .class(MOCK)
                .port(80)
                .source_range("10.0.0.0/8")
                .build(),
        )
        .await;
    let control_plane = ControlPlane::shared().await.unwrap();
    let as_bench = control_plane.kubeconfig_of("bench").unwrap();
    let name = format!("{}/web", place.namespace);
    let text = roadstead(&as_bench, &["plan", &name, "--provider", "mock"])
        .await
        .ok();

    let node_port = web.spec.as_ref().unwrap().ports.as_ref().unwrap()[0]
        .node_port
        .unwrap();
    let balancer = place.balancer_name(&web);
    let expected = [
        "create finalizer mock.roadstead.dev/load-balancer".to_owned(),
        format!("create load balancer {balancer} at 192.0.2."),
        format!("create listener 80/TCP -> node port {node_port}"),
        "change targets: 3 registered".to_owned(),
        "change source ranges: 10.0.0.0/8".to_owned(),
        "change status: write the address".to_owned(),
    ];
    let steps = steps(&text);
    assert_eq!(steps.len(), expected.len(), "{text}");
    for (step, expected) in steps.iter().zip(&expected) {
        assert!(step.starts_with(expected), "{step:?} is not {expected:?}");
    }
    assert!(
        text.contains("(by mock)") && text.contains("Nothing was done."),
        "{text}"
    );

    assert_eq!(version(&place.get("web").await), version(&web));
    assert_eq!(place.events("web").await, []);
    if let Some(log) = control_plane.audit_log() {
        let audit = Audit::read(log).unwrap();
        let asked: Vec<_> = audit.requests_of("bench").collect();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|request| !request.writes()), "{asked:#?}");
    }
}

#[tokio::test]
async fn a_plan_points_at_the_pods_that_would_be_targets_those_that_wait_for_it_among_them() {
    let place = Place::with_nodes("pods").await;
    let web = service("web")
        .class(MOCK)
        .annotation("roadstead.dev/mock-target-type", "ip");
    place.create(&web.port(80).build()).await;
    add_pod(&place, "waits", "10.1.0.1", &[GATE], true).await;
    add_pod(&place, "starts", "10.1.0.2", &[GATE], false).await;
    add_slice(
        &place,
        "web",
        &[("waits", "10.1.0.1"), ("starts", "10.1.0.2")],
    )
    .await;
    let text = plan(&place, "web", &[]).await.ok();
    assert!(text.contains("change targets: 1 registered"), "{text}");
}

#[tokio::test]
async fn a_plan_asks_only_the_provider_that_the_service_is_for() {
    let place = Place::with_nodes("only").await;
    place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    let name = format!("{}/web", place.namespace);
    // Every provider there is, and no way to AWS.
    let mut command = command(&place.kubeconfig, &["plan", &name]);
    command
        .env_remove("AWS_ENDPOINT_URL")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let text = answer(command, "").await.ok();
    assert!(text.contains("(by mock)"), "{text}");
}

#[tokio::test]
async fn a_plan_of_a_manifest_is_read_from_a_file_or_from_standard_input() {
    let place = Place::with_nodes("manifest").await;
    let file = folder(&place.namespace).join("service.yaml");
    std::fs::write(&file, MANIFEST).unwrap();
    let path = file.to_str().unwrap();
    let args = |path| ["plan", "-f", path, "--provider", "mock"];
    let from_file = roadstead(&place.kubeconfig, &args(path)).await.ok();
    let from_stdin = command(&place.kubeconfig, &args("-"));
    let from_stdin = answer(from_stdin, MANIFEST).await.ok();
    for text in [&from_file, &from_stdin] {
        assert!(text.starts_with("Service nowhere/draft "), "{text}");
        assert!(
            text.contains("create listener 80/TCP") && text.contains("53/UDP"),
            "{text}"
        );
    }

    let nothing = answer(command(&place.kubeconfig, &args("-")), "kind: Pod\n").await;
    let error = nothing.failed(1);
    assert!(error.contains("has no Service"), "{error}");
    let broken = answer(command(&place.kubeconfig, &args("-")), "a: [").await;
    let error = broken.failed(1);
    assert!(error.contains("parsing -"), "{error}");
    let missing = roadstead(&place.kubeconfig, &args("no/such/file")).await;
    let error = missing.failed(1);
    assert!(error.contains("no/such/file"), "{error}");
}

#[tokio::test]
async fn a_plan_of_a_served_service_has_nothing_to_do() {
    let place = Place::with_nodes("served").await;
    let running = place.controller().await;
    place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    let text = plan(&place, "web", &[]).await.ok();
    assert!(text.contains("is as asked; nothing to do"), "{text}");
    assert_eq!(steps(&text), [""; 0]);
    running.stop().await;

    place.delete("web").await;
    let text = plan(&place, "web", &[]).await.ok();
    assert!(text.contains("gives its load balancer back"), "{text}");
    let running = place.controller().await;
    place.gone("web").await;
    running.stop().await;
}

#[tokio::test]
async fn a_plan_over_the_same_state_says_what_an_edit_would_change() {
    let place = Place::with_nodes("state").await;
    let state = folder(&format!("{}-state", place.namespace));
    let state = state.to_str().unwrap();
    let args = [
        "--provider",
        "mock",
        "--mock-state",
        state,
        "--watch-namespace",
        &place.namespace,
        "--lease-namespace",
        &place.namespace,
    ];
    let controller = Roadstead::start(Path::new(BINARY), &place.kubeconfig, &args).unwrap();
    place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    controller.term().unwrap();
    assert!(
        controller
            .wait(Duration::from_secs(30))
            .await
            .unwrap()
            .success()
    );
    let unchanged = plan(&place, "web", &["--mock-state", state]).await.ok();
    assert!(unchanged.contains("nothing to do"), "{unchanged}");

    let ports = json!([{ "name": "b", "port": 443 }]);
    place
        .edit_spec(
            "web",
            json!({ "ports": ports, "sessionAffinity": "ClientIP" }),
        )
        .await;
    let text = plan(&place, "web", &["--mock-state", state]).await.ok();
    let steps = steps(&text);
    assert_eq!(steps.len(), 3, "{text}");
    assert!(steps[0].starts_with("create listener 443/TCP"), "{text}");
    assert!(steps[1].starts_with("delete listener 80/TCP"), "{text}");
    assert!(steps[2].starts_with("change session affinity"), "{text}");
}

#[tokio::test]
async fn a_plan_of_an_impossible_request_ends_with_3_and_names_the_problems() {
    let place = Place::with_nodes("impossible").await;
    let bad = service("bad")
        .class(MOCK)
        .annotation("roadstead.dev/mock-latency", "soon")
        .annotation("roadstead.dev/mock-adress", "192.0.2.1")
        .port(80);
    place.create(&bad.build()).await;
    let answered = plan(&place, "bad", &[]).await;
    assert_eq!(answered.code, 3, "{answered:#?}");
    assert!(
        answered
            .stdout
            .contains("problem: roadstead.dev/mock-latency: "),
        "{answered:#?}"
    );
    assert!(
        answered
            .stdout
            .contains("did you mean roadstead.dev/mock-address?"),
        "{answered:#?}"
    );

    let closed = service("closed").class(MOCK).without_node_ports().port(80);
    place.create(&closed.build()).await;
    let answered = plan(&place, "closed", &["-o", "json"]).await;
    assert_eq!(answered.code, 3, "{answered:#?}");
    let parsed: Value = serde_json::from_str(&answered.stdout).unwrap();
    let problem = parsed["problems"][0].as_str().unwrap();
    assert!(
        problem.contains("allocateLoadBalancerNodePorts"),
        "{parsed:#}"
    );
    assert_eq!(parsed["steps"], json!([]));
}

#[tokio::test]
async fn a_plan_in_json_is_for_programs() {
    let place = Place::with_nodes("json").await;
    place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    let text = plan(&place, "web", &["-o", "json"]).await.ok();
    let parsed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed["service"], json!(format!("{}/web", place.namespace)));
    assert_eq!(parsed["provider"], json!("mock"));
    let steps = parsed["steps"].as_array().unwrap();
    assert_eq!(
        steps[0],
        "create finalizer mock.roadstead.dev/load-balancer"
    );
    assert_eq!(parsed.get("problems"), None);
}

#[tokio::test]
async fn a_plan_of_what_is_not_ours_says_so() {
    let place = Place::with_nodes("stranger").await;
    place.create(&service("web").port(80).build()).await;
    let text = plan(&place, "web", &[]).await.ok();
    assert!(
        text.contains("none of our business") && text.contains(MOCK),
        "{text}"
    );
    // The same flags as the controller's, the same answer.
    let text = plan(&place, "web", &["--default-provider", "mock"])
        .await
        .ok();
    assert!(text.contains("create finalizer"), "{text}");
    // Without a provider it is whichever the class asks for.
    place
        .create(&service("own").class(MOCK).port(80).build())
        .await;
    let own = format!("{}/own", place.namespace);
    let text = roadstead(&place.kubeconfig, &["plan", &own]).await.ok();
    assert!(text.contains("(by mock)"), "{text}");
    place
        .create(&service("mapped").class("example.com/x").port(80).build())
        .await;
    let mut by_env = command(
        &place.kubeconfig,
        &["plan", &format!("{}/mapped", place.namespace)],
    );
    by_env
        .env("ROADSTEAD_PROVIDER", "mock")
        .env("ROADSTEAD_CLASS", "example.com/x=mock");
    let text = answer(by_env, "").await.ok();
    assert!(text.contains("create finalizer"), "{text}");
}
