//! Does the arp provider keep the contract, and is whoever waits for an address served when there is one?
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use roadstead_arp::{Addresses, ArpProvider, pool::Pool};
use roadstead_core::{
    Action, Address, ClusterUid, Ensured, ErrorKind, LoadBalancer, LoadBalancerProvider, Outcome,
    Published, Step,
    conformance::{self, Subject},
};

const NOTICE: Duration = Duration::from_secs(30);

/// A world of which every process knows everything, as if each had been told at once what Services carry.
struct Arp {
    addresses: Arc<Addresses>,
}

// === impl Arp ===

impl Arp {
    fn new(pools: &[(&str, &str)]) -> Self {
        let addresses = Arc::new(Addresses::new(NOTICE));
        addresses.set_pools(
            pools
                .iter()
                .map(|(name, range)| pool(name, range))
                .collect(),
        );
        Self { addresses }
    }

    fn any(&self) -> Arc<dyn LoadBalancerProvider> {
        self.provider(&conformance::plain("any").id.cluster)
    }
}

fn pool(name: &str, range: &str) -> Pool {
    Pool::new(name, &[range.parse().unwrap()])
}

#[async_trait]
impl Subject for Arp {
    fn provider(&self, cluster: &ClusterUid) -> Arc<dyn LoadBalancerProvider> {
        Arc::new(ArpProvider::new(
            cluster.clone(),
            Arc::clone(&self.addresses),
        ))
    }

    async fn inventory(&self) -> Vec<String> {
        let mut things = Vec::new();
        for cluster in ["conformance", "another-cluster"] {
            let provider = self.provider(&ClusterUid::parse(cluster).unwrap());
            for owned in provider.owned().await.unwrap() {
                things.push(format!("{owned:?}"));
            }
        }
        things.push(format!("{:?}", self.addresses.usage()));
        things
    }

    async fn plant_foreign(&self, _want: &LoadBalancer) -> bool {
        false
    }

    fn spoil(&self, want: &mut LoadBalancer) {
        let key = "roadstead.dev/load-balancer-ips".to_owned();
        want.annotations = Arc::new(BTreeMap::from([(key, "soon".to_owned())]));
    }

    /// What a plan for a request with no port at all would take away.
    async fn describe(&self, want: &LoadBalancer) -> String {
        let without = LoadBalancer {
            ports: Vec::new(),
            ..want.clone()
        };
        let provider = self.provider(&want.id.cluster);
        provider.plan(&without).await.unwrap().to_string()
    }

    fn points_at_targets(&self) -> bool {
        false
    }
}

#[tokio::test(start_paused = true)]
async fn the_arp_provider_keeps_the_contract() {
    let arp = Arp::new(&[("a", "192.0.2.0/24")]);
    arp.any().restore(&[]).await.unwrap();
    conformance::run(&arp).await;
}

fn ready(ensured: Ensured) -> Outcome {
    match ensured {
        Ensured::Ready(outcome) => outcome,
        Ensured::Pending { waiting_for, .. } => panic!("waits for {waiting_for}"),
    }
}

#[tokio::test(start_paused = true)]
async fn who_found_no_address_is_woken_when_one_is_free_or_a_pool_grows() {
    let arp = Arp::new(&[("a", "192.0.2.1/32")]);
    let provider = arp.any();
    let (first, second) = (conformance::plain("first"), conformance::plain("second"));
    ready(provider.ensure(&first).await.unwrap());
    let error = provider.ensure(&second).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Quota);
    assert_eq!(
        error.to_string(),
        "no IPv4 address is free; pool a: 1 of 1 are in use; add addresses to a pool (kubectl get addresspools), or \
         delete a Service that has one"
    );
    provider.release(&first.id).await.unwrap();
    assert_eq!(
        provider.woken().await,
        std::slice::from_ref(&second.service)
    );
    ready(provider.ensure(&second).await.unwrap());

    provider.ensure(&first).await.unwrap_err();
    arp.addresses
        .set_pools(vec![pool("a", "192.0.2.1/32"), pool("b", "192.0.2.9/32")]);
    let woken = provider.woken().await;
    assert!(woken.contains(&first.service), "{woken:?}");
    let outcome = ready(provider.ensure(&first).await.unwrap());
    let step = Step::new(
        Action::Create,
        "address 192.0.2.9 from pool b for 80/TCP, 443/TCP",
    );
    assert_eq!(outcome.done.steps, [step]);
    provider.release(&first.id).await.unwrap();
    let idle = tokio::time::timeout(NOTICE, provider.woken()).await;
    assert!(idle.is_err(), "nobody waits, and yet {idle:?} is woken");
}

#[tokio::test(start_paused = true)]
async fn before_pools_are_known_a_service_waits_and_keeps_what_it_carries() {
    let addresses = Arc::new(Addresses::new(NOTICE));
    let arp = Arp { addresses };
    let provider = arp.any();
    let mut want = conformance::plain("web");
    want.published = vec![Address::ip("192.0.2.7".parse().unwrap())];
    let published = Published {
        id: want.id.clone(),
        service: want.service.clone(),
        addresses: want.published.clone(),
        want: Some(Box::new(want.clone())),
    };
    provider.restore(&[published]).await.unwrap();
    arp.addresses.set_trouble("nobody may list them");
    match provider.ensure(&want).await.unwrap() {
        Ensured::Pending {
            outcome,
            waiting_for,
            ..
        } => {
            assert_eq!(outcome.addresses, want.published);
            assert_eq!(waiting_for, "the pools of addresses: nobody may list them");
        }
        Ensured::Ready(outcome) => panic!("served from no pool: {outcome:?}"),
    }
    arp.addresses.set_pools(vec![pool("a", "192.0.2.0/24")]);
    assert_eq!(provider.woken().await, std::slice::from_ref(&want.service));
    let outcome = ready(provider.ensure(&want).await.unwrap());
    assert_eq!(outcome.addresses, want.published);
    assert!(outcome.done.is_empty(), "{}", outcome.done);
}

#[tokio::test(start_paused = true)]
async fn an_address_that_left_its_pool_is_replaced_after_the_notice() {
    let arp = Arp::new(&[("a", "192.0.2.0/24")]);
    let provider = arp.any();
    let want = conformance::plain("web");
    ready(provider.ensure(&want).await.unwrap());
    arp.addresses.set_pools(vec![pool("b", "198.51.100.0/24")]);
    assert_eq!(provider.woken().await, std::slice::from_ref(&want.service));
    let told = ready(provider.ensure(&want).await.unwrap());
    assert_eq!(told.look_again, Some(NOTICE));
    assert_eq!(
        told.notes,
        ["192.0.2.0 is in no pool any more; another address takes its place after a notice of 30s"]
    );
    tokio::time::advance(NOTICE).await;
    let moved = ready(provider.ensure(&want).await.unwrap());
    assert_eq!(
        moved.done.to_string(),
        "replace address 192.0.2.0 -> 198.51.100.0 from pool b: 192.0.2.0 is in no pool any more"
    );
}
