//! Are the test bed's answers, when AWS is to refuse, those that the SDK reads as AWS's?
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use roadstead_testbed::{
    FaultProxy,
    fault_proxy::{Fault, Scope, When},
};

/// Nothing listens there, and nothing that is asked here gets so far.
const NOWHERE: &str = "http://127.0.0.1:9";

async fn aws() -> (
    FaultProxy,
    aws_sdk_elasticloadbalancingv2::Client,
    aws_sdk_ec2::Client,
) {
    let proxy = FaultProxy::start(NOWHERE).await.unwrap();
    let config: SdkConfig = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .endpoint_url(proxy.endpoint())
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    (proxy, elb, aws_sdk_ec2::Client::new(&config))
}

/// HTTP status, code and message of a refusal.
fn said<E: ProvideErrorMetadata>(error: &SdkError<E, Response>) -> (u16, String, String) {
    let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
    let code = error.code().unwrap_or_default().to_owned();
    let message = error.message().unwrap_or_default().to_owned();
    (status, code, message)
}

fn refusal(status: u16, code: &str, message: &str) -> (u16, String, String) {
    (status, code.to_owned(), message.to_owned())
}

#[tokio::test]
async fn the_sdk_reads_scripted_errors_of_both_services() {
    let (proxy, elb, ec2) = aws().await;
    let fault = Fault::error("TooManyLoadBalancers", "more than 50 & no <less>");
    proxy.script(Scope::mutating(), When::First(1), fault);
    let error = elb.create_load_balancer().name("web").send().await;
    let error = error.unwrap_err();
    let expected = refusal(400, "TooManyLoadBalancers", "more than 50 & no <less>");
    assert_eq!(said(&error), expected);
    assert!(
        error
            .into_service_error()
            .is_too_many_load_balancers_exception()
    );

    let fault = Fault::error("InvalidGroup.Duplicate", "taken");
    proxy.script(Scope::mutating(), When::First(1), fault);
    let create = ec2.create_security_group();
    let create = create.group_name("web").description("web");
    let error = create.send().await.unwrap_err();
    assert_eq!(
        said(&error),
        refusal(400, "InvalidGroup.Duplicate", "taken")
    );
    let call = proxy.calls()[1].clone();
    assert_eq!(call.param("GroupName"), Some("web"));
}

#[tokio::test]
async fn the_sdk_reads_throttling_of_both_services() {
    let (proxy, elb, ec2) = aws().await;
    proxy.script(Scope::any(), When::Always, Fault::Throttled);
    let error = elb.describe_load_balancers().send().await.unwrap_err();
    assert_eq!(said(&error), refusal(400, "Throttling", "Rate exceeded"));
    let error = ec2.describe_vpcs().send().await.unwrap_err();
    let expected = refusal(503, "RequestLimitExceeded", "Request limit exceeded.");
    assert_eq!(said(&error), expected);
}

#[tokio::test]
async fn the_sdk_reads_which_action_is_denied() {
    let (proxy, elb, ec2) = aws().await;
    proxy.deny("DescribeLoadBalancers");
    proxy.deny("DescribeVpcs");
    let error = elb.describe_load_balancers().send().await.unwrap_err();
    let (status, code, message) = said(&error);
    assert_eq!((status, &*code), (403, "AccessDenied"));
    let action = "elasticloadbalancing:DescribeLoadBalancers";
    assert!(message.contains(&format!(
        "is not authorized to perform: {action} on resource: "
    )));
    let error = ec2.describe_vpcs().send().await.unwrap_err();
    let (status, code, message) = said(&error);
    assert_eq!((status, &*code), (403, "UnauthorizedOperation"));
    assert!(message.contains("is not authorized to perform: ec2:DescribeVpcs on resource: "));
}

#[tokio::test]
async fn an_unfiltered_describe_is_told_from_one_that_names_what_it_wants() {
    let (proxy, _, ec2) = aws().await;
    proxy.script(Scope::any(), When::Always, Fault::Status(500));
    ec2.describe_instances().send().await.unwrap_err();
    let named = ec2.describe_instances().instance_ids("i-1");
    named.send().await.unwrap_err();
    let paged = ec2.describe_instances().max_results(100);
    paged.send().await.unwrap_err();
    let calls = proxy.calls();
    let unfiltered: Vec<bool> = calls
        .iter()
        .map(|call| call.operation().unfiltered)
        .collect();
    assert_eq!(unfiltered, [true, false, false]);
}

#[tokio::test]
async fn a_cut_and_a_bare_status_are_no_answers_of_aws() {
    let (proxy, elb, _) = aws().await;
    proxy.script(Scope::any(), When::Nth(1), Fault::Cut);
    proxy.script(Scope::any(), When::Nth(2), Fault::Status(503));
    let error = elb.describe_load_balancers().send().await.unwrap_err();
    assert!(matches!(error, SdkError::DispatchFailure(_)), "{error:?}");
    let error = elb.describe_load_balancers().send().await.unwrap_err();
    assert_eq!(said(&error), refusal(503, "", ""));
}
