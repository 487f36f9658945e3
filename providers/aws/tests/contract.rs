//! Does the provider keep the contract, over an AWS that behaves as documented?
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a helper that fails fails its test"
)]

mod support;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use roadstead_core::{
    ClusterUid, LoadBalancer, LoadBalancerProvider, Target,
    conformance::{self, Subject},
};

use self::support::World;

struct Aws(World);

#[async_trait]
impl Subject for Aws {
    fn provider(&self, cluster: &ClusterUid) -> Arc<dyn LoadBalancerProvider> {
        Arc::new(self.0.provider(cluster))
    }

    async fn inventory(&self) -> Vec<String> {
        self.0.inventory().await
    }

    async fn plant_foreign(&self, want: &LoadBalancer) -> bool {
        self.0.plant_foreign(want).await;
        true
    }

    fn spoil(&self, want: &mut LoadBalancer) {
        want.annotations = Arc::new(BTreeMap::from([(
            "service.beta.kubernetes.io/aws-load-balancer-scheme".to_owned(),
            "public".to_owned(),
        )]));
    }

    async fn describe(&self, want: &LoadBalancer) -> String {
        self.0.describe(&want.id).await
    }

    fn targets(&self) -> Vec<Target> {
        self.0.targets()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_keeps_the_contract() {
    let mut world = World::new().await;
    // Processes of the suite act one after another on the same things, as if hours lay between them.
    world.settings.check_interval = Duration::ZERO;
    world.settings.deep_check_interval = Duration::ZERO;
    conformance::run(&Aws(world)).await;
}
