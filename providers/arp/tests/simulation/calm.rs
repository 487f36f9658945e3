//! One disturbance at a time, nothing lost: each has exactly the effect that it must have, and no other.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    bounds::Bounds,
    chance::Chance,
    disturbance::{Disturbance, Expected},
    net::{Net, Place},
    scenario::{address, wanted},
    seeds,
    world::World,
};

/// How many addresses a world has at most.
const ADDRESSES: usize = 8;

/// A quiet world of some nodes and addresses.
fn make(seed: u64) -> World {
    let mut chance = Chance::new(!seed);
    let nodes = chance.nodes();
    let mut net = Net::calm(nodes);
    net.in_order = chance.once_in(500);
    net.doubled = [0, 100, 1000][chance.below(3)];
    net.most_delay = Duration::from_micros([200, 1000, 2000][chance.below(3)]);
    let mut world = World::new(seed, nodes, net);
    let late = Duration::from_millis([0, 1, 10][chance.below(3)]);
    for node in &mut world.nodes {
        node.lateness = late;
        // A minute at most, so that a clock that was set back is behind the run before.
        node.skew = Duration::from_secs(30);
    }
    world
}

fn begin(world: &mut World) {
    let addresses = 2 + world.chance.below(ADDRESSES - 2);
    for n in 0..addresses {
        for node in &mut world.nodes {
            node.knows.insert(address(n), wanted(n));
        }
    }
    for place in 0..world.nodes.len() {
        world.start(place);
    }
    world.run_for(Duration::from_secs(4));
    world.check_quiet(true);
}

/// Something that can happen now.
fn choose(world: &mut World) -> Disturbance {
    let nodes = world.nodes.len();
    let place = world.chance.below(nodes);
    let other = (place + 1 + world.chance.below(nodes - 1)) % nodes;
    let divided = world.net.parts.iter().any(|part| *part != 0);
    let millis = |world: &mut World, least: u64, most: u64| {
        let (least, most) = (Duration::from_millis(least), Duration::from_millis(most));
        world.chance.between(least, most)
    };
    if !world.net.cut.is_empty() {
        return Disturbance::Uncut;
    }
    if divided && world.chance.once_in(500) {
        return Disturbance::Heal;
    }
    let node = &world.nodes[place];
    if node.engine.is_none() {
        return Disturbance::Start(place);
    }
    if !node.link {
        return Disturbance::LinkUp(place);
    }
    if !node.fit {
        return Disturbance::Fit(place);
    }
    match world.chance.below(17) {
        0 => Disturbance::Crash(place),
        1 => Disturbance::Restart(place, millis(world, 0, 1000)),
        2 => Disturbance::RestartInThePast(place),
        3 => Disturbance::Drain(place),
        4 => Disturbance::Pause(place, millis(world, 0, 200)),
        5 => Disturbance::Pause(place, millis(world, 200, 500)),
        6 => Disturbance::Pause(place, millis(world, 500, 3000)),
        7 => Disturbance::PowerCut,
        8 => Disturbance::LinkDown(place),
        9 => Disturbance::NewMac(place),
        10 => Disturbance::Unfit(place),
        11 | 12 if !divided => {
            let parts = (0..=nodes).map(|_| world.chance.below(2)).collect();
            Disturbance::Divide(parts)
        }
        13 if !divided => Disturbance::Cut(place, other),
        14 => Disturbance::Create(world.chance.below(ADDRESSES), told_after(world)),
        15 => Disturbance::Delete(world.chance.below(ADDRESSES), told_after(world)),
        _ => {
            let n = world.chance.below(ADDRESSES);
            if !world.addresses().contains(&address(n)) {
                return Disturbance::Create(n, told_after(world));
            }
            let mut allowed: BTreeSet<Place> = (0..nodes).collect();
            if world.chance.once_in(700) {
                allowed.remove(&place);
            }
            Disturbance::Restrict {
                n,
                nodes: allowed,
                after: told_after(world),
                at_once: world.chance.once_in(300),
            }
        }
    }
}

/// Mostly within a tenth of a second, at times after seconds.
fn told_after(world: &mut World) -> Vec<Duration> {
    let most = Duration::from_millis([0, 50, 3000][world.chance.below(3)]);
    (0..world.nodes.len())
        .map(|_| world.chance.between(Duration::ZERO, most))
        .collect()
}

/// How many things happen: in a large world few, since they take long to compute.
fn disturbances(world: &World) -> usize {
    match world.nodes.len() {
        ..6 => 8,
        6..13 => 5,
        _ => 3,
    }
}

/// Waits as long as it may take until all is quiet; in a large world only until it is, and a second more.
fn settle(world: &mut World, expected: &Expected) {
    let length = expected.settle;
    let end = world.now + length;
    if world.nodes.len() < 6 {
        world.run_for(length);
        return;
    }
    let step = Duration::from_secs(1);
    let turns = Bounds::of(world).settle() - step;
    world.run_for(length.saturating_sub(turns));
    let quiet = |world: &World| {
        !world.expects_more()
            && !world.somebody_waits()
            && world.is_quiet(expected.neighbours).is_ok()
    };
    let mut was_quiet = false;
    while world.now < end && !(was_quiet && quiet(world)) {
        was_quiet = quiet(world);
        world.run_for(step.min(end - world.now));
    }
}

fn play(world: &mut World) {
    begin(world);
    for _ in 0..disturbances(world) {
        let pause = Duration::from_millis(100);
        let pause = world.chance.between(Duration::ZERO, pause);
        world.run_for(pause);
        let disturbance = choose(world);
        world.log(format!("=== {disturbance:?}"));
        world.forget(false);
        let expected = disturbance.apply(world);
        settle(world, &expected);

        let nobody = world.watch.nobody();
        assert!(
            nobody <= expected.nobody,
            "nobody answered for {nobody:?}: {expected:?}"
        );
        let several = world.watch.several();
        assert!(
            several <= expected.several,
            "several answered for {several:?}: {expected:?}"
        );
        if let Some(from) = &expected.from {
            for moved in &world.watch.moves {
                assert!(from.contains(&moved.from), "{moved:?} without a cause");
            }
        }
        world.check_quiet(expected.neighbours);
    }
}

#[test]
fn a_disturbance_has_the_effect_that_it_must_have_and_no_other() {
    seeds::run(
        "a_disturbance_has_the_effect_that_it_must_have_and_no_other",
        0..4000,
        make,
        play,
    );
}
