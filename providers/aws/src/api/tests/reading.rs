//! Reads: pages, batches, and what becomes of AWS's answers.

use std::collections::BTreeMap;

use super::{
    super::{
        ec2::{Admission, GroupFilter},
        elb::Which,
    },
    aws::{Answer, Asked, Aws},
};
use crate::{
    ids::{Arn, InstanceId, VpcId},
    seen::{Rule, RuleProtocol, RuleSource, TargetState, ZoneType},
};

const LOAD_BALANCER: &str = "
    <member>
      <LoadBalancerArn>arn:web</LoadBalancerArn>
      <LoadBalancerName>web</LoadBalancerName>
      <DNSName>Web-1.ELB.eu-central-1.amazonaws.com</DNSName>
      <Type>network</Type>
      <Scheme>internet-facing</Scheme>
      <VpcId>vpc-1</VpcId>
      <State><Code>failed</Code><Reason>no addresses</Reason></State>
      <IpAddressType>dualstack</IpAddressType>
      <SecurityGroups><member>sg-2</member><member>sg-1</member></SecurityGroups>
      <EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic>off</EnforceSecurityGroupInboundRulesOnPrivateLinkTraffic>
      <EnablePrefixForIpv6SourceNat>on</EnablePrefixForIpv6SourceNat>
      <AvailabilityZones><member>
        <ZoneName>eu-central-1a</ZoneName>
        <SubnetId>subnet-1</SubnetId>
        <LoadBalancerAddresses><member>
          <AllocationId>eipalloc-1</AllocationId>
          <PrivateIPv4Address>10.0.0.9</PrivateIPv4Address>
          <IPv6Address>fd00::9</IPv6Address>
        </member></LoadBalancerAddresses>
        <SourceNatIpv6Prefixes><member>fd00:0:0:0:1::/80</member></SourceNatIpv6Prefixes>
      </member></AvailabilityZones>
    </member>";

/// The values of a list in a form: `Names.member.1`, `Names.member.2`…
fn list<'a>(asked: &'a Asked, name: &str) -> Vec<&'a str> {
    (1..)
        .map_while(|number| asked.get(&format!("{name}.{number}")))
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn a_listing_follows_its_pages_and_takes_everything_over() {
    let first =
        format!("<LoadBalancers>{LOAD_BALANCER}</LoadBalancers><NextMarker>more</NextMarker>");
    let second = "<LoadBalancers><member><LoadBalancerArn>arn:gw</LoadBalancerArn><LoadBalancerName>gw</LoadBalancerName><Type>gateway</Type></member></LoadBalancers>";
    let aws = Aws::that([
        Answer::elb("DescribeLoadBalancers", &first),
        Answer::elb("DescribeLoadBalancers", second),
    ])
    .await;
    let found = aws.calls().await.load_balancers(Which::All).await.unwrap();
    let asked = aws.asked();
    assert_eq!(asked[0]["PageSize"], "400");
    assert_eq!(asked[1]["Marker"], "more");
    assert!(!found[1].network);
    insta::assert_debug_snapshot!(found[0]);
}

#[tokio::test]
async fn by_arn_or_name_twenty_are_asked_for_at_once() {
    let none = || Answer::elb("DescribeTargetGroups", "<TargetGroups/>");
    let aws = Aws::that([none(), none(), none(), none()]).await;
    let calls = aws.calls().await;
    let arns: Vec<Arn> = (0..45).map(|n| Arn::new(format!("arn:{n}"))).collect();
    calls.target_groups(Which::Arns(&arns)).await.unwrap();
    let names = ["web".to_owned()];
    calls.target_groups(Which::Names(&names)).await.unwrap();
    let asked = aws.asked();
    let counts = asked
        .iter()
        .map(|asked| list(asked, "TargetGroupArns.member").len());
    assert_eq!(counts.collect::<Vec<_>>(), [20, 20, 5, 0]);
    assert_eq!(list(&asked[3], "Names.member"), ["web"]);
    calls.target_groups(Which::Arns(&[])).await.unwrap();
    assert_eq!(aws.asked().len(), 4, "nothing asked for costs nothing");
}

#[tokio::test]
async fn a_target_group_and_a_listener_are_read_whole() {
    let group = "<TargetGroups><member>
        <TargetGroupArn>arn:tg</TargetGroupArn><TargetGroupName>tg</TargetGroupName>
        <Protocol>TCP_UDP</Protocol><Port>30080</Port><VpcId>vpc-1</VpcId>
        <TargetType>alb</TargetType><IpAddressType>ipv6</IpAddressType>
        <HealthCheckProtocol>HTTP</HealthCheckProtocol><HealthCheckPort>traffic-port</HealthCheckPort>
        <HealthCheckPath>/up</HealthCheckPath><HealthCheckIntervalSeconds>10</HealthCheckIntervalSeconds>
        <HealthCheckTimeoutSeconds>6</HealthCheckTimeoutSeconds><HealthyThresholdCount>2</HealthyThresholdCount>
        <UnhealthyThresholdCount>3</UnhealthyThresholdCount><Matcher><HttpCode>200-399</HttpCode></Matcher>
        <LoadBalancerArns><member>arn:web</member></LoadBalancerArns>
      </member></TargetGroups>";
    let listener = "<Listeners><member>
        <ListenerArn>arn:l</ListenerArn><LoadBalancerArn>arn:web</LoadBalancerArn>
        <Port>443</Port><Protocol>TLS</Protocol><SslPolicy>policy</SslPolicy>
        <Certificates><member><CertificateArn>arn:c</CertificateArn></member></Certificates>
        <AlpnPolicy><member>HTTP2Preferred</member></AlpnPolicy>
        <DefaultActions><member><Type>forward</Type><TargetGroupArn>arn:tg</TargetGroupArn>
          <ForwardConfig><TargetGroups><member><TargetGroupArn>arn:tg</TargetGroupArn></member></TargetGroups></ForwardConfig>
        </member></DefaultActions>
      </member></Listeners>";
    let aws = Aws::that([
        Answer::elb("DescribeTargetGroups", group),
        Answer::elb("DescribeListeners", listener),
    ])
    .await;
    let calls = aws.calls().await;
    let groups = calls.target_groups(Which::All).await.unwrap();
    let listeners = calls.listeners(&"arn:web".into()).await.unwrap();
    insta::assert_debug_snapshot!((groups, listeners));
}

#[tokio::test]
async fn a_health_check_without_a_request_has_neither_path_nor_codes() {
    let group = "<TargetGroups><member><TargetGroupArn>arn:tg</TargetGroupArn><TargetGroupName>tg</TargetGroupName>
        <HealthCheckProtocol>TCP</HealthCheckProtocol><HealthCheckPath>/</HealthCheckPath>
        <Matcher><HttpCode>200-399</HttpCode></Matcher></member></TargetGroups>";
    let aws = Aws::that([Answer::elb("DescribeTargetGroups", group)]).await;
    let found = aws.calls().await.target_groups(Which::All).await.unwrap();
    assert_eq!(found[0].health_check.path, None);
    assert_eq!(found[0].health_check.success_codes, None);
}

fn tags_of(arns: &[&str]) -> Answer {
    let described: Vec<String> = arns
        .iter()
        .map(|arn| format!("<member><ResourceArn>{arn}</ResourceArn><Tags><member><Key>of</Key><Value>{arn}</Value></member></Tags></member>"))
        .collect();
    let described = described.concat();
    let result = format!("<TagDescriptions>{described}</TagDescriptions>");
    Answer::elb("DescribeTags", &result)
}

fn gone(message: &str) -> Answer {
    Answer::elb_error(400, "LoadBalancerNotFound", message)
}

#[tokio::test]
async fn the_tags_of_those_that_are_left_are_found_beside_one_that_is_gone() {
    let arns = ["arn:a", "arn:b", "arn:c"].map(Arn::new);
    let left: Vec<(Arn, BTreeMap<String, String>)> = ["arn:a", "arn:c"]
        .map(|arn| (Arn::new(arn), BTreeMap::from([("of".into(), arn.into())])))
        .into();

    let named = [
        gone("Load balancers '[arn:b]' not found"),
        tags_of(&["arn:a", "arn:c"]),
    ];
    let aws = Aws::that(named).await;
    let found = aws.calls().await.tags(&arns).await.unwrap();
    assert_eq!(found, left.iter().cloned().collect());
    assert_eq!(aws.asked().len(), 2);

    // a, b, c -> a | b, c -> b | c
    let unnamed = [
        gone("not found"),
        tags_of(&["arn:a"]),
        gone("not found"),
        gone("not found"),
        tags_of(&["arn:c"]),
    ];
    let aws = Aws::that(unnamed).await;
    let found = aws.calls().await.tags(&arns).await.unwrap();
    assert_eq!(found, left.into_iter().collect());
    assert_eq!(aws.asked().len(), 5);
}

#[tokio::test]
async fn the_default_certificate_is_no_further_one() {
    let certificates = "<Certificates><member><CertificateArn>arn:d</CertificateArn><IsDefault>true</IsDefault></member><member><CertificateArn>arn:s</CertificateArn><IsDefault>false</IsDefault></member></Certificates>";
    let aws = Aws::that([Answer::elb("DescribeListenerCertificates", certificates)]).await;
    let found = aws
        .calls()
        .await
        .listener_certificates(&"arn:l".into())
        .await;
    assert_eq!(found.unwrap(), ["arn:s"]);
}

#[tokio::test]
async fn a_target_is_as_well_as_aws_says_and_for_its_reason() {
    let targets = ["initial", "healthy", "unhealthy", "unused", "draining", "unavailable", "unhealthy.draining"]
        .map(|state| format!("<member><Target><Id>i-1</Id><Port>30080</Port></Target><TargetHealth><State>{state}</State><Reason>Target.FailedHealthChecks</Reason><Description>Health checks failed</Description></TargetHealth></member>"))
        .concat();
    let result = format!("<TargetHealthDescriptions>{targets}</TargetHealthDescriptions>");
    let aws = Aws::that([Answer::elb("DescribeTargetHealth", &result)]).await;
    let found = aws
        .calls()
        .await
        .target_health(&"arn:tg".into())
        .await
        .unwrap();
    let states: Vec<TargetState> = found.iter().map(|target| target.state).collect();
    assert_eq!(
        states,
        [
            TargetState::Initial,
            TargetState::Healthy,
            TargetState::Unhealthy,
            TargetState::Unused,
            TargetState::Draining,
            TargetState::Unavailable,
            TargetState::UnhealthyDraining,
        ]
    );
    assert_eq!(found[0].port, 30080);
    assert_eq!(
        found[0].reason.as_deref(),
        Some("Target.FailedHealthChecks")
    );
    assert_eq!(
        found[0].description.as_deref(),
        Some("Health checks failed")
    );
}

#[tokio::test]
async fn attributes_and_capacity_are_read() {
    let aws = Aws::that([
        Answer::elb(
            "DescribeLoadBalancerAttributes",
            "<Attributes><member><Key>a</Key><Value>1</Value></member><member><Key>b</Key><Value></Value></member></Attributes>",
        ),
        Answer::elb(
            "DescribeCapacityReservation",
            "<MinimumLoadBalancerCapacity><CapacityUnits>7</CapacityUnits></MinimumLoadBalancerCapacity>",
        ),
        Answer::elb("DescribeCapacityReservation", ""),
    ])
    .await;
    let calls = aws.calls().await;
    let arn = Arn::new("arn:web");
    let attributes = calls.load_balancer_attributes(&arn).await.unwrap();
    let expected = [("a", "1"), ("b", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(attributes, expected.into());
    assert_eq!(calls.capacity(&arn).await.unwrap(), Some(7));
    assert_eq!(calls.capacity(&arn).await.unwrap(), None);
}

#[tokio::test]
async fn subnets_know_what_kind_of_zone_they_are_in_and_zones_are_asked_for_once() {
    let zones = "<availabilityZoneInfo><item><zoneName>a</zoneName><zoneType>availability-zone</zoneType></item><item><zoneName>l</zoneName><zoneType>local-zone</zoneType></item></availabilityZoneInfo>";
    let page = |zone: &str, token: &str| {
        let subnet = format!(
            "<subnetSet><item><subnetId>subnet-{zone}</subnetId><availabilityZone>{zone}</availabilityZone><vpcId>vpc-1</vpcId><cidrBlock>10.0.0.0/24</cidrBlock><availableIpAddressCount>250</availableIpAddressCount><ipv6CidrBlockAssociationSet><item><ipv6CidrBlock>fd00::/64</ipv6CidrBlock><ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item><item><ipv6CidrBlock>fd01::/64</ipv6CidrBlock><ipv6CidrBlockState><state>disassociated</state></ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet><tagSet><item><key>kubernetes.io/role/elb</key><value>1</value></item></tagSet></item></subnetSet><nextToken>{token}</nextToken>"
        );
        Answer::ec2("DescribeSubnets", &subnet)
    };
    let aws = Aws::that([
        Answer::ec2("DescribeAvailabilityZones", zones),
        page("a", "more"),
        page("l", ""),
        page("a", ""),
    ])
    .await;
    let calls = aws.calls().await;
    let vpc = VpcId::new("vpc-1");
    let found = calls.subnets(&vpc).await.unwrap();
    assert_eq!(found[1].zone_type, ZoneType::LocalZone);
    insta::assert_debug_snapshot!(found[0]);
    calls.subnets(&vpc).await.unwrap();
    let asked = aws.asked();
    let actions: Vec<&str> = asked.iter().map(|asked| asked["Action"].as_str()).collect();
    assert_eq!(
        actions,
        [
            "DescribeAvailabilityZones",
            "DescribeSubnets",
            "DescribeSubnets",
            "DescribeSubnets"
        ]
    );
    assert_eq!(asked[1]["Filter.1.Name"], "vpc-id");
    assert_eq!(asked[1]["Filter.1.Value.1"], "vpc-1");
    assert_eq!(asked[2]["NextToken"], "more");
}

#[tokio::test]
async fn instances_are_filtered_two_hundred_at_a_time_so_that_unknown_ones_are_absent() {
    let instance = "<reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><instanceState><code>16</code><name>running</name></instanceState><vpcId>vpc-1</vpcId><tagSet><item><key>Name</key><value>node</value></item><item><key>kubernetes.io/cluster/prod</key><value>owned</value></item></tagSet><placement><availabilityZone>a</availabilityZone></placement><networkInterfaceSet><item><networkInterfaceId>eni-2</networkInterfaceId><attachment><deviceIndex>1</deviceIndex></attachment><groupSet><item><groupId>sg-2</groupId></item></groupSet></item><item><networkInterfaceId>eni-1</networkInterfaceId><attachment><deviceIndex>0</deviceIndex></attachment><groupSet><item><groupId>sg-1</groupId></item></groupSet></item></networkInterfaceSet></item></instancesSet></item><item><instancesSet><item><instanceId>i-2</instanceId><instanceState><code>48</code><name>terminated</name></instanceState></item></instancesSet></item></reservationSet>";
    let aws = Aws::that([
        Answer::ec2("DescribeInstances", instance),
        Answer::ec2("DescribeInstances", "<reservationSet/>"),
    ])
    .await;
    let ids: Vec<InstanceId> = (0..201)
        .map(|n| InstanceId::new(format!("i-{n}")))
        .collect();
    let found = aws.calls().await.instances(&ids).await.unwrap();
    insta::assert_debug_snapshot!(found);
    let asked = aws.asked();
    assert_eq!(list(&asked[0], "Filter.1.Value").len(), 200);
    assert_eq!(list(&asked[1], "Filter.1.Value"), ["i-200"]);
}

#[tokio::test]
async fn a_security_group_has_one_rule_a_source() {
    let groups = "<securityGroupInfo><item><groupId>sg-1</groupId><groupName>web</groupName><vpcId>vpc-1</vpcId><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>80</fromPort><toPort>80</toPort><ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item><item><cidrIp>192.0.2.0/24</cidrIp></item></ipRanges><ipv6Ranges><item><cidrIpv6>fd00::/8</cidrIpv6></item></ipv6Ranges><prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds></item><item><ipProtocol>-1</ipProtocol><groups><item><groupId>sg-9</groupId></item></groups></item></ipPermissions><tagSet><item><key>k</key><value>v</value></item></tagSet></item></securityGroupInfo>";
    let aws = Aws::that([Answer::ec2("DescribeSecurityGroups", groups)]).await;
    let which = GroupFilter::Tagged {
        key: "roadstead.dev/cluster",
        value: "c",
    };
    let found = aws.calls().await.security_groups(which).await.unwrap();
    insta::assert_debug_snapshot!(found);
    assert_eq!(
        aws.asked_once()["Filter.1.Name"],
        "tag:roadstead.dev/cluster"
    );
}

#[tokio::test]
async fn who_lets_a_group_in_is_told_with_what_stands_beside_each_rule() {
    let groups = "<securityGroupInfo><item><groupId>sg-node</groupId><groupName>node</groupName><ipPermissions><item><ipProtocol>tcp</ipProtocol><fromPort>30000</fromPort><toPort>32767</toPort><groups><item><groupId>sg-lb</groupId><description>ours</description></item><item><groupId>sg-other</groupId></item></groups><ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item></ipRanges></item><item><ipProtocol>-1</ipProtocol><groups><item><groupId>sg-lb</groupId></item></groups></item></ipPermissions></item></securityGroupInfo>";
    let aws = Aws::that([Answer::ec2("DescribeSecurityGroups", groups)]).await;
    let found = aws.calls().await.admissions(&"sg-lb".into()).await.unwrap();
    let rule = |protocol, from, to| Rule {
        protocol,
        from,
        to,
        source: RuleSource::Group("sg-lb".into()),
    };
    let admission = |rule, description: Option<&str>| Admission {
        group: "sg-node".into(),
        rule,
        description: description.map(ToOwned::to_owned),
    };
    assert_eq!(
        found,
        [
            admission(rule(RuleProtocol::Tcp, 30000, 32767), Some("ours")),
            admission(rule(RuleProtocol::Other("-1".to_owned()), -1, -1), None),
        ]
    );
    let asked = aws.asked_once();
    assert_eq!(
        (&*asked["Filter.1.Name"], &*asked["Filter.1.Value.1"]),
        ("ip-permission.group-id", "sg-lb")
    );
}
