//! Does the world stop where it should, and go on as it should?

use super::*;

#[tokio::test]
async fn a_call_is_held_before_its_effect_and_dropped() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_before(2);
    caller.elb("Action=AddTags").await.unwrap();
    assert!(!proxy.is_held());
    let second = caller.begin("Action=SetSubnets");
    assert!(proxy.held().await.unwrap().is("SetSubnets"));
    let third = caller.begin("Action=RemoveTags");
    proxy
        .wait_for("the third", |call| call.is("RemoveTags"))
        .await
        .unwrap();
    caller.elb("Action=DescribeTags").await.unwrap();
    proxy.drop_held();
    second.await.unwrap().unwrap_err();
    third.await.unwrap().unwrap_err();
    assert_eq!(aws.bodies(), ["Action=AddTags", "Action=DescribeTags"]);
    assert_eq!(proxy.calls()[1].fate, Fate::Dropped);
    assert!(!proxy.is_held());
    caller.elb("Action=SetSubnets").await.unwrap();
}

#[tokio::test]
async fn a_call_is_held_after_its_effect_and_its_answer_dropped() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_after(1);
    let first = caller.begin("Action=AddTags");
    let held = proxy.held().await.unwrap();
    assert!(held.took_effect());
    assert_eq!(aws.bodies(), ["Action=AddTags"]);
    proxy.drop_held();
    first.await.unwrap().unwrap_err();
    assert!(proxy.calls()[0].answer.is_none());
    caller.elb("Action=SetSubnets").await.unwrap();
}

#[tokio::test]
async fn held_calls_go_on_when_released() {
    let (aws, proxy, caller) = bed().await;
    for (after, hold) in [FaultProxy::hold_before, FaultProxy::hold_after]
        .into_iter()
        .enumerate()
    {
        hold(&proxy, 1);
        let held = caller.begin("Action=AddTags");
        proxy.held().await.unwrap();
        assert_eq!(aws.bodies().len(), after + after);
        proxy.release_held();
        assert_eq!(held.await.unwrap().unwrap(), ok("Action=AddTags"));
    }
}

#[tokio::test]
async fn a_held_call_outlives_its_caller_and_still_does_nothing_when_dropped() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_before(1);
    let held = caller.begin("Action=AddTags");
    proxy.held().await.unwrap();
    held.abort();
    drop((held.await, caller));
    proxy.drop_held();
    proxy
        .wait_for("the drop", |call| call.fate == Fate::Dropped)
        .await
        .unwrap();
    assert_eq!(aws.bodies().len(), 0);
}

#[tokio::test]
async fn a_call_takes_effect_though_its_caller_is_gone() {
    let (aws, proxy, caller) = bed().await;
    proxy.hold_before(1);
    let held = caller.begin("Action=AddTags");
    proxy.held().await.unwrap();
    held.abort();
    drop((held.await, caller));
    proxy.release_held();
    proxy
        .wait_for("the effect", Call::took_effect)
        .await
        .unwrap();
    assert_eq!(aws.bodies(), ["Action=AddTags"]);
}
