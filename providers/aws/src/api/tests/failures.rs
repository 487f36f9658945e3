//! Calls that fail: what is tried again, what is known afterwards, and what the user is told.

use std::time::Duration;

use aws_smithy_types::timeout::TimeoutConfig;
use futures::{FutureExt as _, future::LocalBoxFuture};
use prometheus_client::{encoding::text::encode, registry::Registry};

use super::{
    super::{elb::Which, *},
    aws::{Answer, Aws},
};
use crate::ids::{Arn, GroupId};

fn throttled() -> Answer {
    Answer::elb_error(400, "Throttling", "Rate exceeded")
}

fn no_listeners() -> Answer {
    Answer::elb("DescribeListeners", "<Listeners/>")
}

fn arn() -> Arn {
    Arn::new("arn:aws:elasticloadbalancing:eu-central-1:1:loadbalancer/net/web/1")
}

#[tokio::test]
async fn a_read_that_was_throttled_cut_or_failed_is_made_once_more() {
    let unavailable = Answer::Says(503, "<html>no</html>".to_owned());
    for trouble in [throttled(), Answer::Cut, unavailable] {
        let aws = Aws::that([trouble.clone(), no_listeners()]).await;
        let listeners = aws.calls().await.listeners(&arn()).await;
        assert_eq!(listeners.unwrap(), [], "after {trouble:?}");

        let aws = Aws::that([trouble.clone(), trouble.clone(), no_listeners()]).await;
        aws.calls().await.listeners(&arn()).await.unwrap_err();
        assert_eq!(aws.asked().len(), 2, "after {trouble:?}, twice");
    }
}

#[tokio::test]
async fn a_change_is_never_made_twice() {
    let unavailable = Answer::elb_error(503, "ServiceUnavailable", "no");
    for (trouble, kind, unknown) in [
        (throttled(), ErrorKind::Throttled, false),
        (Answer::Cut, ErrorKind::Unavailable, true),
        (unavailable, ErrorKind::Unavailable, true),
    ] {
        let done = Answer::elb("DeleteLoadBalancer", "");
        let aws = Aws::that([trouble, done]).await;
        let error = aws
            .calls()
            .await
            .delete_load_balancer(&arn())
            .await
            .unwrap_err();
        assert_eq!(aws.asked().len(), 1, "{error}");
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(error.may_have_taken_effect(), unknown, "{error}");
    }
}

#[tokio::test]
async fn no_answer_in_time_is_an_error_that_says_so() {
    let aws = Aws::that([Answer::Silence, Answer::Silence]).await;
    let soon = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_millis(50))
        .build();
    let api = aws.api_with(&ApiSettings::default(), Some(soon)).await;
    let calls = api.calls(Priority::Serve);
    let error = calls.delete_load_balancer(&arn()).await.unwrap_err();
    assert_eq!(error.failure(), Failure::TimedOut, "{error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.may_have_taken_effect());
    let error = calls.listeners(&arn()).await.unwrap_err();
    assert!(!error.may_have_taken_effect(), "a read changes nothing");
    assert_eq!(aws.asked().len(), 2, "a read is not made again");
}

#[tokio::test]
async fn where_nobody_listens_aws_is_unavailable() {
    let aws = Aws::that([]).await;
    let calls = aws.calls().await;
    drop(aws);
    let error = calls.delete_load_balancer(&arn()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn an_answer_that_lacks_what_it_must_have_is_an_error_and_no_panic() {
    let member = "<LoadBalancers><member><Type>network</Type></member></LoadBalancers>";
    let answer = Answer::elb("DescribeLoadBalancers", member);
    let aws = Aws::that([answer]).await;
    let error = aws
        .calls()
        .await
        .load_balancers(Which::All)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "elasticloadbalancing:DescribeLoadBalancers got an answer that cannot be read: it has no LoadBalancerArn"
    );
}

#[tokio::test]
async fn a_throttled_call_says_when_there_are_tokens_again() {
    let aws = Aws::that([throttled()]).await;
    let error = aws
        .calls()
        .await
        .set_subnets(&arn(), &[], None, None)
        .await
        .unwrap_err();
    let roadstead_core::Retry::After(wait) = error.into_core("moving it").retry() else {
        panic!("it does not say");
    };
    assert_eq!(wait.as_secs(), 5, "one subnet change or creation every 5 s");
}

/// What the user reads, by what AWS says.
#[tokio::test]
async fn every_refusal_says_what_was_done_what_aws_said_and_what_the_user_can_do() {
    let encoded = format!(
        "Encoded authorization failure message: {}",
        "x".repeat(3000)
    );
    let denied = format!(
        "User: arn:aws:sts::1:assumed-role/roadstead/1 is not authorized to perform: elasticloadbalancing:AddTags on resource: arn:aws:x because no identity-based policy allows the elasticloadbalancing:AddTags action. {encoded}"
    );
    let mut said = Vec::new();
    for (status, code, message) in [
        (403, "AccessDenied", denied.as_str()),
        (
            403,
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        (403, "RequestExpired", "Request has expired."),
        (
            400,
            "TooManyLoadBalancers",
            "The maximum number of load balancers has been reached",
        ),
        (
            400,
            "CertificateNotFound",
            "Certificate 'arn:aws:acm:1' not found",
        ),
        (
            400,
            "DuplicateLoadBalancerName",
            "A load balancer with the same name 'web' exists, but with different settings",
        ),
        (
            400,
            "OperationNotPermitted",
            "Load balancer 'web' cannot be deleted because deletion protection is enabled",
        ),
        (400, "SomethingNew", "AWS has a new word"),
    ] {
        let aws = Aws::that([Answer::elb_error(status, code, message)]).await;
        let calls = aws.calls().await;
        let error = calls.delete_load_balancer(&arn()).await.unwrap_err();
        let error = error.into_core("deleting load balancer web");
        said.push(format!("{}: {error}", error.kind().label()));
    }
    for (code, message) in [
        ("UnauthorizedOperation", encoded.as_str()),
        (
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        ),
        (
            "DependencyViolation",
            "resource sg-1 has a dependent object",
        ),
    ] {
        let aws = Aws::that([Answer::ec2_error(403, code, message)]).await;
        let calls = aws.calls().await;
        let error = calls.delete_security_group(&GroupId::new("sg-1")).await;
        let error = error.unwrap_err().into_core("deleting security group sg-1");
        said.push(format!("{}: {error}", error.kind().label()));
    }
    insta::assert_snapshot!(said.join("\n"));
}

#[tokio::test]
async fn a_call_that_hangs_holds_up_few_and_many_calls_are_not_all_made_at_once() {
    let aws = Aws::that(std::iter::repeat_n(Answer::Silence, AT_ONCE * 2)).await;
    let settings = ApiSettings {
        limits: Limits::unlimited(),
        ..ApiSettings::default()
    };
    let calls = aws.api(&settings).await.calls(Priority::Serve);
    let arn = arn();
    let mut waiting: Vec<_> = (0..=AT_ONCE)
        .map(|_| calls.listeners(&arn).boxed_local())
        .collect();
    let asked = async |waiting: &mut Vec<LocalBoxFuture<'_, _>>, count: usize| {
        while aws.asked().len() < count {
            assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));
            tokio::task::yield_now().await;
        }
    };
    asked(&mut waiting, AT_ONCE).await;
    for _ in 0..100 {
        assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));
        tokio::task::yield_now().await;
    }
    assert_eq!(aws.asked().len(), AT_ONCE);
    // Whoever gives up makes room for the next.
    drop(waiting.remove(0));
    asked(&mut waiting, AT_ONCE + 1).await;
}

#[tokio::test]
async fn calls_are_counted_by_how_they_ended() {
    let aws = Aws::that([
        no_listeners(),
        throttled(),
        no_listeners(),
        Answer::elb_error(400, "LoadBalancerNotFound", "none"),
    ])
    .await;
    let settings = ApiSettings::default();
    let calls = aws.api(&settings).await.calls(Priority::Check);
    calls.listeners(&arn()).await.unwrap();
    calls.listeners(&arn()).await.unwrap();
    let error = calls.listeners(&arn()).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");

    let mut registry = Registry::default();
    settings.metrics.register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let action = "action=\"elasticloadbalancing:DescribeListeners\"";
    for line in [
        format!("aws_calls_total{{{action},result=\"ok\"}} 2"),
        format!("aws_calls_total{{{action},result=\"throttled\"}} 1"),
        format!("aws_calls_total{{{action},result=\"not-found\"}} 1"),
        format!("aws_throttles_total{{{action}}} 1"),
        format!("aws_call_duration_seconds_count{{{action}}} 4"),
        "aws_call_wait_seconds_count{category=\"describe\",priority=\"check\"} 4".to_owned(),
    ] {
        assert!(text.contains(&line), "{line} is not in\n{text}");
    }
}
