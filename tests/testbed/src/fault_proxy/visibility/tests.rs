//! Is what is new out of sight for as long as it should be, and nothing else?
#![allow(clippy::unwrap_used, reason = "a helper of tests may end the test")]

use http::Request;

use super::*;

const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/web/1";
const DELAY: Duration = Duration::from_secs(5);

fn call(service: &str, form: &str) -> Call {
    let credential = format!("Credential=KEY/20260101/us-east-1/{service}/aws4_request");
    let request = Request::post("/").header("authorization", credential);
    let (head, ()) = request.body(()).unwrap().into_parts();
    Call::read(1, Instant::now(), &head, form.as_bytes())
}

fn elb(form: &str) -> Call {
    call("elasticloadbalancing", form)
}

fn ec2(form: &str) -> Call {
    call("ec2", form)
}

/// A load balancer `web` and a security group `sg-1`, made at `now`.
fn made(now: Instant) -> Visibility {
    let mut visibility = Visibility::default();
    visibility.set(DELAY);
    let answer = format!(
        "<LoadBalancers><member><LoadBalancerArn>{ARN}</LoadBalancerArn></member></LoadBalancers>"
    );
    visibility.note(
        now,
        &elb("Action=CreateLoadBalancer&Name=web"),
        answer.as_bytes(),
    );
    let answer = "<return>true</return><groupId>sg-1</groupId>";
    visibility.note(
        now,
        &ec2("Action=CreateSecurityGroup&GroupName=web-group"),
        answer.as_bytes(),
    );
    visibility
}

#[test]
fn what_is_new_is_not_found_until_the_delay_is_over() {
    let start = Instant::now();
    let before = start + DELAY - Duration::from_millis(1);
    let table = [
        (
            elb(&format!("Action=CreateListener&LoadBalancerArn={ARN}")),
            Some("LoadBalancerNotFound"),
        ),
        (
            elb(&format!("Action=DescribeTags&ResourceArns.member.2={ARN}")),
            Some("LoadBalancerNotFound"),
        ),
        (
            elb("Action=DescribeLoadBalancers&Names.member.1=web"),
            Some("LoadBalancerNotFound"),
        ),
        (elb("Action=DescribeTargetGroups&Names.member.1=web"), None),
        (elb("Action=CreateLoadBalancer&Name=web"), None),
        (
            elb(&format!("Action=DeleteLoadBalancer&LoadBalancerArn={ARN}")),
            None,
        ),
        (
            elb(&format!("Action=AddTags&ResourceArns.member.1={ARN}0")),
            None,
        ),
        (
            elb("Action=CreateLoadBalancer&Name=b&SecurityGroups.member.1=sg-1"),
            Some("InvalidSecurityGroup"),
        ),
        (
            ec2("Action=DescribeSecurityGroups&GroupId.1=sg-1"),
            Some("InvalidGroup.NotFound"),
        ),
        (
            ec2("Action=DescribeSecurityGroups&GroupName.1=web-group"),
            Some("InvalidGroup.NotFound"),
        ),
        (
            ec2("Action=DescribeSecurityGroups&Filter.1.Value.1=sg-1"),
            None,
        ),
        (ec2("Action=CreateSecurityGroup&GroupName=web-group"), None),
        (
            ec2("Action=DeleteSecurityGroup&GroupId=sg-1"),
            Some("InvalidGroup.NotFound"),
        ),
    ];
    for (call, expected) in table {
        let mut visibility = made(start);
        let refused = visibility.refuses(before, &call);
        assert_eq!(refused.map(|(code, _)| code), expected, "{call:?}");
        assert_eq!(visibility.refuses(start + DELAY, &call), None, "{call:?}");
    }
}

#[test]
fn lists_leave_out_what_is_new_and_nothing_else() {
    let start = Instant::now();
    let entry = |arn: &str| {
        let zones =
            "<AvailabilityZones><member><ZoneName>a</ZoneName></member></AvailabilityZones>";
        format!("<member>{zones}<LoadBalancerArn>{arn}</LoadBalancerArn>{zones}</member>")
    };
    let other = ARN.replace("web", "other");
    let list = |entries: &[&str]| {
        let entries: String = entries.iter().map(|arn| entry(arn)).collect();
        Bytes::from(format!("<LoadBalancers>{entries}</LoadBalancers>"))
    };
    let whole = list(&[&other, ARN, &format!("{ARN}0")]);
    let mut visibility = made(start);
    let filtered = visibility.filter(start, whole.clone());
    assert_eq!(filtered, list(&[&other, &format!("{ARN}0")]));
    assert_eq!(visibility.filter(start + DELAY, whole.clone()), whole);

    let groups = "<securityGroupInfo><item><groupId>sg-2</groupId></item><item><ipPermissions><item>\
                  <toPort>80</toPort></item></ipPermissions><groupId>sg-1</groupId></item></securityGroupInfo>";
    let left = "<securityGroupInfo><item><groupId>sg-2</groupId></item></securityGroupInfo>";
    assert_eq!(made(start).filter(start, groups.into()), left);
}

#[test]
fn a_target_group_is_listed_without_a_load_balancer_that_is_new() {
    let start = Instant::now();
    let groups = format!(
        "<TargetGroups><member><LoadBalancerArns><member>{ARN}</member></LoadBalancerArns></member></TargetGroups>"
    );
    let left =
        "<TargetGroups><member><LoadBalancerArns></LoadBalancerArns></member></TargetGroups>";
    assert_eq!(made(start).filter(start, groups.into()), left);
}

#[test]
fn a_second_creation_hides_nothing_again_and_zero_shows_everything() {
    let start = Instant::now();
    let create = elb("Action=CreateLoadBalancer&Name=web");
    let answer = format!("<LoadBalancerArn>{ARN}</LoadBalancerArn>");
    let describe = elb("Action=DescribeLoadBalancers&Names.member.1=web");
    let mut visibility = made(start);
    visibility.note(start + DELAY, &create, answer.as_bytes());
    assert_eq!(visibility.refuses(start + DELAY, &describe), None);

    let mut visibility = made(start);
    visibility.set(Duration::ZERO);
    assert_eq!(visibility.refuses(start, &describe), None);
}

#[test]
fn an_id_outside_of_any_list_stays() {
    let start = Instant::now();
    let odd = Bytes::from(format!(
        "<member></member><Arn>{ARN}</Arn><member><member></member>"
    ));
    assert_eq!(made(start).filter(start, odd.clone()), odd);
}
