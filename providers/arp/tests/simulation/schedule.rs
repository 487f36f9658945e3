//! When are the neighbours told, and how much is said at once?

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use roadstead_arp::{
    Mac,
    engine::{Engine, Event, Transmit, Wanted},
    wire::{
        arp,
        hello::{self, Hello, Station},
    },
};

use crate::{
    net::Net,
    node::{ETH0, Node, keys},
    scenario::{address, wanted},
    world::World,
};

const MANY: usize = 1000;

/// The n-th of thousands of IPv4 addresses.
fn nth(n: usize) -> Wanted {
    let [.., high, low] = n.to_be_bytes();
    let address = IpAddr::from([192, 0, high, low]);
    Wanted {
        address,
        key: address,
        seen_before: true,
        ..wanted(0)
    }
}

/// An engine without a segment around it, some seconds old.
fn alone(addresses: usize) -> (Engine, Instant) {
    let mut now = Instant::now();
    let mut node = Node::new(0, now);
    node.start(now, Duration::from_hours(500_000), 7);
    let mut engine = node.engine.unwrap();
    for n in 0..addresses {
        engine.want(now, nth(n));
    }
    now = run(&mut engine, now, Duration::from_secs(3)).0;
    (engine, now)
}

/// Runs an engine that hears nobody; what it sent, and when.
fn run(
    engine: &mut Engine,
    begin: Instant,
    length: Duration,
) -> (Instant, Vec<(Duration, Transmit)>) {
    let mut sent = Vec::new();
    let mut now = begin;
    loop {
        while let Some(transmit) = engine.poll_transmit() {
            sent.push((now - begin, transmit));
        }
        match engine.poll_timeout() {
            Some(due) if due <= begin + length => {
                now = now.max(due);
                engine.handle_timeout(now);
            }
            _ => return (begin + length, sent),
        }
    }
}

fn announced(transmit: &Transmit) -> Option<IpAddr> {
    let Transmit::Frame { frame, .. } = transmit else {
        return None;
    };
    let repr = arp::Packet::new_checked(frame).ok()?.repr();
    repr.is_gratuitous().then_some(IpAddr::V4(repr.sender_ip))
}

#[test]
fn an_address_is_announced_five_times_and_then_every_minute() {
    let (mut engine, now) = alone(0);
    engine.want(now, nth(1));
    let (_, sent) = run(&mut engine, now, Duration::from_mins(4));
    let times: Vec<Duration> = sent
        .iter()
        .filter(|(_, transmit)| announced(transmit).is_some())
        .map(|(at, _)| *at)
        .collect();
    let pairs: Vec<Duration> = times.chunks(2).map(|pair| pair[0]).collect();
    assert!(
        times.chunks(2).all(|pair| pair[0] == pair[1]),
        "a request and a reply each time: {times:?}"
    );
    let millis: Vec<u128> = pairs.iter().map(Duration::as_millis).collect();
    assert_eq!(millis[..5], [0, 1100, 2200, 3300, 4400]);
    let first = pairs[5] - pairs[4];
    assert!((30..=60).contains(&first.as_secs()), "{first:?}");
    for pair in pairs[5..].windows(2) {
        assert_eq!(pair[1] - pair[0], Duration::from_mins(1));
    }
}

#[test]
fn reminders_of_many_addresses_are_spread_over_time() {
    let (mut engine, now) = alone(MANY);
    let (_, sent) = run(&mut engine, now, Duration::from_mins(3));
    let late = sent
        .iter()
        .filter(|(at, transmit)| at.as_secs() >= 100 && announced(transmit).is_some());
    let mut per_second = [0_u32; 200];
    for (at, _) in late {
        per_second[usize::try_from(at.as_secs()).unwrap()] += 1;
    }
    let most = per_second.iter().max().unwrap();
    assert!(*most < 200, "{most} frames in one second");
}

#[test]
fn a_thousand_addresses_are_taken_over_and_announced_in_one_moment_in_order() {
    let mut world = World::new(1, 2, Net::calm(2));
    for place in 0..2 {
        for n in 0..MANY {
            world.nodes[place].knows.insert(nth(n).address, nth(n));
        }
    }
    world.start(0);
    world.run_for(Duration::from_secs(3));
    world.start(1);
    world.run_for(Duration::from_secs(3));
    world.kill(0);
    world.history.clear();
    let at = world.elapsed();
    world.run_for(Duration::from_secs(1));
    let claimed: Vec<(Duration, IpAddr)> = world
        .history
        .iter()
        .filter_map(|(at, _, event)| match event {
            Event::Claimed { address, .. } => Some((*at, *address)),
            _ => None,
        })
        .collect();
    assert_eq!(claimed.len(), MANY);
    assert!(claimed.iter().all(|(when, _)| *when == claimed[0].0));
    assert!(claimed.is_sorted());
    assert!(claimed[0].0 - at <= Duration::from_millis(351));
    assert_eq!(world.client.neighbours.len(), MANY);
    assert!(
        world
            .client
            .neighbours
            .values()
            .all(|mac| *mac == world.nodes[1].mac)
    );
}

#[test]
fn a_new_ethernet_address_is_announced_at_once() {
    let (mut engine, now) = alone(10);
    let mut node = Node::new(0, now);
    node.mac = Mac([2, 9, 9, 9, 9, 9]);
    engine.set_interfaces(now, node.interfaces());
    let (_, sent) = run(&mut engine, now, Duration::ZERO);
    let told = sent.iter().filter(|(_, transmit)| match transmit {
        Transmit::Frame { frame, .. } => {
            arp::Packet::new_checked(frame).unwrap().repr().sender_mac == node.mac
        }
        _ => false,
    });
    assert_eq!(told.count(), 20);
}

#[test]
fn ten_thousand_addresses_are_told_in_full_in_packets_that_fit() {
    let (mut engine, now) = alone(10_000);
    let (_, sent) = run(&mut engine, now, Duration::from_millis(1050));
    let mut told = std::collections::BTreeSet::new();
    let mut next = Some(std::net::Ipv4Addr::UNSPECIFIED);
    for (_, transmit) in &sent {
        let Transmit::Hello { payload, .. } = transmit else {
            continue;
        };
        assert!(payload.len() <= 1400, "{} bytes", payload.len());
        let said = hello::decode(payload, &keys()).unwrap();
        if let Some(part) = said.held_v4.filter(|_| next.is_some()) {
            assert_eq!(Some(*part.range.start()), next, "a gap");
            next = part
                .range
                .end()
                .to_bits()
                .checked_add(1)
                .map(std::net::Ipv4Addr::from_bits);
            told.extend(part.members);
        }
    }
    assert_eq!(told.len(), 10_000);
}

#[test]
fn with_many_stations_nobody_handles_more_than_a_thousand_hellos_a_second() {
    let (mut engine, now) = alone(0);
    for n in 0..200 {
        let hello = Hello {
            station: Station {
                node: format!("other-{n}").into(),
                interface: "eth0".into(),
            },
            incarnation: 1,
            sequence: 1,
            sent_at: 0,
            mac: Mac([2, 8, 8, 8, 8, n]),
            interval: Duration::from_secs(10),
            leaving: false,
            listening: false,
            unfit: false,
            heard: None,
            held_v4: None,
            held_v6: None,
            claimed: Vec::new(),
            released: Vec::new(),
            subnets: None,
        };
        let payload = hello::encode(&hello, keys().signing()).unwrap();
        engine.handle_hello(now, ETH0, 255, &payload).unwrap();
    }
    let (now, _) = run(&mut engine, now, Duration::from_secs(1));
    let (_, sent) = run(&mut engine, now, Duration::from_secs(4));
    let hellos = sent
        .iter()
        .filter(|(_, transmit)| matches!(transmit, Transmit::Hello { .. }));
    // Two hundred others say it as often: 5 a second each.
    assert!((19..=20).contains(&hellos.count()));
    assert_eq!(engine.view(now).interfaces[0].interval_ms, 201);
}

#[test]
fn a_hello_that_never_came_is_counted() {
    let mut world = World::new(1, 2, Net::calm(2));
    world.start(0);
    world.start(1);
    world.run_for(Duration::from_secs(1));
    world.net.cut.insert((1, 0));
    // Two hellos, one every seven tenths of an interval.
    world.run_for(Duration::from_millis(140));
    world.net.cut.clear();
    world.run_for(Duration::from_secs(1));
    let stats = world.nodes[0].engine.as_ref().unwrap().stats();
    assert_eq!(stats.hellos_lost, 2);
    assert_eq!(stats.peers_lost, 0);
}

#[test]
fn a_wish_is_answered_by_one_hello_however_many_come_together() {
    let (mut engine, now) = alone(0);
    for n in 0..50 {
        engine.want(now, nth(n));
    }
    engine.handle_timeout(now);
    let (_, sent) = run(&mut engine, now, Duration::ZERO);
    let hellos = sent
        .iter()
        .filter(|(_, transmit)| matches!(transmit, Transmit::Hello { .. }));
    assert_eq!(hellos.count(), 1);
    let is_said =
        |transmit: &Transmit| matches!(transmit, Transmit::Hello { .. } | Transmit::Frame { .. });
    let first = sent.iter().find(|(_, transmit)| is_said(transmit));
    let Some((_, Transmit::Hello { .. })) = first else {
        panic!("the others are told before the neighbours are");
    };
}

#[test]
fn groups_are_joined_while_an_address_is_held() {
    let mut world = World::new(1, 1, Net::calm(1));
    world.start(0);
    world.run_for(Duration::from_secs(2));
    let now = world.now;
    let engine = world.nodes[0].engine.as_mut().unwrap();
    let group = |transmit: &Transmit| match transmit {
        Transmit::Join { group, .. } => Some((true, *group)),
        Transmit::Leave { group, .. } => Some((false, *group)),
        _ => None,
    };
    let mut asked = Vec::new();
    let mut collect = |engine: &mut Engine| {
        while let Some(transmit) = engine.poll_transmit() {
            asked.extend(group(&transmit));
        }
    };
    // Two that end alike share a group.
    let other = Wanted {
        address: "2001:db8::2:1:0".parse().unwrap(),
        ..wanted(1)
    };
    engine.want(now, wanted(1));
    engine.want(now, other.clone());
    collect(engine);
    engine.unwant(now, address(1));
    collect(engine);
    engine.unwant(now, other.address);
    collect(engine);
    let group = "ff02::1:ff01:0".parse().unwrap();
    assert_eq!(asked, [(true, group), (false, group)]);
}

#[test]
fn questions_are_heeded_while_an_address_is_probed_for_and_held() {
    let mut world = World::new(1, 1, Net::calm(1));
    world.start(0);
    world.run_for(Duration::from_secs(2));
    let now = world.now;
    let engine = world.nodes[0].engine.as_mut().unwrap();
    let IpAddr::V4(held) = address(0) else {
        panic!("the even ones are of IPv4");
    };
    engine.want(now, wanted(0));
    engine.unwant(now, address(0));
    let mut asked = Vec::new();
    while let Some(transmit) = engine.poll_transmit() {
        match transmit {
            Transmit::Heed { address, .. } => asked.push((true, address)),
            Transmit::Disregard { address, .. } => asked.push((false, address)),
            _ => {}
        }
    }
    assert_eq!(asked, [(true, held), (false, held)]);
}
