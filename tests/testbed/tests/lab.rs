//! Is the lab's network a real one, and does what fails in it fail as it would?
#![allow(
    clippy::unwrap_used,
    reason = "what fails outside of a test function fails the test as well"
)]

use std::{net::IpAddr, time::Duration};

use roadstead_testbed::{
    Lab, LabOptions,
    lab::{vip4, vip6},
    namespace, service,
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

const SOON: Duration = Duration::from_secs(10);

/// The lab of these tests, for one at a time.
async fn lab() -> MutexGuard<'static, Lab> {
    static LAB: OnceCell<Mutex<Lab>> = OnceCell::const_new();

    let start = async || Mutex::new(Lab::start(LabOptions::default()).await.unwrap());
    LAB.get_or_init(start).await.lock().await
}

/// A Service with pods on these nodes and with both families, whose status was written by hand.
async fn published(lab: &Lab, name: &str, nodes: &[u8], local: bool, vips: &[IpAddr]) {
    let client = lab.control_plane().client().await.unwrap();
    let place = namespace(&client, name).await.unwrap();
    let mut wanted = service(name)
        .namespace(&place)
        .class("example.com/by-hand")
        .families("RequireDualStack", &["IPv4", "IPv6"])
        .port(80)
        .target_port(8080)
        .udp_port(7);
    if local {
        wanted = wanted.local_traffic();
    }
    let created = lab.service_with_pods(wanted.build(), nodes).await.unwrap();
    lab.publish(&created, vips).await.unwrap();
}

#[tokio::test]
async fn a_client_reaches_a_pod_through_any_node() {
    let lab = lab().await;
    let vips: [IpAddr; 2] = [vip4(0).into(), vip6(0).into()];
    published(&lab, "cluster", &[2], false, &vips).await;
    for vip in vips {
        for node in lab.nodes() {
            lab.client().set_neighbour(vip, node.mac()).unwrap();
            let answer = lab.client().get_until(vip, 80, SOON).await.unwrap();
            assert_eq!(answer.pod, "cluster-2");
            let seen = answer.client.ip();
            let client = lab.client().interface().address_like(vip);
            assert_ne!(seen, client, "{} keeps the client's address", node.name());
        }
    }
}

#[tokio::test]
async fn with_local_the_client_is_seen_and_nodes_without_a_pod_are_silent() {
    let lab = lab().await;
    let vips: [IpAddr; 2] = [vip4(1).into(), vip6(1).into()];
    published(&lab, "local", &[2], true, &vips).await;
    for vip in vips {
        lab.client().set_neighbour(vip, lab.node(2).mac()).unwrap();
        let answer = lab.client().get_until(vip, 80, SOON).await.unwrap();
        assert_eq!(
            answer.client.ip(),
            lab.client().interface().address_like(vip)
        );
        lab.client().set_neighbour(vip, lab.node(1).mac()).unwrap();
        let error = lab.client().get(vip, 80).await.unwrap_err();
        assert!(format!("{error:#}").contains("timed out"), "{error:#}");
    }
}

#[tokio::test]
async fn whoever_answers_is_counted_question_by_question() {
    let lab = lab().await;
    for vip in [IpAddr::from(vip4(2)), vip6(2).into()] {
        assert!(lab.arp_answers(vip, 3).await.unwrap().none());
        lab.node(1).add_address(vip, "eth0").unwrap();
        let answers = lab.arp_answers(vip, 20).await.unwrap();
        assert_eq!(answers.only(), Some(lab.node(1).mac()), "{answers:?}");
        assert_eq!(answers.0.len(), 20);

        lab.node(3).add_address(vip, "eth0").unwrap();
        let answers = lab.arp_answers(vip, 20).await.unwrap();
        assert_eq!(answers.only(), None);
        assert!(answers.0.iter().all(|who| who.len() == 2), "{answers:?}");
        assert_eq!(answers.everybody(), [lab.node(1).mac(), lab.node(3).mac()]);

        for node in [1, 3] {
            lab.node(node).remove_address(vip, "eth0").unwrap();
        }
    }
}
