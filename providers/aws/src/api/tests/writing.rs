//! Changes: exactly what is sent.

use roadstead_core::IpFamily;

use super::{
    super::elb::{
        ListenerSettings, NewListener, NewLoadBalancer, NewTargetGroup, SubnetMapping, TargetRef,
    },
    aws::{Answer, Aws},
};
use crate::{
    ids::{Arn, GroupId},
    seen::{Rule, RuleProtocol, RuleSource},
    types::{
        AlpnPolicy, HealthCheck, HealthCheckPort, HealthCheckProtocol, IpAddressType,
        ListenerProtocol, Scheme, TargetProtocol, TargetType,
    },
};

const LISTENER: &str = "<Listeners><member><ListenerArn>arn:l</ListenerArn><LoadBalancerArn>arn:web</LoadBalancerArn></member></Listeners>";

fn tags() -> std::collections::BTreeMap<String, String> {
    [("team", "shop & front"), ("empty", "")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[tokio::test]
async fn a_load_balancer_is_created_with_everything_at_once() {
    let made = "<LoadBalancers><member><LoadBalancerArn>arn:web</LoadBalancerArn><LoadBalancerName>web</LoadBalancerName><Type>network</Type></member></LoadBalancers>";
    let aws = Aws::that([Answer::elb("CreateLoadBalancer", made)]).await;
    let new = NewLoadBalancer {
        name: "web".to_owned(),
        scheme: Scheme::InternetFacing,
        ip_address_type: IpAddressType::Dualstack,
        mappings: vec![
            SubnetMapping {
                subnet: "subnet-1".into(),
                allocation: Some("eipalloc-1".into()),
                private_ipv4: None,
                ipv6: Some("fd00::9".parse().unwrap()),
                source_nat_prefix: Some("auto_assigned".to_owned()),
            },
            SubnetMapping {
                subnet: "subnet-2".into(),
                allocation: None,
                private_ipv4: Some("10.0.0.9".parse().unwrap()),
                ipv6: None,
                source_nat_prefix: None,
            },
        ],
        security_groups: vec!["sg-1".into(), "sg-2".into()],
        ipv6_source_nat: true,
        tags: tags(),
    };
    let seen = aws.calls().await.create_load_balancer(&new).await.unwrap();
    assert_eq!(seen.arn.as_str(), "arn:web");
    insta::assert_yaml_snapshot!(aws.asked_once());
}

#[tokio::test]
async fn a_target_group_is_created_with_its_health_check() {
    let made = "<TargetGroups><member><TargetGroupArn>arn:tg</TargetGroupArn><TargetGroupName>tg</TargetGroupName></member></TargetGroups>";
    let aws = Aws::that([Answer::elb("CreateTargetGroup", made)]).await;
    let new = NewTargetGroup {
        name: "tg".to_owned(),
        protocol: TargetProtocol::TcpUdp,
        port: 30080,
        vpc: "vpc-1".into(),
        target_type: TargetType::Instance,
        family: IpFamily::V4,
        health_check: HealthCheck {
            protocol: HealthCheckProtocol::Http,
            port: HealthCheckPort::TrafficPort,
            path: Some("/healthz".to_owned()),
            interval: 10,
            timeout: 6,
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            success_codes: Some("200-399".to_owned()),
        },
        tags: tags(),
    };
    aws.calls().await.create_target_group(&new).await.unwrap();
    insta::assert_yaml_snapshot!(aws.asked_once());
}

fn tls() -> ListenerSettings {
    ListenerSettings {
        protocol: ListenerProtocol::Tls,
        target_group: Arn::new("arn:tg"),
        certificate: Some("arn:c".to_owned()),
        ssl_policy: Some("policy".to_owned()),
        alpn: Some(AlpnPolicy::Http2Preferred),
    }
}

#[tokio::test]
async fn a_tls_listener_is_created_with_certificate_policy_and_alpn() {
    let aws = Aws::that([Answer::elb("CreateListener", LISTENER)]).await;
    let new = NewListener {
        load_balancer: Arn::new("arn:web"),
        port: 443,
        settings: tls(),
        tags: tags(),
    };
    aws.calls().await.create_listener(&new).await.unwrap();
    insta::assert_yaml_snapshot!(aws.asked_once());
}

#[tokio::test]
async fn a_listener_that_is_no_longer_tls_is_sent_nothing_of_tls() {
    let aws = Aws::that([Answer::elb("ModifyListener", LISTENER)]).await;
    let settings = ListenerSettings {
        protocol: ListenerProtocol::Tcp,
        ..tls()
    };
    let calls = aws.calls().await;
    calls
        .modify_listener(&"arn:l".into(), 80, &settings)
        .await
        .unwrap();
    insta::assert_yaml_snapshot!(aws.asked_once());
}

#[tokio::test]
async fn alpn_that_is_no_longer_wanted_is_taken_back_by_name() {
    let aws = Aws::that([Answer::elb("ModifyListener", LISTENER)]).await;
    let settings = ListenerSettings {
        alpn: None,
        ..tls()
    };
    let calls = aws.calls().await;
    calls
        .modify_listener(&"arn:l".into(), 443, &settings)
        .await
        .unwrap();
    assert_eq!(aws.asked_once()["AlpnPolicy.member.1"], "None");
}

#[tokio::test]
async fn targets_are_registered_each_with_its_port_and_bad_ones_are_named() {
    let refused = Answer::elb_error(
        400,
        "InvalidTarget",
        "The following targets are not in a running state and cannot be registered: 'i-0123456789abcdef0'",
    );
    let aws = Aws::that([Answer::elb("RegisterTargets", ""), refused]).await;
    let targets = [
        TargetRef {
            id: "i-1".to_owned(),
            port: 30080,
            zone: None,
        },
        TargetRef {
            id: "10.1.2.3".to_owned(),
            port: 8080,
            zone: Some("all".to_owned()),
        },
    ];
    let calls = aws.calls().await;
    let group = Arn::new("arn:tg");
    calls.register(&group, &targets).await.unwrap();
    insta::assert_yaml_snapshot!(aws.asked_once());
    let error = calls.register(&group, &targets).await.unwrap_err();
    assert_eq!(error.invalid_targets(), ["i-0123456789abcdef0"]);
    assert!(!error.may_have_taken_effect());
}

#[tokio::test]
async fn subnets_and_security_groups_are_set_whole() {
    let aws = Aws::that([
        Answer::elb("SetSubnets", ""),
        Answer::elb("SetSecurityGroups", ""),
        Answer::elb("ModifyCapacityReservation", ""),
    ])
    .await;
    let calls = aws.calls().await;
    let arn = Arn::new("arn:web");
    let mapping = SubnetMapping {
        subnet: "subnet-1".into(),
        allocation: None,
        private_ipv4: None,
        ipv6: None,
        source_nat_prefix: None,
    };
    calls
        .set_subnets(&arn, &[mapping], None, None)
        .await
        .unwrap();
    calls
        .set_security_groups(&arn, &["sg-1".into()], Some(false))
        .await
        .unwrap();
    calls.modify_capacity(&arn, None).await.unwrap();
    insta::assert_yaml_snapshot!(aws.asked());
}

#[tokio::test]
async fn rules_of_one_port_go_together_with_their_description() {
    let rule = |source| Rule {
        protocol: RuleProtocol::Tcp,
        from: 80,
        to: 80,
        source,
    };
    let rules = [
        rule(RuleSource::Cidr("10.0.0.0/8".parse().unwrap())),
        rule(RuleSource::Cidr("fd00::/8".parse().unwrap())),
        rule(RuleSource::PrefixList("pl-1".to_owned())),
        Rule {
            protocol: RuleProtocol::Other("-1".to_owned()),
            from: -1,
            to: -1,
            source: RuleSource::Group("sg-9".into()),
        },
    ];
    let aws = Aws::that([
        Answer::ec2("AuthorizeSecurityGroupIngress", "<return>true</return>"),
        Answer::ec2("RevokeSecurityGroupIngress", "<return>true</return>"),
    ])
    .await;
    let calls = aws.calls().await;
    let group = GroupId::new("sg-1");
    calls.authorize(&group, &rules, "web").await.unwrap();
    calls.revoke(&group, &rules[..1]).await.unwrap();
    insta::assert_yaml_snapshot!(aws.asked());
}

#[tokio::test]
async fn a_security_group_is_tagged_as_it_is_created() {
    let made = "<return>true</return><groupId>sg-1</groupId>";
    let aws = Aws::that([Answer::ec2("CreateSecurityGroup", made)]).await;
    let calls = aws.calls().await;
    let made = calls
        .create_security_group("web", "for web", &"vpc-1".into(), &tags())
        .await
        .unwrap();
    assert_eq!(made.as_str(), "sg-1");
    insta::assert_yaml_snapshot!(aws.asked_once());
}
