use super::*;

fn node(yaml: &str) -> Node {
    serde_yaml::from_str(yaml).unwrap()
}

/// The verdict on a node; what is never read may be dropped without changing it.
fn judge(yaml: &str, heed_label: bool) -> Option<MayNot> {
    let mut node = node(yaml);
    let whole = NodeFacts::of(&node, heed_label);
    shrink(&mut node);
    assert_eq!(NodeFacts::of(&node, heed_label), whole, "{yaml}");
    whole.may_not
}

fn names(names: &[&str]) -> BTreeSet<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn pool(range: &str, nodes: &str) -> Pool {
    let selector = crate::pools::selector(&serde_yaml::from_str(nodes).unwrap());
    Pool {
        name: "home".into(),
        ranges: vec![range.parse().unwrap()],
        announced: true,
        interfaces: None,
        nodes: selector,
    }
}

/// Nodes a, b and c, of which c is excluded; b has the label zone=b.
fn ground(pools: Vec<Pool>) -> Ground {
    let nodes = [
        node(
            "{metadata: {name: a}, status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}}",
        ),
        node("{metadata: {name: b, labels: {zone: b}}}"),
        node(&format!(
            "{{metadata: {{name: c, labels: {{{EXCLUDE_LABEL}: '', zone: b}}}}}}"
        )),
    ];
    let facts = nodes.iter().map(|node| {
        let name = node.metadata.name.as_deref().unwrap();
        (Arc::from(name), NodeFacts::of(node, true))
    });
    Ground::new(facts.collect(), pools)
}

const VIP: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 100));

#[test]
fn a_node_announces_unless_something_speaks_against_it() {
    let excluded = format!("{{metadata: {{name: n, labels: {{{EXCLUDE_LABEL}: ''}}}}}}");
    let table = [
        ("{metadata: {name: n}}", true, None),
        (
            // Cordoned, and not ready as the API server sees it: the segment knows better.
            "{metadata: {name: n}, spec: {unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule}]},
              status: {conditions: [{type: Ready, status: Unknown}, {type: NetworkUnavailable, status: 'False'}]}}",
            true,
            None,
        ),
        (&*excluded, true, Some(MayNot::Excluded)),
        (&*excluded, false, None),
        (
            "{metadata: {name: n, deletionTimestamp: '2026-01-01T00:00:00Z'}}",
            true,
            Some(MayNot::Deleting),
        ),
        (
            "{metadata: {name: n}, spec: {taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]}}",
            true,
            Some(MayNot::Going),
        ),
        (
            "{metadata: {name: n}, spec: {taints: [{key: karpenter.sh/disrupted, effect: NoSchedule}]}}",
            false,
            Some(MayNot::Going),
        ),
        (
            "{metadata: {name: n}, status: {conditions: [{type: NetworkUnavailable, status: 'True'}]}}",
            true,
            Some(MayNot::NetworkUnavailable),
        ),
    ];
    for (yaml, heed_label, verdict) in table {
        assert_eq!(judge(yaml, heed_label), verdict, "{yaml}");
    }
}

#[test]
fn a_pool_chooses_among_the_nodes_that_may_announce() {
    let anywhere = Serving::Anywhere;
    let everywhere = ground(Vec::new());
    assert_eq!(
        *everywhere.candidates(VIP, &[&anywhere]),
        names(&["a", "b"])
    );
    let chosen = ground(vec![pool(
        "192.0.2.100-192.0.2.110",
        "{matchLabels: {zone: b}}",
    )]);
    assert_eq!(*chosen.candidates(VIP, &[&anywhere]), names(&["b"]));
    let verdicts = ["a", "b", "c", "d"].map(|node| chosen.may_not(node, VIP, &[&anywhere]));
    assert_eq!(
        verdicts,
        [
            Some(MayNot::NotSelected),
            None,
            Some(MayNot::Excluded),
            Some(MayNot::NoSuchNode)
        ]
    );
    let mut silent = pool("192.0.2.100-192.0.2.110", "{}");
    silent.announced = false;
    let silent = ground(vec![silent]);
    assert!(silent.candidates(VIP, &[&anywhere]).is_empty());
    assert_eq!(
        silent.may_not("a", VIP, &[&anywhere]),
        Some(MayNot::PoolNotAnnounced)
    );
}

#[test]
fn an_address_that_a_node_has_itself_is_announced_by_nobody() {
    let ground = ground(vec![pool("192.0.2.0-192.0.2.255", "{}")]);
    let own = "192.0.2.1".parse().unwrap();
    assert!(ground.candidates(own, &[&Serving::Anywhere]).is_empty());
    for node in ["a", "b"] {
        assert_eq!(
            ground.may_not(node, own, &[&Serving::Anywhere]),
            Some(MayNot::NodeAddress)
        );
    }
}

#[test]
fn services_that_share_an_address_agree_on_its_nodes() {
    let ground = ground(Vec::new());
    let anywhere = Serving::Anywhere;
    let on = |nodes: &[&str]| Serving::On(names(nodes));
    let (both, a, b, only_c, nowhere) =
        (on(&["a", "b"]), on(&["a"]), on(&["b"]), on(&["c"]), on(&[]));
    let table: [(&[&Serving], &[&str]); 10] = [
        (&[&anywhere, &anywhere], &["a", "b"]),
        (&[&b], &["b"]),
        // A serving endpoint does not help a node that may not announce.
        (&[&only_c], &[]),
        (&[&nowhere], &[]),
        (&[&anywhere, &b], &["b"]),
        (&[&both, &a], &["a"]),
        // Welcome nowhere: the others' traffic is not held up for it.
        (&[&nowhere, &b], &["b"]),
        (&[&nowhere, &anywhere], &["a", "b"]),
        (&[&nowhere, &both, &a], &["a"]),
        // No node serves both: some traffic is better than none.
        (&[&a, &b], &["a", "b"]),
    ];
    for (sharers, expected) in table {
        let candidates = ground.candidates(VIP, sharers);
        assert_eq!(*candidates, names(expected), "{sharers:?}");
        let of = |node| ground.may_not(node, VIP, sharers).is_none();
        assert_eq!(
            ["a", "b"].map(of),
            ["a", "b"].map(|node| candidates.contains(node)),
            "{sharers:?}"
        );
    }
    assert_eq!(
        ground.may_not("a", VIP, &[&b]),
        Some(MayNot::NoServingEndpoint)
    );
}
