//! Many disturbances at once, packets lost and overtaken: what must hold then is less, but it must hold, and when the
//! storm is over everything is as it should be.

use std::time::Duration;

use roadstead_arp::engine::Event;

use crate::{
    chance::Chance,
    net::{Net, Place},
    scenario::{address, for_nodes, wanted},
    seeds,
    vigil::Vigil,
    world::{Due, World},
};

/// How many addresses there are.
const ADDRESSES: usize = 6;

/// How long the storm takes.
const STORM: Duration = Duration::from_secs(15);

/// After it, how long until all is quiet: a restarted clock is forgiven after ten seconds, then everybody's turn.
const SETTLE: Duration = Duration::from_secs(25);

fn make(seed: u64) -> World {
    let mut chance = Chance::new(!seed);
    let nodes = chance.nodes();
    let mut net = Net::calm(nodes);
    net.in_order = chance.once_in(300);
    net.doubled = [0, 100, 1000][chance.below(3)];
    net.lost = [0, 10, 50, 200][chance.below(4)];
    net.most_delay = Duration::from_millis([1, 5, 20][chance.below(3)]);
    let mut world = World::new(seed, nodes, net);
    let late = Duration::from_millis([0, 5, 30][chance.below(3)]);
    for node in &mut world.nodes {
        node.lateness = late;
        node.skew = Duration::from_millis(chance.next() % 10_000);
    }
    world
}

/// Within what time after that neighbours are told again of everything that is held.
const REMINDED: Duration = Duration::from_secs(62);

/// What happens in one storm, and how often: not everything in each, so that it shows what each does by itself as well.
struct Kinds {
    kinds: Vec<usize>,
    pauses: Vec<u64>,
}

// === impl Kinds ===

impl Kinds {
    fn some(chance: &mut Chance) -> Self {
        // Starts and crashes, restarts with another clock, pauses, links, fitness, partitions, deafness, the API server.
        let groups: [&[usize]; 8] = [
            &[0, 1, 2],
            &[3],
            &[4],
            &[5, 6],
            &[7],
            &[8, 9],
            &[10, 11],
            &[12, 13],
        ];
        let pauses: [&[u64]; 5] = [&[50], &[500], &[2000], &[50, 500, 2000], &[500, 5000]];
        let sure = chance.below(groups.len());
        let chosen = |chance: &mut Chance, n| n == sure || chance.once_in(500);
        Self {
            kinds: (0..groups.len())
                .filter(|n| chosen(chance, *n))
                .flat_map(|n| groups[n].iter().copied())
                .collect(),
            pauses: pauses[chance.below(pauses.len())].to_vec(),
        }
    }
}

/// Something happens, whatever else does.
fn disturb(world: &mut World, kinds: &[usize]) {
    let nodes = world.nodes.len();
    let place = world.chance.below(nodes);
    let runs = world.nodes[place].engine.is_some();
    match kinds[world.chance.below(kinds.len())] {
        0 | 1 if runs => world.kill(place),
        0..3 => {
            if !runs {
                world.start(place);
            }
        }
        3 if runs => {
            world.kill(place);
            world.nodes[place].skew = Duration::from_millis(world.chance.next() % 10_000);
            let after = world.chance.between(Duration::ZERO, Duration::from_secs(1));
            world.later(after, Due::Start(place));
        }
        4 if runs && !world.nodes[place].paused => {
            let length = world.chance.between(Duration::ZERO, Duration::from_secs(2));
            world.pause(place, length);
        }
        5 | 6 => set_link(world, place),
        7 => {
            let fit = world.chance.once_in(500);
            set_fit(world, place, fit);
        }
        8 => {
            let parts = (0..=nodes).map(|_| world.chance.below(3)).collect();
            world.net.parts = parts;
        }
        9 => world.net.parts.fill(0),
        10 => {
            let other = world.chance.below(nodes);
            world.net.cut.insert((place, other));
        }
        11 => world.net.cut.clear(),
        _ => tell(world),
    }
    world.look();
}

fn set_link(world: &mut World, place: Place) {
    world.nodes[place].link = !world.nodes[place].link;
    let interfaces = world.nodes[place].interfaces();
    world.with(place, |engine, now| engine.set_interfaces(now, interfaces));
}

fn set_fit(world: &mut World, place: Place, fit: bool) {
    world.nodes[place].fit = fit;
    world.with(place, |engine, now| engine.set_fit(now, fit));
}

/// The API server changes its mind about an address, and tells the nodes one by one.
fn tell(world: &mut World) {
    let n = world.chance.below(ADDRESSES);
    let kind = world.chance.below(3);
    let allowed = (0..world.nodes.len())
        .filter(|_| world.chance.once_in(700))
        .collect();
    for to in 0..world.nodes.len() {
        let after = world.chance.between(Duration::ZERO, Duration::from_secs(2));
        let wanted = match kind {
            0 => None,
            1 => Some(wanted(n)),
            _ => Some(for_nodes(wanted(n), &allowed, to, world)),
        };
        let address = address(n);
        world.later(
            after,
            Due::Tell {
                to,
                address,
                wanted,
            },
        );
    }
}

/// Everything works again, and everybody knows the same.
fn calm_down(world: &mut World) {
    world.run_for(Duration::from_secs(3));
    let parts = world.nodes.len() + 1;
    world.net.parts = vec![0; parts];
    world.net.cut.clear();
    world.net.lost = 0;
    for place in 0..world.nodes.len() {
        if world.nodes[place].engine.is_none() {
            world.start(place);
        }
        if !world.nodes[place].link {
            set_link(world, place);
        }
        set_fit(world, place, true);
        for n in 0..ADDRESSES {
            let wanted = (n != 0).then(|| wanted(n));
            world.tell(place, address(n), wanted);
        }
    }
}

fn play(world: &mut World) {
    for n in 0..ADDRESSES {
        for node in &mut world.nodes {
            node.knows.insert(address(n), wanted(n));
        }
    }
    for place in 0..world.nodes.len() {
        world.start(place);
    }
    world.vigil = Some(Vigil::begin(world));
    let kinds = Kinds::some(&mut world.chance);
    let end = world.now + STORM;
    while world.now < end {
        disturb(world, &kinds.kinds);
        let most = Duration::from_millis(kinds.pauses[world.chance.below(kinds.pauses.len())]);
        let pause = world.chance.between(Duration::ZERO, most);
        world.run_for(pause);
    }
    let lossless = world.net.lost == 0;
    calm_down(world);
    world.run_for(SETTLE);
    let told = world.chance.once_in(100);
    if told {
        // By then everybody was told everything, whatever he had missed.
        world.run_for(REMINDED);
    }
    world.check_quiet(told);
    let conflict = |event: &Event| matches!(event, Event::Conflict { .. });
    assert!(
        !lossless || !world.history.iter().any(|(_, _, event)| conflict(event)),
        "somebody is taken for a stranger"
    );

    // And it stays so: nothing moves, nobody is silent, however many packets are overtaken or doubled.
    world.forget(true);
    world.run_for(Duration::from_secs(3));
    assert_eq!(world.watch.nobody(), Duration::ZERO);
    assert_eq!(world.watch.several(), Duration::ZERO);
    assert_eq!(world.watch.moves, []);
    world.check_quiet(false);
}

#[test]
fn after_a_storm_exactly_one_answers_for_each_address() {
    seeds::run(
        "after_a_storm_exactly_one_answers_for_each_address",
        0..600,
        make,
        play,
    );
}
