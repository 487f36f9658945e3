//! Does nonsense, on the command line or in a Service, ever do worse than be named?
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use std::{path::Path, time::Duration};

use k8s_openapi::api::core::v1::Service;
use kube::api::{ListParams, PostParams};
use roadstead_testbed::{Roadstead, condition, poll_until, service};
use support::{
    ACCEPTED, DEADLINE, MOCK, PROGRAMMED, Place,
    cli::{BINARY, answer, command, folder, roadstead},
    is_refused,
};

const CONTROLLER: [&str; 3] = ["controller", "--provider", "mock"];

#[tokio::test]
async fn a_command_line_that_cannot_be_understood_ends_with_2_and_says_what_would_be_right() {
    let place = Place::new("flags").await;
    let table: [(&[&str], &str); 19] = [
        (&["--provider", "gcp"], "mock"),
        (&["--resync", "often"], "10s or 5m"),
        (&["--resync", "0s"], "longer than zero"),
        (&["--resync=-5m"], "10s or 5m"),
        (&["--provider-timeout", ""], "10s or 5m"),
        (&["--class", "nlb"], "NAME=PROVIDER"),
        (&["--class", "a b=mock"], "cannot be a load balancer class"),
        (
            &["--class", "service.k8s.aws/nlb=aws"],
            "add --provider aws",
        ),
        (&["--default-provider", "arp"], "add --provider arp"),
        (&["--admin-address", "8080"], "IP:PORT"),
        (&["--mock-addresses", "everywhere"], "everywhere"),
        (&["--mock-failures", "often"], "KIND=RATE"),
        (&["--release-orphans", "perhaps"], "true, false"),
        (&["--watch-namespace", ""], "must not be empty"),
        (&["--log-format", "xml"], "text, json"),
        (&["--log", "roadstead=loud"], "--log"),
        (
            &["--lease-duration", "10s", "--renew-deadline", "10s"],
            "--lease-duration",
        ),
        (
            &["--renew-deadline", "2s", "--retry-period", "2s"],
            "--renew-deadline",
        ),
        (&["--unheard-of"], "--unheard-of"),
    ];
    for (flags, hint) in table {
        let args = [CONTROLLER.as_slice(), flags].concat();
        let answered = roadstead(&place.kubeconfig, &args).await;
        assert_eq!(answered.stdout, "", "{flags:?}");
        let error = answered.failed(2);
        assert!(error.contains(hint), "{flags:?}: {error}");
        assert!(!error.contains("panicked"), "{flags:?}: {error}");
    }
    for args in [&["controller"][..], &["plan"], &["destroy"], &[]] {
        let error = roadstead(&place.kubeconfig, args).await.failed(2);
        assert!(error.contains("Usage"), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn a_setting_from_the_environment_is_checked_as_a_flag_is() {
    let place = Place::new("env").await;
    let mut bad = command(&place.kubeconfig, &CONTROLLER);
    bad.env("ROADSTEAD_RESYNC", "often");
    let error = answer(bad, "").await.failed(2);
    assert!(
        error.contains("--resync") && error.contains("often"),
        "{error}"
    );
    let mut unmapped = command(&place.kubeconfig, &CONTROLLER);
    unmapped.env("ROADSTEAD_CLASS", "example.com/a=mock,example.com/b=aws");
    let error = answer(unmapped, "").await.failed(2);
    assert!(error.contains("example.com/b"), "{error}");
}

#[tokio::test]
async fn what_cannot_be_opened_is_named() {
    let place = Place::new("files").await;
    let error = roadstead(Path::new("no/such/kubeconfig"), &CONTROLLER)
        .await
        .failed(1);
    assert!(error.contains("kubeconfig"), "{error}");
    let file = folder(&place.namespace).join("file");
    std::fs::write(&file, "no folder").unwrap();
    let state = [
        CONTROLLER.as_slice(),
        &[
            "--mock-state",
            file.to_str().unwrap(),
            "--admin-address",
            "none",
        ],
    ]
    .concat();
    let error = roadstead(&place.kubeconfig, &state).await.failed(1);
    assert!(error.contains(file.to_str().unwrap()), "{error}");
    let garbage = folder(&format!("{}-garbage", place.namespace)).join("config");
    std::fs::write(&garbage, "{clusters: 7").unwrap();
    let error = roadstead(&garbage, &CONTROLLER).await.failed(1);
    assert!(error.starts_with("error: "), "{error}");
}

/// Values that nobody meant.
fn nonsense() -> Vec<String> {
    let mut values: Vec<String> = [
        "",
        " ",
        "\n",
        "a\nb",
        "\u{0}",
        "\u{202e}live",
        "🦀",
        "ünïcödé",
        "-1s",
        "1e999s",
        "9223372036854775807h",
        "2562047788015215h",
        "999999999999999999999999",
        "192.0.2.1,,",
        "::1%eth0",
        "0.0.0.0",
        "${HOME}",
        "<script>",
        "null",
        "NaN",
        "[]",
        "\"",
        "'; --",
    ]
    .map(str::to_owned)
    .into();
    values.push("é".repeat(50_000));
    values.push("1,".repeat(50_000));
    values
}

/// Services that are as odd as the API server lets them be.
fn odd_services() -> Vec<Service> {
    let keys = [
        "address",
        "address-type",
        "failure",
        "latency",
        "target-type",
        "",
        "unheard-of",
    ];
    let mut odd = Vec::new();
    for (n, value) in nonsense().iter().enumerate() {
        let mut service = service(&format!("odd-{n}")).class(MOCK).port(80);
        for key in keys.into_iter().filter(|key| !key.is_empty()) {
            service = service.annotation(&format!("roadstead.dev/mock-{key}"), value);
        }
        odd.push(service.build());
        // Alone, so that no other problem hides it.
        let ranges = "service.beta.kubernetes.io/load-balancer-source-ranges";
        let alone = service_with(&format!("ranges-{n}"), ranges, value);
        odd.push(alone);
        odd.push(service_with(
            &format!("latency-{n}"),
            "roadstead.dev/mock-latency",
            value,
        ));
    }
    let mut many = service("many").class(MOCK);
    for port in 1..=100 {
        many = many.named_port(
            &format!("p{port}"),
            port,
            ["TCP", "UDP", "SCTP"][usize::try_from(port % 3).unwrap()],
        );
        many = many.annotation(&format!("roadstead.dev/typo-{port}"), &"x".repeat(500));
    }
    odd.push(many.build());
    let longest = format!("roadstead.dev/{}", "k".repeat(63));
    odd.push(service_with(&"n".repeat(63), &longest, ""));
    odd
}

fn service_with(name: &str, key: &str, value: &str) -> Service {
    service(name)
        .class(MOCK)
        .annotation(key, value)
        .port(80)
        .build()
}

#[tokio::test]
async fn odd_services_are_answered_one_by_one_and_end_nothing() {
    let place = Place::with_nodes("odd").await;
    let args = [
        "--provider",
        "mock",
        "--leader-elect",
        "false",
        // One of them asks for a latency of centuries.
        "--provider-timeout",
        "3s",
        "--watch-namespace",
        &place.namespace,
    ];
    let controller = Roadstead::start(Path::new(BINARY), &place.kubeconfig, &args).unwrap();
    controller.ready(DEADLINE).await.unwrap();
    let mut odd = Vec::new();
    for service in odd_services() {
        // What the API server refuses by itself never reaches anybody.
        let created = place
            .services()
            .create(&PostParams::default(), &service)
            .await;
        match created {
            Ok(created) => odd.push(created),
            Err(kube::Error::Api(status)) if status.code == 422 => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(odd.len() > nonsense().len() * 2, "{}", odd.len());
    for service in &odd {
        let name = service.metadata.name.as_deref().unwrap();
        let told = place
            .until(name, "an answer", |service| {
                let answered = condition(service, ACCEPTED).is_some();
                answered && condition(service, PROGRAMMED).is_some()
            })
            .await;
        for said in told.status.unwrap().conditions.unwrap() {
            assert!(
                said.message.len() <= 1024,
                "{name}: {} bytes",
                said.message.len()
            );
        }
    }
    // All values are wrong for at least one of the keys.
    place.until("odd-0", "refused", is_refused).await;
    place.served("many").await;
    place
        .create_served(&service("sane").class(MOCK).port(80).build())
        .await;

    assert_eq!(controller.get("/livez").await.unwrap().0, 200);
    let (code, page) = controller.get("/").await.unwrap();
    assert_eq!(code, 200);
    assert!(!page.contains("<script>"), "what users wrote is no markup");
    let bugs = controller
        .metric("roadstead_reconciles_total{outcome=\"bug\"}")
        .await
        .unwrap();
    assert_eq!(bugs, None);
    let status = ["status", "-n", &place.namespace];
    let table = roadstead(&place.kubeconfig, &status).await.ok();
    assert_eq!(
        table.lines().count(),
        odd.len() + 2,
        "one line each:\n{table}"
    );
    let plan = format!("{}/odd-3", place.namespace);
    roadstead(&place.kubeconfig, &["plan", &plan, "--provider", "mock"])
        .await
        .failed(3);

    place.delete_namespace().await;
    let left = async || {
        place
            .services()
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .is_empty()
            .then_some(())
    };
    poll_until("no Service left", DEADLINE, left).await.unwrap();
    assert!(
        !controller.log().contains("panicked"),
        "{}",
        controller.log()
    );
    controller.term().unwrap();
    assert!(
        controller
            .wait(Duration::from_secs(30))
            .await
            .unwrap()
            .success()
    );
}
