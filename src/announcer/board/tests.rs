use std::collections::BTreeMap;

use super::*;
use crate::announcer::eligibility::NodeFacts;

fn ground(nodes: &[&str]) -> Ground {
    let facts = |name: &&str| (Arc::from(*name), NodeFacts::default());
    Ground::new(
        nodes.iter().map(facts).collect::<BTreeMap<_, _>>(),
        Vec::new(),
    )
}

fn board() -> Board {
    let mut board = Board::new("a".into());
    board.stand_on(ground(&["a", "b"]));
    board
}

fn key(name: &str) -> NamespacedName {
    NamespacedName::new("shop", name)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn wish(addresses: &[&str], serving: Option<Serving>) -> Wish {
    Wish {
        addresses: addresses.iter().map(|address| ip(address)).collect(),
        serving,
        announced_before: false,
    }
}

fn anywhere(addresses: &[&str]) -> Wish {
    wish(addresses, Some(Serving::Anywhere))
}

fn on(addresses: &[&str], nodes: &[&str]) -> Wish {
    let nodes = nodes.iter().map(|node| Arc::from(*node)).collect();
    wish(addresses, Some(Serving::On(nodes)))
}

/// `want 192.0.2.7 (192.0.2.7) by a,b` for each order; `~` where this node lets go at once.
fn told(orders: Vec<Order>) -> Vec<String> {
    let show = |order| match order {
        Order::Unwant(address) => format!("unwant {address}"),
        Order::Want(wanted) => {
            let Candidates::Nodes(nodes) = wanted.candidates else {
                return "want by all".to_owned();
            };
            let mark = if wanted.lets_go_at_once { "~" } else { "" };
            let verb = if wanted.may { "want" } else { "watch" };
            let nodes: Vec<&str> = nodes.iter().map(AsRef::as_ref).collect();
            format!(
                "{mark}{verb} {} ({}) by {}",
                wanted.address,
                wanted.key,
                nodes.join(",")
            )
        }
    };
    orders.into_iter().map(show).collect()
}

#[test]
fn the_engine_is_told_what_is_new_and_nothing_twice() {
    let mut board = board();
    board.put(&key("web"), Some(anywhere(&["192.0.2.7", "2001:db8::7"])));
    assert_eq!(
        told(board.orders()),
        [
            "want 192.0.2.7 (192.0.2.7) by a,b",
            "want 2001:db8::7 (192.0.2.7) by a,b"
        ]
    );
    board.put(&key("web"), Some(anywhere(&["192.0.2.7", "2001:db8::7"])));
    board.stand_on(ground(&["a", "b"]));
    assert!(board.orders().is_empty());
    let mut said = anywhere(&["192.0.2.7", "2001:db8::7"]);
    said.announced_before = true;
    board.put(&key("web"), Some(said));
    assert!(board.orders().is_empty(), "it is known by then");
    board.put(&key("web"), Some(anywhere(&["192.0.2.8"])));
    assert_eq!(
        told(board.orders()),
        [
            "unwant 192.0.2.7",
            "want 192.0.2.8 (192.0.2.8) by a,b",
            "unwant 2001:db8::7"
        ]
    );
    board.put(&key("web"), None);
    assert_eq!(told(board.orders()), ["unwant 192.0.2.8"]);
    assert!(board.orders().is_empty());
}

#[test]
fn a_node_that_comes_goes_or_is_unknown_changes_who_may() {
    let mut board = board();
    board.put(&key("web"), Some(anywhere(&["192.0.2.7"])));
    board.orders();
    board.stand_on(ground(&["a", "b", "c"]));
    assert_eq!(
        told(board.orders()),
        ["want 192.0.2.7 (192.0.2.7) by a,b,c"]
    );
    board.stand_on(ground(&["b", "c"]));
    assert_eq!(told(board.orders()), ["watch 192.0.2.7 (192.0.2.7) by b,c"]);
    assert_eq!(board.may_not(ip("192.0.2.7")), Some(MayNot::NoSuchNode));
}

#[test]
fn an_address_of_several_services_stays_until_the_last_of_them_goes() {
    let mut board = board();
    board.put(&key("web"), Some(anywhere(&["192.0.2.7", "2001:db8::7"])));
    board.put(&key("mail"), Some(on(&["2001:db8::7"], &["b"])));
    assert_eq!(
        told(board.orders()),
        [
            "want 192.0.2.7 (192.0.2.7) by a,b",
            "~watch 2001:db8::7 (192.0.2.7) by b"
        ]
    );
    board.put(&key("web"), None);
    assert_eq!(
        told(board.orders()),
        ["unwant 192.0.2.7", "~watch 2001:db8::7 (2001:db8::7) by b"]
    );
    board.put(&key("mail"), None);
    assert_eq!(told(board.orders()), ["unwant 2001:db8::7"]);
}

#[test]
fn what_is_not_known_yet_changes_nothing() {
    let mut board = board();
    board.put(&key("web"), Some(wish(&["192.0.2.7"], None)));
    assert!(board.orders().is_empty(), "its endpoints are not known");
    board.put(&key("web"), Some(on(&["192.0.2.7"], &["a"])));
    assert_eq!(told(board.orders()), ["want 192.0.2.7 (192.0.2.7) by a"]);
    board.put(&key("web"), Some(on(&["192.0.2.7"], &["b"])));
    assert_eq!(told(board.orders()), ["~watch 192.0.2.7 (192.0.2.7) by b"]);
    board.put(&key("web"), Some(wish(&["192.0.2.7"], None)));
    board.put(&key("web"), None);
    assert_eq!(told(board.orders()), ["unwant 192.0.2.7"]);
}
