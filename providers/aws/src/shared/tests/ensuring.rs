//! The group is made once, and let in with a constant number of rules.

use std::collections::BTreeMap;

use roadstead_core::ErrorKind;
use tokio::time::advance;

use super::{super::*, *};
use crate::{
    api::Action as Call,
    facts::world::{group, tag},
    seen::{RuleProtocol, RuleSource},
};

#[tokio::test(start_paused = true)]
async fn the_first_service_makes_one_group_that_the_nodes_let_in() {
    let (world, shared) = (world(), process());
    let ready = ensure(&shared, &world, &["i-1", "i-2"], &tcp())
        .await
        .unwrap();
    insta::assert_yaml_snapshot!(told(&ready.done));
    assert_eq!(
        world.edit(|it| it.told()),
        [
            "sg-big (big): ",
            SHARED,
            "sg-node (node): tcp 30000-32767 from sg-made-1"
        ]
    );
    let tags = world.edit(|it| it.groups[&ready.backend].tags.clone());
    insta::assert_yaml_snapshot!("tags", tags);
    assert_eq!(
        world.asked(),
        [
            Call::DescribeSecurityGroups,
            Call::CreateSecurityGroup,
            Call::DescribeInstances,
            Call::AuthorizeSecurityGroupIngress,
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn fifty_services_at_once_make_one_group_and_each_rule_once() {
    let (world, shared) = (world(), process());
    let udp = Needs { udp: true, ..tcp() };
    let needs: Vec<Needs> = (0..50)
        .map(|n| if n % 2 == 0 { tcp() } else { udp.clone() })
        .collect();
    let all = needs
        .iter()
        .map(|needs| ensure(&shared, &world, &["i-1"], needs));
    let mut done = Vec::new();
    for ready in futures::future::join_all(all).await {
        done.extend(told(&ready.unwrap().done));
    }
    done.sort();
    insta::assert_yaml_snapshot!(done);
    assert_eq!(rules_of(&world, "sg-node"), 2);
    assert_eq!(world.asked().len(), 5, "one more than for a single Service");
}

#[tokio::test(start_paused = true)]
async fn it_is_ready_only_if_all_that_is_needed_is_known_to_be_there() {
    let (world, shared) = (world(), process());
    let ready = |ids: &[&str], needs: &Needs| shared.ready(&vpc(), &nodes(ids), needs);
    assert!(ready(&["i-1"], &tcp()).is_none(), "nothing is known yet");
    ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    world.asked();
    let it = ready(&["i-1"], &tcp()).unwrap();
    assert_eq!(it.backend, GroupId::new("sg-made-1"));
    let udp = Needs { udp: true, ..tcp() };
    assert!(ready(&["i-1"], &udp).is_none(), "a rule is missing");
    assert!(ready(&["i-1", "i-2"], &tcp()).is_none(), "nobody saw i-2");
    let since = shared.watermark();
    assert!(
        matches!(shared.release(&world, since).await, Ok(Collected::InUse(_))),
        "it is held"
    );
    drop(it);
    let released = shared.release(&world, shared.watermark()).await;
    assert!(matches!(released, Ok(Collected::Gone)));
    assert!(ready(&["i-1"], &tcp()).is_none(), "it is gone");
}

#[tokio::test(start_paused = true)]
async fn nothing_new_costs_nothing_and_a_new_node_one_call() {
    let (world, shared) = (world(), process());
    ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    world.asked();
    advance(DAY).await;
    let again = ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    assert_eq!((world.asked(), again.done), (vec![], vec![]));
    let needs = tcp();
    let fifty = (0..50).map(|_| ensure(&shared, &world, &["i-1", "i-2"], &needs));
    futures::future::join_all(fifty).await;
    assert_eq!(world.asked(), [Call::DescribeInstances]);
    let other = ensure(&shared, &world, &["i-1", "i-3"], &tcp())
        .await
        .unwrap();
    assert_eq!(
        world.asked(),
        [Call::DescribeInstances, Call::AuthorizeSecurityGroupIngress]
    );
    assert_eq!(other.done.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_made_is_found_and_used() {
    let world = world();
    ensure(&process(), &world, &["i-1"], &tcp()).await.unwrap();
    let before = world.edit(|it| it.told());
    world.asked();
    let ready = ensure(&process(), &world, &["i-1"], &tcp()).await.unwrap();
    assert_eq!(
        (told(&ready.done), ready.backend.as_str()),
        (vec![], "sg-made-1")
    );
    assert_eq!(world.edit(|it| it.told()), before);
    assert_eq!(changes(&world.asked()), []);
}

#[tokio::test(start_paused = true)]
async fn a_need_that_a_rule_covers_adds_none() {
    let (world, shared) = (world(), process());
    let pods = Needs {
        pods: true,
        ..tcp()
    };
    let probed = Needs {
        health: [10_256.try_into().unwrap(), 31_000.try_into().unwrap()].into(),
        icmp: true,
        ..tcp()
    };
    ensure(&shared, &world, &["i-3"], &pods).await.unwrap();
    ensure(&shared, &world, &["i-3", "i-1"], &probed)
        .await
        .unwrap();
    let left = world.edit(|it| it.told());
    assert_eq!(
        left[0],
        "sg-big (big): tcp 0-65535 from sg-made-1, icmp 3-4 from sg-made-1"
    );
    assert_eq!(
        left[2],
        "sg-node (node): tcp 10256-10256 from sg-made-1, tcp 30000-32767 from sg-made-1, icmp 3-4 from sg-made-1"
    );
}

#[tokio::test(start_paused = true)]
async fn a_foreign_group_of_the_name_is_a_conflict_and_left_alone() {
    let (world, shared) = (world(), process());
    world.edit(|it| {
        let mut marks = tag(crate::tags::CLUSTER, "another-cluster");
        marks.insert(crate::tags::ROLE.to_owned(), "backend-group".to_owned());
        it.put(group("sg-x", "rs-6462d12a-backend", marks));
    });
    let error = ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    insta::assert_snapshot!(error.to_string());
    let mark = shared.watermark();
    assert_eq!(shared.release(&world, mark).await.unwrap(), Collected::Gone);
    assert_eq!(changes(&world.asked()), []);
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_listed_yet_is_not_made_twice() {
    let (world, first) = (world(), process());
    ensure(&first, &world, &["i-1"], &tcp()).await.unwrap();
    world.edit(|it| it.hidden.insert("sg-made-1".into()));
    let shared = process();
    let error = ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    world.edit(|it| it.hidden.clear());
    ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    assert_eq!(world.edit(|it| it.groups.len()), 3);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_there_already_does_not_keep_the_others_out() {
    let (world, shared) = (world(), process());
    let ready = ensure(&shared, &world, &[], &tcp()).await.unwrap();
    let rule = Rule {
        protocol: RuleProtocol::Tcp,
        from: 30_000,
        to: 32_767,
        source: RuleSource::Group(ready.backend),
    };
    world.edit(|it| {
        let node = it.groups.get_mut(&"sg-node".into()).unwrap();
        node.ingress.insert(rule)
    });
    let udp = Needs { udp: true, ..tcp() };
    ensure(&shared, &world, &["i-1"], &udp).await.unwrap();
    assert_eq!(rules_of(&world, "sg-node"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_group_without_room_is_a_quota_and_blocks_no_other_node() {
    let (world, shared) = (world(), process());
    world.refuse(
        Call::AuthorizeSecurityGroupIngress,
        "RulesPerSecurityGroupLimitExceeded",
    );
    let error = ensure(&shared, &world, &["i-3", "i-1"], &tcp())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Quota);
    insta::assert_snapshot!(error.to_string());
    assert_eq!(
        (rules_of(&world, "sg-big"), rules_of(&world, "sg-node")),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_group_is_not_clear_is_told_of_and_the_rest_is_served() {
    let (world, shared) = (world(), process());
    world.edit(|it| {
        it.start("i-4", &[&["sg-node", "sg-big"]]);
        it.put(group("sg-node", "node", BTreeMap::new()));
    });
    let ready = ensure(&shared, &world, &["i-1", "i-4"], &tcp())
        .await
        .unwrap();
    assert!(ready.notes[0].contains("i-4"), "{:?}", ready.notes);
    assert_eq!(
        (rules_of(&world, "sg-node"), rules_of(&world, "sg-big")),
        (1, 0)
    );
}
