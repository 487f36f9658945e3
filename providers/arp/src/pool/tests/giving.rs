//! Which address does a Service get that has none?

use super::{
    super::{Requirement, Selector},
    *,
};

#[test]
fn addresses_come_in_order_and_the_one_given_back_longest_ago_comes_before_the_others() {
    let mut world = World::new(vec![pool("a", &["192.0.2.1-192.0.2.4"])]);
    for (name, address) in [
        ("one", "192.0.2.1"),
        ("two", "192.0.2.2"),
        ("three", "192.0.2.3"),
    ] {
        assert_eq!(world.give(&plain(name)), address);
    }
    world.release("two");
    world.release("one");
    let order = ["192.0.2.4", "192.0.2.2", "192.0.2.1"];
    for (name, address) in ["four", "five", "six"].into_iter().zip(order) {
        assert_eq!(world.give(&plain(name)), address, "{name}");
    }
}

#[test]
fn a_full_pool_is_named_with_how_full_it_is() {
    let mut world = World::new(vec![
        pool("a", &["192.0.2.1-192.0.2.2"]),
        pool("b", &["2001:db8::/126"]),
    ]);
    world
        .allocator
        .set_nodes(BTreeMap::from([(ip("192.0.2.2"), Arc::from("node-1"))]));
    assert_eq!(world.give(&plain("one")), "192.0.2.1");
    assert_eq!(
        world.refuse(&plain("two")),
        "Full(\"no IPv4 address is free; pool a: 1 of 2 are in use, and 1 are used by nodes or foreign hosts; pool b has \
         none of IPv4\")"
    );
    assert_eq!(
        world
            .allocator
            .usage(world.now)
            .iter()
            .map(|usage| (usage.total, usage.in_use, usage.free))
            .collect::<Vec<_>>(),
        [(2, 1, 0), (4, 0, 4)]
    );
    world.allocator.set_nodes(BTreeMap::new());
    assert_eq!(world.give(&plain("two")), "192.0.2.2", "the node is gone");
}

#[test]
fn without_a_pool_for_it_a_service_is_told_why() {
    let mut world = World::new(Vec::new());
    assert_eq!(
        world.refuse(&plain("web")),
        "Full(\"there is no pool of addresses yet\")"
    );
    let manual = Pool {
        auto_assign: false,
        ..pool("manual", &["192.0.2.0/24"])
    };
    let theirs = Pool {
        namespaces: BTreeSet::from([Arc::from("bank")]),
        ..pool("theirs", &["198.51.100.0/24"])
    };
    world.allocator.set_pools(vec![manual, theirs]);
    assert_eq!(
        world.refuse(&plain("web")),
        "Full(\"no pool is for this Service: theirs (it is for other Services), manual (autoAssign is false)\")"
    );
}

#[test]
fn the_lowest_priority_comes_first_and_among_equals_what_is_for_some_services_only() {
    let common = pool("common", &["192.0.2.0/24"]);
    let shop = Pool {
        namespaces: BTreeSet::from([Arc::from("shop")]),
        ..pool("shop", &["198.51.100.0/24"])
    };
    let gold = Pool {
        service_selector: Some(Selector(vec![Requirement::Exists("gold".to_owned())])),
        ..pool("gold", &["203.0.113.0/24"])
    };
    let golden = |name| Wish {
        labels: labels(&[("gold", "")]),
        ..plain(name)
    };
    let mut world = World::new(vec![common.clone(), gold.clone(), shop.clone()]);
    assert_eq!(
        world.give(&golden("a")),
        "203.0.113.0",
        "both are for it, and the name decides"
    );
    assert_eq!(world.give(&plain("b")), "198.51.100.0");
    world.allocator.set_pools(vec![
        Pool {
            priority: 9,
            ..common.clone()
        },
        gold,
        shop,
    ]);
    assert_eq!(world.give(&golden("c")), "192.0.2.0", "0 comes last");
}

#[test]
fn a_namespace_is_listed_or_selected() {
    let listed = Pool {
        namespaces: BTreeSet::from([Arc::from("other")]),
        namespace_selector: Some(Selector(vec![Requirement::In(
            "team".to_owned(),
            BTreeSet::from(["red".to_owned()]),
        )])),
        ..pool("a", &["192.0.2.0/24"])
    };
    let mut world = World::new(vec![listed]);
    assert!(
        world
            .refuse(&plain("web"))
            .contains("it is for other Services")
    );
    let elsewhere = Wish {
        service: NamespacedName::new("other", "x"),
        ..plain("x")
    };
    assert_eq!(world.give(&elsewhere), "192.0.2.0");
    assert_eq!(
        world.give(&Wish {
            namespace_labels: labels(&[("team", "red")]),
            ..plain("web")
        }),
        "192.0.2.1"
    );
}

#[test]
fn what_is_asked_for_is_given_or_explained() {
    let manual = Pool {
        auto_assign: false,
        ..pool("manual", &["192.0.2.0/28"])
    };
    let theirs = Pool {
        namespaces: BTreeSet::from([Arc::from("bank")]),
        ..pool("theirs", &["198.51.100.0/28"])
    };
    let mut world = World::new(vec![manual, theirs, pool("six", &["2001:db8::/120"])]);
    world
        .allocator
        .set_nodes(BTreeMap::from([(ip("192.0.2.9"), Arc::from("node-1"))]));
    let asking = |address: &str| Wish {
        requested: vec![ip(address)],
        ..plain("web")
    };
    let of_pool = |name: &str| Wish {
        pool: Some(Arc::from(name)),
        ..plain("web")
    };
    assert_eq!(
        world.give(&asking("192.0.2.5")),
        "192.0.2.5",
        "asked for, autoAssign does not matter"
    );
    assert_eq!(
        world.give(&of_pool("manual")),
        "192.0.2.5",
        "it is of that pool already"
    );
    let other = Wish {
        requested: vec![ip("192.0.2.5")],
        ..plain("other")
    };
    let table = [
        (
            other,
            "Taken(\"192.0.2.5 cannot be had: Service shop/web has it; to share it both need",
        ),
        (
            asking("203.0.113.1"),
            "Impossible(\"203.0.113.1 is in no pool; there are theirs (198.51.100.0/28), manual (192.0.2.0/28), six",
        ),
        (
            asking("198.51.100.1"),
            "Impossible(\"198.51.100.1 is in the pool theirs, which is for other Services",
        ),
        (
            asking("192.0.2.9"),
            "Taken(\"192.0.2.9 is the address of node node-1",
        ),
        (
            asking("2001:db8::1"),
            "Impossible(\"2001:db8::1 is asked for, and the Service has no address of IPv6",
        ),
        (
            of_pool("nowhere"),
            "there is no pool nowhere; there are theirs",
        ),
        (of_pool("theirs"), "the pool theirs is for other Services"),
        (
            Wish {
                pool: Some(Arc::from("six")),
                ..asking("192.0.2.6")
            },
            "192.0.2.6 is in the pool manual, and the pool six is asked for",
        ),
    ];
    for (wish, hint) in table {
        let refusal = world.refuse(&wish);
        assert!(refusal.contains(hint), "{refusal}");
        assert_eq!(
            world.held("web"),
            ["192.0.2.5"],
            "what cannot be changes nothing"
        );
    }
}

#[test]
fn buggy_addresses_are_left_out_where_the_pool_says_so() {
    let careful = Pool {
        avoid_buggy: true,
        ..pool("a", &["192.0.1.254-192.0.2.2"])
    };
    let mut world = World::new(vec![careful]);
    let given: Vec<String> = ["a", "b", "c"]
        .iter()
        .map(|name| world.give(&plain(name)))
        .collect();
    assert_eq!(given, ["192.0.1.254", "192.0.2.1", "192.0.2.2"]);
    assert!(world.refuse(&plain("d")).contains("3 of 3 are in use"));
    let zero = Wish {
        requested: vec![ip("192.0.2.0")],
        ..plain("e")
    };
    assert!(world.refuse(&zero).contains("192.0.2.0 is in no pool"));
}

#[test]
fn both_families_come_from_one_pool_if_one_has_both() {
    use IpFamilyPolicy::{PreferDualStack, RequireDualStack};
    let four = Pool {
        priority: 1,
        ..pool("four", &["192.0.2.0/28"])
    };
    let both = pool(
        "both",
        &["198.51.100.1-198.51.100.2", "2001:db8::1-2001:db8::2"],
    );
    let mut world = World::new(vec![four.clone(), both]);
    assert_eq!(
        world.give(&dual("a", RequireDualStack)),
        "198.51.100.1 2001:db8::1"
    );
    assert_eq!(
        world.give(&dual("b", PreferDualStack)),
        "198.51.100.2 2001:db8::2"
    );
    assert_eq!(
        world.give(&dual("c", PreferDualStack)),
        "192.0.2.0",
        "content with its first family"
    );
    assert!(
        world
            .refuse(&dual("d", RequireDualStack))
            .contains("no IPv6 address is free; pool four has none of IPv6; pool both: 4 of 4")
    );
    world
        .allocator
        .set_pools(vec![four, pool("six", &["2001:db8:1::/126"])]);
    assert_eq!(
        world.give(&dual("d", RequireDualStack)),
        "192.0.2.1 2001:db8:1::",
        "from two pools, if none has both"
    );
}

#[test]
fn who_prefers_two_families_gets_the_second_from_its_own_pool_later() {
    let wish = dual("web", IpFamilyPolicy::PreferDualStack);
    let four = pool("a", &["192.0.2.0/28"]);
    let mut world = World::new(vec![four.clone()]);
    assert_eq!(world.give(&wish), "192.0.2.0");
    world.allocator.set_pools(vec![
        four,
        pool("b", &["198.51.100.0/28", "2001:db8:b::/120"]),
    ]);
    assert_eq!(
        world.give(&wish),
        "192.0.2.0",
        "another pool's is no reason to be in two"
    );
    world
        .allocator
        .set_pools(vec![pool("a", &["192.0.2.0/28", "2001:db8:a::/120"])]);
    assert_eq!(world.give(&wish), "192.0.2.0 2001:db8:a::");
    assert_eq!(
        world.give(&plain("web")),
        "192.0.2.0",
        "and gives it back with the wish"
    );
}

#[test]
fn a_range_of_any_size_is_as_quick_as_a_small_one() {
    let mut world = World::new(vec![pool("huge", &["2001:db8::/64"])]);
    let six = |name: &str| Wish {
        families: vec![IpFamily::V6],
        ..plain(name)
    };
    assert_eq!(world.give(&six("a")), "2001:db8::");
    let last = Wish {
        requested: vec![ip("2001:db8::ffff:ffff:ffff:ffff")],
        ..six("b")
    };
    assert_eq!(world.give(&last), "2001:db8::ffff:ffff:ffff:ffff");
    assert_eq!(world.give(&six("c")), "2001:db8::1");
    assert_eq!(world.allocator.usage(world.now)[0].free, (1 << 64) - 3);
}
