//! Are unusual requests served as they are: many ports, every protocol, two families, no node ports, a fixed address?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what is missing fails the test"
)]

mod support;

use roadstead_mock::Settings;
use roadstead_testbed::{addresses, condition, is_true, service};
use serde_json::json;
use support::{ACCEPTED, MOCK, PROGRAMMED, Place, Setup, count, is_refused, said};

#[tokio::test]
async fn a_service_without_node_ports_is_refused_where_nodes_are_the_targets() {
    let place = Place::with_nodes("nonodeport").await;
    let running = place.controller().await;
    let web = service("web").class(MOCK).port(80).without_node_ports();
    place.create(&web.build()).await;
    let refused = place.until("web", "refused", is_refused).await;
    let message = &condition(&refused, ACCEPTED).unwrap().message;
    assert!(
        message.contains("allocateLoadBalancerNodePorts"),
        "{message}"
    );
    assert!(place.cloud.balancers().is_empty());
    place
        .edit_spec("web", json!({ "allocateLoadBalancerNodePorts": true }))
        .await;
    place.served("web").await;

    let pods = service("pods")
        .class(MOCK)
        .annotation("roadstead.dev/mock-target-type", "ip")
        .port(80)
        .without_node_ports();
    let pods = place.create_served(&pods.build()).await;
    assert_eq!(place.balancer(&pods).listeners[0].node_port, None);
    running.stop().await;
}

#[tokio::test]
async fn a_hundred_ports_and_every_protocol_are_served() {
    let place = Place::with_nodes("ports").await;
    let running = place.controller().await;
    let mut hundred = service("hundred").class(MOCK);
    for port in 1..=100 {
        hundred = hundred.port(port);
    }
    let hundred = place.create_served(&hundred.build()).await;
    assert_eq!(place.balancer(&hundred).listeners.len(), 100);
    place
        .told("hundred", "EnsuredLoadBalancer", "listener 1/TCP")
        .await;

    let mixed = service("mixed")
        .class(MOCK)
        .port(53)
        .udp_port(53)
        .named_port("sig", 2905, "SCTP");
    let mixed = place.create_served(&mixed.build()).await;
    let listeners = place.balancer(&mixed).listeners;
    let shown: Vec<String> = listeners
        .iter()
        .map(|listener| format!("{}/{}", listener.port, listener.protocol))
        .collect();
    assert_eq!(shown, ["53/TCP", "53/UDP", "2905/SCTP"]);
    running.stop().await;
}

#[tokio::test]
async fn a_dual_stack_service_gets_an_address_of_each_family() {
    let place = Place::with_nodes("dual").await;
    let running = place.controller().await;
    let table: [(&str, &str, &[&str], &[&str]); 4] = [
        (
            "both",
            "RequireDualStack",
            &["IPv4", "IPv6"],
            &["192.", "2001:"],
        ),
        (
            "other-way-round",
            "RequireDualStack",
            &["IPv6", "IPv4"],
            &["2001:", "192."],
        ),
        (
            "preferred",
            "PreferDualStack",
            &["IPv4", "IPv6"],
            &["192.", "2001:"],
        ),
        ("six", "SingleStack", &["IPv6"], &["2001:"]),
    ];
    for (name, policy, families, prefixes) in table {
        let wanted = service(name)
            .class(MOCK)
            .families(policy, families)
            .port(80);
        let served = addresses(&place.create_served(&wanted.build()).await);
        assert_eq!(served.len(), prefixes.len(), "{name}: {served:?}");
        for (address, prefix) in served.iter().zip(prefixes) {
            assert!(address.starts_with(prefix), "{name}: {served:?}");
        }
    }

    // A second family later keeps the first address.
    let single = place
        .create_served(&service("later").class(MOCK).port(80).build())
        .await;
    place
        .edit_spec(
            "later",
            json!({ "ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv4", "IPv6"] }),
        )
        .await;
    let both = place
        .until("later", "two addresses", |service| {
            addresses(service).len() == 2
        })
        .await;
    assert_eq!(addresses(&both)[0], addresses(&single)[0]);
    running.stop().await;
}

#[tokio::test]
async fn where_one_family_has_no_address_only_the_preference_is_content_with_the_other() {
    let place = Place::with_nodes("family").await;
    let mock = Settings {
        addresses: vec!["192.0.2.0/24".parse().unwrap()],
        ..Settings::default()
    };
    let setup = Setup {
        mock,
        ..Setup::default()
    };
    let running = place.controller_with(setup).await;
    let families = &["IPv4", "IPv6"];
    let prefers = service("prefers")
        .class(MOCK)
        .families("PreferDualStack", families)
        .port(80);
    assert_eq!(
        addresses(&place.create_served(&prefers.build()).await).len(),
        1
    );
    let requires = service("requires")
        .class(MOCK)
        .families("RequireDualStack", families)
        .port(80);
    place.create(&requires.build()).await;
    let refused = place
        .until("requires", "out of addresses", |service| {
            said(service, PROGRAMMED) == ("False".to_owned(), "Quota".to_owned())
        })
        .await;
    assert!(addresses(&refused).is_empty());
    assert!(is_true(&refused, ACCEPTED), "the request is fine");
    running.stop().await;
    assert_eq!(
        count(&place.events("requires").await, "SyncLoadBalancerFailed"),
        1
    );
}

#[tokio::test]
async fn a_requested_address_moves_the_load_balancer_there() {
    let place = Place::with_nodes("requested").await;
    let running = place.controller().await;
    let web = place
        .create_served(&service("web").class(MOCK).port(80).build())
        .await;
    place
        .edit_spec("web", json!({ "loadBalancerIP": "192.0.2.200" }))
        .await;
    let moved = place
        .until("web", "the requested address", |service| {
            addresses(service) == ["192.0.2.200"]
        })
        .await;
    assert_eq!(place.cloud.balancers().len(), 1);
    assert_eq!(
        place.balancer(&moved).addresses[0].to_string(),
        "192.0.2.200"
    );
    assert_ne!(addresses(&web), addresses(&moved));
    running.stop().await;
}
