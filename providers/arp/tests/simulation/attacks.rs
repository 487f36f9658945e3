//! Forged and replayed hellos change nothing: a run with them is the same as the run without.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use roadstead_arp::{
    Mac,
    engine::{Event, Ignored},
    wire::hello::{self, HOP_LIMIT, Hello, Key, Keys, Station},
};

use crate::{
    chance::Chance,
    net::{Net, Packet},
    node::{ETH0, keys},
    scenario::{address, wanted},
    seeds,
    world::World,
};

/// What an attacker sends who can send to the segment, has recorded all that was ever said there, and does not know the
/// key.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// A hello signed with another key.
    WrongKey,
    /// A genuine one, through a router.
    WrongHopLimit,
    /// A genuine one of this run, once more.
    SameRun,
    /// A genuine one of an earlier run, of minutes ago.
    EarlierRun,
    /// A genuine one, sent back to its sender.
    Echo,
    /// A genuine one with a byte changed.
    Changed,
}

const ATTACKS: [Attack; 6] = [
    Attack::WrongKey,
    Attack::WrongHopLimit,
    Attack::SameRun,
    Attack::EarlierRun,
    Attack::Echo,
    Attack::Changed,
];

/// What nodes tell, when, and what they hold in the end.
type Outcome = (
    Vec<(Duration, usize, Event)>,
    Vec<BTreeSet<std::net::IpAddr>>,
);

fn make(seed: u64) -> World {
    let mut chance = Chance::new(!seed);
    let nodes = 1 + chance.nodes();
    let mut world = World::new(seed, nodes, Net::calm(nodes));
    // Nothing of the run is drawn by chance: it must be the same with the attacks in it.
    world.net.most_delay = Duration::from_micros(200);
    world.net.least_delay = Duration::from_micros(200);
    world
}

/// A run in which a node crashes and comes back, another is drained, and an attacker may be at work.
fn run(seed: u64, attacker: bool) -> Outcome {
    let mut world = make(seed);
    let mut attacks = Chance::new(seed + 1);
    let mut chance = Chance::new(seed + 2);
    let nodes = world.nodes.len();
    for n in 0..6 {
        for node in &mut world.nodes {
            node.knows.insert(address(n), wanted(n));
        }
    }
    // An earlier run, recorded.
    world.recorded = Some(Vec::new());
    for place in 0..nodes {
        world.start_with(place, 1);
    }
    world.run_for(Duration::from_secs(2));
    let earlier = world.recorded.replace(Vec::new()).unwrap();
    for place in 0..nodes {
        world.kill(place);
    }
    world.run_for(Duration::from_mins(2));
    world.history.clear();

    // One of them is not there any more: what it said once must not wake it.
    let nodes = nodes - 1;
    for place in 0..nodes {
        world.start_with(place, 2);
    }
    // The first hellos of this run; who has heard nothing of it yet cannot know what is old.
    world.run_for(Duration::from_millis(300));
    let victim = chance.below(nodes);
    for step in 0..60_u64 {
        match step {
            20 => world.kill(victim),
            35 => world.start_with(victim, 3),
            50 => world.with((victim + 1) % nodes, roadstead_arp::engine::Engine::drain),
            _ => {}
        }
        world.run_for(Duration::from_millis(99));
        // What was said after that may still be under way; a copy that came first would be the hello itself.
        let arrived = world.recorded.clone().unwrap();
        world.run_for(Duration::from_millis(1));
        if attacker {
            for _ in 0..5 {
                attack(&mut world, &earlier, &arrived, &mut attacks);
            }
        }
    }
    let holds = world.nodes.iter().map(|node| node.answering.clone());
    let holds = holds.collect();
    (world.history, holds)
}

fn attack(
    world: &mut World,
    earlier: &[(usize, Packet)],
    recorded: &[(usize, Packet)],
    chance: &mut Chance,
) {
    let to = chance.below(world.nodes.len());
    let kind = ATTACKS[chance.below(ATTACKS.len())];
    let (from, packet) = match kind {
        Attack::EarlierRun => earlier[chance.below(earlier.len())].clone(),
        _ => recorded[chance.below(recorded.len())].clone(),
    };
    let Packet::Hello { payload, .. } = packet else {
        return;
    };
    // A node that has just started knows of nobody what it said before: then only what is minutes old can be told apart.
    let knows = world.now - world.nodes[to].started > Duration::from_millis(250);
    let (hop_limit, payload, to) = match kind {
        Attack::WrongKey => (HOP_LIMIT, forged(world, from), to),
        Attack::WrongHopLimit => (64, payload.to_vec(), to),
        Attack::SameRun if knows && from != to => (HOP_LIMIT, payload.to_vec(), to),
        Attack::SameRun => return,
        Attack::EarlierRun => (HOP_LIMIT, payload.to_vec(), to),
        Attack::Echo => (HOP_LIMIT, payload.to_vec(), from),
        Attack::Changed => {
            let mut changed = payload.to_vec();
            let place = chance.below(changed.len());
            changed[place] ^= 1 + u8::try_from(chance.below(255)).unwrap();
            (HOP_LIMIT, changed, to)
        }
    };
    world.with(to, |engine, now| {
        let _may_be_taken_for_a_silent_listener =
            engine.handle_hello(now, ETH0, hop_limit, &payload);
    });
}

/// The best hello there could be, but for the key.
fn forged(world: &World, from: usize) -> Vec<u8> {
    let hello = Hello {
        station: Station {
            node: Arc::clone(&world.nodes[from].name),
            interface: "eth0".into(),
        },
        incarnation: u64::MAX,
        sequence: 1,
        sent_at: 0,
        mac: Mac([2, 6, 6, 6, 6, 6]),
        interval: Duration::from_millis(100),
        leaving: false,
        listening: false,
        unfit: false,
        heard: None,
        held_v4: None,
        held_v6: None,
        claimed: (0..6).map(address).collect(),
        released: Vec::new(),
        subnets: None,
    };
    hello::encode(&hello, &Key::new(&[8; 32]).unwrap()).unwrap()
}

fn play(world: &mut World) {
    let seed = world.seed;
    let (events, holds) = run(seed, false);
    let (attacked_events, attacked_holds) = run(seed, true);
    assert!(events.len() > 12, "something happened: {events:?}");
    assert_eq!(attacked_events, events);
    assert_eq!(attacked_holds, holds);
}

#[test]
fn forged_and_replayed_hellos_change_nothing() {
    seeds::run(
        "forged_and_replayed_hellos_change_nothing",
        0..300,
        make,
        play,
    );
}

#[test]
fn each_bad_hello_is_counted_for_what_it_is() {
    let mut world = make(0);
    world.recorded = Some(Vec::new());
    world.start_with(0, 1);
    world.start_with(1, 1);
    world.run_for(Duration::from_millis(1085));
    let recorded = world.recorded.take().unwrap();
    let of = |place| {
        let mut all = recorded.iter().filter(move |(from, _)| *from == place);
        let Some((_, Packet::Hello { payload, .. })) = all.next() else {
            panic!("{place} said nothing");
        };
        Arc::clone(payload)
    };
    let (own, first) = (of(0), of(1));
    let last = match recorded.iter().rfind(|(from, _)| *from == 1) {
        Some((_, Packet::Hello { payload, .. })) => Arc::clone(payload),
        other => panic!("{other:?}"),
    };
    let mut version = last.to_vec();
    version[4] += 1;
    let mut later = hello::decode(&last, &keys()).unwrap();
    later.sequence += 1;
    let signed_by = |byte: u8| {
        let key = Key::new(&[byte; 32]).unwrap();
        hello::encode(&later, Keys::one(key).signing()).unwrap()
    };
    let cases: [(u8, &[u8], Ignored); 8] = [
        (64, &last, Ignored::HopLimit),
        (HOP_LIMIT, b"hello", Ignored::MalformedHello),
        (HOP_LIMIT, &version, Ignored::OtherVersion),
        (HOP_LIMIT, &own, Ignored::OwnHello),
        (HOP_LIMIT, &last, Ignored::Duplicate),
        (HOP_LIMIT, &first, Ignored::Duplicate),
        (HOP_LIMIT, &signed_by(8), Ignored::WrongKey),
        (HOP_LIMIT, &[0; 600], Ignored::MalformedHello),
    ];
    world.with(0, |engine, now| {
        for (hop_limit, payload, reason) in cases {
            let before = engine.stats().ignored(reason);
            assert_eq!(
                engine.handle_hello(now, ETH0, hop_limit, payload),
                Err(reason)
            );
            assert_eq!(engine.stats().ignored(reason), before + 1);
        }
        assert_eq!(
            engine.handle_hello(now, ETH0, HOP_LIMIT, &signed_by(7)),
            Ok(())
        );
    });
}
