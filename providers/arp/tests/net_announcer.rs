//! Announcers on a real segment, as the hosts there see them. In network namespaces of their own; as root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's own functions fail as the test does"
)]

mod segment;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use roadstead_arp::{
    Mac,
    engine::{ClaimCause, Event, Ignored, LetGoCause},
    net::{EndReason, LinkSelection},
    wire::ndp::{self, Message},
};
use segment::{
    Host, Segment,
    announcing::{Announcing, PATIENCE, settings, wanted},
    asking::announcement,
};

fn v4() -> IpAddr {
    "192.0.2.100".parse().unwrap()
}

fn v6() -> IpAddr {
    "2001:db8::100".parse().unwrap()
}

/// Two nodes and a client, with addresses of both families.
fn three(segment: &Segment) -> [Host; 3] {
    [1, 2, 9].map(|n| segment.host(&[&format!("192.0.2.{n}/24"), &format!("2001:db8::{n}/64")]))
}

fn mac(host: &Host) -> Mac {
    Mac(host.namespace.mac("eth0"))
}

/// Both nodes announcing both addresses, once they know each other: the one that holds them, and the other.
async fn settled(hosts: &[Host; 3]) -> ([usize; 2], [Announcing; 2]) {
    let mut both = [hosts[0].announce("node-0"), hosts[1].announce("node-1")];
    both[0].hears("node-1").await;
    both[1].hears("node-0").await;
    for announcing in &both {
        for address in [v4(), v6()] {
            let mut wanted = wanted(address);
            wanted.key = v4();
            announcing.announcer.want(wanted);
        }
    }
    let [first, second] = &mut both;
    let holder = tokio::select! {
        () = first.claims(v4()) => 0,
        () = second.claims(v4()) => 1,
    };
    ([holder, 1 - holder], both)
}

/// Asks in the client's namespace without holding up the test's own thread.
async fn only_answerer(client: &Host, address: IpAddr) -> Mac {
    let asker = client.asker("192.0.2.9", "2001:db8::9");
    tokio::task::spawn_blocking(move || {
        asker.until_answered(address);
        asker.only_answerer(address)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn one_answers_and_the_other_does_when_the_first_dies() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let ([holder, other], [first, second]) = settled(&hosts).await;
    for address in [v4(), v6()] {
        assert_eq!(only_answerer(&hosts[2], address).await, mac(&hosts[holder]));
    }
    let (dies, mut lives) = if holder == 0 {
        (first, second)
    } else {
        (second, first)
    };
    let ended = dies.announcer.ended();
    drop(dies);
    assert_eq!(ended.await, EndReason::Dropped);
    let cause = lives
        .until(|event| match event {
            Event::Claimed { cause, .. } => Some(cause.clone()),
            _ => None,
        })
        .await;
    assert!(matches!(cause, ClaimCause::Failover { .. }), "{cause:?}");
    for address in [v4(), v6()] {
        assert_eq!(only_answerer(&hosts[2], address).await, mac(&hosts[other]));
    }
}

#[tokio::test]
async fn a_drained_announcer_hands_over_and_then_holds_nothing() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let ([holder, other], mut both) = settled(&hosts).await;
    both[holder].announcer.drain().await;
    let to = both[holder]
        .until(|event| match event {
            Event::LetGo {
                cause: LetGoCause::Handover { to },
                ..
            } => Some(Arc::clone(&to.node)),
            _ => None,
        })
        .await;
    assert_eq!(*to, *format!("node-{other}"));
    for address in [v4(), v6()] {
        assert_eq!(only_answerer(&hosts[2], address).await, mac(&hosts[other]));
    }
    let holders = both[holder].announcer.holders(vec![v4()]).await.unwrap();
    assert_eq!(holders[0].1.len(), 1);
    assert_eq!(holders[0].1[0].node, to);
}

#[tokio::test]
async fn who_takes_over_answers_nothing_that_the_former_holder_was_asked() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let ([holder, other], mut both) = settled(&hosts).await;
    let asker = hosts[2].asker("192.0.2.9", "2001:db8::9");
    let (before, asker) = tokio::task::spawn_blocking(move || {
        let before: Vec<Mac> = (0..20).map(|_| asker.answerer(v4())).collect();
        (before, asker)
    })
    .await
    .unwrap();
    assert_eq!(before, [mac(&hosts[holder]); 20]);
    both[holder].announcer.drain().await;
    both[other].claims(v4()).await;
    let answers = tokio::task::spawn_blocking(move || asker.answers(v4()));
    assert_eq!(answers.await.unwrap(), []);
}

#[tokio::test]
async fn an_unplugged_node_is_followed_by_the_other_and_takes_nothing_back() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let ([holder, other], mut both) = settled(&hosts).await;
    segment.ip(&format!("link set {} down", hosts[holder].port));
    both[holder]
        .until(|event| match event {
            Event::LetGo {
                cause: LetGoCause::InterfaceGone,
                ..
            } => Some(()),
            _ => None,
        })
        .await;
    both[other].claims(v4()).await;
    segment.ip(&format!("link set {} up", hosts[holder].port));
    both[holder].hears(&format!("node-{other}")).await;
    for address in [v4(), v6()] {
        assert_eq!(only_answerer(&hosts[2], address).await, mac(&hosts[other]));
    }
}

#[tokio::test]
async fn a_new_ethernet_address_is_announced_and_answered_with() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let ([holder, _], _both) = settled(&hosts).await;
    let asker = hosts[2].asker("192.0.2.9", "2001:db8::9");
    let new = "02:00:00:00:12:34";
    hosts[holder]
        .namespace
        .ip(&format!("link set eth0 address {new}"));
    tokio::task::spawn_blocking(move || {
        for address in [v4(), v6()] {
            let is_new = |mac: Mac| (mac.to_string() == new).then_some(());
            asker.until_seen(address, |frame| {
                announcement(frame, address).and_then(is_new)
            });
        }
    })
    .await
    .unwrap();
    for address in [v4(), v6()] {
        assert_eq!(only_answerer(&hosts[2], address).await.to_string(), new);
    }
}

#[tokio::test]
async fn neighbours_are_answered_however_they_ask() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let ([holder, _], _both) = settled(&hosts).await;
    let (asker, mac) = (
        hosts[2].asker("192.0.2.9", "2001:db8::9"),
        mac(&hosts[holder]),
    );
    let IpAddr::V6(target) = v6() else { panic!() };
    let question = |source_mac, to_group: bool| {
        let repr = ndp::Repr {
            source: asker.v6,
            destination: if to_group {
                ndp::solicited_node(target)
            } else {
                target
            },
            target,
            message: Message::Solicitation { source_mac },
        };
        let to = if to_group {
            ndp::group_mac(repr.destination)
        } else {
            mac
        };
        repr.emit(asker.mac, to)
    };
    let of_one = |question| asker.ask(v6(), &question);
    assert_eq!(asker.until_answered(v6()), mac);
    assert_eq!(of_one(question(Some(asker.mac), true)), [mac]);
    assert_eq!(of_one(question(None, true)), [mac]);
    assert_eq!(of_one(question(Some(asker.mac), false)), [mac]);
    assert_eq!(of_one(question(None, false)), [mac]);
    // A host that wants the address for itself has none yet to be answered at: all are told.
    asker.ndp.send(&ndp::probe(asker.mac, target)).unwrap();
    asker.until_seen(v6(), |frame| {
        announcement(frame, v6()).filter(|told| *told == mac)
    });
}

#[tokio::test]
async fn the_kernel_of_a_client_finds_the_address_and_learns_that_it_moved() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let ([holder, other], mut both) = settled(&hosts).await;
    let knows = |address: IpAddr, at: Mac| {
        let client = &hosts[2].namespace;
        // It asks because it has something to send.
        client
            .run(move || {
                let any = if address.is_ipv4() {
                    "0.0.0.0:0"
                } else {
                    "[::]:0"
                };
                std::net::UdpSocket::bind(any)?.send_to(b"x", (address, 9))
            })
            .unwrap();
        client
            .ip(&format!("neigh show {address}"))
            .contains(&at.to_string())
    };
    let from = std::time::Instant::now();
    for (address, node) in [(v4(), holder), (v6(), holder)] {
        while !knows(address, mac(&hosts[node])) {
            assert!(from.elapsed() < PATIENCE, "never found");
        }
    }
    both[holder].announcer.drain().await;
    for (address, node) in [(v4(), other), (v6(), other)] {
        while !knows(address, mac(&hosts[node])) {
            assert!(from.elapsed() < PATIENCE, "never moved");
        }
    }
    both[other].claims(v4()).await;
}

#[tokio::test]
async fn a_thousand_addresses_are_announced_and_answered_for() {
    let segment = Segment::new();
    let node = segment.host(&["10.0.0.1/16", "2001:db8::1/64"]);
    let client = segment.host(&["10.0.0.9/16", "2001:db8::9/64"]);
    let (asker, node_mac) = (client.asker("10.0.0.9", "2001:db8::9"), mac(&node));
    let addresses: Vec<IpAddr> = (0..500_u16)
        .flat_map(|n| {
            let [high, low] = n.to_be_bytes();
            [
                IpAddr::from([10, 0, high + 1, low]),
                IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 1, n]),
            ]
        })
        .collect();
    let mut announcing = node.announce("node");
    for address in &addresses {
        announcing.announcer.want(wanted(*address));
    }
    for _ in &addresses {
        announcing
            .until(|event| matches!(event, Event::Claimed { .. }).then_some(()))
            .await;
    }
    let (engine, net) = announcing.announcer.stats().await.unwrap();
    assert_eq!((net.groups, net.given_up, net.send_failures), (500, 0, 0));
    assert_eq!(engine.claims.unanswered + engine.claims.first, 1000);
    for address in addresses {
        assert_eq!(asker.answerer(address), node_mac, "{address}");
    }
}

#[tokio::test]
async fn announcements_for_which_a_slow_link_has_no_room_are_sent_later() {
    const MANY: u8 = 200;
    let segment = Segment::new();
    let (node, client) = (segment.host(&["192.0.2.1/24"]), segment.host(&[]));
    node.namespace
        .tc("qdisc add dev eth0 root tbf rate 2mbit burst 2kb limit 4kb");
    let asker = client.asker("192.0.2.254", "fe80::9");
    let announcing = node.announce("node");
    let mut missing: BTreeSet<IpAddr> = (2..=MANY).map(|n| IpAddr::from([192, 0, 2, n])).collect();
    for address in &missing {
        announcing.announcer.want(wanted(*address));
    }
    tokio::task::spawn_blocking(move || {
        while !missing.is_empty() {
            let told = asker.until_seen(v4(), |frame| {
                missing
                    .iter()
                    .copied()
                    .find(|address| announcement(frame, *address).is_some())
            });
            missing.remove(&told);
        }
    })
    .await
    .unwrap();
    let (_, net) = announcing.announcer.stats().await.unwrap();
    assert!(net.sent_later > 0, "there was room for all");
    assert_eq!(net.given_up, 0);
}

#[tokio::test]
async fn hellos_from_beyond_a_router_change_nothing() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let (_, both) = settled(&hosts).await;
    hosts[2].namespace.run(|| {
        let socket = std::net::UdpSocket::bind("192.0.2.9:0").unwrap();
        socket.set_multicast_ttl_v4(64).unwrap();
        socket
            .send_to(
                b"hello",
                (
                    roadstead_arp::wire::hello::GROUP_V4,
                    roadstead_arp::wire::hello::PORT,
                ),
            )
            .unwrap();
    });
    let from = std::time::Instant::now();
    for announcing in &both {
        while announcing
            .announcer
            .stats()
            .await
            .unwrap()
            .0
            .ignored(Ignored::HopLimit)
            == 0
        {
            assert!(from.elapsed() < PATIENCE);
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_node_that_is_twice_on_a_segment_without_ipv6_answers_once() {
    let segment = Segment::new();
    let (node, client) = (
        segment.host(&["192.0.2.1/24"]),
        segment.host(&["192.0.2.9/24"]),
    );
    segment.plug(&node.namespace, "eth1", "second");
    node.namespace.ip("address add 192.0.2.3/24 dev eth1");
    node.namespace.run(|| {
        for interface in ["eth0", "eth1"] {
            let path = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
            std::fs::write(path, "1").unwrap();
        }
    });
    let mut announcing = node.announce("node");
    // One that was announced before, so that both interfaces claim it without asking first.
    announcing.announcer.want(wanted(v4()));
    announcing.claims(v4()).await;
    announcing.hears("node").await;
    let asker = client.asker("192.0.2.9", "fe80::9");
    let answers = tokio::task::spawn_blocking(move || asker.only_answerer(v4()))
        .await
        .unwrap();
    assert!([mac(&node), Mac(node.namespace.mac("eth1"))].contains(&answers));
}

#[tokio::test]
async fn who_asks_for_what_is_held_here_need_not_wait_until_something_else_is_due() {
    let segment = Segment::new();
    let (node, client) = (
        segment.host(&["192.0.2.1/24"]),
        segment.host(&["192.0.2.9/24"]),
    );
    let mut rarely = settings("node");
    rarely.interval = std::time::Duration::from_mins(1);
    let mut announcing = node
        .announce_with(rarely, LinkSelection::default())
        .unwrap();
    announcing.announcer.want(wanted(v4()));
    announcing.claims(v4()).await;
    let asker = client.asker("192.0.2.9", "fe80::9");
    for _ in 0..20 {
        assert_eq!(asker.answerer(v4()), mac(&node));
    }
}

#[tokio::test]
async fn who_asks_for_what_is_not_held_here_wakes_nobody_and_is_counted() {
    const MANY: u64 = 500;
    let segment = Segment::new();
    let (node, client) = (
        segment.host(&["192.0.2.1/24"]),
        segment.host(&["192.0.2.9/24"]),
    );
    let mut announcing = node.announce("node");
    announcing.announcer.want(wanted(v4()));
    announcing.claims(v4()).await;
    let asker = client.asker("192.0.2.9", "fe80::9");
    let (before, woken) = announcing.announcer.stats().await.unwrap();
    let question = asker.question("192.0.2.77".parse().unwrap());
    for _ in 0..MANY {
        asker.arp.send(&question).unwrap();
    }
    let (after, woken_since) = announcing.announcer.stats().await.unwrap();
    let not_ours = |stats: &roadstead_arp::engine::Stats| stats.ignored(Ignored::NotOurs);
    assert_eq!(not_ours(&after) - not_ours(&before), MANY);
    let woken = woken_since.wakes - woken.wakes;
    assert!(woken < MANY / 10, "{woken} times");
    assert_eq!(asker.answerer(v4()), mac(&node));
}

#[tokio::test]
async fn a_node_that_is_twice_on_a_segment_answers_once() {
    let segment = Segment::new();
    let hosts = three(&segment);
    segment.plug(&hosts[0].namespace, "eth1", "second");
    hosts[0].namespace.ip("address add 192.0.2.3/24 dev eth1");
    let mut announcing = hosts[0].announce("node");
    announcing.hears("node").await;
    announcing.announcer.want(wanted(v4()));
    announcing.claims(v4()).await;
    let answers = only_answerer(&hosts[2], v4()).await;
    assert!([mac(&hosts[0]), Mac(hosts[0].namespace.mac("eth1"))].contains(&answers));
}

#[tokio::test]
async fn an_interface_that_comes_later_is_announced_on() {
    let segment = Segment::new();
    let hosts = three(&segment);
    let other = Segment::new();
    let mut announcing = hosts[0].announce("node");
    let later: IpAddr = "198.51.100.100".parse().unwrap();
    announcing.announcer.want(wanted(later));
    other.plug(&hosts[0].namespace, "eth1", "late");
    hosts[0]
        .namespace
        .ip("address add 198.51.100.1/24 dev eth1");
    announcing.claims(later).await;
    let client = other.host(&["198.51.100.9/24"]);
    let asker = client.asker("198.51.100.9", "fe80::9");
    let expected = Mac(hosts[0].namespace.mac("eth1"));
    let answers = tokio::task::spawn_blocking(move || asker.only_answerer(later))
        .await
        .unwrap();
    assert_eq!(answers, expected);
}
