//! Which Services does the demo create, and how does it correct the wrong one? The text is what is created.

use anyhow::{Context as _, Result};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

/// A Service as its author writes it.
pub(crate) struct Manifest {
    pub(crate) name: &'static str,
    /// What is told of it.
    pub(crate) remark: &'static str,
    /// The part that makes it what it is.
    pub(crate) head: &'static str,
    rest: &'static str,
}

/// Nothing special.
pub(crate) const WEB: Manifest = Manifest {
    name: "web",
    remark: "web is plain: a class and two ports.",
    head: "\
metadata:
  name: web
spec:
  type: LoadBalancer
  loadBalancerClass: roadstead.dev/mock
  selector: {app: web}
  ports: [{name: http, port: 80}, {name: https, port: 443}]
",
    rest: "",
};

/// An annotation that cannot be, and one that does not exist.
pub(crate) const SHOP: Manifest = Manifest {
    name: "shop",
    remark: "shop has a value that is no duration, and a typo in a key.",
    head: "\
metadata:
  name: shop
  annotations:
    roadstead.dev/mock-latency: fast
    roadstead.dev/mock-adress: 192.0.2.80
",
    rest: "\
spec:
  type: LoadBalancer
  loadBalancerClass: roadstead.dev/mock
  selector: {app: shop}
  ports: [{name: http, port: 80}]
",
};

/// A provider that takes longer than people like to wait without a word.
pub(crate) const SLOW: Manifest = Manifest {
    name: "slow",
    remark: "slow has a provider that takes two seconds.",
    head: "\
metadata:
  name: slow
  annotations:
    roadstead.dev/mock-latency: 2s
",
    rest: "\
spec:
  type: LoadBalancer
  loadBalancerClass: roadstead.dev/mock
  selector: {app: slow}
  ports: [{name: http, port: 80}]
",
};

/// All of them.
pub(crate) const ALL: [Manifest; 3] = [WEB, SHOP, SLOW];

/// The key whose value in [`SHOP`] is wrong.
const WRONG_KEY: &str = "roadstead.dev/mock-latency";

/// A value that is right.
const RIGHT_VALUE: &str = "100ms";

/// The correction, as a user would type it.
pub(crate) fn cure_command() -> String {
    format!("kubectl annotate --overwrite service shop {WRONG_KEY}={RIGHT_VALUE}")
}

/// A correction of the typo, left to the user.
pub(crate) const CURE_TYPO_COMMAND: &str = "kubectl annotate service shop roadstead.dev/mock-adress- roadstead.dev/mock-address=192.0.2.80";

/// Corrects the wrong value in [`SHOP`].
pub(crate) async fn cure(services: &Api<Service>) -> Result<()> {
    let annotations = json!({ "metadata": { "annotations": { WRONG_KEY: RIGHT_VALUE } } });
    let patch = Patch::Merge(annotations);
    let patched = services
        .patch(SHOP.name, &PatchParams::default(), &patch)
        .await;
    patched
        .map(drop)
        .with_context(|| format!("editing Service {}", SHOP.name))
}

// === impl Manifest ===

impl Manifest {
    pub(crate) async fn create(&self, services: &Api<Service>) -> Result<()> {
        let what = || format!("creating Service {}", self.name);
        let created = services
            .create(&PostParams::default(), &self.parse()?)
            .await;
        created.map(drop).with_context(what)
    }

    pub(crate) async fn delete(&self, services: &Api<Service>) -> Result<()> {
        let deleted = services.delete(self.name, &DeleteParams::default()).await;
        deleted
            .map(drop)
            .with_context(|| format!("deleting Service {}", self.name))
    }

    fn parse(&self) -> Result<Service> {
        serde_yaml::from_str(&format!("{}{}", self.head, self.rest))
            .with_context(|| format!("reading the manifest of {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_manifest_is_a_service_of_its_name() {
        for manifest in ALL {
            let service = manifest.parse().unwrap();
            assert_eq!(service.metadata.name.as_deref(), Some(manifest.name));
            let class = service.spec.unwrap().load_balancer_class;
            assert_eq!(class.as_deref(), Some("roadstead.dev/mock"));
        }
        assert!(SHOP.head.contains(&format!("{WRONG_KEY}: fast")));
    }
}
