//! Who may connect, and which security groups say so.

use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification};
use roadstead_core::{LoadBalancer, LoadBalancerProvider};

use crate::{
    annotated, service, shows,
    support::{World, shown::shown, waiting::settle},
};

/// What the group of the load balancer's own admits.
async fn admitted(world: &World, want: &LoadBalancer) -> Vec<String> {
    let lines = shown(world, want).await.into_iter();
    let rules = lines.filter(|line| line.starts_with("rules ") && line.contains("Some(443)"));
    rules.collect()
}

/// The controller has merged field and annotation into one list by then: `tests/aws.rs` goes the whole way.
#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_clients_reach_the_load_balancers_own_group() {
    let world = World::new().await;
    let plain = service(&world, "ranges");
    let with = |ranges: &[&str]| LoadBalancer {
        source_ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        ..plain.clone()
    };
    let provider = world.provider(&plain.id.cluster);
    let rules = |ranges: &[&str]| {
        let of_port = |port: u16| {
            let at = format!("tcp:Some({port})-Some({port})");
            ranges.iter().map(move |range| format!("{at} {range}"))
        };
        let all: Vec<String> = of_port(443).chain(of_port(80)).collect();
        vec![format!("rules {all:?}")]
    };
    let steps: [&[&str]; 4] = [
        &["198.51.100.0/24", "203.0.113.7/32"],
        &["192.0.2.0/24", "203.0.113.7/32"],
        &[],
        &["192.0.2.0/24"],
    ];
    for ranges in steps {
        let want = with(ranges);
        settle(&provider, &want).await;
        let everybody: &[&str] = &["0.0.0.0/0"];
        let expected = if ranges.is_empty() { everybody } else { ranges };
        assert_eq!(admitted(&world, &want).await, rules(expected));
        let another = world.provider(&want.id.cluster);
        let left = another.plan(&want).await.unwrap();
        assert!(left.is_empty(), "{left}");
    }
}

/// A group that somebody else made, with a `Name` tag.
async fn named_group(world: &World, name: &str) -> String {
    let tag = Tag::builder().key("Name").value(name).build();
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::SecurityGroup)
        .tags(tag)
        .build();
    let made = world
        .ec2
        .create_security_group()
        .group_name(format!("{name}-group"))
        .description("given")
        .vpc_id(&world.land.vpc_id)
        .tag_specifications(tags);
    let made = made.send().await.unwrap();
    made.group_id().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_found_by_name_and_nodes_let_them_in_if_asked() {
    let world = World::new().await;
    let (one, two) = (
        named_group(&world, "edge").await,
        named_group(&world, "offices").await,
    );
    let plain = service(&world, "groups");
    let provider = world.provider(&plain.id.cluster);
    let alone = annotated(plain.clone(), &[("security-groups", "edge,offices")]);
    settle(&provider, &alone).await;
    let (edge, offices) = (
        format!("security group {one}"),
        format!("security group {two}"),
    );
    shows(&world, &alone, &[&edge, &offices]).await;
    let carried = async |want: &LoadBalancer| {
        let balancers = world.balancers_of(&want.id).await;
        balancers[0].security_groups().to_vec()
    };
    assert_eq!(carried(&alone).await.len(), 2, "and no group of ours");
    assert_eq!(
        world.rules_of(&world.land.node_security_group).await,
        "[]",
        "nobody asked for rules at the nodes"
    );

    let managed = annotated(
        plain.clone(),
        &[
            ("security-groups", "edge"),
            ("manage-backend-security-group-rules", "true"),
        ],
    );
    settle(&provider, &managed).await;
    shows(&world, &managed, &[&edge]).await;
    let now = carried(&managed).await;
    let shared: Vec<&String> = now.iter().filter(|group| **group != one).collect();
    assert_eq!((now.len(), shared.len()), (2, 1), "{now:?}");
    let nodes = world.rules_of(&world.land.node_security_group).await;
    assert!(nodes.contains(shared[0].as_str()), "{nodes}");
    // What others gave is theirs.
    assert_eq!(world.rules_of(&one).await, "[]");

    let back = plain;
    settle(&provider, &back).await;
    assert_eq!(admitted(&world, &back).await.len(), 1, "a group of its own");
    assert!(!carried(&back).await.contains(&one));
}
