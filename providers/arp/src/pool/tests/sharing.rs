//! Who may share an address with whom?

use super::*;

fn sharing(name: &str, key: &str, numbers: &[u16]) -> Wish {
    Wish {
        sharing: Some(Arc::from(key)),
        ports: ports(numbers),
        ..plain(name)
    }
}

fn local(wish: Wish, selector: &str) -> Wish {
    Wish {
        backends: Backends::OnTheNode(selector.to_owned()),
        ..wish
    }
}

#[test]
fn services_of_one_key_with_other_ports_share() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    assert_eq!(world.give(&sharing("web", "k", &[80])), "192.0.2.0");
    assert_eq!(world.give(&sharing("dns", "k", &[53])), "192.0.2.0");
    let udp = Wish {
        ports: [(PortNumber::new(80).unwrap(), Protocol::Udp)].into(),
        ..sharing("quic", "k", &[])
    };
    assert_eq!(
        world.give(&udp),
        "192.0.2.0",
        "another protocol is another port"
    );
    let elsewhere = Wish {
        service: NamespacedName::new("bank", "x"),
        ..sharing("x", "k", &[443])
    };
    assert_eq!(world.give(&elsewhere), "192.0.2.0", "across namespaces too");
    assert_eq!(
        world.give(&sharing("web2", "k", &[80])),
        "192.0.2.1",
        "the port is taken"
    );
    assert_eq!(
        world.give(&sharing("other", "l", &[81])),
        "192.0.2.2",
        "another key"
    );
    assert_eq!(world.give(&plain("alone")), "192.0.2.3");
    assert_eq!(world.allocator.usage(world.now)[0].in_use, 4);
}

#[test]
fn local_ones_share_only_with_the_same_pods() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    assert_eq!(
        world.give(&local(sharing("a", "k", &[80]), "app=web")),
        "192.0.2.0"
    );
    assert_eq!(
        world.give(&local(sharing("b", "k", &[81]), "app=web")),
        "192.0.2.0"
    );
    assert_eq!(
        world.give(&local(sharing("c", "k", &[82]), "app=db")),
        "192.0.2.1"
    );
    assert_eq!(
        world.give(&sharing("d", "k", &[83])),
        "192.0.2.2",
        "Cluster and Local do not go together"
    );
}

#[test]
fn why_an_address_cannot_be_shared_is_told() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    let at = |wish: Wish| Wish {
        requested: vec![ip("192.0.2.5")],
        ..wish
    };
    world.give(&at(sharing("web", "k", &[80])));
    let table = [
        (
            at(plain("x")),
            "both need the annotation roadstead.dev/allow-shared-ip with the same key",
        ),
        (
            at(sharing("x", "l", &[81])),
            r#"shares it under the key \"k\", this one says \"l\""#,
        ),
        (at(sharing("x", "k", &[80])), "serves 80/TCP there already"),
        (
            at(local(sharing("x", "k", &[81]), "app=x")),
            "must all be Local and have the same selector",
        ),
    ];
    for (wish, hint) in table {
        let mut wish = wish;
        if hint.contains("this one says") {
            // Keys are compared before anything else.
            wish.ports = ports(&[80]);
        }
        let refusal = world.refuse(&wish);
        assert!(refusal.contains(hint), "{refusal}");
    }
    assert_eq!(world.give(&at(sharing("x", "k", &[81]))), "192.0.2.5");
}

#[test]
fn a_sole_owner_changes_its_key_in_place_and_a_sharer_moves() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    world.give(&sharing("web", "k", &[80]));
    assert_eq!(world.give(&sharing("web", "other", &[80])), "192.0.2.0");
    assert_eq!(world.give(&sharing("dns", "other", &[53])), "192.0.2.0");
    assert_eq!(world.give(&sharing("dns", "third", &[53])), "192.0.2.1");
    assert_eq!(
        world.give(&sharing("dns", "other", &[53])),
        "192.0.2.1",
        "what it has it keeps"
    );
}

#[test]
fn a_port_that_comes_to_clash_moves_the_one_that_was_edited() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    world.give(&sharing("web", "k", &[80]));
    world.give(&sharing("dns", "k", &[53]));
    assert_eq!(world.give(&sharing("dns", "k", &[53, 80])), "192.0.2.1");
    assert_eq!(world.give(&sharing("web", "k", &[80])), "192.0.2.0");
}

#[test]
fn an_address_is_free_when_the_last_of_its_sharers_has_gone() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/32"])]);
    world.give(&sharing("web", "k", &[80]));
    world.give(&sharing("dns", "k", &[53]));
    world.release("web");
    assert!(world.refuse(&plain("new")).contains("1 of 1 are in use"));
    assert_eq!(
        world.give(&sharing("ssh", "k", &[22])),
        "192.0.2.0",
        "the key outlives its first owner"
    );
    world.release("dns");
    world.release("ssh");
    assert_eq!(world.give(&plain("new")), "192.0.2.0");
}

#[test]
fn sharers_share_after_a_restart_too() {
    let mut world = World::new(vec![pool("a", &["192.0.2.0/28"])]);
    let (web, dns) = (sharing("web", "k", &[80]), sharing("dns", "k", &[53]));
    for wish in [&web, &dns] {
        world.allocator.restore(
            &id(&wish.service.name),
            &wish.service,
            &[ip("192.0.2.7")],
            Some(wish),
        );
    }
    assert_eq!(world.give(&sharing("new", "k", &[443])), "192.0.2.7");
    assert_eq!(world.give(&dns), "192.0.2.7");
    assert_eq!(world.give(&web), "192.0.2.7");
}
