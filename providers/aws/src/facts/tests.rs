//! What is asked of EC2, how often, and what is made of it.

use std::collections::BTreeMap;

use roadstead_core::{NodeName, ProviderId};
use tokio::time::advance;

use super::{
    cached::RECENT,
    nodes::NodeGroups,
    world::{World, group, subnet, tag},
    *,
};
use crate::{
    api::{Action, Priority},
    params::ByIdOrName,
    types::Scheme,
};

const SOON: Duration = Duration::from_secs(RECENT.as_secs() + 1);

fn vpc() -> VpcId {
    VpcId::new("vpc-1")
}

fn wish(vpc: &VpcId) -> SubnetWish<'_> {
    SubnetWish {
        vpc,
        scheme: Scheme::InternetFacing,
        dualstack: false,
        explicit: &[],
        current: None,
        cluster_name: None,
    }
}

fn targets(provider_ids: &[&str]) -> Targets {
    let target = |id: &&str| Target {
        node: NodeName("node".into()),
        provider_id: (!id.is_empty()).then(|| ProviderId((*id).into())),
        addresses: Vec::new(),
        port: None,
        port_name: None,
        pod: None,
        labels: Arc::default(),
    };
    Targets::Exactly(provider_ids.iter().map(target).collect())
}

fn ids(ids: &[&str]) -> Vec<InstanceId> {
    ids.iter().map(|id| InstanceId::new(*id)).collect()
}

static NODES: NodeWish<'_> = NodeWish {
    cluster_name: Some("prod"),
    tags: &NO_TAGS,
    pods: false,
};

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

/// Node groups in words: `i-1: sg-1`.
fn told(found: &NodeGroups) -> Vec<String> {
    let each = found.groups.iter().map(|(id, groups)| {
        let groups: Vec<&str> = groups.iter().map(GroupId::as_str).collect();
        format!("{id}: {}", groups.join(" "))
    });
    each.collect()
}

#[tokio::test(start_paused = true)]
async fn subnets_are_read_once_for_all_services() {
    let (world, facts, vpc) = (World::new(), Facts::new(None), vpc());
    world.edit(|it| it.subnets = vec![subnet("1", "a")]);
    world.edit(|it| it.public.by_default = true);
    let wish = wish(&vpc);
    let all = (0..50).map(|_| facts.subnets(&world, &wish));
    for found in futures::future::join_all(all).await {
        assert_eq!(found.unwrap().len(), 1);
    }
    assert_eq!(
        world.asked(),
        [Action::DescribeSubnets, Action::DescribeRouteTables]
    );
}

#[tokio::test(start_paused = true)]
async fn a_subnet_works_as_soon_as_it_is_tagged() {
    let (world, facts, vpc) = (World::new(), Facts::new(None), vpc());
    world.edit(|it| it.subnets = vec![subnet("1", "a"), subnet("2", "b")]);
    for _ in 0..2 {
        facts.subnets(&world, &wish(&vpc)).await.unwrap_err();
    }
    assert_eq!(
        world.asked(),
        [Action::DescribeSubnets, Action::DescribeRouteTables],
        "the same refusal a moment later costs nothing"
    );
    advance(SOON).await;
    let elb = tag("kubernetes.io/role/elb", "1");
    world.edit(|it| it.subnets[1].tags = elb);
    let found = facts.subnets(&world, &wish(&vpc)).await.unwrap();
    assert_eq!(found[0].id.as_str(), "subnet-2");
}

#[tokio::test(start_paused = true)]
async fn a_subnet_that_is_newer_than_the_list_is_not_taken_from_its_load_balancer() {
    let (world, facts, vpc) = (World::new(), Facts::new(None), vpc());
    world.edit(|it| it.public.by_default = true);
    world.edit(|it| it.subnets = vec![subnet("1", "a")]);
    facts.subnets(&world, &wish(&vpc)).await.unwrap();
    advance(SOON).await;
    world.edit(|it| it.subnets.push(subnet("2", "b")));
    let current = ["subnet-2".into(), "subnet-1".into()];
    let kept = SubnetWish {
        current: Some(&current),
        ..wish(&vpc)
    };
    assert_eq!(facts.subnets(&world, &kept).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_vpc_is_that_of_the_nodes_and_never_asked_for_again() {
    let (world, facts) = (World::new(), Facts::new(None));
    let error = facts.vpc(&world, &targets(&[])).await.unwrap_err();
    assert!(error.to_string().ends_with("name it with --aws-vpc-id"));
    let foreign = targets(&["", "gce://p/z/n", "aws:///a/fargate-ip-10-0-0-1"]);
    facts.vpc(&world, &foreign).await.unwrap_err();
    assert_eq!(world.asked(), []);
    world.edit(|it| it.start("i-2", &[&["sg-1"]]));
    let nodes = targets(&["aws:///a/i-1", "aws:///a/i-2"]);
    assert_eq!(facts.vpc(&world, &nodes).await.unwrap(), vpc());
    advance(Duration::from_hours(100)).await;
    assert_eq!(facts.vpc(&world, &Targets::Keep).await.unwrap(), vpc());
    assert_eq!(world.asked(), [Action::DescribeInstances]);
    let given = Facts::new(Some("vpc-9".into()));
    assert_eq!(
        given.vpc(&world, &targets(&[])).await.unwrap().as_str(),
        "vpc-9"
    );
}

#[tokio::test(start_paused = true)]
async fn whose_instances_are_is_asked_once_for_all_services_and_kept_for_an_hour() {
    let (world, facts) = (World::new(), Facts::new(None));
    world.edit(|it| {
        it.start_for("i-1", &["prod"]);
        it.start_for("i-2", &[]);
        it.start_for("i-3", &["test"]);
        it.start_for("i-4", &["prod", "test"]);
        for n in 10..60 {
            it.start_for(&format!("i-{n}"), &["prod"]);
        }
    });
    let nodes = ids(&["i-2", "i-1"]);
    let ask = async |n: usize| {
        let own = format!("i-{n}");
        let strangers = ids(&["i-2", "i-3", "i-4", "i-5", &own]);
        let strangers = strangers.into_iter().collect();
        let found = facts.of_cluster(&world, "prod", &nodes, &strangers).await;
        assert_eq!(Vec::from_iter(found.unwrap()), ids(&[&own]));
    };
    futures::future::join_all((10..60).map(ask)).await;
    assert_eq!(world.asked(), [Action::DescribeInstances]);
    advance(Duration::from_mins(59)).await;
    ask(10).await;
    assert_eq!(world.asked(), []);
    advance(Duration::from_mins(2)).await;
    ask(10).await;
    assert_eq!(world.asked(), [Action::DescribeInstances]);
}

#[tokio::test(start_paused = true)]
async fn a_cluster_name_that_no_node_carries_tells_nothing() {
    let (world, facts) = (World::new(), Facts::new(None));
    world.edit(|it| {
        it.start_for("i-1", &["prod-b"]);
        it.start_for("i-2", &["prod-a"]);
    });
    let strangers = ids(&["i-2"]).into_iter().collect();
    // Set up like its neighbour, whose nodes would all be taken away.
    for (name, nodes) in [
        ("prod-a", ids(&["i-1"])),
        ("prod-a", ids(&[])),
        ("prod-b", ids(&["i-1"])),
    ] {
        let found = facts.of_cluster(&world, name, &nodes, &strangers).await;
        assert_eq!(found.unwrap().len(), 0, "{name} {nodes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_a_call_is_under_way_makes_one_more_for_what_it_does_not_tell() {
    let (world, facts) = (World::new(), Facts::new(None));
    world.edit(|it| {
        for id in ["i-1", "i-2", "i-3"] {
            it.start_for(id, &["prod"]);
        }
    });
    let ask = async |strangers: &[&str], after: u64| {
        tokio::time::sleep(Duration::from_millis(after)).await;
        let strangers = ids(strangers).into_iter().collect();
        let found = facts
            .of_cluster(&world, "prod", &ids(&["i-1"]), &strangers)
            .await;
        found.unwrap().len()
    };
    let found = tokio::join!(ask(&["i-2"], 0), ask(&["i-2"], 250), ask(&["i-3"], 250));
    assert_eq!(found, (1, 1, 1));
    assert_eq!(world.asked(), [Action::DescribeInstances; 2]);
}

#[tokio::test(start_paused = true)]
async fn security_groups_are_found_by_id_and_by_name_in_their_order() {
    let (world, facts, vpc) = (World::new(), Facts::new(None), vpc());
    world.edit(|it| {
        it.put(group("sg-1", "one", tag("Name", "web")));
        it.put(group("sg-2", "two", tag("Name", "twin")));
        it.put(group("sg-3", "three", tag("Name", "twin")));
        let mut far = group("sg-4", "four", BTreeMap::new());
        far.vpc = "vpc-2".into();
        it.put(far);
    });
    let id = |id: &str| ByIdOrName::Id(id.to_owned());
    let name = |name: &str| ByIdOrName::Name(name.to_owned());
    let wanted = [id("sg-2"), name("web"), id("sg-1")];
    let found = facts.groups(&world, &vpc, &wanted).await.unwrap();
    assert_eq!(found, ["sg-2".into(), "sg-1".into()]);
    world.asked();
    facts.groups(&world, &vpc, &wanted).await.unwrap();
    assert_eq!(world.asked(), []);
    let bad = [id("sg-9"), name("twin"), name("nobody"), id("sg-4")];
    let error = facts.groups(&world, &vpc, &bad).await.unwrap_err();
    insta::assert_snapshot!(error.to_string(), @"service.beta.kubernetes.io/aws-load-balancer-security-groups asks for security groups that cannot be had in vpc-1: there is no security group sg-9; several have the tag Name=twin (sg-2, sg-3): name the one by id; no security group has the tag Name=nobody; sg-4 is in vpc-2");
    advance(SOON).await;
    world.edit(|it| it.put(group("sg-9", "nine", BTreeMap::new())));
    let now_there = facts.groups(&world, &vpc, &[id("sg-9")]).await.unwrap();
    assert_eq!(now_there, ["sg-9".into()]);
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_group_is_not_clear_blocks_no_other_and_heals_when_it_is_tagged() {
    let (world, facts) = (World::new(), Facts::new(None));
    world.edit(|it| {
        it.put(group("sg-a", "a", BTreeMap::new()));
        it.put(group("sg-b", "b", BTreeMap::new()));
        it.start("i-1", &[&["sg-1"], &["sg-pods"]]);
        it.start("i-2", &[&["sg-a", "sg-b"]]);
        it.start("i-3", &[]);
    });
    let nodes = ids(&["i-1", "i-2", "i-3", "i-4"]);
    let found = facts
        .node_groups(&world, &nodes, NODES, Trust::Kept)
        .await
        .unwrap();
    assert_eq!(told(&found), ["i-1: sg-1"]);
    insta::assert_yaml_snapshot!(found.problems);
    let pods = NodeWish {
        pods: true,
        ..NODES
    };
    let found = facts
        .node_groups(&world, &nodes, pods, Trust::Kept)
        .await
        .unwrap();
    assert_eq!(told(&found), ["i-1: sg-1 sg-pods"]);

    advance(SOON).await;
    let mine = tag("kubernetes.io/cluster/prod", "owned");
    world.edit(|it| it.groups.get_mut(&"sg-b".into()).unwrap().tags = mine.clone());
    let found = facts
        .node_groups(&world, &nodes, NODES, Trust::Kept)
        .await
        .unwrap();
    assert_eq!(told(&found), ["i-1: sg-1", "i-2: sg-b"]);

    advance(Duration::from_mins(6)).await;
    world.edit(|it| it.groups.get_mut(&"sg-a".into()).unwrap().tags = mine);
    let nodes = ids(&["i-2"]);
    let found = facts
        .node_groups(&world, &nodes, NODES, Trust::Kept)
        .await
        .unwrap();
    insta::assert_yaml_snapshot!("both_tagged", found.problems);
}

#[tokio::test(start_paused = true)]
async fn an_urgent_service_does_not_wait_for_a_check() {
    let (world, facts, vpc) = (World::new(), Facts::new(None), vpc());
    world.edit(|it| it.public.by_default = true);
    world.edit(|it| it.subnets = vec![subnet("1", "a")]);
    let patient = world.with_priority(Priority::Check);
    let wish = wish(&vpc);
    let (one, two) = tokio::join!(facts.subnets(&patient, &wish), facts.subnets(&world, &wish));
    assert_eq!((one.unwrap().len(), two.unwrap().len()), (1, 1));
    let reads = world.asked();
    let lists = reads.iter().filter(|it| **it == Action::DescribeSubnets);
    assert_eq!(lists.count(), 2);
}
