//! Does the mock keep the contract, and does a plan once applied leave nothing to do?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use proptest::{prelude::*, sample::subsequence};
use roadstead_core::{
    Address, ClusterUid, Ensured, ErrorKind, IpFamily, LoadBalancer, LoadBalancerProvider,
    PortNumber, Protocol, Targets,
    conformance::{self, Subject},
};
use roadstead_mock::{Balancer, Cloud, Failure, Method, MockProvider, Settings};

struct Mock {
    cloud: Arc<Cloud>,
}

#[async_trait]
impl Subject for Mock {
    fn provider(&self, cluster: &ClusterUid) -> Arc<dyn LoadBalancerProvider> {
        Arc::new(MockProvider::new(
            Arc::clone(&self.cloud),
            cluster.clone(),
            Settings::default(),
        ))
    }

    async fn inventory(&self) -> Vec<String> {
        let balancers = self.cloud.balancers();
        balancers
            .iter()
            .map(|(name, balancer)| format!("{name} {balancer:?}"))
            .collect()
    }

    async fn plant_foreign(&self, want: &LoadBalancer) -> bool {
        let foreign = Balancer {
            addresses: vec![Address::ip("192.0.2.200".parse().unwrap())],
            ..Balancer::default()
        };
        self.cloud
            .put(&MockProvider::balancer_name(&want.id), foreign)
            .unwrap();
        true
    }

    fn spoil(&self, want: &mut LoadBalancer) {
        want.annotations = Arc::new(BTreeMap::from([(
            "roadstead.dev/mock-latency".to_owned(),
            "soon".to_owned(),
        )]));
    }

    async fn describe(&self, want: &LoadBalancer) -> String {
        let balancer = self
            .cloud
            .get(&MockProvider::balancer_name(&want.id))
            .unwrap_or_default();
        let mut listeners = balancer.listeners;
        listeners.sort_by_key(|listener| (listener.port, listener.protocol));
        format!(
            "{listeners:?} {:?} {:?}",
            balancer.targets, balancer.source_ranges
        )
    }
}

#[tokio::test(start_paused = true)]
async fn the_mock_keeps_the_contract() {
    conformance::run(&Mock {
        cloud: Arc::default(),
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_mock_keeps_the_contract_in_a_folder() {
    let folder =
        std::env::temp_dir().join(format!("roadstead-mock-contract-{}", std::process::id()));
    let cloud = Arc::new(Cloud::open(&folder).unwrap());
    conformance::run(&Mock {
        cloud: Arc::clone(&cloud),
    })
    .await;
    let reread = Cloud::open(&folder).unwrap();
    assert_eq!(
        reread.balancers(),
        cloud.balancers(),
        "what is on disk is what is in memory"
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_scripted_failure_happens_once() {
    let mock = Mock {
        cloud: Arc::default(),
    };
    let want = conformance::request(&mock, "scripted");
    let provider = mock.provider(&want.id.cluster);
    mock.cloud
        .script(Method::Ensure, [Failure::Error(ErrorKind::Throttled)]);
    assert_eq!(
        provider.ensure(&want).await.unwrap_err().kind(),
        ErrorKind::Throttled
    );
    assert!(matches!(
        provider.ensure(&want).await,
        Ok(Ensured::Ready(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn a_full_range_is_a_quota_that_names_the_flag() {
    let cloud = Arc::new(Cloud::default());
    let settings = Settings {
        addresses: vec!["192.0.2.0/30".parse().unwrap()],
        ..Settings::default()
    };
    let mock = Mock {
        cloud: Arc::clone(&cloud),
    };
    let cluster = conformance::request(&mock, "x").id.cluster;
    let provider = MockProvider::new(cloud, cluster, settings);
    for name in ["a", "b"] {
        provider
            .ensure(&conformance::request(&mock, name))
            .await
            .unwrap();
    }
    let error = provider
        .ensure(&conformance::request(&mock, "c"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Quota);
    assert!(error.to_string().contains("--mock-addresses"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_never_shares_an_address() {
    let mock = Mock {
        cloud: Arc::default(),
    };
    let mut crowd = tokio::task::JoinSet::new();
    for n in 0..200 {
        let want = conformance::request(&mock, &format!("crowd-{n}"));
        let provider = mock.provider(&want.id.cluster);
        crowd.spawn(async move { provider.ensure(&want).await.unwrap() });
    }
    while let Some(result) = crowd.join_next().await {
        result.unwrap();
    }
    let mut seen = std::collections::HashSet::new();
    for balancer in mock.cloud.balancers().into_values() {
        assert!(
            seen.insert(balancer.addresses.clone()),
            "{:?} twice",
            balancer.addresses
        );
    }
    assert_eq!(seen.len(), 200);
}

prop_compose! {
    fn any_request()(
        ports in prop::collection::btree_map((1..200_u16, any::<bool>()), prop::option::of(30000..30100_u16), 1..8),
        targets in subsequence((0..6_usize).collect::<Vec<_>>(), 0..=6),
        keep in any::<bool>(),
        dual in any::<bool>(),
        ranges in subsequence(vec!["10.0.0.0/8", "198.51.100.0/24", "2001:db8::/32"], 0..=3),
    ) -> LoadBalancer {
        let mock = Mock { cloud: Arc::default() };
        let mut want = conformance::request(&mock, "any");
        let sample = want.ports[0].clone();
        want.ports = ports.into_iter().map(|((port, udp), node_port)| {
            let mut made = sample.clone();
            made.port = PortNumber::new(port).unwrap();
            made.protocol = if udp { Protocol::Udp } else { Protocol::Tcp };
            made.node_port = node_port.and_then(PortNumber::new);
            made
        }).collect();
        let all = mock.targets();
        want.targets = if keep { Targets::Keep } else {
            Targets::Exactly(targets.into_iter().map(|n| all[n].clone()).collect())
        };
        if dual { want.families.push(IpFamily::V6); }
        want.source_ranges = ranges.into_iter().map(|range| range.parse().unwrap()).collect();
        want
    }
}

proptest! {
    #[test]
    fn a_plan_once_applied_leaves_nothing_to_do(requests in prop::collection::vec(any_request(), 1..6)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let mock = Mock { cloud: Arc::default() };
        for want in requests {
            let provider = mock.provider(&want.id.cluster);
            let plan = runtime.block_on(provider.plan(&want)).unwrap();
            let Ensured::Ready(outcome) = runtime.block_on(provider.ensure(&want)).unwrap() else {
                panic!("the mock waits for nothing");
            };
            prop_assert_eq!(&outcome.done, &plan, "what was done is what was foretold");
            prop_assert!(runtime.block_on(provider.plan(&want)).unwrap().is_empty());
        }
    }
}
