//! Does `status` show how Services fare, and do the other commands help where something is wrong?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use std::{net::Ipv4Addr, path::Path};

use roadstead_testbed::{Process, TcpProxy, addresses, poll_until, service};
use serde_json::{Value, json};
use support::{
    DEADLINE, MOCK, Place,
    cli::{command, folder, roadstead},
    is_refused,
};

async fn with_two(prefix: &str) -> (Place, support::Running, String) {
    let place = Place::with_nodes(prefix).await;
    let running = place.controller().await;
    let web = place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    let bad = service("bad")
        .class(MOCK)
        .annotation("roadstead.dev/mock-latency", "soon");
    place.create(&bad.port(80).build()).await;
    place.until("bad", "refused", is_refused).await;
    place.create(&service("foreign").port(80).build()).await;
    let address = addresses(&web)[0].clone();
    (place, running, address)
}

#[tokio::test]
async fn the_table_shows_who_is_served_and_what_is_wrong() {
    let (place, running, address) = with_two("table").await;
    let table = roadstead(&place.kubeconfig, &["status", "-n", &place.namespace])
        .await
        .ok();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    assert!(
        lines[0].starts_with("SERVICE") && lines[0].ends_with("MESSAGE"),
        "{table}"
    );
    assert!(
        lines[1].contains("/bad") && lines[1].contains("<pending>"),
        "{table}"
    );
    assert!(
        lines[1].contains("roadstead.dev/mock-latency: \"soon\""),
        "{table}"
    );
    assert!(
        lines[2].contains("/web") && lines[2].contains(&address),
        "{table}"
    );
    assert!(lines[2].contains("3/3 healthy"), "{table}");

    let everywhere = roadstead(&place.kubeconfig, &["status"]).await.ok();
    assert!(
        everywhere.contains(lines[2].split(' ').next().unwrap()),
        "{everywhere}"
    );
    running.stop().await;
}

#[tokio::test]
async fn the_same_in_json_is_for_programs() {
    let (place, running, address) = with_two("json").await;
    let args = ["status", "-n", &place.namespace, "-o", "json"];
    let text = roadstead(&place.kubeconfig, &args).await.ok();
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["accepted"], "False");
    assert_eq!(
        rows[1]["service"],
        json!(format!("{}/web", place.namespace))
    );
    assert_eq!(rows[1]["address"], json!(address));
    assert_eq!(rows[1]["provider"], "mock");
    running.stop().await;
}

#[tokio::test]
async fn without_a_service_of_ours_it_says_how_to_get_one() {
    let place = Place::new("nothing").await;
    place.create(&service("foreign").port(80).build()).await;
    let text = roadstead(&place.kubeconfig, &["status", "-n", &place.namespace])
        .await
        .ok();
    assert!(text.contains("spec.loadBalancerClass"), "{text}");
    let args = ["status", "-n", &place.namespace, "-o", "json"];
    assert_eq!(roadstead(&place.kubeconfig, &args).await.ok().trim(), "[]");
    // One that no controller took yet is shown as waiting for one.
    place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    let text = roadstead(&place.kubeconfig, &["status", "-n", &place.namespace])
        .await
        .ok();
    assert!(text.contains("no controller has taken it yet"), "{text}");
}

#[tokio::test]
async fn watching_prints_a_line_for_each_change() {
    let place = Place::with_nodes("watch").await;
    let log = folder(&place.namespace).join("watch.log");
    let args = ["status", "--watch", "-n", &place.namespace];
    let watching = Process::spawn_command(command(&place.kubeconfig, &args), &log).unwrap();
    let line = async |text: &str| {
        let has = |log: &str| {
            log.lines()
                .find(|line| line.contains(text))
                .map(str::to_owned)
        };
        match poll_until(text, DEADLINE, async || has(&watching.log())).await {
            Ok(line) => line,
            Err(error) => panic!("{error:#}; it said\n{}", watching.log()),
        }
    };
    place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    line("no controller has taken it yet").await;
    let running = place.controller().await;
    let address = addresses(&place.served("web").await)[0].clone();
    assert!(line(&address).await.contains("3/3 healthy"));
    place
        .annotate("web", "roadstead.dev/mock-latency", Some("soon"))
        .await;
    line("\"soon\" is no duration").await;
    place.delete("web").await;
    line("deleted").await;
    let headers = watching
        .log()
        .lines()
        .filter(|line| line.starts_with("SERVICE"))
        .count();
    assert_eq!(headers, 1);
    running.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let place = Place::new("errors").await;
    let name = format!("{}/nope", place.namespace);
    let args = ["plan", name.as_str(), "--provider", "mock"];
    let error = roadstead(&place.kubeconfig, &args).await.failed(1);
    assert!(error.starts_with("error: "), "{error}");
    assert!(
        error.contains(&name) && error.contains("not found"),
        "{error}"
    );

    let error = roadstead(Path::new("no/such/kubeconfig"), &["status"])
        .await
        .failed(1);
    assert!(error.contains("kubeconfig"), "{error}");
    let args = ["status", "--kubeconfig", "no/such/file"];
    let error = roadstead(&place.kubeconfig, &args).await.failed(1);
    assert!(error.contains("no/such/file"), "{error}");
    let args = ["status", "--context", "elsewhere"];
    let error = roadstead(&place.kubeconfig, &args).await.failed(1);
    assert!(error.contains("elsewhere"), "{error}");
}

#[tokio::test]
async fn an_api_server_that_cannot_be_reached_is_an_error_and_no_wait() {
    let place = Place::new("unreachable").await;
    let nobody = (Ipv4Addr::LOCALHOST, 9).into();
    let proxy = TcpProxy::start(nobody).await.unwrap();
    let dir = folder(&place.namespace);
    let through = proxy.kubeconfig_through(&place.kubeconfig, &dir).unwrap();
    let plan = ["plan", "a/b", "--provider", "mock"].as_slice();
    for args in [["status"].as_slice(), plan] {
        let error = roadstead(&through, args).await.failed(1);
        assert!(error.starts_with("error: "), "{error}");
        assert!(
            error.contains(&proxy.address().port().to_string()) || error.contains("connect"),
            "{error}"
        );
    }
    // One that takes connections and says nothing.
    proxy.freeze();
    for args in [["status"].as_slice(), plan] {
        let error = roadstead(&through, args).await.failed(1);
        assert!(error.starts_with("error: "), "{error}");
    }
}

#[tokio::test]
async fn an_output_that_cannot_be_written_is_an_error_and_no_panic() {
    let place = Place::new("full").await;
    let completion = ["completion", "bash"].as_slice();
    let policy = ["aws", "iam-policy"].as_slice();
    for args in [completion, policy, &["status"], &["status", "-o", "json"]] {
        let mut command = command(&place.kubeconfig, args);
        let full = std::fs::File::options()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let output = command.stdout(full).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.starts_with("error: "), "{args:?}: {error}");
    }
}

#[tokio::test]
async fn the_iam_policy_is_printed_without_a_cluster_and_as_aws_takes_it() {
    let nowhere = Path::new("no/such/kubeconfig");
    let policy = roadstead(nowhere, &["aws", "iam-policy"]).await.ok();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["Version"], "2012-10-17");
    let statements = policy["Statement"].as_array().unwrap();
    assert!(
        statements
            .iter()
            .all(|statement| statement["Effect"] == "Allow")
    );
    assert!(
        policy
            .to_string()
            .contains("elasticloadbalancing:CreateLoadBalancer")
    );
}

#[tokio::test]
async fn every_shell_gets_its_completion_and_everybody_help() {
    let nowhere = Path::new("no/such/kubeconfig");
    for (shell, word) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef roadstead"),
        ("fish", "complete -c roadstead"),
    ] {
        let script = roadstead(nowhere, &["completion", shell]).await.ok();
        assert!(
            script.contains(word) && script.contains("watch-namespace"),
            "{shell}"
        );
    }
    let help = roadstead(nowhere, &["--help"]).await.ok();
    for command in ["controller", "plan", "status", "aws", "completion"] {
        assert!(help.contains(command), "{help}");
    }
    for command in ["controller", "plan", "status"] {
        let help = roadstead(nowhere, &[command, "--help"]).await.ok();
        assert!(help.contains("--kubeconfig"), "{help}");
    }
    let version = roadstead(nowhere, &["--version"]).await.ok();
    assert!(version.contains(env!("CARGO_PKG_VERSION")), "{version}");
}
