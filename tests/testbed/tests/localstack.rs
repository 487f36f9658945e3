//! Does the AWS that tests talk to behave as AWS documents?

use std::{process::Command, time::Duration};

use roadstead_testbed::{
    LocalStack,
    localstack::{Delays, Health, Options, Settings, Targets},
};

#[tokio::test]
async fn a_landscape_is_what_was_asked_for() {
    let localstack = LocalStack::shared().await.unwrap();
    let account = localstack.account().await.unwrap();
    let landscape = account
        .landscape("c1")
        .ipv6()
        .public_subnets(3)
        .private_subnets(2)
        .without_ipv6()
        .instances(4)
        .build()
        .await
        .unwrap();
    assert_eq!(landscape.subnet_ids(true).len(), 3);
    assert_eq!(landscape.subnet_ids(false).len(), 2);
    let with_ipv6: Vec<bool> = landscape
        .subnets
        .iter()
        .map(|subnet| subnet.ipv6_cidr.is_some())
        .collect();
    assert_eq!(with_ipv6, [true, true, true, true, false]);
    let zones: Vec<&str> = landscape
        .instances
        .iter()
        .map(|instance| instance.zone.as_str())
        .collect();
    assert_eq!(
        zones,
        ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1a"]
    );
    assert!(
        landscape.instances[0]
            .provider_id()
            .starts_with("aws:///us-east-1a/i-")
    );
}

#[tokio::test]
async fn it_listens_on_loopback_alone_and_ends_when_dropped() {
    let localstack = LocalStack::start(Options::default()).await.unwrap();
    let pid = localstack.process().pid();
    let port = format!(":{:04X}", localstack.address().port());
    let listening = |table: &str| {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        let local = table
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1).map(str::to_owned));
        local
            .filter(|address| address.ends_with(&port))
            .collect::<Vec<_>>()
    };
    let addresses = listening("/proc/net/tcp");
    assert!(
        !addresses.is_empty()
            && addresses
                .iter()
                .all(|address| address.starts_with("0100007F")),
        "{addresses:?}"
    );
    assert_eq!(listening("/proc/net/tcp6"), Vec::<String>::new());
    drop(localstack);
    let alive = Command::new("kill").args(["-0", &pid.to_string()]).output();
    assert!(!alive.unwrap().status.success());
}

#[tokio::test]
async fn it_answers_as_aws_documents() {
    let localstack = LocalStack::shared().await.unwrap();
    let checks = localstack.checks("").await.unwrap();
    assert!(checks.len() > 100, "only {} checks ran", checks.len());
    let failed: Vec<String> = checks
        .into_iter()
        .filter_map(|check| Some(format!("- {}\n  {}", check.name, check.failure?)))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test]
async fn what_a_test_asks_for_is_seen_through_the_aws_api() {
    let localstack = LocalStack::shared().await.unwrap();
    let account = localstack.account().await.unwrap();
    let landscape = account.landscape("c1").instances(1).build().await.unwrap();
    let vpc = ("VpcId", landscape.vpc_id.as_str());
    let subnet = ("Subnets.member.1", landscape.subnet_ids(true)[0]);
    account
        .call(
            "elasticloadbalancing",
            "CreateLoadBalancer",
            &[("Name", "web"), ("Type", "network"), subnet],
        )
        .await
        .unwrap();
    account
        .call(
            "elasticloadbalancing",
            "CreateTargetGroup",
            &[("Name", "web"), ("Protocol", "TCP"), ("Port", "80"), vpc],
        )
        .await
        .unwrap();
    let dump = account.dump().await.unwrap();
    let balancer = dump.load_balancer("web").unwrap();
    let group = &dump.target_groups[0];
    assert!(balancer.arn.contains(&account.id()), "{}", balancer.arn);
    assert_eq!(dump.names().count(), 4);

    let action = [
        ("LoadBalancerArn", balancer.arn.as_str()),
        ("Protocol", "TCP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", group.arn.as_str()),
    ];
    account
        .call("elasticloadbalancing", "CreateListener", &action)
        .await
        .unwrap();
    let instance = landscape.instances[0].id.as_str();
    let target = [
        ("TargetGroupArn", group.arn.as_str()),
        ("Targets.member.1.Id", instance),
    ];
    account
        .call("elasticloadbalancing", "RegisterTargets", &target)
        .await
        .unwrap();
    let one = Targets::One {
        id: instance,
        port: None,
    };
    account
        .force_health(&group.arn, one, Some(Health::Timeout))
        .await
        .unwrap();
    let dump = account.dump().await.unwrap();
    let balancer = dump.load_balancer("web").unwrap();
    let targets = &dump.target_groups_of(balancer).next().unwrap().targets;
    assert_eq!(targets[0].state, "unhealthy");
    assert_eq!(targets[0].reason.as_deref(), Some("Target.Timeout"));

    account
        .hold_for_endpoint_service(&balancer.arn, true)
        .await
        .unwrap();
    let gone = [("LoadBalancerArn", balancer.arn.as_str())];
    let refused = account
        .call("elasticloadbalancing", "DeleteLoadBalancer", &gone)
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("ResourceInUse"), "{refused}");

    let slow = Delays {
        provisioning: Duration::from_hours(1),
        ..Delays::default()
    };
    account
        .set(&Settings {
            delays: slow,
            ..Settings::default()
        })
        .await
        .unwrap();
    let dump = account.dump().await.unwrap();
    assert_eq!(dump.load_balancer("web").unwrap().state, "provisioning");
    let other = localstack.account().await.unwrap();
    assert_eq!(other.dump().await.unwrap().names().count(), 0);
}
