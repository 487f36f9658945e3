//! Is a plan what people expect of an edit, and does it end? Snapshots over a table of edits, and a property over many.

mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use proptest::{prelude::*, sample::subsequence};
use roadstead_core::{
    ClusterUid, LoadBalancer, LoadBalancerId, NamespacedName, NodeName, OwnerUid, Port, PortNumber,
    Protocol, ProviderId, Target, Targets, conformance,
};

use self::world::{carry_out, heal};
use super::{Situation, plan};
use crate::{
    desired::{Quotas, Resolved, build},
    ids::{GroupId, SubnetId, VpcId},
    observed::{LoadBalancerObserved, Observed},
    params::{self, Defaults},
    seen::{SubnetSeen, ZoneType},
    tags::Marks,
    types::Scheme,
};

const P: &str = "service.beta.kubernetes.io/aws-load-balancer-";

/// One Service and what exists for it.
struct Story {
    want: LoadBalancer,
    observed: Observed,
    published: BTreeSet<String>,
    now: u64,
}

impl Story {
    fn new() -> Self {
        Self {
            want: LoadBalancer {
                id: LoadBalancerId {
                    cluster: ClusterUid::parse("cluster").unwrap(),
                    owner: OwnerUid::parse("owner").unwrap(),
                },
                service: NamespacedName::new("shop", "web"),
                ports: vec![port("http", Protocol::Tcp, 80, 30_080)],
                targets: nodes(&[1, 2]),
                ..conformance::plain("web")
            },
            observed: Observed {
                backend: Some(GroupId::new("sg-backend")),
                ..Observed::default()
            },
            published: BTreeSet::new(),
            now: 1_000,
        }
    }

    fn annotate(&mut self, key: &str, value: Option<&str>) {
        let mut annotations = (*self.want.annotations).clone();
        match value {
            Some(value) => annotations.insert(format!("{P}{key}"), value.to_owned()),
            None => annotations.remove(&format!("{P}{key}")),
        };
        self.want.annotations = Arc::new(annotations);
    }

    /// Plans and carries out until nothing is left; what was planned, a round a paragraph.
    fn settle(&mut self) -> String {
        let mut told = String::new();
        for _ in 0..20 {
            let params = params::parse(&self.want, &Defaults::default()).unwrap();
            let existing = self.observed.load_balancers.first();
            let scheme = params
                .scheme
                .or_else(|| existing.map(|there| there.seen.scheme))
                .unwrap_or(Scheme::Internal);
            let subnets = ["a", "b"].map(subnet);
            let resolved = Resolved {
                scheme,
                vpc: VpcId::new("vpc-1"),
                cidrs: &[],
                ipv6_cidrs: &[],
                subnets: &subnets,
                groups: &[],
                quotas: Quotas::default(),
                cross_zone: false,
            };
            let desired = build(&self.want, &params, &resolved, params.tags.clone()).unwrap();
            let marks = Marks {
                cluster: self.want.id.cluster.clone(),
                owner: Some(self.want.id.owner.clone()),
                service: Some(self.want.service.clone()),
                role: None,
                slot: None,
                cluster_name: None,
                settings: None,
                retire_at: None,
            };
            let published = self.published.clone();
            let situation = Situation {
                id: &self.want.id,
                marks: &marks,
                published: &published,
                now: self.now,
                grace: Duration::from_mins(5),
                external_tags: &BTreeSet::new(),
            };
            let course = plan(&desired, &self.observed, &situation);
            self.published = course.address.iter().cloned().collect();
            for step in course.told().steps {
                told += &step.to_string();
                told.push('\n');
            }
            for note in course.told().notes {
                told += &["(", &note, ")\n"].concat();
            }
            let idle = course.is_empty();
            carry_out(&course, &desired, &situation, &mut self.observed);
            if idle && course.waiting.is_none() && course.due_in.is_none() {
                return told;
            }
            if idle {
                heal(&mut self.observed);
                self.now += course.due_in.unwrap_or(0);
            }
            told.push('\n');
        }
        panic!("it does not end:\n{told}");
    }
}

fn port(name: &str, protocol: Protocol, port: u16, node_port: u16) -> Port {
    Port {
        name: name.to_owned(),
        protocol,
        port: PortNumber::new(port).unwrap(),
        node_port: PortNumber::new(node_port),
        target_port: None,
        app_protocol: None,
    }
}

fn nodes(numbers: &[u8]) -> Targets {
    let node = |n: &u8| Target {
        node: NodeName(format!("node-{n}").into()),
        provider_id: Some(ProviderId(format!("aws:///us-east-1a/i-0{n}").into())),
        addresses: Vec::new(),
        port: None,
        port_name: None,
        pod: None,
        labels: Arc::default(),
    };
    Targets::Exactly(numbers.iter().map(node).collect())
}

fn subnet(zone: &str) -> SubnetSeen {
    SubnetSeen {
        id: SubnetId::new(format!("subnet-{zone}")),
        zone: zone.to_owned(),
        zone_type: ZoneType::AvailabilityZone,
        outpost: None,
        vpc: VpcId::new("vpc-1"),
        cidr: "10.0.0.0/24".parse().ok(),
        ipv6_cidrs: Vec::new(),
        free_ips: 200,
        tags: BTreeMap::new(),
    }
}

type Edit = (&'static str, fn(&mut Story));

const EDITS: [Edit; 14] = [
    ("a port more", |s| {
        s.want.ports.push(port("https", Protocol::Tcp, 443, 30_443));
    }),
    ("another node port", |s| {
        s.want.ports = vec![port("http", Protocol::Tcp, 80, 31_080)];
    }),
    ("another port", |s| {
        s.want.ports = vec![port("http", Protocol::Tcp, 8080, 30_080)];
    }),
    ("UDP instead of TCP", |s| {
        s.want.ports = vec![port("dns", Protocol::Udp, 80, 30_080)];
    }),
    ("UDP beside TCP", |s| {
        s.want.ports.push(port("dns", Protocol::Udp, 80, 30_080));
    }),
    ("a node more", |s| {
        s.want.targets = nodes(&[1, 2, 3]);
    }),
    ("a node less", |s| {
        s.want.targets = nodes(&[2]);
    }),
    ("no node", |s| {
        s.want.targets = Targets::Keep;
    }),
    ("clients of one network", |s| {
        s.want.source_ranges = vec!["198.51.100.0/24".parse().unwrap()];
    }),
    ("an attribute", |s| {
        s.annotate("attributes", Some("load_balancing.cross_zone.enabled=true"));
    }),
    ("a health check", |s| {
        s.annotate("healthcheck-path", None);
    }),
    ("the scheme", |s| {
        s.annotate("scheme", Some("internet-facing"));
    }),
    ("TLS", |s| {
        s.annotate(
            "ssl-cert",
            Some("arn:aws:acm:us-east-1:000000000000:certificate/1"),
        );
    }),
    ("a tag", |s| {
        s.annotate("additional-resource-tags", Some("team=shop"));
    }),
];

#[test]
fn every_edit_is_planned_as_people_expect_it() {
    let mut shown = Story::new();
    let mut told = format!("# new\n{}", shown.settle());
    for (name, edit) in EDITS {
        let mut story = Story::new();
        story.settle();
        heal(&mut story.observed);
        edit(&mut story);
        told += &["\n# ", name, "\n", &story.settle()].concat();
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_scheme_is_changed_without_a_moment_in_which_clients_reach_nobody() {
    let mut story = Story::new();
    story.settle();
    heal(&mut story.observed);
    let old = story.observed.load_balancers[0].seen.dns_name.clone();
    story.annotate("scheme", Some("internet-facing"));
    let before = story.now;
    story.settle();
    let left: Vec<&String> = story
        .observed
        .load_balancers
        .iter()
        .map(|it| &it.seen.dns_name)
        .collect();
    assert_eq!(left.len(), 1, "the old one is gone in the end");
    assert_ne!(*left[0], old);
    assert!(
        story.now >= before + 300,
        "and not before its time of grace was over"
    );
    assert_eq!(
        story.observed.target_groups.len(),
        1,
        "with its target group"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_is_edited_the_plan_ends_empty(edits in subsequence((0..EDITS.len()).collect::<Vec<_>>(), 1..6).prop_shuffle()) {
        let mut story = Story::new();
        story.settle();
        for edit in edits {
            let before = story.want.clone();
            EDITS[edit].1(&mut story);
            if params::parse(&story.want, &Defaults::default()).is_err() {
                // Some edits exclude each other, as TLS and UDP on one port.
                story.want = before;
            }
            story.settle();
            heal(&mut story.observed);
            prop_assert_eq!(story.settle(), "", "carried out, and yet something is left");
            let used: BTreeSet<_> = story.observed.load_balancers.iter()
                .flat_map(LoadBalancerObserved::all_listeners).flat_map(|it| it.seen.target_groups.clone()).collect();
            prop_assert_eq!(used.len(), story.observed.target_groups.len(), "no target group is left over");
            prop_assert_eq!(story.observed.load_balancers.len(), 1);
        }
    }
}
