use std::collections::BTreeMap;

use super::*;
use crate::announcer::{eligibility::NodeFacts, pool::Pool};

const FIRST: &str = "192.0.2.7";
const SECOND: &str = "2001:db8::7";

fn names(names: &[&str]) -> BTreeSet<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn held(by: &[&str]) -> Vec<Holder> {
    by.iter()
        .map(|node| Holder {
            node: Arc::from(*node),
            interface: "eth0".into(),
        })
        .collect()
}

/// A Service with both addresses, seen from node-1.
struct Case {
    seen: Seen,
    wish: Option<Wish>,
    holders: [Vec<Holder>; 2],
    conflicts: BTreeMap<IpAddr, Mac>,
    ground: Ground,
    first: bool,
    settled: bool,
}

impl Case {
    fn new() -> Self {
        let addresses: Vec<IpAddr> = vec![FIRST.parse().unwrap(), SECOND.parse().unwrap()];
        let facts = |name: &&str| (Arc::from(*name), NodeFacts::default());
        Self {
            seen: Seen {
                uid: None,
                generation: None,
                version: None,
                ours: true,
                addresses: addresses.clone(),
                local: false,
                healthy: None,
            },
            wish: Some(Wish {
                addresses,
                serving: Some(Serving::Anywhere),
                announced_before: false,
            }),
            holders: [held(&[]), held(&[])],
            conflicts: BTreeMap::new(),
            ground: Ground::new(["node-1", "node-2"].iter().map(facts).collect(), Vec::new()),
            first: true,
            settled: true,
        }
    }

    fn held(first: &[&str], second: &[&str]) -> Self {
        Self {
            holders: [held(first), held(second)],
            ..Self::new()
        }
    }

    fn local(nodes: &[&str]) -> Self {
        let mut case = Self::new();
        case.wish.as_mut().unwrap().serving = Some(Serving::On(names(nodes)));
        case
    }

    fn said(self, reason: Reason) -> Self {
        self.saying(reason, "m")
    }

    fn saying(self, reason: Reason, message: &str) -> Self {
        let mut case = self;
        case.seen.healthy = Some(
            serde_yaml::from_str(&format!(
                "{{type: roadstead.dev/Healthy, status: 'False', reason: {reason}, message: {message}, lastTransitionTime: '2026-01-01T00:00:00Z'}}"
            ))
            .unwrap(),
        );
        case
    }

    fn word(&self) -> Word {
        word(&Scene {
            me: "node-1",
            first: self.first,
            seen: &self.seen,
            wish: self.wish.as_ref(),
            holders: &self.holders,
            conflicts: &self.conflicts,
            near: &names(&["node-1", "node-2"]),
            ground: &self.ground,
            settled: self.settled,
        })
    }

    /// `Reason: message`.
    fn says(&self) -> String {
        match self.word() {
            Word::Say(condition) => format!("{}: {}", condition.reason, condition.message),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_holder_of_the_first_address_says_where_it_is_announced() {
    let both = Case::held(&["node-1"], &["node-1"]);
    assert_eq!(both.says(), "Announced: announced by node-1 on eth0");
    assert_eq!(Case::held(&["node-2"], &["node-1"]).word(), Word::Nothing);
    let mut apart = Case::held(&["node-1"], &["node-2"]);
    assert_eq!(
        apart.says(),
        "Announced: announced by node-1 on eth0; 2001:db8::7 by node-2 on eth0"
    );
    apart.settled = false;
    assert_eq!(
        apart.says(),
        "Announced: announced by node-1 on eth0",
        "a moment is not worth a write"
    );
    assert_eq!(
        Case::held(&["node-1"], &[]).says(),
        "Announced: announced by node-1 on eth0; nobody announces 2001:db8::7: node-1, node-2 may, but none of them is \
         there, forwards, and has an interface whose subnet contains it; the announcer of each tells more at /view"
    );
}

#[test]
fn the_first_of_those_that_live_says_why_nobody_announces_an_address() {
    let nobody = |case: &Case| {
        let says = case.says();
        let why = says.strip_prefix("NotAnnounced: nobody announces 192.0.2.7: ");
        why.map(str::to_owned).unwrap_or(says)
    };
    assert_eq!(
        nobody(&Case::local(&[])),
        "externalTrafficPolicy is Local, and no pod of the Service serves on any node"
    );
    let mut two_reasons = Case::local(&["node-3"]);
    let excluded = NodeFacts {
        may_not: Some(MayNot::Excluded),
        ..NodeFacts::default()
    };
    let nodes = [
        ("node-1", NodeFacts::default()),
        ("node-2", NodeFacts::default()),
        ("node-3", excluded),
    ];
    let nodes: BTreeMap<Arc<str>, NodeFacts> =
        nodes.map(|(name, facts)| (Arc::from(name), facts)).into();
    two_reasons.ground = Ground::new(nodes, Vec::new());
    assert_eq!(
        nobody(&two_reasons),
        "node-1, node-2 are without a serving endpoint (externalTrafficPolicy is Local), node-3 is excluded by the label \
         node.kubernetes.io/exclude-from-external-load-balancers"
    );
    let mut pool = Pool {
        name: "home".into(),
        ranges: vec![format!("{FIRST}/32").parse().unwrap()],
        announced: false,
        interfaces: Some(Arc::new(names(&["bond0"]))),
        nodes: roadstead_arp::pool::Selector::default(),
    };
    let facts = NodeFacts {
        addresses: [FIRST.parse().unwrap()].into(),
        ..NodeFacts::default()
    };
    let mut case = Case::new();
    let nodes = |facts| BTreeMap::from([(Arc::from("node-1"), facts)]);
    case.ground = Ground::new(nodes(NodeFacts::default()), vec![pool.clone()]);
    assert_eq!(
        nobody(&case),
        "the pool home says that its addresses are not to be announced (announce.enabled)"
    );
    pool.announced = true;
    case.ground = Ground::new(nodes(NodeFacts::default()), vec![pool.clone()]);
    assert!(
        nobody(&case).contains("an interface named bond0"),
        "{}",
        nobody(&case)
    );
    case.ground = Ground::new(nodes(facts), vec![pool]);
    assert_eq!(
        nobody(&case),
        "it is an address of the node node-1 itself; take it out of the pool home"
    );
    case.settled = false;
    assert_eq!(case.word(), Word::NotYet);
    case.first = false;
    assert_eq!(case.word(), Word::Nothing);
}

#[test]
fn a_foreign_user_of_an_address_is_named_by_who_holds_it_or_would() {
    let mac = Mac([0x52, 0x54, 0, 0, 0, 9]);
    let mut case = Case::new();
    case.conflicts.insert(FIRST.parse().unwrap(), mac);
    (case.settled, case.first) = (false, false);
    let says = case.says();
    assert!(
        says.starts_with(
            "AddressConflict: 192.0.2.7 is used by 52:54:00:00:00:09, a host that is no announcer;"
        ),
        "{says}"
    );
    case.holders[0] = held(&["node-1"]);
    assert!(
        case.says().starts_with("AddressConflict: "),
        "defended and said"
    );
    case.holders[0] = held(&["node-2"]);
    assert_eq!(case.word(), Word::Nothing, "node-2 speaks of it");
    case.conflicts = BTreeMap::from([(SECOND.parse().unwrap(), mac)]);
    assert!(case.says().starts_with("AddressConflict: 2001:db8::7 "));
}

#[test]
fn what_was_said_is_withdrawn_when_nothing_is_asked_for_any_more() {
    let idle = |case: Case| Case { wish: None, ..case };
    assert_eq!(idle(Case::new()).word(), Word::Nothing);
    let mut stale = idle(Case::new().said(Reason::Announced));
    assert_eq!(stale.word(), Word::Withdraw);
    stale.settled = false;
    assert_eq!(stale.word(), Word::NotYet);
    stale.first = false;
    assert_eq!(stale.word(), Word::Nothing);
    let mut conflict = idle(Case::new().said(Reason::AddressConflict));
    assert_eq!(conflict.word(), Word::Nothing, "it must be remembered");
    conflict.seen.ours = false;
    assert_eq!(conflict.word(), Word::Withdraw);
}

#[test]
fn what_somebody_said_who_sees_more_is_left_alone() {
    let nobody = |reason, message: &str| {
        let mut case = Case::new().saying(reason, message);
        let facts = |dead| NodeFacts {
            dead,
            ..NodeFacts::default()
        };
        let nodes = [
            ("node-1", false),
            ("node-2", false),
            ("far-1", false),
            ("far-2", true),
        ];
        let nodes = nodes.map(|(name, dead)| (Arc::from(name), facts(dead)));
        case.ground = Ground::new(nodes.into(), Vec::new());
        matches!(case.word(), Word::Say(_))
    };
    for (reason, message, overruled) in [
        // Heard here, and it does not hold the address.
        (Reason::Announced, "announced by node-2 on eth0", true),
        // On another segment; alive, dead, and unknown to the cluster.
        (Reason::Announced, "announced by far-1 on eth0", false),
        (Reason::Announced, "announced by far-2 on eth0", true),
        (Reason::Announced, "announced by far-3 on eth0", true),
        (Reason::NotAnnounced, "nobody announces it", true),
        (
            Reason::AddressConflict,
            "192.0.2.7 is used by 52:54:00:00:00:09",
            false,
        ),
        (
            Reason::AddressConflict,
            "192.0.2.6 is used by 52:54:00:00:00:09",
            true,
        ),
    ] {
        assert_eq!(nobody(reason, message), overruled, "{message}");
    }
}
