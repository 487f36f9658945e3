//! In which subnets, and with which protection.

use roadstead_core::{LoadBalancerProvider, Protocol, Released};

use crate::{
    annotated, port, service, shows,
    support::{World, shown::shown, waiting::settle},
};

#[tokio::test(flavor = "multi_thread")]
async fn places_and_groups_reach_aws() {
    let world = World::new().await;
    let plain = service(&world, "places");
    let provider = world.provider(&plain.id.cluster);
    let subnets = world.land.subnet_ids(false);
    let given = world.ec2.create_security_group().group_name("given");
    let given = given.description("given").vpc_id(&world.land.vpc_id);
    let given = given.send().await.unwrap().group_id().unwrap().to_owned();
    let two = format!("{},{}", subnets[0], subnets[1]);
    let mut want = annotated(
        plain,
        &[
            ("internal", "true"),
            ("subnets", &two),
            ("security-groups", &given),
            ("manage-backend-security-group-rules", "false"),
        ],
    );
    want.ports = vec![
        port("dns", Protocol::Udp, 53),
        port("dns-tcp", Protocol::Tcp, 53),
    ];
    want.ports[1].node_port = want.ports[0].node_port;
    settle(&provider, &want).await;
    let facts = [
        "scheme internal".to_owned(),
        format!("subnet {}", subnets[0]),
        format!("subnet {}", subnets[1]),
        format!("security group {given}"),
        "listener 53 TCP_UDP".to_owned(),
        "group 53 protocol TCP_UDP".to_owned(),
        "group 53 type instance".to_owned(),
    ];
    shows(&world, &want, &facts.each_ref().map(String::as_str)).await;
    let lines = shown(&world, &want).await;
    let count = |what: &str| lines.iter().filter(|line| line.starts_with(what)).count();
    assert_eq!(
        (count("subnet "), count("security group ")),
        (2, 1),
        "{lines:#?}"
    );
    assert_eq!(count("listener 53 TCP_UDP"), 1, "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn protection_against_deletion_is_named_and_waited_for() {
    let world = World::new().await;
    let want = annotated(
        service(&world, "protected"),
        &[("attributes", "deletion_protection.enabled=true")],
    );
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    shows(
        &world,
        &want,
        &["attribute deletion_protection.enabled=true"],
    )
    .await;
    match provider.release(&want.id).await.unwrap() {
        Released::InProgress { waiting_for, .. } => {
            assert!(
                waiting_for.contains("deletion_protection.enabled"),
                "{waiting_for}"
            );
        }
        Released::Gone => panic!("deleted in spite of its protection"),
    }
    assert_eq!(world.balancers_of(&want.id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_are_found_by_name() {
    let world = World::on(|land| {
        land.private_subnets(2)
            .subnet("us-east-1a", false)
            .tag("Name", "edge")
            .subnet("us-east-1c", false)
            .tag("Name", "edge")
            .subnet("us-east-1d", false)
            .tag("Name", "far edge")
    })
    .await;
    let want = annotated(
        service(&world, "by-name"),
        // A name is said once for each that has it.
        &[("subnets", "edge, far edge, edge")],
    );
    let provider = world.provider(&want.id.cluster);
    settle(&provider, &want).await;
    let lines = shown(&world, &want).await.into_iter();
    let mut found: Vec<String> = lines.filter(|line| line.starts_with("subnet ")).collect();
    found.sort();
    let named = world.land.subnets[2..].iter();
    let mut named: Vec<String> = named.map(|it| format!("subnet {}", it.id)).collect();
    named.sort();
    assert_eq!(found, named);
}

/// Whether TCP and UDP of one number share a listener was once a question.
#[tokio::test(flavor = "multi_thread")]
async fn tcp_and_udp_of_one_number_are_one_listener_whatever_is_said() {
    let world = World::new().await;
    for said in ["true", "false"] {
        let mut want = annotated(
            service(&world, &format!("both-{said}")),
            &[("type", "external"), ("enable-tcp-udp-listener", said)],
        );
        want.ports = vec![
            port("dns", Protocol::Udp, 53),
            port("dns-tcp", Protocol::Tcp, 53),
        ];
        let provider = world.provider(&want.id.cluster);
        settle(&provider, &want).await;
        shows(
            &world,
            &want,
            &["listener 53 TCP_UDP", "group 53 type instance"],
        )
        .await;
    }
}
