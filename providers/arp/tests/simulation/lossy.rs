//! Nothing happens but that packets are lost: a station may be taken for dead that is not. Then an address may move, but
//! somebody answers for it nearly always, and not two for long.

use std::time::Duration;

use roadstead_arp::engine::{DEFAULT_INTERVAL, TURN_OF_THE_UNKNOWN};

use crate::{
    chance::Chance,
    net::Net,
    scenario::{address, wanted},
    seeds,
    world::World,
};

fn make(seed: u64) -> World {
    let mut chance = Chance::new(!seed);
    let nodes = chance.nodes();
    let mut net = Net::calm(nodes);
    net.most_delay = Duration::from_millis([1, 5][chance.below(2)]);
    let mut world = World::new(seed, nodes, net);
    for n in 0..6 {
        for node in &mut world.nodes {
            node.knows.insert(address(n), wanted(n));
        }
    }
    world
}

fn play(world: &mut World) {
    for place in 0..world.nodes.len() {
        world.start(place);
    }
    world.run_for(Duration::from_secs(4));
    world.net.lost = [20, 50, 100][world.chance.below(3)];
    world.forget(false);
    world.run_for(Duration::from_secs(30));

    // A claim that crosses the other's last hello makes both let go; then the first in line waits whether there is a
    // third.
    let nobody = TURN_OF_THE_UNKNOWN + 2 * DEFAULT_INTERVAL;
    assert!(
        world.watch.nobody() <= nobody,
        "nobody answered for {:?}",
        world.watch.nobody()
    );
    // A claim is said four times, and each time may be lost.
    let several = 5 * DEFAULT_INTERVAL;
    assert!(
        world.watch.several() <= several,
        "several answered for {:?}",
        world.watch.several()
    );
    world.net.lost = 0;
    world.run_for(Duration::from_secs(5));
    world.check_quiet(false);
}

#[test]
fn lost_packets_may_move_an_address_but_leave_it_answered_for() {
    seeds::run(
        "lost_packets_may_move_an_address_but_leave_it_answered_for",
        0..500,
        make,
        play,
    );
}
