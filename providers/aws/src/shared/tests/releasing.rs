//! When the last load balancer is gone.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{sleep, timeout};

use super::{super::*, *};
use crate::{
    api::Action as Call,
    facts::world::{CALL, group},
    seen::{RuleProtocol, RuleSource},
};

#[tokio::test(start_paused = true)]
async fn groups_that_the_user_named_are_used_and_no_instance_is_asked() {
    let world = world();
    let shared = process_with(SharedSettings {
        backend: Some("sg-mine".into()),
        node_groups: ["sg-big".into()].into(),
        ..settings()
    });
    let error = ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"the security group sg-mine of --aws-backend-security-group does not exist");
    world.edit(|it| it.put(group("sg-mine", "mine", BTreeMap::new())));
    let ready = ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    assert_eq!(ready.backend.as_str(), "sg-mine");
    assert_eq!(
        world.edit(|it| it.told()),
        [
            "sg-big (big): tcp 30000-32767 from sg-mine",
            "sg-mine (mine): ",
            "sg-node (node): "
        ]
    );
    assert!(!world.asked().contains(&Call::DescribeInstances));

    drop(ready);
    let of_the_user = Rule {
        protocol: RuleProtocol::Tcp,
        from: 22,
        to: 22,
        source: RuleSource::Group("sg-mine".into()),
    };
    world.edit(|it| {
        let big = it.groups.get_mut(&"sg-big".into()).unwrap();
        big.ingress.insert(of_the_user)
    });
    let mark = shared.watermark();
    assert_eq!(shared.release(&world, mark).await.unwrap(), Collected::Gone);
    assert_eq!(
        world.edit(|it| it.told()),
        [
            "sg-big (big): tcp 22-22 from sg-mine",
            "sg-mine (mine): ",
            "sg-node (node): "
        ],
        "what the user gave and made stays"
    );
}

#[tokio::test(start_paused = true)]
async fn with_the_last_load_balancer_the_group_and_its_rules_go() {
    let (world, shared) = (world(), process());
    let before = world.edit(|it| it.told());
    drop(
        ensure(&shared, &world, &["i-1", "i-3"], &tcp())
            .await
            .unwrap(),
    );
    world.edit(|it| it.in_use.insert("sg-made-1".into()));
    let mark = shared.watermark();
    let waits = shared.release(&world, mark).await.unwrap();
    insta::assert_debug_snapshot!(waits);
    world.edit(|it| it.in_use.clear());
    assert_eq!(shared.release(&world, mark).await.unwrap(), Collected::Gone);
    assert_eq!(world.edit(|it| it.told()), before);
    world.asked();
    assert_eq!(shared.release(&world, mark).await.unwrap(), Collected::Gone);
    assert_eq!(world.asked(), [Call::DescribeSecurityGroups]);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_left_is_collected() {
    let world = world();
    let before = world.edit(|it| it.told());
    drop(ensure(&process(), &world, &["i-1"], &tcp()).await.unwrap());
    let later = process();
    let mark = later.watermark();
    assert_eq!(later.release(&world, mark).await.unwrap(), Collected::Gone);
    assert_eq!(world.edit(|it| it.told()), before);
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_is_not_ours_is_named_and_stays() {
    let (world, shared) = (world(), process());
    drop(ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap());
    let foreign = Rule {
        protocol: RuleProtocol::Tcp,
        from: 5432,
        to: 5432,
        source: RuleSource::Group("sg-made-1".into()),
    };
    world.edit(|it| {
        let big = it.groups.get_mut(&"sg-big".into()).unwrap();
        big.ingress.insert(foreign)
    });
    let mark = shared.watermark();
    let waits = shared.release(&world, mark).await.unwrap();
    insta::assert_debug_snapshot!(waits);
    assert_eq!(
        (rules_of(&world, "sg-big"), rules_of(&world, "sg-node")),
        (1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_service_that_comes_meanwhile_keeps_the_group() {
    let (world, shared) = (world(), process());
    let early = shared.watermark();
    let ready = ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap();
    let now = shared.watermark();
    for mark in [early, now] {
        let answer = shared.release(&world, mark).await.unwrap();
        assert!(matches!(answer, Collected::InUse(_)), "it is being made");
    }
    drop(ready);
    let answer = shared.release(&world, early).await.unwrap();
    assert!(
        matches!(answer, Collected::InUse(_)),
        "it may have been made after somebody looked"
    );
    assert_eq!(rules_of(&world, "sg-node"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_comes_during_the_release_gets_a_new_group() {
    let (world, shared) = (world(), process());
    drop(ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap());
    let (mark, needs) = (shared.watermark(), tcp());
    let (collected, ready) = tokio::join!(
        shared.release(&world, mark),
        ensure(&shared, &world, &["i-1"], &needs)
    );
    assert_eq!(collected.unwrap(), Collected::Gone);
    assert_eq!(ready.unwrap().backend.as_str(), "sg-made-2");
    assert_eq!(
        world.edit(|it| it.told())[1..],
        [
            "sg-made-2 (rs-6462d12a-backend): ",
            "sg-node (node): tcp 30000-32767 from sg-made-2"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_any_moment_it_converges_and_leaves_nothing_in_the_end() {
    let untouched = world().edit(|it| it.told());
    let whole = {
        let world = world();
        drop(
            ensure(&process(), &world, &["i-1", "i-3"], &tcp())
                .await
                .unwrap(),
        );
        world.edit(|it| it.told())
    };
    // Before, in the middle of (with and without effect) and after each call.
    for quarter in 0..=6 * 4 {
        let world = world();
        let cut = CALL / 4 * quarter + Duration::from_millis(1);
        for same_process in [true, false] {
            let first = process();
            let _ = timeout(cut, ensure(&first, &world, &["i-1", "i-3"], &tcp())).await;
            let second = if same_process { first } else { process() };
            drop(
                ensure(&second, &world, &["i-1", "i-3"], &tcp())
                    .await
                    .unwrap(),
            );
            assert_eq!(
                world.edit(|it| it.told()).len(),
                whole.len(),
                "after {cut:?}"
            );

            let mark = second.watermark();
            let _ = timeout(cut, second.release(&world, mark)).await;
            let third = if same_process { second } else { process() };
            let mark = third.watermark();
            assert_eq!(third.release(&world, mark).await.unwrap(), Collected::Gone);
            assert_eq!(world.edit(|it| it.told()), untouched, "after {cut:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_read_while_the_group_was_released_is_not_believed() {
    let (world, shared) = (world(), process());
    drop(ensure(&shared, &world, &["i-1"], &tcp()).await.unwrap());
    let (mark, needs) = (shared.watermark(), tcp());
    let (vpc, ids) = (vpc(), nodes(&["i-1"]));
    let (collected, look) = tokio::join!(shared.release(&world, mark), async {
        // It sees the group just before it is deleted, and answers just after.
        sleep(CALL * 5 / 2).await;
        shared.look(&world, &vpc, &ids, &needs).await
    });
    assert_eq!(collected.unwrap(), Collected::Gone);
    assert_eq!(look.unwrap().backend, Some("sg-made-1".into()));
    let ready = ensure(&shared, &world, &["i-1"], &needs).await.unwrap();
    assert_eq!(ready.backend.as_str(), "sg-made-2");
}
