use roadstead_arp::engine::{ClaimCause, LetGoCause, PeerLostCause};

use super::*;
use crate::announcer::eligibility::Serving;

fn key(name: &str) -> NamespacedName {
    NamespacedName::new("shop", name)
}

fn seen(address: &str, version: u64) -> Seen {
    Seen {
        uid: None,
        generation: None,
        version: Some(version),
        ours: true,
        addresses: vec![address.parse().unwrap()],
        local: false,
        healthy: None,
    }
}

fn service(name: &str, seen: Seen) -> News {
    News::Services(Told::One(key(name), Some((key(name), seen))))
}

fn nodes(names: &[&str]) -> News {
    let facts = |name: &&str| (Arc::from(*name), NodeFacts::default());
    News::Nodes(Told::All(names.iter().map(facts).collect()))
}

/// Everything was listed: two nodes, no pool, no Service.
fn picture() -> Picture {
    let mut picture = Picture::new("a".into());
    picture.take(News::Services(Told::All(Vec::new())));
    picture.take(nodes(&["a", "b"]));
    picture.take(News::Pools(Told::All(Vec::new())));
    assert!(picture.orders().is_empty());
    picture.stirred();
    picture
}

fn peer(node: &str) -> Station {
    Station {
        node: node.into(),
        interface: "eth0".into(),
    }
}

const ETH0: InterfaceIndex = InterfaceIndex(2);

#[test]
fn nothing_is_ordered_before_everything_was_listed_once() {
    let lists = [
        News::Services(Told::All(vec![(key("web"), seen("192.0.2.7", 1))])),
        nodes(&["a"]),
        News::Pools(Told::All(Vec::new())),
    ];
    for last in 0..lists.len() {
        let mut picture = Picture::new("a".into());
        for news in lists.iter().cycle().skip(last + 1).take(2) {
            picture.take(news.clone());
            assert!(picture.orders().is_empty());
        }
        picture.take(lists[last].clone());
        assert_eq!(picture.orders().len(), 1);
    }
}

#[test]
fn an_answer_to_a_write_is_not_undone_by_a_watch_that_is_behind_it() {
    let mut picture = picture();
    picture.take(service("web", seen("192.0.2.7", 5)));
    picture.written(&key("web"), seen("192.0.2.7", 9));
    picture.take(service("web", seen("192.0.2.8", 7)));
    assert_eq!(picture.seen(&key("web")).unwrap().version, Some(9));
    picture.take(service("web", seen("192.0.2.8", 11)));
    assert_eq!(picture.seen(&key("web")).unwrap().version, Some(11));
    picture.take(News::Services(Told::One(key("web"), None)));
    picture.written(&key("web"), seen("192.0.2.8", 13));
    assert!(picture.seen(&key("web")).is_none(), "it is gone");
}

#[test]
fn what_a_list_lacks_is_gone() {
    let mut picture = picture();
    picture.take(service("web", seen("192.0.2.7", 1)));
    picture.orders();
    picture.take(News::Services(Told::All(Vec::new())));
    assert_eq!(
        picture.orders(),
        [Order::Unwant("192.0.2.7".parse().unwrap())]
    );
    assert_eq!(picture.stirred(), BTreeSet::from([key("web")]));
}

#[test]
fn endpoints_are_needed_and_waited_for_only_where_traffic_stays_local() {
    let mut picture = picture();
    picture.take(service("web", seen("192.0.2.7", 1)));
    assert!(!picture.wants_endpoints());
    let mut local = seen("192.0.2.8", 1);
    local.local = true;
    picture.take(service("shy", local));
    assert!(picture.wants_endpoints());
    assert_eq!(
        picture.orders().len(),
        1,
        "the endpoints of the other are not known"
    );
    picture.take(News::Slices(Told::All(vec![SliceSeen {
        name: key("shy-1"),
        service: key("shy"),
        nodes: BTreeSet::from(["b".into()]),
    }])));
    assert_eq!(picture.orders().len(), 1);
    let wish = picture.board().wish(&key("shy")).unwrap();
    assert_eq!(
        wish.serving,
        Some(Serving::On(BTreeSet::from(["b".into()])))
    );
}

#[test]
fn what_happens_on_a_segment_stirs_the_services_of_the_address() {
    let mut picture = picture();
    picture.take(service("web", seen("192.0.2.7", 1)));
    picture.take(service("mail", seen("192.0.2.8", 1)));
    picture.orders();
    picture.stirred();
    let address: IpAddr = "192.0.2.7".parse().unwrap();
    let (interface, mac) = (ETH0, Mac([2; 6]));
    let cause = ClaimCause::First;
    for (event, held, conflicts) in [
        (
            Event::Claimed {
                address,
                interface,
                cause,
            },
            1,
            0,
        ),
        (
            Event::Conflict {
                address,
                interface,
                mac,
            },
            1,
            1,
        ),
        (Event::ConflictOver { address, interface }, 1, 0),
        (
            Event::LetGo {
                address,
                interface,
                cause: LetGoCause::MayNot,
            },
            0,
            0,
        ),
    ] {
        picture.hear(&event);
        assert_eq!(picture.stirred(), BTreeSet::from([key("web")]), "{event:?}");
        assert_eq!(
            (picture.held(), picture.conflicts().len()),
            (held, conflicts)
        );
    }
}

#[test]
fn the_first_of_those_that_live_is_known() {
    let mut picture = Picture::new("b".into());
    assert!(picture.is_first());
    for node in ["c", "a"] {
        let (peer, interface) = (peer(node), ETH0);
        picture.hear(&Event::PeerJoined { peer, interface });
        assert_eq!(picture.is_first(), node == "c");
    }
    let (peer, interface, cause) = (peer("a"), ETH0, PeerLostCause::Silent);
    picture.hear(&Event::PeerLost {
        peer,
        interface,
        cause,
    });
    assert!(picture.is_first());
    assert_eq!(picture.peers(), 1);
}

#[test]
fn a_node_that_the_cluster_does_not_have_may_nothing() {
    let mut picture = Picture::new("a".into());
    assert_eq!(picture.trouble(), None, "nothing is known");
    picture.take(nodes(&["b"]));
    assert_eq!(picture.trouble(), Some(MayNot::NoSuchNode));
    picture.take(nodes(&["a", "b"]));
    assert_eq!(picture.trouble(), None);
}
