//! Does the control plane keep what it promises to the tests that stand on it?

#![allow(clippy::unwrap_used, reason = "a helper of tests may end the test")]

use k8s_openapi::api::{
    core::v1::{Node, ObjectReference, Service},
    events::v1::Event,
};
use kube::{
    Api,
    api::{ListParams, ObjectMeta, PostParams},
};
use tokio::time::timeout;

use super::*;
use crate::{
    Audit, Process, TcpProxy, add_node, addresses, events_of, eventually, eventually_within,
    namespace, node, service,
};

const SHORT: Duration = Duration::from_secs(10);

/// One for the tests of this file, which are about a control plane of ours whatever cluster other tests are given.
async fn shared() -> &'static ControlPlane {
    static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();

    let options = Options {
        audit: true,
        ..Options::default()
    };
    SHARED
        .get_or_init(async || ControlPlane::start_own(options).await.unwrap())
        .await
}

#[tokio::test]
async fn objects_users_and_address_survive_a_crash_and_a_stop() {
    let mut control_plane = ControlPlane::start_own(Options {
        node_port_range: Some("20000-20002".to_owned()),
        apiserver_args: vec!["--v=1".to_owned(), "--max-requests-inflight=399".to_owned()],
        ..Options::default()
    })
    .await
    .unwrap();
    let server = control_plane.server().to_owned();
    let client = control_plane.client().await.unwrap();
    let namespace = namespace(&client, "survives").await.unwrap();
    let services = Api::<Service>::namespaced(client, &namespace);
    let created = services
        .create(&PostParams::default(), &service("web").port(80).build())
        .await
        .unwrap();
    let node_port = created.spec.unwrap().ports.unwrap()[0].node_port.unwrap();
    assert!((20_000..=20_002).contains(&node_port), "{node_port}");

    control_plane.kill().await.unwrap();
    assert_eq!(control_plane.pid(), None);
    control_plane.restart().await.unwrap();
    assert_eq!(
        services.get("web").await.unwrap().metadata.uid,
        created.metadata.uid,
        "the same client, the same object"
    );

    control_plane.stop().await.unwrap();
    assert!(control_plane.stop().await.is_err());
    control_plane.restart().await.unwrap();
    assert_eq!(
        services.get("web").await.unwrap().metadata.uid,
        created.metadata.uid
    );
    assert_eq!(control_plane.server(), server);
}

#[tokio::test]
async fn a_control_plane_that_cannot_start_says_why() {
    let options = Options {
        apiserver_args: vec!["--no-such-flag".to_owned()],
        ..Options::default()
    };
    let error = ControlPlane::start_own(options).await.unwrap_err();
    assert!(format!("{error:#}").contains("no-such-flag"), "{error:#}");
}

#[tokio::test]
async fn nothing_is_left_when_it_is_dropped() {
    let control_plane = ControlPlane::start_own(Options::default()).await.unwrap();
    let (pid, dir) = (
        control_plane.pid().unwrap(),
        control_plane.dir.path().to_path_buf(),
    );
    assert!(Path::new(&format!("/proc/{pid}")).exists() && dir.exists());
    drop(control_plane);
    assert!(!Path::new(&format!("/proc/{pid}")).exists() && !dir.exists());
}

#[tokio::test]
async fn the_audit_log_tells_users_apart_and_nobody_has_no_rights() {
    let control_plane = shared().await;
    let bench = Api::<Service>::default_namespaced(control_plane.client_of("bench").await.unwrap());
    let nobody =
        Api::<Service>::default_namespaced(control_plane.client_of("nobody").await.unwrap());
    bench.list(&ListParams::default()).await.unwrap();
    let refused = nobody.list(&ListParams::default()).await.unwrap_err();
    assert!(
        matches!(&refused, kube::Error::Api(status) if status.code == 403),
        "{refused}"
    );
    assert!(control_plane.kubeconfig_of("stranger").is_err());

    let audit = Audit::read(control_plane.audit_log().unwrap()).unwrap();
    let asked = |user| {
        audit
            .requests_of(user)
            .filter(|request| request.verb == "list")
            .map(|request| (request.path(), request.code))
            .collect::<Vec<_>>()
    };
    assert_eq!(asked("bench"), [("services".to_owned(), 200)]);
    assert_eq!(asked("nobody"), [("services".to_owned(), 403)]);
    assert_eq!(
        audit.requests_of("nobody").next().unwrap().decision,
        "forbid"
    );
}

#[tokio::test]
async fn a_given_cluster_is_used_with_the_same_users_and_never_ended() {
    let own = shared().await;
    let mut given = ControlPlane::given(own.kubeconfig().to_path_buf()).unwrap();
    assert_eq!(
        (given.server(), given.pid(), given.audit_log()),
        (own.server(), None, None)
    );
    for (user, allowed) in [("announcer", true), ("nobody", false)] {
        let services = Api::<Service>::default_namespaced(given.client_of(user).await.unwrap());
        assert_eq!(
            services.get_opt("impersonated").await.is_ok(),
            allowed,
            "{user}"
        );
    }
    let audit = Audit::read(own.audit_log().unwrap()).unwrap();
    assert!(
        audit
            .requests_of("announcer")
            .any(|request| request.name == "impersonated")
    );
    for refused in [
        given.stop().await,
        given.kill().await,
        given.restart().await,
    ] {
        assert!(refused.unwrap_err().to_string().contains(GIVEN_KUBECONFIG));
    }
}

#[tokio::test]
async fn a_new_node_is_ready_and_has_only_its_own_taints() {
    let client = shared().await.client().await.unwrap();
    let plain = node("plain")
        .provider_id("mock:///plain")
        .address("10.0.0.1")
        .build();
    add_node(&client, plain).await.unwrap();
    let tainted = node("tainted")
        .taint("karpenter.sh/disrupted", "NoSchedule")
        .not_ready()
        .build();
    add_node(&client, tainted).await.unwrap();

    let nodes = Api::<Node>::all(client);
    let plain = nodes.get("plain").await.unwrap();
    let status = plain.status.unwrap();
    assert_eq!(plain.spec.unwrap().taints, None);
    assert_eq!(status.addresses.unwrap()[0].address, "10.0.0.1");
    assert_eq!(status.conditions.unwrap()[0].status, "True");
    let tainted = nodes.get("tainted").await.unwrap();
    let taints = tainted.spec.unwrap().taints.unwrap();
    assert_eq!(
        taints
            .iter()
            .map(|taint| taint.key.as_str())
            .collect::<Vec<_>>(),
        ["karpenter.sh/disrupted"]
    );
    assert_eq!(
        tainted.status.unwrap().conditions.unwrap()[0].status,
        "False"
    );
}

#[tokio::test]
async fn what_never_comes_about_is_shown_as_it_was_last() {
    let client = shared().await.client().await.unwrap();
    let namespace = namespace(&client, "never").await.unwrap();
    let services = Api::<Service>::namespaced(client, &namespace);
    let soon = Duration::from_millis(300);
    let has_address =
        |service: Option<&Service>| service.is_some_and(|service| !addresses(service).is_empty());

    let error = eventually_within(soon, &services, "web", "an address", has_address)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("an address") && error.contains("did not exist"),
        "{error}"
    );

    services
        .create(&PostParams::default(), &service("web").port(80).build())
        .await
        .unwrap();
    let error = eventually_within(soon, &services, "web", "an address", has_address)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("type: LoadBalancer") && !error.contains("managedFields"),
        "{error}"
    );
}

#[tokio::test]
async fn a_watch_goes_on_when_the_network_is_back() {
    let control_plane = shared().await;
    let client = control_plane.client().await.unwrap();
    let namespace = namespace(&client, "network").await.unwrap();
    let services = Api::<Service>::namespaced(client, &namespace);

    let proxy = TcpProxy::start(control_plane.address().unwrap())
        .await
        .unwrap();
    let dir = RunDir::create().unwrap();
    let through = proxy
        .kubeconfig_through(control_plane.kubeconfig(), dir.path())
        .unwrap();
    let far = Api::<Service>::namespaced(kubeconfig::client(&through).await.unwrap(), &namespace);
    far.list(&ListParams::default()).await.unwrap();

    proxy.cut();
    services
        .create(&PostParams::default(), &service("web").port(80).build())
        .await
        .unwrap();
    let exists = |service: Option<&Service>| service.is_some();
    let (found, ()) = tokio::join!(
        eventually(&far, "web", "the Service to be seen", exists),
        async {
            assert!(far.get("web").await.is_err());
            proxy.heal();
        }
    );
    assert!(found.unwrap().is_some());

    proxy.freeze();
    assert!(
        timeout(Duration::from_millis(200), far.get("web"))
            .await
            .is_err()
    );
    proxy.heal();
    timeout(SHORT, far.get("web")).await.unwrap().unwrap();
}

#[tokio::test]
async fn events_are_found_by_the_name_of_their_object_in_the_order_of_time() {
    let client = shared().await.client().await.unwrap();
    let namespace = namespace(&client, "events").await.unwrap();
    let events = Api::<Event>::namespaced(client.clone(), &namespace);
    for (name, about, reason, at) in [
        ("b", "web", "Second", "2026-01-01T00:00:01.000002Z"),
        ("a", "web", "First", "2026-01-01T00:00:01.000001Z"),
        ("c", "other", "Third", "2026-01-01T00:00:01.000003Z"),
    ] {
        let regarding = ObjectReference {
            kind: Some("Service".to_owned()),
            namespace: Some(namespace.clone()),
            name: Some(about.to_owned()),
            ..ObjectReference::default()
        };
        let event = Event {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            event_time: Some(serde_json::from_value(at.into()).unwrap()),
            type_: Some("Normal".to_owned()),
            reason: Some(reason.to_owned()),
            action: Some("Testing".to_owned()),
            reporting_controller: Some("roadstead.dev/testbed".to_owned()),
            reporting_instance: Some("testbed".to_owned()),
            regarding: Some(regarding),
            ..Event::default()
        };
        events.create(&PostParams::default(), &event).await.unwrap();
    }
    let reasons: Vec<String> = events_of(&client, &namespace, "web")
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.reason)
        .collect();
    assert_eq!(reasons, ["First", "Second"]);
}

#[tokio::test]
async fn its_memory_and_cpu_time_can_be_read() {
    let process = shared().await.process().unwrap();
    assert!(process.rss_bytes().unwrap() > 50 << 20);
    assert!(Process::cpu_time(process).unwrap() > Duration::from_millis(100));
}
