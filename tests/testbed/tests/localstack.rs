//! Does the AWS that tests talk to behave as AWS documents?

use std::process::Command;

use roadstead_testbed::{LocalStack, localstack::Options};

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
