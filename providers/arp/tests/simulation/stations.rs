//! Several interfaces of one node, pools that name some, addresses that move back slowly if a user wants it, and keys that change.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use roadstead_arp::{
    Interface, InterfaceIndex,
    engine::{ClaimCause, Engine, Event, Selection, Wanted},
    wire::{arp, hello::Keys},
};

use crate::{
    net::Net,
    scenario::{address, wanted},
    switch::{Switch, interface},
    world::World,
};

/// Two of one node on one segment.
fn eth0_and_eth1(with_v6: bool) -> [Interface; 2] {
    [(2, "eth0", 1), (3, "eth1", 2)].map(|(index, name, mac)| {
        let mut it = interface(index, name, mac, &format!("192.0.2.{mac}/16"));
        if with_v6 {
            it.addresses
                .push(format!("fe80::{mac}/64").parse().unwrap());
        }
        it
    })
}

#[test]
fn of_two_interfaces_of_a_node_on_one_segment_one_answers_and_the_other_follows_it() {
    for with_v6 in [true, false] {
        one_answers_and_the_other_follows(eth0_and_eth1(with_v6));
    }
}

fn one_answers_and_the_other_follows([eth0, eth1]: [Interface; 2]) {
    let mut switch = Switch::new(&[&[eth0.clone(), eth1.clone()]]);
    switch.run_for(Duration::from_secs(2));
    switch.want(&wanted(0));
    switch.run_for(Duration::from_secs(2));
    let [(0, first)] = switch.answering(address(0))[..] else {
        panic!("{:?}", switch.answering(address(0)));
    };
    let claimed = |event: &&(usize, Event)| matches!(event.1, Event::Claimed { .. });
    assert_eq!(switch.events.iter().filter(claimed).count(), 1, "never two");
    let conflict = |event: &Event| matches!(event, Event::Conflict { .. });
    assert!(!switch.events.iter().any(|(_, event)| conflict(event)));

    let other = if first == eth0.index { eth1 } else { eth0 };
    let before = switch.now;
    switch.plug(0, std::slice::from_ref(&other));
    assert_eq!(switch.answering(address(0)), [(0, other.index)]);
    assert_eq!(
        switch.now, before,
        "it need not wait until the first is silent"
    );
}

#[test]
fn two_interfaces_that_are_on_one_segment_no_longer_both_announce() {
    let mut switch = Switch::new(&[&eth0_and_eth1(false)]);
    switch.run_for(Duration::from_secs(2));
    switch.want(&wanted(0));
    switch.run_for(Duration::from_secs(2));
    assert_eq!(switch.answering(address(0)).len(), 1);
    // Both are there, and neither hears the other any more.
    switch.divided = true;
    switch.run_for(Duration::from_mins(3));
    assert_eq!(switch.answering(address(0)).len(), 2);
}

#[test]
fn two_vlans_of_one_card_are_not_taken_for_one_segment() {
    let [eth0, mut eth1] = eth0_and_eth1(false);
    eth1.mac = eth0.mac;
    let mut switch = Switch::new(&[&[eth0.clone(), eth1.clone()]]);
    switch.divided = true;
    switch.run_for(Duration::from_secs(2));
    switch.want(&wanted(0));
    switch.run_for(Duration::from_secs(2));
    // A switch, or a stranger, sends back what was sent.
    let IpAddr::V4(v4) = address(0) else {
        panic!("the even ones are of IPv4");
    };
    for interface in [eth0.index, eth1.index] {
        let frame = arp::probe(eth0.mac, v4);
        let _ = switch.engines[0].handle_frame(switch.now, interface, &frame);
    }
    switch.run_for(Duration::from_secs(2));
    assert_eq!(switch.answering(address(0)).len(), 2);
}

#[test]
fn where_a_pool_names_interfaces_only_those_announce() {
    let eth0 = interface(2, "eth0", 1, "192.0.2.1/16");
    let eth1 = interface(3, "eth1", 2, "192.0.2.2/16");
    let mut switch = Switch::new(&[&[eth0, eth1]]);
    switch.run_for(Duration::from_secs(2));
    for n in (0..20).step_by(2) {
        let names: BTreeSet<Arc<str>> = ["eth1".into()].into();
        switch.want(&Wanted {
            interfaces: Selection::Named(Arc::new(names)),
            ..wanted(n)
        });
    }
    switch.run_for(Duration::from_secs(3));
    for n in (0..20).step_by(2) {
        assert_eq!(switch.answering(address(n)), [(0, InterfaceIndex(3))]);
    }
}

#[test]
fn with_rebalancing_addresses_return_one_by_one_without_a_gap() {
    let mut world = World::new(3, 3, Net::calm(3));
    for node in &mut world.nodes {
        node.rebalance = Some(Duration::from_secs(2));
        for n in 0..60 {
            node.knows.insert(address(n), wanted(n));
        }
    }
    world.start(0);
    world.run_for(Duration::from_secs(4));
    world.start(1);
    world.start(2);
    world.run_for(Duration::from_secs(3));
    world.forget(false);
    world.run_for(Duration::from_mins(2));
    let holds: Vec<usize> = world
        .nodes
        .iter()
        .map(|node| node.answering.len())
        .collect();
    assert!(holds.iter().all(|holds| *holds >= 10), "{holds:?}");
    assert_eq!(world.watch.nobody(), Duration::ZERO);
    assert!(world.watch.several() <= Duration::from_millis(5));
    let before = world.watch.moves.len();
    world.run_for(Duration::from_mins(1));
    assert_eq!(world.watch.moves.len(), before, "and then they stay");
    world.check_quiet(true);
}

#[test]
fn keys_are_changed_in_three_steps_and_nothing_moves() {
    let key = |byte: u8| format!("{byte:032}");
    let steps = [
        vec![key(1)],
        vec![key(1), key(2)],
        vec![key(2), key(1)],
        vec![key(2)],
    ]
    .map(|lines| Keys::parse(&lines.join("\n")).unwrap());
    let mut world = World::new(7, 3, Net::calm(3));
    for node in &mut world.nodes {
        for n in 0..6 {
            node.knows.insert(address(n), wanted(n));
        }
    }
    for (number, keys) in steps.iter().enumerate() {
        for place in 0..3 {
            if number == 0 {
                world.start(place);
            }
            world.with(place, |engine, _| engine.set_keys(keys.clone()));
            world.run_for(Duration::from_secs(2));
        }
        if number == 0 {
            world.run_for(Duration::from_secs(5));
            world.forget(false);
        }
    }
    assert_eq!(world.watch.nobody(), Duration::ZERO);
    assert_eq!(world.watch.several(), Duration::ZERO);
    assert_eq!(world.watch.moves.len(), 0);
    world.check_quiet(true);
    // Who changes at once is a stranger to the others.
    let new = Keys::parse(&key(3)).unwrap();
    world.with(0, |engine, _| engine.set_keys(new));
    world.run_for(Duration::from_secs(2));
    assert!(world.watch.several() > Duration::ZERO);
}

#[test]
fn a_claim_says_why() {
    let mut world = World::new(5, 2, Net::calm(2));
    for node in &mut world.nodes {
        node.knows.insert(address(0), wanted(0));
    }
    world.start(0);
    world.run_for(Duration::from_secs(3));
    world.start(1);
    world.run_for(Duration::from_secs(3));
    world.kill(0);
    world.run_for(Duration::from_secs(1));
    world.start(0);
    world.run_for(Duration::from_secs(3));
    world.with(1, Engine::drain);
    world.run_for(Duration::from_secs(1));
    let station = |n: usize| roadstead_arp::wire::hello::Station {
        node: format!("node-{n}").into(),
        interface: "eth0".into(),
    };
    let causes: Vec<(usize, ClaimCause)> = world
        .history
        .iter()
        .filter_map(|(_, place, event)| match event {
            Event::Claimed { cause, .. } => Some((*place, cause.clone())),
            _ => None,
        })
        .collect();
    assert_eq!(
        causes,
        [
            (0, ClaimCause::First),
            (1, ClaimCause::Failover { from: station(0) }),
            (0, ClaimCause::Handover { from: station(1) }),
        ]
    );
}
