//! What others changed meanwhile, and what would be done.

use std::time::Duration;

use roadstead_core::ErrorKind;
use tokio::time::advance;

use super::{super::*, *};
use crate::api::{Action as Call, Priority};

#[tokio::test(start_paused = true)]
async fn a_check_finds_what_others_changed_and_repairs_it() {
    let (world, shared) = (world(), process());
    ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    world.asked();
    let patient = world.with_priority(Priority::Check);
    let (vpc, needs) = (vpc(), tcp());
    let ids = nodes(&["i-1"]);
    let young = shared.check(&patient, &vpc, &ids, &needs, DAY).await;
    assert_eq!(young.unwrap().done, []);
    assert_eq!(world.asked(), [], "what is young enough is believed");

    world.edit(|it| {
        it.groups
            .get_mut(&"sg-node".into())
            .unwrap()
            .ingress
            .clear();
    });
    let fifty = (0..50).map(|_| shared.check(&patient, &vpc, &ids, &needs, Duration::ZERO));
    let mut done = Vec::new();
    for ready in futures::future::join_all(fifty).await {
        done.extend(told(&ready.unwrap().done));
    }
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(rules_of(&world, "sg-node"), 1);
    assert_eq!(
        world.asked(),
        [
            Call::DescribeSecurityGroups,
            Call::DescribeSecurityGroups,
            Call::AuthorizeSecurityGroupIngress
        ]
    );

    world.edit(|it| it.groups.remove(&GroupId::new("sg-made-1")));
    let ready = shared
        .check(&patient, &vpc, &ids, &needs, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!((ready.backend.as_str(), ready.done.len()), ("sg-made-2", 2));
}

#[tokio::test(start_paused = true)]
async fn a_look_says_what_an_ensure_would_do_and_does_nothing() {
    let world = world();
    let (looking, shared) = (process(), process());
    let ids = ["i-1", "i-3"];
    let look = looking
        .look(&world, &vpc(), &nodes(&ids), &tcp())
        .await
        .unwrap();
    assert_eq!(changes(&world.asked()), []);
    assert_eq!(look.backend, None);
    let ready = ensure(&shared, &world, &ids, &tcp()).await.unwrap();
    assert_eq!(look.steps, ready.done);
    let after = looking
        .look(&world, &vpc(), &nodes(&ids), &tcp())
        .await
        .unwrap();
    assert_eq!((after.backend, after.steps), (Some(ready.backend), vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_aws_says_is_gone_is_made_anew_once_it_is_forgotten() {
    let (world, shared) = (world(), process());
    drop(ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap());
    world.edit(|it| {
        it.groups.remove(&GroupId::new("sg-made-1"));
        it.groups
            .get_mut(&"sg-node".into())
            .unwrap()
            .ingress
            .clear();
    });
    shared.forget();
    let ready = ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    assert_eq!(ready.backend.as_str(), "sg-made-2");
    assert_eq!(rules_of(&world, "sg-node"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_got_another_group_is_looked_at_anew() {
    let (world, shared) = (world(), process());
    drop(ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap());
    world.edit(|it| {
        it.groups.remove(&GroupId::new("sg-node"));
        it.start("i-1", &[&["sg-big"]]);
    });
    advance(Duration::from_mins(1)).await;
    let udp = Needs { udp: true, ..tcp() };
    let error = ensure(&shared, &world, &["i-1"], &udp).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let ready = ensure(&shared, &world, &["i-1"], &udp).await.unwrap();
    assert_eq!(ready.backend.as_str(), "sg-made-1");
    assert_eq!(rules_of(&world, "sg-big"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_service_does_not_wait_for_a_check() {
    let (world, shared) = (world(), process());
    drop(ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap());
    shared.forget();
    world.asked();
    let patient = world.with_priority(Priority::Check);
    let (ids, needs, vpc) = (nodes(&["i-1"]), tcp(), vpc());
    let (checked, urgent) = tokio::join!(
        shared.check(&patient, &vpc, &ids, &needs, DAY),
        ensure(&shared, &world, &["i-1"], &needs)
    );
    assert_eq!(checked.unwrap().backend, urgent.unwrap().backend);
    assert_eq!(
        world.asked(),
        [Call::DescribeSecurityGroups; 4],
        "both read, for the check's calls may be held back"
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_that_vanished_is_found_out_when_a_rule_is_to_name_it() {
    let (world, shared) = (world(), process());
    drop(ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap());
    world.edit(|it| it.groups.remove(&GroupId::new("sg-made-1")));
    let error = ensure(&shared, &world, &["i-3"], &tcp()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    let ready = ensure(&shared, &world, &["i-3"], &tcp()).await.unwrap();
    assert_eq!(ready.backend.as_str(), "sg-made-2");
}
