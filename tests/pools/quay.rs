//! Where each test is at home: a namespace, addresses that no other test has, and pools that are for its Services alone.

use std::{
    path::Path,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use k8s_openapi::{
    api::core::v1::Service,
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{conditions, wait::await_condition},
};
use roadstead::pools::crd::{AddressPool, AddressPoolStatus, RESOURCE, definition};
use roadstead_testbed::{
    ControlPlane, Roadstead, addresses, condition, eventually, is_true, objects::ServiceBuilder,
    service,
};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::support::{PROGRAMMED, Place, cli::BINARY};

/// The class of the arp provider.
pub(crate) const ARP: &str = "roadstead.dev/arp";

/// How soon a new process is expected to be ready.
const READY: Duration = Duration::from_mins(1);

/// Where one test is at home.
pub(crate) struct Quay {
    pub(crate) place: Place,
    /// `10.7`: the addresses below it are this test's.
    pub(crate) net: String,
}

// === impl Quay ===

impl Quay {
    /// A home on the shared control plane, which knows pools.
    pub(crate) async fn new(prefix: &str) -> Self {
        static KNOWN: OnceCell<()> = OnceCell::const_new();

        let place = Place::with_nodes(prefix).await;
        KNOWN
            .get_or_init(async || define(&place.client).await)
            .await;
        Self::at(place)
    }

    /// A home on that control plane.
    pub(crate) async fn on(control_plane: &ControlPlane, prefix: &str) -> Self {
        Self::at(Place::on(control_plane, prefix).await)
    }

    fn at(place: Place) -> Self {
        // 10.0 is the nodes'.
        static NEXT: AtomicU8 = AtomicU8::new(1);

        let net = format!("10.{}", NEXT.fetch_add(1, Ordering::Relaxed));
        Self { place, net }
    }

    pub(crate) fn pools(&self) -> Api<AddressPool> {
        Api::all(self.place.client.clone())
    }

    /// The name of a pool of this test.
    pub(crate) fn name(&self, pool: &str) -> String {
        format!("{}-{pool}", self.place.namespace)
    }

    /// Makes a pool for this namespace; an address that begins with a dot is one of this test.
    pub(crate) async fn pool(&self, name: &str, addresses: &[&str], more: Value) {
        let mut spec = json!({
            "addresses": self.ranges(addresses),
            "namespaces": [self.place.namespace],
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        let pool = json!({
            "apiVersion": "roadstead.dev/v1alpha1",
            "kind": "AddressPool",
            "metadata": { "name": self.name(name) },
            "spec": spec,
        });
        let pool = serde_json::from_value(pool).unwrap();
        let create = PostParams::default();
        self.pools().create(&create, &pool).await.unwrap();
    }

    fn ranges(&self, addresses: &[&str]) -> Vec<String> {
        let whole = |text: &&str| {
            text.split('-')
                .map(|end| self.address(end))
                .collect::<Vec<_>>()
                .join("-")
        };
        addresses.iter().map(whole).collect()
    }

    /// `.0.1` is this test's `10.7.0.1`.
    pub(crate) fn address(&self, text: &str) -> String {
        if text.starts_with('.') {
            format!("{}{text}", self.net)
        } else {
            text.to_owned()
        }
    }

    pub(crate) async fn edit_pool(&self, name: &str, spec: Value) {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let params = PatchParams::default();
        self.pools()
            .patch(&self.name(name), &params, &patch)
            .await
            .unwrap();
    }

    pub(crate) async fn delete_pool(&self, name: &str) {
        let now = DeleteParams::default();
        self.pools().delete(&self.name(name), &now).await.unwrap();
    }

    /// Waits until `check` holds of the status of a pool.
    pub(crate) async fn pool_until(
        &self,
        name: &str,
        what: &str,
        check: impl Fn(&AddressPoolStatus) -> bool,
    ) -> AddressPoolStatus {
        let holds = |pool: Option<&AddressPool>| {
            pool.and_then(|pool| pool.status.as_ref())
                .is_some_and(&check)
        };
        let pool = eventually(&self.pools(), &self.name(name), what, holds).await;
        pool.unwrap().unwrap().status.unwrap()
    }

    /// Creates a plain Service and waits for its address.
    pub(crate) async fn served(&self, name: &str) -> String {
        self.place.create(&web(name).build()).await;
        self.address_of(name).await
    }

    /// Waits until the Service is served, and says where.
    pub(crate) async fn address_of(&self, name: &str) -> String {
        addresses(&self.place.served(name).await).join(" ")
    }

    /// Waits until the Service is served at `address`.
    pub(crate) async fn served_at(&self, name: &str, address: &str) -> Service {
        let address = self.address(address);
        let at = |service: &Service| {
            is_true(service, PROGRAMMED) && addresses(service).join(" ") == address
        };
        self.place
            .until(name, &format!("served at {address}"), at)
            .await
    }

    /// Waits until a condition of the Service says `text`.
    pub(crate) async fn told(&self, name: &str, kind: &str, text: &str) -> Service {
        let text = text
            .replace("NET", &self.net)
            .replace("NS", &self.place.namespace);
        let says = |service: &Service| {
            condition(service, kind).is_some_and(|said| said.message.contains(&text))
        };
        self.place.until(name, &text, says).await
    }

    /// Starts a controller of that identity, and waits until it is ready.
    pub(crate) async fn start(&self, identity: &str, args: &[&str]) -> Roadstead {
        let control_plane = ControlPlane::shared().await.unwrap();
        let kubeconfig = control_plane.kubeconfig_of("controller").unwrap();
        self.start_with(&kubeconfig, identity, args).await
    }

    pub(crate) async fn start_with(
        &self,
        kubeconfig: &Path,
        identity: &str,
        args: &[&str],
    ) -> Roadstead {
        let namespace = &self.place.namespace;
        let mut all = vec!["--provider=arp", "--watch-namespace", namespace];
        all.extend(["--lease-namespace", namespace, "--identity", identity]);
        all.push("--log=warn,roadstead=debug");
        if !args.iter().any(|arg| arg.starts_with("--arp-move-notice")) {
            all.push("--arp-move-notice=2s");
        }
        all.extend(args);
        let roadstead = Roadstead::start(Path::new(BINARY), kubeconfig, &all).unwrap();
        roadstead.ready(READY).await.unwrap();
        roadstead
    }
}

/// A Service of the arp provider, to be described further.
pub(crate) fn web(name: &str) -> ServiceBuilder {
    service(name).class(ARP).port(80)
}

/// Makes the API server know pools.
pub(crate) async fn define(client: &Client) {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let name = format!("{RESOURCE}.roadstead.dev");
    let params = PatchParams::apply("test").force();
    let patch = Patch::Apply(definition());
    definitions.patch(&name, &params, &patch).await.unwrap();
    await_condition(definitions, &name, conditions::is_crd_established())
        .await
        .unwrap();
}
