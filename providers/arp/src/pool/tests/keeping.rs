//! When does a Service keep its address, and when does it move?

use super::{
    super::{Requirement, Selector},
    *,
};

#[test]
fn an_edit_of_pools_moves_only_what_no_longer_fits_and_says_so_first() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28", "198.51.100.0/28"])]);
    let (stays, moves) = (plain("stays"), plain("moves"));
    assert_eq!(world.give(&stays), "192.0.2.0");
    let asked = Wish {
        requested: vec![ip("198.51.100.3")],
        ..plain("moves")
    };
    assert_eq!(world.give(&asked), "198.51.100.3");
    world
        .allocator
        .set_pools(vec![pool("renamed", &["192.0.2.0/29"])]);
    assert_eq!(world.give(&stays), "192.0.2.0");
    assert_eq!(world.give(&moves), "198.51.100.3", "told first");
    assert_eq!(
        world.notes(&moves),
        "198.51.100.3 is in no pool any more; another address takes its place after a notice of 30s"
    );
    world.now += NOTICE;
    assert_eq!(world.give(&stays), "192.0.2.0");
    assert_eq!(world.give(&moves), "192.0.2.1");
}

#[test]
fn a_pool_that_comes_back_within_the_notice_has_moved_nobody() {
    let a = pool("a", &["192.0.2.0/28"]);
    let mut world = World::new(vec![a.clone()]);
    let web = plain("web");
    world.give(&web);
    for _ in 0..2 {
        world
            .allocator
            .set_pools(vec![pool("b", &["198.51.100.0/28"])]);
        world.give(&web);
        world.now += NOTICE / 2;
        assert_eq!(world.give(&web), "192.0.2.0");
        world
            .allocator
            .set_pools(vec![a.clone(), pool("b", &["198.51.100.0/28"])]);
        assert_eq!(
            world.give(&web),
            "192.0.2.0",
            "and the next notice is a whole one"
        );
        assert_eq!(world.notes(&web), "");
    }
}

#[test]
fn with_nowhere_to_go_an_address_stays_and_the_reason_is_told() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    let web = plain("web");
    world.give(&web);
    world.allocator.set_pools(Vec::new());
    world.give(&web);
    world.now += NOTICE;
    assert_eq!(
        world.refuse(&web),
        "Full(\"192.0.2.0 is in no pool any more, and stays for want of another: there is no pool of addresses yet\")"
    );
    assert_eq!(world.held("web"), ["192.0.2.0"]);
    world
        .allocator
        .set_pools(vec![pool("b", &["192.0.2.0/28"])]);
    assert_eq!(
        world.give(&plain("new")),
        "192.0.2.1",
        "nobody else gets it meanwhile"
    );
}

#[test]
fn while_a_pool_cannot_be_read_no_address_is_taken_for_stray() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    let web = plain("web");
    world.give(&web);
    world.allocator.set_pools(vec![Pool {
        unreadable: true,
        ..pool("a", &["198.51.100.0/28"])
    }]);
    world.give(&web);
    world.now += NOTICE;
    assert_eq!(world.give(&web), "192.0.2.0");
    assert!(world.notes(&web).contains("stays while a pool cannot"));
}

#[test]
fn a_pool_that_is_for_others_now_is_left_after_the_notice() {
    let mut world = World::new(vec![
        pool("a", &["192.0.2.0/28"]),
        pool("b", &["198.51.100.0/28"]),
    ]);
    let web = plain("web");
    world.give(&web);
    let selector = Some(Selector(vec![Requirement::Exists("gold".to_owned())]));
    world.allocator.set_pools(vec![
        Pool {
            service_selector: selector,
            ..pool("a", &["192.0.2.0/28"])
        },
        pool("b", &["198.51.100.0/28"]),
    ]);
    assert_eq!(world.give(&web), "192.0.2.0");
    world.now += NOTICE;
    assert_eq!(world.give(&web), "198.51.100.0");
}

#[test]
fn what_the_user_of_the_service_asks_for_is_done_at_once() {
    let mut world = World::new(vec![
        pool("a", &["192.0.2.0/28"]),
        pool("b", &["198.51.100.0/28"]),
    ]);
    assert_eq!(world.give(&plain("web")), "192.0.2.0");
    let asking = Wish {
        requested: vec![ip("198.51.100.7")],
        ..plain("web")
    };
    assert_eq!(world.give(&asking), "198.51.100.7");
    assert_eq!(
        world.give(&plain("web")),
        "198.51.100.7",
        "what it asked for it keeps"
    );
    let named = Wish {
        pool: Some(Arc::from("a")),
        ..plain("web")
    };
    assert_eq!(
        world.give(&named),
        "192.0.2.1",
        "the one given back comes last"
    );
    let six = Wish {
        families: vec![IpFamily::V6],
        ..plain("web")
    };
    assert!(
        world
            .refuse(&six)
            .contains("the Service has no address of IPv4 any more, and stays for want of another")
    );
    assert_eq!(world.held("web"), ["192.0.2.1"]);
}

#[test]
fn an_address_in_conflict_is_left_and_left_alone_for_a_time() {
    let mut world = World::new(vec![pool("a", &["192.0.2.1-192.0.2.2"])]);
    assert_eq!(world.give(&plain("web")), "192.0.2.1");
    let conflict = Wish {
        in_conflict: vec![ip("192.0.2.1")],
        ..plain("web")
    };
    assert_eq!(world.give(&conflict), "192.0.2.2");
    let refusal = world.refuse(&plain("other"));
    assert!(
        refusal.contains("1 of 2 are in use, and 1 are used by nodes or foreign hosts"),
        "{refusal}"
    );
    let again = Wish {
        in_conflict: vec![ip("192.0.2.2")],
        ..plain("web")
    };
    assert!(world.refuse(&again).contains(
        "a foreign host uses 192.0.2.2; it is left alone for 600s, and stays for want of another"
    ));
    world.now += super::super::ledger::FOREIGN;
    assert_eq!(
        world.give(&plain("other")),
        "192.0.2.1",
        "the host may be gone"
    );
}

#[test]
fn whoever_asked_for_an_address_in_conflict_keeps_it() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    let fixed = Wish {
        requested: vec![ip("192.0.2.5")],
        in_conflict: vec![ip("192.0.2.5")],
        ..plain("web")
    };
    assert_eq!(world.give(&fixed), "192.0.2.5");
}

#[test]
fn a_restart_gives_everybody_what_it_had() {
    let pools = vec![pool("a", &["192.0.2.0/28"])];
    let mut world = World::new(pools.clone());
    for name in ["one", "two", "three"] {
        world.give(&plain(name));
    }
    world.release("one");
    let mut after = World::new(Vec::new());
    for name in ["three", "two"] {
        let held: Vec<IpAddr> = world.held(name).iter().map(|text| ip(text)).collect();
        after
            .allocator
            .restore(&id(name), &plain(name).service, &held, Some(&plain(name)));
    }
    after.allocator.set_pools(pools);
    assert_eq!(
        after.give(&plain("new")),
        "192.0.2.0",
        "never what somebody has"
    );
    assert_eq!(after.give(&plain("two")), "192.0.2.1");
    assert_eq!(after.give(&plain("three")), "192.0.2.2");
}

#[test]
fn of_two_that_carry_one_address_after_a_restart_one_keeps_it() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    for name in ["first", "second"] {
        world.allocator.restore(
            &id(name),
            &plain(name).service,
            &[ip("192.0.2.3")],
            Some(&plain(name)),
        );
    }
    assert_eq!(world.give(&plain("second")), "192.0.2.0");
    assert_eq!(world.give(&plain("first")), "192.0.2.3");
}

#[test]
fn an_address_of_two_pools_or_of_a_node_is_remarked_upon() {
    let mut world = World::new(vec![
        pool("a", &["192.0.2.0/28"]),
        pool("b", &["192.0.2.0/29"]),
    ]);
    assert_eq!(world.give(&plain("web")), "192.0.2.0");
    assert_eq!(
        world.notes(&plain("web")),
        "192.0.2.0 is in several pools: a, b"
    );
    world
        .allocator
        .set_nodes(BTreeMap::from([(ip("192.0.2.0"), Arc::from("node-1"))]));
    assert_eq!(world.give(&plain("web")), "192.0.2.0", "told, not taken");
    assert!(
        world
            .notes(&plain("web"))
            .contains("is also the address of node node-1")
    );
}
