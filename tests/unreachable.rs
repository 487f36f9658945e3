//! What if the API server cannot be reached, or refuses? The process goes on trying, and says why it waits.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use std::{path::Path, time::Duration};

use k8s_openapi::api::{
    core::v1::Node,
    rbac::v1::{ClusterRole, ClusterRoleBinding},
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use roadstead_testbed::{ControlPlane, Roadstead, TcpProxy, poll_until, service};
use serde_json::{Value, json};
use support::{
    DEADLINE, MOCK, Place,
    cli::{BINARY, folder},
};

/// Watches are tried again after up to half a minute.
const PATIENTLY: Duration = Duration::from_mins(2);

/// A controller for this place that reaches the API server by way of `kubeconfig`.
fn start(place: &Place, kubeconfig: &Path, more: &[&str]) -> Roadstead {
    let namespace = place.namespace.as_str();
    let args = [
        "--provider",
        "mock",
        "--watch-namespace",
        namespace,
        "--lease-namespace",
        namespace,
    ];
    Roadstead::start(Path::new(BINARY), kubeconfig, &[&args, more].concat()).unwrap()
}

/// Waits until `/readyz` answers `code` with each of `texts` in it, the process being alive.
async fn readyz(controller: &Roadstead, code: u16, texts: &[&str]) -> String {
    let mut last = String::new();
    let what = format!("{code} {texts:?}");
    let found = poll_until(&what, PATIENTLY, async || {
        let (status, body) = controller.get("/readyz").await.ok()?;
        let found = status == code && texts.iter().all(|text| body.contains(text));
        last = format!("{status} {body}");
        found.then_some(body)
    });
    match found.await {
        Ok(body) => body,
        Err(error) => panic!("{error:#}; it was last {last}\n{}", controller.log()),
    }
}

async fn proxied(place: &Place) -> (TcpProxy, std::path::PathBuf) {
    let control_plane = ControlPlane::shared().await.unwrap();
    let proxy = TcpProxy::start(control_plane.address().unwrap())
        .await
        .unwrap();
    let dir = folder(&place.namespace);
    let through = proxy.kubeconfig_through(&place.kubeconfig, &dir).unwrap();
    (proxy, through)
}

async fn ends_in_order(controller: &Roadstead) {
    controller.term().unwrap();
    let status = controller.wait(DEADLINE).await.unwrap();
    assert!(status.success(), "{status}\n{}", controller.log());
}

async fn serves(place: &Place, name: &str) {
    place
        .create_served(&service(name).class(MOCK).port(80).build())
        .await;
}

#[tokio::test]
async fn an_api_server_that_refuses_connections_is_waited_for() {
    let place = Place::with_nodes("refusing").await;
    let (proxy, through) = proxied(&place).await;
    proxy.cut();
    let controller = start(&place, &through, &[]);
    let port = proxy.address().port().to_string();
    readyz(&controller, 503, &["[-] cluster: ", &port]).await;
    assert_eq!(
        controller.get("/livez").await.unwrap().0,
        200,
        "it is alive and not ready"
    );
    assert_eq!(controller.get("/").await.unwrap().0, 200);
    let log = controller.log();
    assert!(log.contains("cannot be reached; trying again"), "{log}");

    proxy.heal();
    readyz(&controller, 200, &["cluster: reached", "role: leader"]).await;
    serves(&place, "web").await;
    ends_in_order(&controller).await;
}

#[tokio::test]
async fn an_api_server_that_says_nothing_is_waited_for_and_the_wait_can_be_ended() {
    let place = Place::with_nodes("silent").await;
    let (proxy, through) = proxied(&place).await;
    proxy.freeze();
    let first = start(&place, &through, &[]);
    readyz(
        &first,
        503,
        &["[-] cluster: ", &proxy.address().port().to_string()],
    )
    .await;
    ends_in_order(&first).await;

    let second = start(&place, &through, &[]);
    readyz(&second, 503, &["[-] cluster: "]).await;
    proxy.heal();
    readyz(&second, 200, &[]).await;
    serves(&place, "web").await;
    ends_in_order(&second).await;
}

#[tokio::test]
async fn a_controller_that_is_cut_off_later_says_so_and_catches_up() {
    let place = Place::with_nodes("cut").await;
    let (proxy, through) = proxied(&place).await;
    let controller = start(&place, &through, &["--leader-elect", "false"]);
    controller.ready(DEADLINE).await.unwrap();
    serves(&place, "before").await;

    proxy.cut();
    place
        .create(&service("meanwhile").class(MOCK).port(80).build())
        .await;
    place.delete("before").await;
    // It knows what there was, so it stays ready; why it hears nothing new is there to be read.
    let troubled = [
        "watching nodes: client error",
        "watching services: client error",
    ];
    readyz(&controller, 200, &troubled).await;

    proxy.heal();
    place.served("meanwhile").await;
    place.gone("before").await;
    // A watch that hears something is well again.
    let nodes: Api<Node> = Api::all(place.client.clone());
    let beat = Patch::Merge(json!({ "metadata": { "labels": { "example.com/beat": "1" } } }));
    nodes
        .patch("node-1", &PatchParams::default(), &beat)
        .await
        .unwrap();
    let well = ["watching nodes: synced", "watching services: synced"];
    readyz(&controller, 200, &well).await;
    ends_in_order(&controller).await;
}

#[tokio::test]
async fn wrong_credentials_are_named() {
    let place = Place::new("credentials").await;
    let text = std::fs::read_to_string(&place.kubeconfig).unwrap();
    let mut config: Value = serde_yaml::from_str(&text).unwrap();
    config["users"][0]["user"] = json!({ "token": "wrong" });
    let wrong = folder(&place.namespace).join("kubeconfig");
    std::fs::write(&wrong, serde_json::to_string(&config).unwrap()).unwrap();
    let controller = start(&place, &wrong, &[]);
    readyz(&controller, 503, &["[-] cluster: ", "Unauthorized"]).await;
    ends_in_order(&controller).await;
}

async fn allow(place: &Place, name: &str, rules: Value) {
    let allowed: Api<ClusterRole> = Api::all(place.client.clone());
    let patch = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": { "name": name }, "rules": rules,
    });
    allowed
        .patch(name, &PatchParams::apply("test"), &Patch::Apply(patch))
        .await
        .unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(place.client.clone());
    if bindings.get_opt(name).await.unwrap().is_none() {
        let binding = json!({
            "metadata": { "name": name },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name },
            "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody" }],
        });
        let binding = serde_json::from_value(binding).unwrap();
        bindings
            .create(&PostParams::default(), &binding)
            .await
            .unwrap();
    }
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": [group], "resources": resources, "verbs": verbs })
}

#[tokio::test]
async fn a_missing_permission_is_named_by_verb_and_resource_and_noticed_once_given() {
    let place = Place::with_nodes("forbidden").await;
    let control_plane = ControlPlane::shared().await.unwrap();
    let powerless = control_plane.kubeconfig_of("nobody").unwrap();
    let controller = start(&place, &powerless, &[]);
    let missing = "cannot get resource \"namespaces\"";
    readyz(&controller, 503, &["[-] cluster: ", missing]).await;
    assert!(
        controller
            .log()
            .contains(missing.replace('"', "\\\"").as_str())
            || controller.log().contains(missing)
    );

    let role = place.namespace.clone();
    let cluster = rule("", &["namespaces"], &["get"]);
    allow(&place, &role, json!([cluster])).await;
    let named = [
        "[+] cluster: reached",
        "[-] watching services: ",
        "cannot list resource \"services\"",
        "[-] watching nodes: ",
        "cannot list resource \"nodes\"",
        "cannot get resource \"leases\"",
    ];
    readyz(&controller, 503, &named).await;

    let reads = rule("", &["services", "nodes"], &["list", "watch"]);
    let lease = rule(
        "coordination.k8s.io",
        &["leases"],
        &["get", "list", "watch", "create", "update"],
    );
    allow(&place, &role, json!([cluster, reads, lease])).await;
    readyz(&controller, 200, &["role: leader"]).await;
    place
        .create(&service("web").class(MOCK).port(80).build())
        .await;
    let refused = "cannot patch resource \"services\"";
    poll_until("the missing verb in the log", DEADLINE, async || {
        let log = controller.log().replace('\\', "");
        log.contains(refused).then_some(())
    })
    .await
    .unwrap();

    let writes = rule("", &["services", "services/status"], &["patch"]);
    let events = rule("events.k8s.io", &["events"], &["create"]);
    allow(
        &place,
        &role,
        json!([cluster, reads, lease, writes, events]),
    )
    .await;
    place.served("web").await;
    ends_in_order(&controller).await;
}
