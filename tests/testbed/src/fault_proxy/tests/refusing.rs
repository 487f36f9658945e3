//! What if AWS answers badly, late, or not at all?

use super::*;

#[tokio::test]
async fn a_scripted_error_is_said_in_the_words_of_the_service_and_has_no_effect() {
    let (aws, proxy, caller) = bed().await;
    let fault = Fault::error("TooManyTargets", "a < b");
    proxy.script(Scope::mutating(), When::Nth(1), fault.clone());
    caller.elb("Action=DescribeTags").await.unwrap();
    let (status, body) = caller.elb("Action=RegisterTargets").await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.starts_with("<ErrorResponse "), "{body}");
    let said =
        "<Error><Type>Sender</Type><Code>TooManyTargets</Code><Message>a &lt; b</Message></Error>";
    assert!(body.contains(said), "{body}");
    caller.elb("Action=RegisterTargets").await.unwrap();
    assert_eq!(
        aws.bodies(),
        ["Action=DescribeTags", "Action=RegisterTargets"]
    );

    proxy.script(
        Scope::any().of(AwsService::Ec2),
        When::First(1),
        Fault::Throttled,
    );
    let (status, body) = caller.ec2("Action=DescribeVpcs").await.unwrap();
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let said = "<Response><Errors><Error><Code>RequestLimitExceeded</Code>";
    assert!(body.contains(said), "{body}");

    let refused = proxy.calls()[1].clone();
    assert_eq!(refused.fate, Fate::Faulted(fault));
    assert_eq!(refused.upstream, None);
    assert!(!refused.took_effect());
    assert_eq!(
        refused.answer.unwrap().error.as_deref(),
        Some("TooManyTargets")
    );
}

#[tokio::test]
async fn a_denied_action_is_named_in_the_answer() {
    let (aws, proxy, caller) = bed().await;
    proxy.deny("CreateListener");
    proxy.deny("CreateTags");
    let (status, body) = caller.elb("Action=CreateListener").await.unwrap();
    assert_eq!(status, StatusCode::FORBIDDEN);
    let why =
        "because no identity-based policy allows the elasticloadbalancing:CreateListener action";
    assert!(
        body.contains("<Code>AccessDenied</Code>") && body.contains(why),
        "{body}"
    );
    let (status, body) = caller.ec2("Action=CreateTags").await.unwrap();
    assert_eq!(status, StatusCode::FORBIDDEN);
    let why = "is not authorized to perform: ec2:CreateTags on resource: ";
    assert!(
        body.contains("<Code>UnauthorizedOperation</Code>") && body.contains(why),
        "{body}"
    );
    assert_eq!(aws.bodies().len(), 0);
    proxy.clear_script();
    caller.elb("Action=CreateListener").await.unwrap();
}

#[tokio::test]
async fn a_status_has_no_body_before_or_after_the_effect() {
    let (aws, proxy, caller) = bed().await;
    proxy.script(Scope::action("AddTags"), When::Nth(1), Fault::Status(503));
    proxy.script(
        Scope::action("AddTags"),
        When::Nth(2),
        Fault::StatusAfter(500),
    );
    let before = caller.elb("Action=AddTags").await.unwrap();
    assert_eq!(before, (StatusCode::SERVICE_UNAVAILABLE, String::new()));
    assert_eq!(aws.bodies().len(), 0);
    let after = caller.elb("Action=AddTags").await.unwrap();
    assert_eq!(after, (StatusCode::INTERNAL_SERVER_ERROR, String::new()));
    assert_eq!(aws.bodies().len(), 1);
    assert_eq!(
        caller.elb("Action=AddTags").await.unwrap(),
        ok("Action=AddTags")
    );
}

#[tokio::test]
async fn a_cut_ends_the_connection_before_or_after_the_effect() {
    let (aws, proxy, caller) = bed().await;
    proxy.script(Scope::action("AddTags"), When::Nth(1), Fault::Cut);
    proxy.script(Scope::action("AddTags"), When::Nth(2), Fault::CutAfter);
    caller.elb("Action=AddTags").await.unwrap_err();
    assert_eq!(aws.bodies().len(), 0);
    caller.elb("Action=AddTags").await.unwrap_err();
    assert_eq!(aws.bodies().len(), 1);
    caller.elb("Action=AddTags").await.unwrap();
    let calls = proxy.calls();
    let effects: Vec<bool> = calls.iter().map(Call::took_effect).collect();
    assert_eq!(effects, [false, true, true]);
    let answered: Vec<bool> = calls.iter().map(|call| call.answer.is_some()).collect();
    assert_eq!(answered, [false, false, true]);
}

#[tokio::test]
async fn a_hanging_call_is_not_answered_and_delays_no_other() {
    let (aws, proxy, caller) = bed().await;
    proxy.script(Scope::action("AddTags"), When::Always, Fault::Hang);
    proxy.script(Scope::action("SetSubnets"), When::Always, Fault::HangAfter);
    let silent = caller.begin("Action=AddTags");
    let lost = caller.begin("Action=SetSubnets");
    let lost_call = proxy
        .wait_for("the effect", Call::took_effect)
        .await
        .unwrap();
    assert!(lost_call.is("SetSubnets"));
    proxy
        .wait_for("the other", |call| call.is("AddTags"))
        .await
        .unwrap();
    caller.elb("Action=DescribeTags").await.unwrap();
    assert!(!silent.is_finished() && !lost.is_finished());
    drop(proxy);
    silent.await.unwrap().unwrap_err();
    lost.await.unwrap().unwrap_err();
    assert_eq!(aws.bodies(), ["Action=SetSubnets", "Action=DescribeTags"]);
}

#[tokio::test]
async fn latency_comes_before_the_effect() {
    let (_aws, proxy, caller) = bed().await;
    let latency = Duration::from_millis(20);
    proxy.set_latency(latency);
    proxy.set_latency_of("DescribeTags", Duration::ZERO);
    proxy.script(
        Scope::action("AddTags"),
        When::Always,
        Fault::Delay(latency),
    );
    caller.elb("Action=AddTags").await.unwrap();
    let call = proxy.calls()[0].clone();
    assert!(call.upstream.unwrap().at - call.received >= 2 * latency);
    let decision = proxy.behaviour().decide(&call_of("DescribeTags"));
    assert_eq!(decision.delay, Duration::ZERO);
}

fn call_of(action: &str) -> Call {
    let request = Request::get(format!("/?Action={action}")).body(()).unwrap();
    Call::read(1, tokio::time::Instant::now(), &request.into_parts().0, b"")
}

#[tokio::test]
async fn what_is_new_is_hidden_until_it_is_shown() {
    let (aws, proxy, caller) = bed().await;
    proxy.hide_new(Duration::from_hours(1));
    let make = "Action=CreateSecurityGroup&GroupName=web<item><groupId>sg-1</groupId></item>";
    assert_eq!(caller.ec2(make).await.unwrap(), ok(make));
    let name = "Action=DescribeSecurityGroups&GroupId.1=sg-1";
    let (status, body) = caller.ec2(name).await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        body.contains("<Code>InvalidGroup.NotFound</Code>"),
        "{body}"
    );
    let list = "Action=DescribeSecurityGroups&X=<item><groupId>sg-1</groupId></item>";
    let less = "Action=DescribeSecurityGroups&X=";
    assert_eq!(caller.ec2(list).await.unwrap(), ok(less));
    let listed = proxy.calls()[2].clone();
    assert_eq!(listed.upstream.unwrap().text(), ok(list).1);
    assert_eq!(listed.answer.unwrap().text(), ok(less).1);

    proxy.hide_new(Duration::ZERO);
    assert_eq!(caller.ec2(list).await.unwrap(), ok(list));
    assert_eq!(caller.ec2(name).await.unwrap(), ok(name));
    assert_eq!(aws.bodies(), [make, list, list, name]);
}

#[tokio::test]
async fn a_throttled_call_says_so_and_is_seen_by_no_rule() {
    let (aws, proxy, caller) = bed().await;
    let limits = Limits::documented().faster(1e-6);
    proxy.limit(Some(limits));
    let rule = Fault::Status(500);
    proxy.script(Scope::action("DescribeTags"), When::Nth(1), rule);
    for _ in 0..10 {
        caller.elb("Action=SetSubnets").await.unwrap();
    }
    let (status, body) = caller.elb("Action=CreateLoadBalancer").await.unwrap();
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let said = "<Code>Throttling</Code><Message>Rate exceeded</Message>";
    assert!(body.contains(said), "{body}");
    let (status, _) = caller.elb("Action=DescribeTags").await.unwrap();
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(aws.bodies().len(), 10);
    let throttled = proxy.calls().throttled();
    assert_eq!(
        throttled.counts(),
        [("CreateLoadBalancer".to_owned(), 1)].into()
    );

    proxy.limit(None);
    caller.elb("Action=CreateLoadBalancer").await.unwrap();
    assert_eq!(aws.bodies().len(), 11);
    let calls = proxy.calls();
    let floor = Limits::documented().floor(calls.iter().map(Call::operation));
    assert_eq!(floor, Duration::from_secs(10));
}
