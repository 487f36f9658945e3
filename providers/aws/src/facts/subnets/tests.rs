//! Tables: what is chosen, and what a refusal says.

use roadstead_core::Error;

use super::*;
use crate::facts::world::subnet;

const ELB: &str = "kubernetes.io/role/elb";
const INTERNAL: &str = "kubernetes.io/role/internal-elb";

trait Prose {
    fn tagged(self, key: &str, value: &str) -> Self;
    fn with(self, change: impl FnOnce(&mut SubnetSeen)) -> Self;
}

impl Prose for SubnetSeen {
    fn tagged(self, key: &str, value: &str) -> Self {
        self.with(|it| {
            it.tags.insert(key.to_owned(), value.to_owned());
        })
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

/// A wish that leaves everything open.
fn wish(vpc: &VpcId) -> SubnetWish<'_> {
    SubnetWish {
        vpc,
        scheme: Scheme::InternetFacing,
        dualstack: false,
        explicit: &[],
        current: None,
        cluster_name: Some("prod"),
    }
}

fn vpc() -> VpcId {
    VpcId::new("vpc-1")
}

fn id(id: &str) -> ByIdOrName {
    ByIdOrName::Id(format!("subnet-{id}"))
}

fn name(name: &str) -> ByIdOrName {
    ByIdOrName::Name(name.to_owned())
}

fn chosen(
    wish: &SubnetWish<'_>,
    all: &[SubnetSeen],
    public: Option<&PublicSubnets>,
) -> Vec<String> {
    let chosen = choose(wish, all, public).unwrap();
    chosen.iter().map(|subnet| subnet.id.to_string()).collect()
}

/// Its kind, and what it says.
fn refusal(wish: &SubnetWish<'_>, all: &[SubnetSeen], public: Option<&PublicSubnets>) -> String {
    let error: Error = choose(wish, all, public).unwrap_err().into();
    format!("{:?}: {error}", error.kind())
}

#[test]
fn every_tagged_zone_gets_one_subnet_the_clusters_own_or_the_lowest() {
    let all = [
        subnet("9", "a").tagged(ELB, "1"),
        subnet("2", "a").tagged(ELB, ""),
        subnet("5", "b").tagged(ELB, "1"),
        subnet("6", "b")
            .tagged(ELB, "1")
            .tagged("kubernetes.io/cluster/prod", "shared"),
        subnet("7", "c").tagged(INTERNAL, "1"),
        subnet("1", "c"),
    ];
    let vpc = vpc();
    assert_eq!(
        chosen(&wish(&vpc), &all, None),
        ["subnet-2", "subnet-6"],
        "an untagged zone is left out"
    );
    let internal = SubnetWish {
        scheme: Scheme::Internal,
        ..wish(&vpc)
    };
    assert_eq!(chosen(&internal, &all, None), ["subnet-7"]);
}

#[test]
fn a_subnet_of_another_cluster_is_taken_only_if_it_is_shared_or_nobody_knows_our_name() {
    let all = [
        subnet("1", "a")
            .tagged(ELB, "1")
            .tagged("kubernetes.io/cluster/test", "owned"),
        subnet("2", "a").tagged(ELB, "1"),
        subnet("3", "b")
            .tagged(ELB, "1")
            .tagged("kubernetes.io/cluster/test", "shared")
            .tagged("kubernetes.io/cluster/prod", "shared"),
    ];
    let vpc = vpc();
    assert_eq!(chosen(&wish(&vpc), &all, None), ["subnet-2", "subnet-3"]);
    let nameless = SubnetWish {
        cluster_name: None,
        ..wish(&vpc)
    };
    assert_eq!(chosen(&nameless, &all, None), ["subnet-1", "subnet-3"]);
}

#[test]
fn where_no_subnet_is_tagged_the_routes_decide() {
    let all = [subnet("1", "a"), subnet("2", "a"), subnet("3", "b")];
    let public = PublicSubnets {
        by_default: false,
        explicit: [("subnet-2".into(), true), ("subnet-3".into(), false)].into(),
    };
    let vpc = vpc();
    let internal = SubnetWish {
        scheme: Scheme::Internal,
        ..wish(&vpc)
    };
    assert!(needs_routes(&wish(&vpc), &all));
    assert_eq!(chosen(&wish(&vpc), &all, Some(&public)), ["subnet-2"]);
    assert_eq!(
        chosen(&internal, &all, Some(&public)),
        ["subnet-1", "subnet-3"]
    );
    let tagged = [all[0].clone().tagged(ELB, "no")];
    assert!(
        !needs_routes(&wish(&vpc), &tagged),
        "somebody tags in this VPC"
    );
    assert!(needs_routes(&internal, &tagged));
}

#[test]
fn the_existing_load_balancers_subnets_stay_until_others_are_named() {
    let all = [
        subnet("1", "a"),
        subnet("2", "b").tagged(ELB, "1"),
        subnet("3", "b").with(|it| it.free_ips = 0),
    ];
    let vpc = vpc();
    let current = ["subnet-3".into(), "subnet-1".into()];
    let kept = SubnetWish {
        current: Some(&current),
        ..wish(&vpc)
    };
    assert!(!needs_routes(&kept, &all));
    assert_eq!(
        chosen(&kept, &all, None),
        ["subnet-3", "subnet-1"],
        "neither tags nor free addresses count for what exists"
    );
    let explicit = [id("2")];
    let named = SubnetWish {
        explicit: &explicit,
        ..kept.clone()
    };
    assert_eq!(chosen(&named, &all, None), ["subnet-2"]);
    let gone = ["subnet-4".into()];
    let hidden = SubnetWish {
        current: Some(&gone),
        ..wish(&vpc)
    };
    insta::assert_snapshot!(refusal(&hidden, &all, None), @"Unavailable: the load balancer is in subnet-4, which AWS does not list in vpc-1");
}

#[test]
fn named_subnets_are_taken_in_their_order_whatever_their_tags_say() {
    let all = [
        subnet("1", "a").tagged("Name", "left"),
        subnet("2", "b")
            .tagged("Name", "left")
            .tagged("kubernetes.io/cluster/test", "owned")
            .with(|it| it.free_ips = 1),
        subnet("3", "c").tagged("Name", "right"),
        subnet("4", "d"),
    ];
    let vpc = vpc();
    for (explicit, expected) in [
        (vec![id("4"), name("right")], vec!["subnet-4", "subnet-3"]),
        (
            vec![name("left"), id("4"), name("left")],
            vec!["subnet-1", "subnet-4", "subnet-2"],
        ),
    ] {
        let wish = SubnetWish {
            explicit: &explicit,
            ..wish(&vpc)
        };
        assert_eq!(chosen(&wish, &all, None), expected);
    }
}

#[test]
fn a_refusal_of_named_subnets_says_what_is_wrong_with_which() {
    let all = [
        subnet("1", "a").tagged("Name", "left"),
        subnet("2", "b").tagged("Name", "left"),
        subnet("3", "a").with(|it| it.ipv6_cidrs = vec!["fd00::/64".parse().unwrap()]),
        subnet("4", "lax").with(|it| it.zone_type = ZoneType::LocalZone),
        subnet("5", "c").with(|it| it.outpost = Some("arn:outpost".into())),
        subnet("6", "d").with(|it| it.cidr = None),
    ];
    let vpc = vpc();
    let refusals: Vec<String> = [
        vec![id("9"), name("middle"), id("1")],
        vec![name("left")],
        vec![name("left"), name("left"), name("left")],
        vec![id("1"), id("3")],
        vec![id("1"), id("1")],
        vec![id("1"), id("4"), id("5")],
        vec![id("6")],
    ]
    .into_iter()
    .map(|explicit| {
        let wish = SubnetWish {
            explicit: &explicit,
            ..wish(&vpc)
        };
        refusal(&wish, &all, None)
    })
    .collect();
    insta::assert_yaml_snapshot!(refusals);
    let explicit = [id("3"), id("2")];
    let dualstack = SubnetWish {
        dualstack: true,
        explicit: &explicit,
        ..wish(&vpc)
    };
    insta::assert_snapshot!(refusal(&dualstack, &all, None));
}

#[test]
fn a_failed_discovery_names_every_subnet_with_its_reasons_and_what_to_do() {
    let all = [
        subnet("1", "a"),
        subnet("2", "b").tagged(ELB, "1").with(|it| it.free_ips = 3),
        subnet("3", "b").tagged(ELB, "0"),
        subnet("4", "c")
            .tagged(ELB, "1")
            .tagged("kubernetes.io/cluster/test", "owned")
            .with(|it| it.free_ips = 0),
        subnet("5", "lax")
            .tagged(ELB, "")
            .with(|it| it.zone_type = ZoneType::LocalZone),
        subnet("6", "d")
            .tagged(ELB, "1")
            .with(|it| it.outpost = Some("arn:outpost".into())),
        subnet("7", "e").tagged(ELB, "1").with(|it| it.cidr = None),
    ];
    let vpc = vpc();
    insta::assert_snapshot!("tagged", refusal(&wish(&vpc), &all, None));
    let v4 = [subnet("8", "a").tagged(ELB, "1")];
    let dualstack = SubnetWish {
        dualstack: true,
        ..wish(&vpc)
    };
    insta::assert_snapshot!("dualstack", refusal(&dualstack, &v4, None));
    insta::assert_snapshot!("empty", refusal(&wish(&vpc), &[], None));
}

#[test]
fn where_the_routes_decide_a_refusal_names_them() {
    let all = [subnet("1", "a"), subnet("2", "b")];
    let vpc = vpc();
    let all_public = PublicSubnets {
        by_default: true,
        ..PublicSubnets::default()
    };
    let internal = SubnetWish {
        scheme: Scheme::Internal,
        ..wish(&vpc)
    };
    insta::assert_snapshot!("public", refusal(&internal, &all, Some(&all_public)));
    let none = PublicSubnets::default();
    insta::assert_snapshot!("private", refusal(&wish(&vpc), &all, Some(&none)));
}

#[test]
fn a_refusal_too_long_for_a_condition_says_first_what_to_do() {
    let all: Vec<SubnetSeen> = (10..60).map(|n| subnet(&n.to_string(), "a")).collect();
    let vpc = vpc();
    let said = refusal(&wish(&vpc), &all, Some(&PublicSubnets::default()));
    let (remedy, last) = (
        said.find("tag one with").unwrap(),
        said.find("subnet-59").unwrap(),
    );
    assert!(remedy < 200 && remedy < last, "{said}");
}
