//! Whatever happens in whichever order: no address twice, none lost, nothing moved without cause, and a restart changes
//! nothing.

use proptest::prelude::*;

use super::*;

/// What may happen.
#[derive(Clone, Debug)]
enum Happening {
    Ensure { name: u8, wish: Sketch },
    Release { name: u8 },
    Pools(Vec<(u8, u8, bool)>),
    Nodes(Vec<u8>),
    Restart,
    Wait(u8),
}

/// A wish, in few numbers.
#[derive(Clone, Debug)]
struct Sketch {
    dual: u8,
    requested: Option<u8>,
    pool: Option<u8>,
    key: Option<u8>,
    port: u8,
    local: bool,
    conflict: bool,
}

fn sketch() -> impl Strategy<Value = Sketch> {
    (
        0..4_u8,
        prop::option::weighted(0.2, 0..24_u8),
        prop::option::weighted(0.1, 0..3_u8),
        prop::option::weighted(0.5, 0..2_u8),
        0..3_u8,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
    )
        .prop_map(
            |(dual, requested, pool, key, port, local, conflict)| Sketch {
                dual,
                requested,
                pool,
                key,
                port,
                local,
                conflict,
            },
        )
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        10 => (0..12_u8, sketch()).prop_map(|(name, wish)| Happening::Ensure { name, wish }),
        3 => (0..12_u8).prop_map(|name| Happening::Release { name }),
        2 => prop::collection::vec((0..20_u8, 0..8_u8, any::<bool>()), 0..4).prop_map(Happening::Pools),
        1 => prop::collection::vec(0..24_u8, 0..3).prop_map(Happening::Nodes),
        1 => Just(Happening::Restart),
        1 => (0..60_u8).prop_map(Happening::Wait),
    ]
}

fn four(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn pools(sketches: &[(u8, u8, bool)]) -> Vec<Pool> {
    let made = sketches
        .iter()
        .enumerate()
        .map(|(n, (start, length, dual))| {
            let mut ranges = vec![format!("{}-{}", four(*start), four(start + length))];
            if *dual {
                ranges.push(format!(
                    "2001:db8::{start:x}-2001:db8::{:x}",
                    start + length
                ));
            }
            let ranges: Vec<&str> = ranges.iter().map(String::as_str).collect();
            pool(&format!("pool-{n}"), &ranges)
        });
    made.collect()
}

impl World {
    fn wish(&self, name: u8, sketch: &Sketch) -> Wish {
        let name = format!("s{name}");
        let (policy, both) = match sketch.dual {
            0 | 1 => (IpFamilyPolicy::SingleStack, false),
            2 => (IpFamilyPolicy::PreferDualStack, true),
            _ => (IpFamilyPolicy::RequireDualStack, true),
        };
        let held = self.allocator.held(&id(&name));
        Wish {
            families: if both {
                vec![IpFamily::V4, IpFamily::V6]
            } else {
                vec![IpFamily::V4]
            },
            policy,
            requested: sketch.requested.map(four).into_iter().collect(),
            pool: sketch.pool.map(|n| Arc::from(format!("pool-{n}"))),
            sharing: sketch.key.map(|key| Arc::from(format!("k{key}"))),
            ports: ports(&[80 + u16::from(sketch.port)]),
            backends: if sketch.local {
                Backends::OnTheNode("app=x".to_owned())
            } else {
                Backends::Everywhere
            },
            in_conflict: if sketch.conflict {
                held.first().copied().into_iter().collect()
            } else {
                Vec::new()
            },
            ..plain(&name)
        }
    }
}

/// What the test itself knows.
#[derive(Default)]
struct Books {
    wishes: BTreeMap<String, Wish>,
    pools: Vec<Pool>,
    nodes: BTreeMap<IpAddr, Arc<str>>,
}

fn may_share(a: &Wish, b: &Wish) -> bool {
    a.sharing.is_some()
        && a.sharing == b.sharing
        && a.ports.is_disjoint(&b.ports)
        && a.backends == b.backends
}

impl Books {
    /// No address has two owners who may not share it, and the counts are true.
    fn check(&self, world: &World) -> Result<(), TestCaseError> {
        let mut owners: BTreeMap<IpAddr, Vec<&Wish>> = BTreeMap::new();
        for (_, service, addresses) in world.allocator.holders() {
            let wish = &self.wishes[&*service.name];
            for address in addresses {
                owners.entry(*address).or_default().push(wish);
            }
        }
        for (address, wishes) in &owners {
            for (n, a) in wishes.iter().enumerate() {
                for b in wishes.iter().skip(n + 1) {
                    prop_assert!(
                        may_share(a, b),
                        "{address}: {} and {}",
                        a.service,
                        b.service
                    );
                }
            }
        }
        for usage in world.allocator.usage(world.now) {
            let pool = self
                .pools
                .iter()
                .find(|pool| pool.name == usage.pool)
                .unwrap();
            let in_use = owners
                .keys()
                .filter(|address| pool.contains(**address))
                .count();
            prop_assert_eq!(usage.in_use, in_use as u128);
            prop_assert!(usage.in_use + usage.free <= usage.total);
        }
        Ok(())
    }

    /// Whether `address` fits the wish whatever else is the case.
    fn fits(&self, world: &World, wish: &Wish, address: IpAddr) -> bool {
        let family = IpFamily::of(address);
        let others = world
            .allocator
            .holders()
            .filter(|(_, service, held)| **service != wish.service && held.contains(&address));
        wish.wanted().contains(&family)
            && wish
                .requested(family)
                .is_none_or(|requested| requested == address)
            && (!wish.in_conflict.contains(&address) || wish.requested(family).is_some())
            && self.pools.iter().any(|pool| {
                pool.contains(address) && wish.pool.as_ref().is_none_or(|name| *name == pool.name)
            })
            && others
                .into_iter()
                .all(|(_, service, _)| may_share(wish, &self.wishes[&*service.name]))
    }
}

/// A Service is given what it asks for, or refused and left as it was; what fits stays.
fn ensured(
    world: &mut World,
    books: &mut Books,
    name: u8,
    sketch: &Sketch,
) -> Result<(), TestCaseError> {
    let wish = world.wish(name, sketch);
    let key = format!("s{name}");
    let before = world.allocator.held(&id(&key)).to_vec();
    let fitting: Vec<IpAddr> = before
        .iter()
        .copied()
        .filter(|address| books.fits(world, &wish, *address))
        .collect();
    let Ok(decision) = world.allocator.decide(&id(&key), &wish, world.now) else {
        prop_assert_eq!(
            world.allocator.held(&id(&key)),
            before,
            "refused, and yet changed"
        );
        return Ok(());
    };
    world.allocator.take(&id(&key), &wish, &decision, world.now);
    let after = world.allocator.held(&id(&key)).to_vec();
    prop_assert!(!after.is_empty());
    prop_assert!(
        fitting.iter().all(|address| after.contains(address)),
        "{fitting:?} moved to {after:?}"
    );
    for address in after.iter().filter(|address| !before.contains(address)) {
        prop_assert!(
            books.pools.iter().any(|pool| pool.contains(*address)),
            "{address} is of no pool"
        );
        prop_assert!(!books.nodes.contains_key(address), "{address} is a node's");
    }
    prop_assert!(
        wish.requested
            .iter()
            .all(|requested| after.contains(requested))
    );
    if wish.policy == IpFamilyPolicy::RequireDualStack {
        prop_assert_eq!(after.len(), 2);
    }
    let again = world.allocator.decide(&id(&key), &wish, world.now);
    let again: Vec<IpAddr> = again
        .unwrap()
        .addresses
        .iter()
        .map(|kept| kept.address)
        .collect();
    let conflict = after
        .iter()
        .any(|address| wish.in_conflict.contains(address));
    prop_assert!(
        conflict || again == after,
        "decided twice: {after:?}, then {again:?}"
    );
    books.wishes.insert(key, wish);
    Ok(())
}

fn happen(
    world: &mut World,
    books: &mut Books,
    happening: &Happening,
) -> Result<(), TestCaseError> {
    match happening {
        Happening::Ensure { name, wish } => ensured(world, books, *name, wish)?,
        Happening::Release { name } => {
            world.release(&format!("s{name}"));
            books.wishes.remove(&format!("s{name}"));
        }
        Happening::Pools(sketches) => {
            books.pools = pools(sketches);
            let held = holdings(world);
            world.allocator.set_pools(books.pools.clone());
            prop_assert_eq!(holdings(world), held, "an edit by itself takes nothing");
        }
        Happening::Nodes(nodes) => {
            books.nodes = nodes
                .iter()
                .map(|n| (four(*n), Arc::from("node")))
                .collect();
            world.allocator.set_nodes(books.nodes.clone());
        }
        Happening::Restart => {
            let held = holdings(world);
            let mut allocator = Allocator::new(NOTICE);
            for (name, addresses) in &held {
                let wish = &books.wishes[name];
                allocator.restore(&id(name), &wish.service, addresses, Some(wish));
            }
            allocator.set_pools(books.pools.clone());
            allocator.set_nodes(books.nodes.clone());
            world.allocator = allocator;
            prop_assert_eq!(holdings(world), held, "a restart changes nothing");
        }
        Happening::Wait(seconds) => world.now += Duration::from_secs((*seconds).into()),
    }
    Ok(())
}

fn holdings(world: &World) -> BTreeMap<String, Vec<IpAddr>> {
    let holders = world.allocator.holders();
    holders
        .map(|(_, service, addresses)| (service.name.to_string(), addresses.to_vec()))
        .collect()
}

/// No address is lost: when all have gone, every address of every pool can be given again.
fn nothing_is_lost(mut world: World, books: &Books) -> Result<(), TestCaseError> {
    let names: Vec<String> = holdings(&world).into_keys().collect();
    for name in names {
        world.release(&name);
    }
    world.now += super::super::ledger::FOREIGN;
    let all: BTreeSet<IpAddr> = (0..=255)
        .map(four)
        .filter(|address| {
            books.pools.iter().any(|pool| pool.contains(*address))
                && !books.nodes.contains_key(address)
        })
        .collect();
    let mut given = BTreeSet::new();
    for n in 0..all.len() {
        let wish = plain(&format!("late-{n}"));
        let address = world.give(&wish);
        prop_assert!(given.insert(ip(&address)), "{address} twice");
    }
    prop_assert_eq!(given, all);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_address_twice_none_lost_none_moved_without_cause(happenings in prop::collection::vec(happening(), 1..60)) {
        let mut books = Books { pools: pools(&[(0, 7, true), (10, 3, false)]), ..Books::default() };
        let mut world = World::new(books.pools.clone());
        for happening in &happenings {
            happen(&mut world, &mut books, happening)?;
            books.check(&world)?;
        }
        nothing_is_lost(world, &books)?;
    }
}
