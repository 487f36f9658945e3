//! What passes, and what is known of it afterwards?

use super::*;

#[tokio::test]
async fn calls_pass_unchanged_and_are_logged() {
    let (aws, proxy, caller) = bed().await;
    let create = "Action=CreateListener&Name=a%26b+c&Ports.member.1=80&Ports.member.2=443";
    assert_eq!(caller.elb(create).await.unwrap(), ok(create));
    let read = "Action=DescribeVpcs&Version=2016-11-15";
    assert_eq!(caller.ec2(read).await.unwrap(), ok(read));
    assert_eq!(aws.bodies(), [create, read]);

    let calls = proxy.calls();
    let [created, described] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!((created.number, described.number), (1, 2));
    assert_eq!(created.service, AwsService::Elbv2);
    assert_eq!(described.service, AwsService::Ec2);
    assert_eq!(created.param("Name"), Some("a&b c"));
    assert_eq!(created.values("Ports").collect::<Vec<_>>(), ["80", "443"]);
    assert!(created.mutates() && created.took_effect());
    assert!(!described.mutates() && !described.took_effect());
    let answer = created.answer.as_ref().unwrap();
    assert_eq!((answer.status, &answer.error), (200, &None));
    assert_eq!(answer.text(), ok(create).1);
    assert!(created.received <= answer.at);
    assert_eq!(
        proxy.mutating().counts(),
        [("CreateListener".to_owned(), 1)].into()
    );
}

#[tokio::test]
async fn an_error_of_the_upstream_is_known_by_its_code() {
    let (_aws, proxy, caller) = bed().await;
    let (status, _) = caller
        .elb("Action=CreateListener&Name=taken")
        .await
        .unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let call = proxy.calls()[0].clone();
    assert!(!call.took_effect());
    let answer = call.answer.unwrap();
    assert_eq!(answer.error.as_deref(), Some("DuplicateListener"));
}

#[tokio::test]
async fn services_are_told_apart_signed_or_not() {
    let (_aws, proxy, caller) = bed().await;
    let request = format!(
        "{}/?Action=DescribeTags&Version=2015-12-01",
        caller.endpoint
    );
    caller.client.get(request.parse().unwrap()).await.unwrap();
    let health = format!("{}/health", caller.endpoint);
    caller.client.get(health.parse().unwrap()).await.unwrap();
    let calls = proxy.calls();
    assert_eq!(calls[0].service, AwsService::Elbv2);
    assert_eq!(calls[0].action, "DescribeTags");
    assert_eq!(calls[1].service, AwsService::Other);
    assert_eq!(calls[1].action, "GET /health");
    assert!(!calls[1].mutates());
    let assume = "Action=AssumeRoleWithWebIdentity";
    caller.call("sts", assume).await.unwrap();
    let assumed = proxy.calls()[2].clone();
    assert_eq!(assumed.service, AwsService::Sts);
    assert!(!assumed.mutates(), "it hands out credentials");
}

#[tokio::test]
async fn the_connection_to_the_upstream_is_kept() {
    let (aws, _proxy, caller) = bed().await;
    for _ in 0..10 {
        caller.elb("Action=DescribeTags").await.unwrap();
    }
    assert_eq!(aws.seen.connections.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_mark_separates_what_came_before_and_a_reset_forgets_it() {
    let (_aws, proxy, caller) = bed().await;
    caller.elb("Action=AddTags").await.unwrap();
    let mark = proxy.mark();
    assert_eq!(proxy.since(mark).len(), 0);
    caller.elb("Action=AddTags").await.unwrap();
    assert_eq!(proxy.since(mark).count("AddTags"), 1);
    assert_eq!(proxy.count("AddTags"), 2);
    let mark = proxy.mark();
    proxy.reset();
    assert_eq!(proxy.calls().len(), 0);
    caller.elb("Action=RemoveTags").await.unwrap();
    assert_eq!(proxy.since(mark)[0].number, 3);
    assert_eq!(proxy.counts(), [("RemoveTags".to_owned(), 1)].into());
}

#[tokio::test]
async fn a_call_is_awaited_whether_it_was_made_or_not() {
    let (_aws, proxy, caller) = bed().await;
    let answered = |call: &Call| call.is("AddTags") && call.answer.is_some();
    let (waited, _) = tokio::join!(
        proxy.wait_for("tags", answered),
        caller.elb("Action=AddTags")
    );
    assert_eq!(waited.unwrap().number, 1);
    assert_eq!(proxy.wait_for("tags", answered).await.unwrap().number, 1);
    let mark = proxy.mark();
    let later = proxy.wait_for_since(mark, "tags", answered);
    let (later, _) = tokio::join!(later, caller.elb("Action=AddTags"));
    assert_eq!(later.unwrap().number, 2);
}

#[tokio::test]
async fn an_upstream_that_is_away_is_a_cut_with_its_reason() {
    let (aws, proxy, caller) = bed().await;
    let Aws { endpoint, .. } = &aws;
    let endpoint = endpoint.clone();
    drop(aws);
    let port = endpoint.rsplit(':').next().unwrap();
    caller.elb("Action=AddTags").await.unwrap_err();
    let Fate::Unreachable(why) = proxy.calls()[0].fate.clone() else {
        panic!("{:?}", proxy.calls())
    };
    assert!(why.contains(port), "{why}");
}

#[tokio::test]
async fn forwarded_actions_are_written_down_once_each() {
    let (_aws, proxy, caller) = bed().await;
    let dir = crate::target::RunDir::create().unwrap();
    let file = dir.path().join("below").join("actions");
    proxy.record_actions(&file);
    proxy.deny("DeleteListener");
    for _ in 0..2 {
        caller.elb("Action=AddTags").await.unwrap();
        caller.ec2("Action=CreateTags").await.unwrap();
        caller.elb("Action=DeleteListener").await.unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap();
    assert_eq!(written, "elasticloadbalancing:AddTags\nec2:CreateTags\n");
}

#[tokio::test]
async fn many_calls_at_once_are_all_answered() {
    let (_aws, proxy, caller) = bed().await;
    let calls = (0..200).map(|_| caller.elb("Action=DescribeTags"));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(proxy.count("DescribeTags"), 200);
    let numbers: Vec<u64> = proxy.calls().iter().map(|call| call.number).collect();
    assert_eq!(numbers, (1..=200).collect::<Vec<_>>());
}
