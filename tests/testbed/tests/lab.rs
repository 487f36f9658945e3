//! Is the lab's network a real one, and does what fails in it fail as it would?
#![allow(
    clippy::unwrap_used,
    reason = "what fails outside of a test function fails the test as well"
)]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{IpAddr, TcpStream, UdpSocket},
    os::unix::process::ExitStatusExt as _,
    path::Path,
    time::Duration,
};

use roadstead_testbed::{
    Lab, LabOptions, k8s_openapi,
    kube::Api,
    lab::{Mac, Node, Segment, vip4, vip6},
    namespace, poll_until, service,
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

#[tokio::test]
async fn a_pulled_cable_is_an_outage_at_the_client_and_nothing_else_is() {
    let lab = lab().await;
    let vip = vip4(3).into();
    published(&lab, "probed", &[3], false, &[vip]).await;
    lab.client().set_neighbour(vip, lab.node(1).mac()).unwrap();
    lab.client().get_until(vip, 80, SOON).await.unwrap();

    let prober = lab.client().probe(vip, 7).unwrap();
    prober.answered(SOON).await.unwrap();
    prober.answered(SOON).await.unwrap();
    let calm = prober.stop().await.unwrap().outage();
    assert_eq!(calm.lost, 0, "{calm:?}");

    let prober = lab.client().probe(vip, 7).unwrap();
    prober.answered(SOON).await.unwrap();
    lab.node(1).link_down().unwrap();
    lab.client().set_neighbour(vip, lab.node(2).mac()).unwrap();
    prober.answered(SOON).await.unwrap();
    let outage = prober.stop().await.unwrap().outage();
    assert!(
        outage.lost > 0 && outage.gap > Duration::from_millis(outage.lost / 2),
        "{outage:?}"
    );
    lab.node(1).link_up().unwrap();
}

#[tokio::test]
async fn a_handover_with_two_answering_is_seen_as_that() {
    let lab = lab().await;
    let [old, new] = [lab.node(1), lab.node(2)];
    for vip in [IpAddr::from(vip4(4)), vip6(4).into()] {
        let overhearing = lab.overhear().unwrap();
        let watch = lab.watch_arp(vip).unwrap();
        let answering = async |node: &Node| {
            poll_until("the node to answer", SOON, async || {
                (watch.last()?.1 == node.mac()).then_some(())
            })
            .await
            .unwrap();
        };
        old.add_address(vip, "eth0").unwrap();
        answering(old).await;
        new.add_address(vip, "eth0").unwrap();
        answering(new).await;
        old.remove_address(vip, "eth0").unwrap();
        new.remove_address(vip, "eth0").unwrap();
        let watched = watch.stop().await.unwrap();
        assert_eq!(watched.everybody(), [old.mac(), new.mac()]);
        assert!(watched.overlap() > Duration::ZERO);
        let overheard = overhearing.stop().await.unwrap();
        assert!(
            overheard
                .iter()
                .any(|claim| (claim.ip, claim.mac) == (vip, new.mac()))
        );
    }
}

#[tokio::test]
async fn parted_nodes_do_not_hear_each_other_until_healed() {
    let lab = lab().await;
    let vip = vip4(5).into();
    lab.node(1).add_address(vip, "eth0").unwrap();
    lab.partition(&[&[2, 3], &[1]]).unwrap();
    assert!(lab.arp_answers(vip, 3).await.unwrap().none());
    assert!(!hears(lab.node(2), lab.node(1)) && !hears(lab.node(1), lab.node(2)));
    assert!(hears(lab.node(2), lab.node(3)));
    assert!(api_answers(&lab, 1), "the API server is behind the router");
    lab.heal().unwrap();
    assert_eq!(
        lab.arp_answers(vip, 3).await.unwrap().only(),
        Some(lab.node(1).mac())
    );

    lab.one_way(1, 2).unwrap();
    assert!(!hears(lab.node(2), lab.node(1)));
    assert!(hears(lab.node(1), lab.node(2)));
    lab.heal().unwrap();
    assert!(hears(lab.node(2), lab.node(1)));
    lab.node(1).remove_address(vip, "eth0").unwrap();
}

#[tokio::test]
async fn a_node_without_power_runs_nothing_and_comes_back() {
    let lab = lab().await;
    let vip = vip4(6).into();
    published(&lab, "power", &[2], false, &[vip]).await;
    lab.client().set_neighbour(vip, lab.node(2).mac()).unwrap();
    lab.client().get_until(vip, 80, SOON).await.unwrap();

    let none: [(&str, &str); 0] = [];
    let program = lab.node(2).run(Path::new("sleep"), ["1000"], none).unwrap();
    let elsewhere = lab.node(1).run(Path::new("sleep"), ["1000"], none).unwrap();
    lab.node(2).power_off().unwrap();
    assert_eq!(program.wait(SOON).await.unwrap().signal(), Some(9));
    assert_eq!(elsewhere.status(), None);
    lab.client().get(vip, 80).await.unwrap_err();

    lab.node(2).power_on(true).unwrap();
    let answer = lab.client().get_until(vip, 80, SOON * 3).await.unwrap();
    assert_eq!(answer.node, "node-2");
}

#[tokio::test]
async fn nodes_lose_the_api_server_and_find_it_again() {
    let lab = lab().await;
    assert!(api_answers(&lab, 1));
    lab.api_down();
    assert!(!api_answers(&lab, 1));
    lab.api_up();
    assert!(api_answers(&lab, 1));
    lab.api_silent();
    assert!(!api_answers(&lab, 1));
    lab.api_up();
    assert!(api_answers(&lab, 1));
}

#[tokio::test]
async fn a_stranger_answers_for_the_address_it_has() {
    let lab = lab().await;
    for vip in [IpAddr::from(vip4(7)), vip6(7).into()] {
        let stranger = lab.foreign_host(vip).unwrap();
        let other = lab.foreign_host(vip4(8).into()).unwrap();
        assert_eq!(
            lab.arp_answers(vip, 3).await.unwrap().only(),
            Some(stranger.mac())
        );
        assert!(lab.node_with(stranger.mac()).is_none());
        assert_ne!(stranger.mac(), other.mac());
        drop(stranger);
        assert!(lab.arp_answers(vip, 3).await.unwrap().none());
    }
}

#[tokio::test]
async fn who_is_asked_as_from_another_machine_is_interrupted_and_else_not() {
    let lab = lab().await;
    let node = lab.node(1);
    let answerer = node.answer_plainly(vip4(20)).unwrap();
    let ip = vip4(20).into();

    let before = interrupts();
    let apart = lab.apart().unwrap();
    let watch = apart.watch_arp(ip).unwrap();
    poll_until("an answer", SOON, async || watch.last())
        .await
        .unwrap();
    let watched = watch.stop().await.unwrap();
    drop(apart);
    assert_eq!(watched.everybody(), [node.mac()]);
    assert!(interrupts() - before >= watched.latencies().len());

    let before = interrupts();
    let answers = lab.arp_answers(ip, 20).await.unwrap();
    assert_eq!(answers.only(), Some(node.mac()));
    assert_eq!(interrupts(), before);
    answerer.stop().await.unwrap();
    assert!(lab.arp_answers(ip, 3).await.unwrap().none());
}

#[tokio::test]
async fn whoever_is_plugged_in_the_router_keeps_its_hardware_address() {
    let lab = lab().await;
    let router = lab.api_address().ip();
    let known = Mac([0x02, 0x30, 0, 0, 0, 1]);
    // Their ports have addresses of the kernel's choice: some are lower than any before, some higher.
    for _ in 0..3 {
        let mut strangers = Vec::new();
        for n in 10..18 {
            strangers.push(lab.foreign_host(vip4(n).into()).unwrap());
            let answers = lab.arp_answers(router, 1).await.unwrap();
            assert_eq!(answers.only(), Some(known), "{answers:?}");
        }
        drop(strangers);
        let answers = lab.arp_answers(router, 1).await.unwrap();
        assert_eq!(answers.only(), Some(known), "{answers:?}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_while_kube_proxy_restarts_and_the_hardware_address_changes() {
    let lab = lab().await;
    let (vip, node) = (IpAddr::from(vip4(9)), lab.node(3));
    published(&lab, "kept", &[1], true, &[vip]).await;
    lab.node(1).add_address(vip, "eth0").unwrap();
    lab.client().get_until(vip, 80, SOON).await.unwrap();
    assert_eq!(
        lab.client().neighbour(vip).unwrap(),
        Some(lab.node(1).mac())
    );
    let mut kept = lab.client().connect_kept(vip, 80).await.unwrap();
    let before = kept.ask().await.unwrap();
    lab.node(1).kube_proxy().restart().unwrap();
    lab.node(1).kube_proxy().ready().await.unwrap();
    assert_eq!(kept.ask().await.unwrap(), before);
    lab.node(1).remove_address(vip, "eth0").unwrap();

    let (old, new) = (node.mac(), Mac([2, 0, 0, 0, 0, 99]));
    node.set_mac("eth0", new).unwrap();
    assert_eq!(
        lab.arp_answers(node.v4().into(), 3).await.unwrap().only(),
        Some(new)
    );
    node.set_mac("eth0", old).unwrap();
}

#[tokio::test]
async fn a_node_on_another_segment_is_reached_through_the_router_and_not_heard() {
    let lab = LabOptions::default()
        .nodes(1)
        .node_on(Segment(1))
        .start()
        .await
        .unwrap();
    let (near, far) = (lab.node(1), lab.node(2));
    let vip = vip4(0).into();
    published(&lab, "far", &[2], false, &[vip]).await;
    far.add_address(vip, "eth0").unwrap();
    assert!(lab.arp_answers(vip, 3).await.unwrap().none());
    assert!(api_answers(&lab, 2));
    near.add_address(vip, "eth0").unwrap();
    let answer = lab.client().get_until(vip, 80, SOON).await.unwrap();
    assert_eq!(answer.node, "node-2");

    let second = far.add_interface(Segment::MAIN).unwrap();
    assert_eq!(
        (second.name.as_str(), second.segment),
        ("eth1", Segment::MAIN)
    );
    let answers = lab.arp_answers(second.v4.into(), 3).await.unwrap();
    assert_eq!(answers.only(), Some(second.mac));
    far.link("eth1", false).unwrap();
    assert!(lab.arp_answers(second.v4.into(), 3).await.unwrap().none());
}

#[tokio::test]
async fn a_node_that_was_never_there_forwards_and_leaves_for_good() {
    let mut lab = lab().await;
    let vips = |n| [IpAddr::from(vip4(n)), vip6(n).into()];
    // The second time its number, its place and its pods' networks are free again.
    for n in [18, 19] {
        let number = lab.add_node(Segment::MAIN).await.unwrap();
        assert_eq!(number, 4);
        published(&lab, &format!("grown-{n}"), &[number], true, &vips(n)).await;
        for vip in vips(n) {
            lab.client()
                .set_neighbour(vip, lab.node(number).mac())
                .unwrap();
            let answer = lab.client().get_until(vip, 80, SOON).await.unwrap();
            assert_eq!(answer.node, "node-4");
        }
        let address = lab.node(number).v4().into();
        lab.remove_last_node().await.unwrap();
        assert!(lab.arp_answers(address, 3).await.unwrap().none());
        let nodes: Api<k8s_openapi::api::core::v1::Node> =
            Api::all(lab.control_plane().client().await.unwrap());
        assert_eq!(nodes.get_opt("node-4").await.unwrap(), None);
        assert_eq!(lab.nodes().len(), 3);
    }
}

/// How often a processor of this machine was interrupted so that it takes in what another one received.
fn interrupts() -> usize {
    let all = fs::read_to_string("/proc/net/softnet_stat").unwrap();
    let of_one = |line: &str| {
        // The kernel's documentation calls it `received_rps`.
        let count = line.split_whitespace().nth(9).unwrap();
        usize::from_str_radix(count, 16).unwrap()
    };
    all.lines().map(of_one).sum()
}

/// Whether a datagram from one node arrives at another.
fn hears(hearing: &Node, speaking: &Node) -> bool {
    let address = hearing.v4();
    let ear = hearing
        .inside(|| Ok(UdpSocket::bind((address, 0))?))
        .unwrap();
    ear.set_read_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    let to = ear.local_addr().unwrap();
    let mouth = speaking
        .inside(|| Ok(UdpSocket::bind((speaking.v4(), 0))?))
        .unwrap();
    mouth.send_to(b"hello", to).is_ok() && ear.recv(&mut [0; 8]).is_ok()
}

/// Whether the API server says anything to a node: here that it wants TLS.
fn api_answers(lab: &Lab, node: u8) -> bool {
    let api = lab.api_address();
    let mut connection = lab
        .node(node)
        .inside(|| Ok(TcpStream::connect(api)?))
        .unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    connection.read(&mut [0; 8]).is_ok_and(|length| length > 0)
}
