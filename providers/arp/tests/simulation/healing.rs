//! Two parts of a segment meet again, each with a claimant: what do neighbours believe then, and for how long are there two?

use std::time::Duration;

use roadstead_arp::engine::{DEFAULT_INTERVAL, Engine};

use crate::{
    client::Client,
    net::{Net, Packet, Place},
    scenario::{address, wanted},
    world::World,
};

/// Two nodes, an address of each family, and of whom they are when both claim them.
fn two() -> (World, Place) {
    let mut world = World::new(1, 2, Net::calm(2));
    for n in 0..2 {
        for node in &mut world.nodes {
            node.knows.insert(address(n), wanted(n));
        }
    }
    world.start(0);
    world.run_for(Duration::from_millis(37));
    world.start(1);
    world.run_for(Duration::from_secs(8));
    let winner = world.answering(0, address(0))[0];
    (world, winner)
}

/// Cuts the one who would yield off, and the client with it.
fn divide(world: &mut World, winner: Place) {
    world.net.parts.fill(1);
    world.net.parts[winner] = 0;
}

fn ask(world: &mut World) {
    let outside = world.outside();
    for n in 0..2 {
        world.broadcast(outside, &Packet::Frame(Client::question(address(n))));
    }
    world.run_for(Duration::from_millis(2));
}

#[test]
fn neighbours_learn_where_an_address_is_when_the_part_that_had_it_last_is_back() {
    for millis in (0..1100).step_by(90) {
        let (mut world, winner) = two();
        divide(&mut world, winner);
        world.run_for(Duration::from_secs(8));
        let loser = world.nodes[1 - winner].mac;
        assert_eq!(world.client.neighbours.get(&address(0)), Some(&loser));
        world.run_for(Duration::from_millis(millis));
        world.net.parts.fill(0);
        world.run_for(Duration::from_secs(3));
        world.check_quiet(true);
    }
}

#[test]
fn neighbours_are_told_as_often_again_where_they_were_being_told_already() {
    for tenths in 0..12 {
        let (mut world, winner) = two();
        divide(&mut world, winner);
        world.kill(winner);
        world.run_for(Duration::from_secs(8));
        world.start(winner);
        // It listens, then claims and tells its own part: the last time is at about this moment.
        world.run_for(Duration::from_millis(5500 + 100 * tenths));
        ask(&mut world);
        world.net.parts.fill(0);
        world.run_for(Duration::from_secs(3));
        world.check_quiet(true);
    }
}

#[test]
fn two_claimants_are_one_again_within_less_than_an_interval_after_they_can_hear_each_other() {
    for millis in 0..100 {
        let (mut world, winner) = two();
        divide(&mut world, winner);
        world.run_for(Duration::from_secs(2) + Duration::from_millis(millis));
        world.net.parts.fill(0);
        world.forget(true);
        world.run_for(Duration::from_secs(1));
        assert!(world.watch.several() < DEFAULT_INTERVAL * 3 / 5);
        assert_eq!(world.answering(0, address(0)), [winner]);
    }
}

#[test]
fn two_claimants_that_never_met_are_one_within_less_than_an_interval_after_they_can_hear_each_other()
 {
    for millis in 0..100 {
        let mut world = World::new(1, 2, Net::calm(2));
        world.net.parts[1] = 1;
        for node in &mut world.nodes {
            node.knows.insert(address(0), wanted(0));
        }
        // In step, so that both are silent for as long as anybody ever is.
        world.start(0);
        world.start(1);
        world.run_for(Duration::from_secs(8) + Duration::from_millis(millis));
        world.net.parts.fill(0);
        world.forget(true);
        world.run_for(Duration::from_secs(1));
        assert!(world.watch.several() > Duration::ZERO);
        assert!(world.watch.several() < DEFAULT_INTERVAL * 3 / 4);
        assert_eq!(world.answering(0, address(0)).len(), 1);
    }
}

#[test]
fn who_misses_somebody_says_hello_every_half_interval_for_ten_minutes() {
    let (mut world, winner) = two();
    let per_second = |world: &mut World| {
        let said = |world: &World| {
            world.nodes[winner]
                .engine
                .as_ref()
                .unwrap()
                .stats()
                .hellos_sent
        };
        let before = said(world);
        world.run_for(Duration::from_secs(1));
        said(world) - before
    };
    let ordinary = 14..=15;
    assert!(ordinary.contains(&per_second(&mut world)));
    world.kill(1 - winner);
    world.run_for(Duration::from_secs(1));
    assert_eq!(per_second(&mut world), 20);
    world.run_for(Duration::from_mins(10));
    assert!(ordinary.contains(&per_second(&mut world)));

    world.start(1 - winner);
    world.run_for(Duration::from_secs(3));
    world.with(1 - winner, Engine::drain);
    world.run_for(Duration::from_secs(1));
    world.kill(1 - winner);
    world.run_for(Duration::from_secs(1));
    let said = per_second(&mut world);
    assert!(ordinary.contains(&said), "it said that it would leave");
}
