//! Two parts of a segment meet again, each with a claimant: what do neighbours believe then, and for how long are there two?

use std::time::Duration;

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
