use bytes::Bytes;
use tokio::time::Instant;

use super::*;
use crate::fault_proxy::{Answer, AwsService, Fate};

const POLICY: &str = include_str!("../../../../providers/aws/iam-policy.json");
const OURS: &str = "roadstead.dev/cluster";
const ELB: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000";

/// A call that took effect, or not if there is no answer.
fn call(service: AwsService, action: &str, params: &[(&str, &str)], answer: Option<&str>) -> Call {
    let now = Instant::now();
    let answer = answer.map(|body| Answer {
        at: now,
        status: 200,
        error: None,
        body: Bytes::copy_from_slice(body.as_bytes()),
    });
    let params = params
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Call {
        number: 7,
        service,
        action: action.to_owned(),
        params: params.collect(),
        received: now,
        fate: Fate::Passed,
        upstream: answer.clone(),
        answer,
    }
}

fn elb(action: &str, params: &[(&str, &str)]) -> Call {
    call(AwsService::Elbv2, action, params, Some(""))
}

fn ec2(action: &str, params: &[(&str, &str)]) -> Call {
    call(AwsService::Ec2, action, params, Some(""))
}

/// A load balancer of ours, just made.
fn made() -> Call {
    let params = [
        ("Name", "rs-web"),
        ("Tags.member.1.Key", OURS),
        ("Tags.member.1.Value", "uid"),
    ];
    let answer = format!("<LoadBalancerArn>{ELB}:loadbalancer/net/rs-web/1</LoadBalancerArn>");
    call(
        AwsService::Elbv2,
        "CreateLoadBalancer",
        &params,
        Some(&answer),
    )
}

fn denied(calls: &[Call]) -> usize {
    Policy::parse(POLICY).unwrap().judge(calls).denied.len()
}

#[test]
fn what_is_marked_from_the_start_may_be_made_and_changed() {
    let web = format!("{ELB}:loadbalancer/net/rs-web/1");
    let listener = [
        ("LoadBalancerArn", web.as_str()),
        ("Tags.member.1.Key", OURS),
        ("Tags.member.1.Value", "uid"),
    ];
    let group = [
        ("VpcId", "vpc-1"),
        ("TagSpecification.1.Tag.1.Key", OURS),
        ("TagSpecification.1.Tag.1.Value", "uid"),
    ];
    let calls = [
        elb("DescribeLoadBalancers", &[]),
        made(),
        elb("CreateListener", &listener),
        elb("SetSubnets", &[("LoadBalancerArn", &web)]),
        ec2("CreateSecurityGroup", &group),
    ];
    let judgement = Policy::parse(POLICY).unwrap().judge(&calls);
    assert_eq!(judgement.denied, Vec::<String>::new());
    let used = [
        "ec2:CreateSecurityGroup",
        "ec2:CreateTags",
        "elasticloadbalancing:AddTags",
        "elasticloadbalancing:CreateListener",
        "elasticloadbalancing:CreateLoadBalancer",
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:SetSubnets",
    ];
    assert_eq!(judgement.used, used.map(str::to_owned).into());
}

#[test]
fn what_has_no_mark_may_not() {
    let foreign = format!("{ELB}:loadbalancer/net/theirs/1");
    assert_eq!(denied(&[elb("CreateTargetGroup", &[("Name", "bare")])]), 1);
    assert_eq!(
        denied(&[elb("DeleteLoadBalancer", &[("LoadBalancerArn", &foreign)])]),
        1
    );
    assert_eq!(
        denied(&[ec2("DeleteSecurityGroup", &[("GroupId", "sg-1")])]),
        1
    );
    assert_eq!(denied(&[ec2("CreateVolume", &[("GroupId", "sg-1")])]), 1);
    // Half of it: without tags there is nothing to be allowed on the VPC's side but the VPC.
    assert_eq!(
        denied(&[ec2("CreateSecurityGroup", &[("VpcId", "vpc-1")])]),
        1
    );
}

#[test]
fn the_nodes_groups_are_open_and_adoption_is_by_a_mark() {
    let theirs = format!("{ELB}:loadbalancer/net/theirs/1");
    let change = elb("SetSubnets", &[("LoadBalancerArn", &theirs)]);
    let mark = elb(
        "AddTags",
        &[
            ("ResourceArns.member.1", &theirs),
            ("Tags.member.1.Key", OURS),
            ("Tags.member.1.Value", "uid"),
        ],
    );
    let open = ec2("AuthorizeSecurityGroupIngress", &[("GroupId", "sg-nodes")]);
    assert_eq!(denied(&[open, mark, change.clone()]), 0);
    assert_eq!(denied(&[change]), 1);
}

#[test]
fn a_mark_that_was_taken_off_is_missed_and_what_is_gone_is_nobodys() {
    let web = format!("{ELB}:loadbalancer/net/rs-web/1");
    let change = elb("SetSubnets", &[("LoadBalancerArn", &web)]);
    let unmark = elb(
        "RemoveTags",
        &[("ResourceArns.member.1", &web), ("TagKeys.member.1", OURS)],
    );
    let delete = elb("DeleteLoadBalancer", &[("LoadBalancerArn", &web)]);
    assert_eq!(denied(&[made(), unmark, change.clone()]), 1);
    assert_eq!(denied(&[made(), delete.clone(), delete, change]), 0);
}

#[test]
fn a_call_that_took_no_effect_leaves_no_mark() {
    let mut lost = made();
    lost.upstream = None;
    let web = format!("{ELB}:loadbalancer/net/rs-web/1");
    let change = elb("SetSubnets", &[("LoadBalancerArn", &web)]);
    assert_eq!(denied(&[lost, change]), 1);
}

#[test]
fn a_language_that_would_be_misread_is_refused() {
    for (from, to) in [
        ("\"Allow\"", "\"Deny\""),
        ("\"Null\"", "\"Bool\""),
        ("\"Action\"", "\"NotAction\""),
    ] {
        assert!(Policy::parse(&POLICY.replace(from, to)).is_err(), "{to}");
    }
}

#[test]
fn a_star_stands_for_anything() {
    for (pattern, text, expected) in [
        ("*", "", true),
        ("a*c", "abc", true),
        ("a*c", "abd", false),
        ("a/*/*", "a/b/c/d", true),
        ("a/*/*", "a/b", false),
        ("abc", "abc", true),
        ("ab", "abc", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
