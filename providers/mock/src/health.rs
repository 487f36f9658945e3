//! How do targets fare in the mock's world? Well, unless somebody says otherwise.

use roadstead_core::{Health, LoadBalancer, Target, TargetState};

use crate::{Balancer, MockProvider};

// === impl MockProvider ===

impl MockProvider {
    /// How the targets of `balancer` fare, all together.
    pub(crate) fn health(&self, balancer: &Balancer) -> Health {
        let all = balancer.targets.len();
        let well = balancer
            .targets
            .iter()
            .filter(|target| self.sickness(target).is_none());
        match (well.count(), all) {
            (_, 0) => Health {
                serving: Some(false),
                message: "no targets: no node is eligible".to_owned(),
            },
            (well, all) => Health {
                serving: Some(well > 0),
                message: format!("{well}/{all} healthy"),
            },
        }
    }

    /// How each pod fares; nobody asks that of nodes.
    pub(crate) fn states(&self, want: &LoadBalancer) -> Vec<TargetState> {
        let targets = want.targets.exactly().map_or(&[][..], |targets| targets);
        let pods = targets.iter().filter_map(|target| {
            let sickness = self.sickness(target);
            Some(TargetState {
                address: *target.addresses.first()?,
                port: target.port?,
                pod: target.pod.clone(),
                healthy: sickness.is_none(),
                reason: sickness.unwrap_or_else(|| "healthy".to_owned()),
            })
        });
        pods.collect()
    }

    fn sickness(&self, target: &Target) -> Option<String> {
        let sickness = |address| self.cloud.sickness(address);
        target.addresses.iter().find_map(sickness)
    }
}
