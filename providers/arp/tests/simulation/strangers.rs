//! A host that is no announcer uses an address of ours, or wants to.

use std::{net::IpAddr, time::Duration};

use roadstead_arp::{
    Mac,
    engine::{ClaimCause, Event},
    wire::{arp, ethernet::Frame, ndp},
};

use crate::{
    client,
    net::{Net, Packet},
    node::ETH0,
    scenario::{address, wanted},
    world::World,
};

const STRANGER: Mac = Mac([2, 0xf, 0, 0, 0, 1]);

/// Both families.
const BOTH: [usize; 2] = [0, 1];

fn world(nodes: usize) -> World {
    let mut world = World::new(1, nodes, Net::calm(nodes));
    for place in 0..nodes {
        world.start(place);
    }
    world.run_for(Duration::from_secs(2));
    world
}

fn create(world: &mut World, n: usize) {
    for place in 0..world.nodes.len() {
        world.tell(place, address(n), Some(wanted(n)));
    }
}

fn use_of(address: IpAddr) -> Frame {
    match address {
        IpAddr::V4(v4) => arp::reply(STRANGER, v4, client::MAC, client::V4),
        IpAddr::V6(v6) => ndp::answer(STRANGER, v6, client::MAC, client::V6),
    }
}

fn probe_of(address: IpAddr) -> Frame {
    match address {
        IpAddr::V4(v4) => arp::probe(STRANGER, v4),
        IpAddr::V6(v6) => ndp::probe(STRANGER, v6),
    }
}

fn send(world: &mut World, frame: Frame) {
    let outside = world.outside();
    world.broadcast(outside, &Packet::Frame(frame));
}

/// Runs for so long; the stranger has the address, and says so whenever somebody asks.
fn run_with_stranger(world: &mut World, address: IpAddr, length: Duration) {
    let step = Duration::from_millis(20);
    let end = world.now + length;
    while world.now < end {
        let probes = |world: &World| -> u64 {
            let sent = |node: &crate::node::Node| {
                node.engine
                    .as_ref()
                    .map_or(0, |engine| engine.stats().probes_sent)
            };
            world.nodes.iter().map(sent).sum()
        };
        let before = probes(world);
        world.run_for(step);
        if probes(world) > before {
            send(world, use_of(address));
        }
    }
}

fn told(world: &World, of: impl Fn(&Event) -> bool) -> usize {
    world
        .history
        .iter()
        .filter(|(_, _, event)| of(event))
        .count()
}

fn is_conflict(event: &Event) -> bool {
    matches!(event, Event::Conflict { mac: STRANGER, .. })
}

fn is_any_conflict(event: &Event) -> bool {
    matches!(event, Event::Conflict { .. })
}

fn is_over(event: &Event) -> bool {
    matches!(event, Event::ConflictOver { .. })
}

fn is_claim(event: &Event) -> bool {
    matches!(event, Event::Claimed { .. })
}

#[test]
fn an_address_that_a_stranger_has_is_not_claimed_until_he_is_gone() {
    for n in BOTH {
        let mut world = world(3);
        create(&mut world, n);
        run_with_stranger(&mut world, address(n), Duration::from_secs(30));
        assert_eq!(told(&world, is_claim), 0);
        assert!(told(&world, is_conflict) >= 1);
        assert_eq!(told(&world, is_over), 0);

        world.run_for(Duration::from_secs(15));
        assert_eq!(told(&world, is_claim), 1);
        world.check_quiet(true);
        world.run_for(Duration::from_secs(70));
        assert_eq!(told(&world, is_over), told(&world, is_conflict));
    }
}

#[test]
fn an_address_that_a_stranger_takes_later_is_defended_and_said_and_kept() {
    for n in BOTH {
        let mut world = world(3);
        create(&mut world, n);
        world.run_for(Duration::from_secs(10));
        let holder = world.answering(0, address(n))[0];
        for _ in 0..5 {
            send(&mut world, use_of(address(n)));
            world.run_for(Duration::from_secs(3));
        }
        assert_eq!(told(&world, is_conflict), 1, "told once");
        assert_eq!(world.answering(0, address(n)), [holder]);

        send(&mut world, use_of(address(n)));
        world.client.neighbours.clear();
        world.run_for(Duration::from_millis(10));
        assert_eq!(
            world.client.neighbours.get(&address(n)),
            None,
            "not defended again within ten seconds"
        );
        world.run_for(Duration::from_secs(10));
        send(&mut world, use_of(address(n)));
        world.run_for(Duration::from_millis(10));
        let mac = world.nodes[holder].mac;
        assert_eq!(world.client.neighbours.get(&address(n)), Some(&mac));

        assert_eq!(told(&world, is_over), 0);
        world.run_for(Duration::from_secs(61));
        assert_eq!(told(&world, is_over), 1);
        world.check_quiet(true);
    }
}

#[test]
fn a_stranger_who_asks_whether_he_may_have_it_learns_that_he_may_not() {
    for n in BOTH {
        let mut world = world(2);
        create(&mut world, n);
        world.run_for(Duration::from_secs(10));
        let holder = world.answering(0, address(n))[0];
        world.client.neighbours.clear();
        send(&mut world, probe_of(address(n)));
        world.run_for(Duration::from_millis(10));
        let answered = world.nodes[holder].engine.as_ref().unwrap().stats().clone();
        assert_eq!(answered.arp_answered + answered.ndp_answered, 1);
        if address(n).is_ipv6() {
            let mac = world.nodes[holder].mac;
            assert_eq!(
                world.client.neighbours.get(&address(n)),
                Some(&mac),
                "the answer goes to all: he has no address as yet"
            );
        }
        world.run_for(Duration::from_secs(1));
        assert_eq!(told(&world, is_conflict), 0);
    }
}

#[test]
fn two_who_only_ask_both_stop() {
    for n in BOTH {
        let mut world = world(1);
        create(&mut world, n);
        world.run_for(Duration::from_millis(50));
        send(&mut world, probe_of(address(n)));
        world.run_for(Duration::from_secs(1));
        assert_eq!(told(&world, is_claim), 0);
        assert_eq!(told(&world, is_conflict), 1);
    }
}

#[test]
fn a_station_that_was_not_heard_before_is_no_stranger() {
    let mut world = World::new(1, 2, Net::calm(2));
    for n in BOTH {
        world.nodes[0].knows.insert(address(n), wanted(n));
        world.nodes[1].knows.insert(address(n), wanted(n));
    }
    // They never heard of each other, and both hold everything when they meet.
    world.net.parts = vec![0, 1, 0];
    world.start(0);
    world.start(1);
    world.run_for(Duration::from_millis(2700));
    world.net.parts = vec![0, 0, 0];
    world.run_for(Duration::from_secs(5));
    assert_eq!(told(&world, is_any_conflict), 0);
    world.check_quiet(true);
}

#[test]
fn two_stations_that_had_not_heard_of_each_other_and_ask_at_once_do_not_bar_each_other() {
    let mut world = World::new(1, 2, Net::calm(2));
    // They meet while both are asking, and their questions come first.
    world.net.parts = vec![0, 1, 0];
    world.start(0);
    world.start(1);
    world.run_for(Duration::from_secs(2));
    for n in BOTH {
        create(&mut world, n);
    }
    world.run_for(Duration::from_millis(20));
    world.net.parts = vec![0, 0, 0];
    for place in 0..2 {
        for n in BOTH {
            let mac = world.nodes[place].mac;
            let probe = match address(n) {
                IpAddr::V4(v4) => arp::probe(mac, v4),
                IpAddr::V6(v6) => ndp::probe(mac, v6),
            };
            world.broadcast(place, &Packet::Frame(probe));
        }
    }
    world.run_for(Duration::from_secs(1));
    world.check_quiet(true);
    assert_eq!(told(&world, is_any_conflict), 0);
}

#[test]
fn neighbours_that_ask_without_saying_their_address_are_answered() {
    let mut world = world(1);
    create(&mut world, 1);
    world.run_for(Duration::from_secs(2));
    let IpAddr::V6(target) = address(1) else {
        panic!("the second address is IPv6");
    };
    let question = ndp::Repr {
        source: client::V6,
        destination: target,
        target,
        message: ndp::Message::Solicitation { source_mac: None },
    };
    let frame = question.emit(client::MAC, world.nodes[0].mac);
    send(&mut world, frame);
    world.run_for(Duration::from_millis(10));
    assert_eq!(world.client.answers[&address(1)], [world.nodes[0].mac]);
}

#[test]
fn what_is_not_asked_of_us_is_counted_for_what_it_is() {
    use roadstead_arp::engine::Ignored;
    let mut world = world(2);
    create(&mut world, 0);
    world.run_for(Duration::from_secs(2));
    let holder = world.answering(0, address(0))[0];
    let own = world.nodes[1 - holder].mac;
    let IpAddr::V4(vip) = address(0) else {
        panic!("the first address is IPv4");
    };
    let mut tagged = client::Client::question(address(0)).to_vec();
    tagged[12..14].copy_from_slice(&[0x81, 0]);
    let elsewhere = arp::request(client::MAC, client::V4, vip);
    let mut elsewhere = elsewhere.to_vec();
    elsewhere[..6].copy_from_slice(&[2, 0, 0, 9, 9, 9]);
    let cases = [
        (
            client::Client::question(address(0)).to_vec(),
            Ignored::NotHeld,
        ),
        (
            client::Client::question(address(2)).to_vec(),
            Ignored::NotOurs,
        ),
        (elsewhere, Ignored::OtherHost),
        (tagged, Ignored::OtherProtocol),
        (vec![0; 10], Ignored::Malformed),
        (
            arp::gratuitous_request(own, vip).to_vec(),
            Ignored::OwnFrame,
        ),
        (
            arp::gratuitous_request(client::MAC, client::V4).to_vec(),
            Ignored::NotAsked,
        ),
    ];
    world.with(1 - holder, |engine, now| {
        for (frame, reason) in &cases {
            let before = engine.stats().ignored(*reason);
            assert_eq!(engine.handle_frame(now, ETH0, frame), Err(*reason));
            assert_eq!(engine.stats().ignored(*reason), before + 1);
        }
        let elsewhere = roadstead_arp::InterfaceIndex(9);
        assert_eq!(
            engine.handle_frame(now, elsewhere, &cases[0].0),
            Err(Ignored::WrongInterface)
        );
    });
}

#[test]
fn a_first_claim_is_answered_for_when_nobody_objected_to_three_probes() {
    let mut world = world(1);
    create(&mut world, 0);
    world.history.clear();
    let begin = world.elapsed();
    world.run_for(Duration::from_secs(1));
    let [(at, 0, Event::Claimed { cause, .. })] = world.history.as_slice() else {
        panic!("{:?}", world.history);
    };
    assert_eq!(*cause, ClaimCause::First);
    assert_eq!(*at - begin, Duration::from_millis(300));
    let engine = world.nodes[0].engine.as_ref().unwrap();
    assert_eq!(engine.stats().probes_sent, 3);
}
