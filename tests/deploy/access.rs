//! Are the chart's rights enough, and none too many? The controller goes through its life as the service account of the
//! chart, and the audit log tells which rights it used.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use roadstead::pools::crd::AddressPool;
use roadstead_testbed::{
    ControlPlane, Request, Roadstead, add_node, addresses, events_of, eventually,
    k8s_openapi::api::{
        core::v1::{Pod, Service},
        discovery::v1::EndpointSlice,
    },
    kube::{
        Api, Client,
        api::{DeleteParams, Patch, PatchParams, PostParams},
    },
    namespace, node, poll_until, service,
};
use serde_json::{Value, json};

use super::{
    chart::{Part, Release},
    crd::install_pools,
    identity::Identity,
};

/// The condition that pods wait for.
const GATE: &str = "roadstead.dev/target-health";

const WITHIN: Duration = Duration::from_secs(30);

/// A life of the controller, as one release of the chart.
struct Life<'a> {
    control_plane: &'a ControlPlane,
    admin: Client,
    release: Release,
    /// Where its Service is.
    team: String,
    /// The provider of the Service.
    provider: &'a str,
    /// Annotations of the Service.
    annotations: Vec<(&'a str, &'a str)>,
}

#[tokio::test]
async fn the_chart_grants_exactly_what_the_controller_uses() -> Result<()> {
    let control_plane = ControlPlane::builder().audit().start().await?;
    let admin = control_plane.client().await?;
    let named = node("named").provider_id("mock:///named");
    add_node(&admin, named.address("10.0.0.1").build()).await?;

    let team = namespace(&admin, "team").await?;
    install_pools(&admin).await?;
    let pool = json!({
        "apiVersion": "roadstead.dev/v1alpha1",
        "kind": "AddressPool",
        "metadata": { "name": "access" },
        "spec": { "addresses": ["192.0.2.0/24"], "namespaces": [team] },
    });
    let pools = Api::<AddressPool>::all(admin.clone());
    pools
        .create(&PostParams::default(), &serde_json::from_value(pool)?)
        .await?;
    let pods = vec![("roadstead.dev/mock-target-type", "ip")];
    let lives = [
        ("plain", "mock", json!({}), Vec::new()),
        (
            "pods",
            "mock",
            json!({ "controller": { "rbac": { "endpointSlices": true } } }),
            pods.clone(),
        ),
        (
            "narrow",
            "mock",
            json!({ "controller": { "rbac": { "endpointSlices": true }, "watchNamespace": team } }),
            pods,
        ),
        (
            "pools",
            "arp",
            json!({ "controller": { "providers": ["arp"] } }),
            Vec::new(),
        ),
        (
            "narrow-pools",
            "arp",
            json!({ "controller": { "providers": ["arp"], "watchNamespace": team } }),
            Vec::new(),
        ),
        (
            "flags",
            "arp",
            json!({ "controller": { "providers": ["arp"] }, "arp": { "pools": ["192.0.2.0/24"] } }),
            Vec::new(),
        ),
    ];
    for (name, provider, values, annotations) in lives {
        let life = Life {
            control_plane: &control_plane,
            admin: admin.clone(),
            release: Release::new(name, &namespace(&admin, name).await?, values),
            team: team.clone(),
            provider,
            annotations,
        };
        let used = life.live().await;
        used.with_context(|| format!("living as {name}"))?;
    }
    Ok(())
}

// === impl Life ===

impl Life<'_> {
    async fn live(&self) -> Result<()> {
        let identity =
            Identity::arrive(self.control_plane, &self.release, Part::Controller).await?;
        let acted = self.act(&identity).await;
        identity.check(self.control_plane, acted)
    }

    /// A pod's readiness gate opens when it is a target.
    async fn wait_as_a_pod(&self) -> Result<()> {
        let pods = Api::<Pod>::namespaced(self.admin.clone(), &self.team);
        let slices = Api::<EndpointSlice>::namespaced(self.admin.clone(), &self.team);
        let (pod, status, slice) = waiting_pod();
        let create = PostParams::default();
        pods.create(&create, &serde_json::from_value(pod)?).await?;
        let params = PatchParams::default();
        pods.patch_status("web-1", &params, &Patch::Merge(&status))
            .await?;
        let slice: EndpointSlice = serde_json::from_value(slice)?;
        slices.create(&create, &slice).await?;
        let is_open = |pod: &Pod| {
            let conditions = pod.status.iter().flat_map(|status| &status.conditions);
            let mut gates = conditions
                .flatten()
                .filter(|condition| condition.type_ == GATE);
            gates.any(|gate| gate.status == "True")
        };
        eventually(&pods, "web-1", "its gate open", |pod| {
            pod.is_some_and(is_open)
        })
        .await?;
        let now = DeleteParams::default().grace_period(0);
        pods.delete("web-1", &now).await?;
        slices.delete("web-1", &DeleteParams::default()).await?;
        Ok(())
    }

    /// What is left to do where addresses come from pools: they are told how full they are, and a standby takes over.
    async fn end_with_pools(&self, identity: &Identity, first: Roadstead) -> Result<()> {
        let services = Api::<Service>::namespaced(self.admin.clone(), &self.team);
        self.until_in_use(identity, 1).await?;
        let second = start(identity, "second").await?;
        self.until_lease_is_watched(identity).await?;
        first.term()?;
        first.wait(WITHIN).await?;
        services.delete("web", &DeleteParams::default()).await?;
        eventually(&services, "web", "its end", |web| web.is_none()).await?;
        self.until_in_use(identity, 0).await?;
        second.term()?;
        second.wait(WITHIN).await?;
        Ok(())
    }

    /// Waits until the pool says that so many of its addresses are in use, if pools are objects.
    async fn until_in_use(&self, identity: &Identity, count: i64) -> Result<()> {
        if identity
            .args
            .iter()
            .any(|arg| arg.starts_with("--arp-pool"))
        {
            return Ok(());
        }
        let pools = Api::<AddressPool>::all(self.admin.clone());
        let what = format!("{count} addresses in use");
        let used = eventually(&pools, "access", &what, |pool| {
            let status = pool.and_then(|pool| pool.status.as_ref());
            status.is_some_and(|status| status.in_use == count)
        });
        used.await.map(drop)
    }

    async fn until_lease_is_watched(&self, identity: &Identity) -> Result<()> {
        poll_until("a watch of the Lease", WITHIN, async || {
            let requests = identity.requests(self.control_plane).ok()?;
            let watches =
                |request: &Request| request.verb == "watch" && request.resource == "leases";
            requests.iter().any(watches).then_some(())
        })
        .await
    }

    /// Everything that a controller does: one leads, another stands by and takes over.
    async fn act(&self, identity: &Identity) -> Result<()> {
        let services = Api::<Service>::namespaced(self.admin.clone(), &self.team);
        let nameless = format!("nameless-{}", self.release.name);
        add_node(&self.admin, node(&nameless).build()).await?;
        let first = start(identity, "first").await?;
        let class = format!("roadstead.dev/{}", self.provider);
        let mut wanted = service("web").class(&class).port(80);
        for (key, value) in &self.annotations {
            wanted = wanted.annotation(key, value);
        }
        services
            .create(&PostParams::default(), &wanted.build())
            .await?;
        eventually(&services, "web", "an address", |web| {
            web.is_some_and(|web| !addresses(web).is_empty())
        })
        .await?;
        if !self.annotations.is_empty() {
            self.wait_as_a_pod().await?;
        }
        if self.provider == "arp" {
            return self.end_with_pools(identity, first).await;
        }
        poll_until(
            "an event of the node without a provider id",
            WITHIN,
            async || {
                let events = events_of(&self.admin, "default", &nameless).await.ok()?;
                (!events.is_empty()).then_some(())
            },
        )
        .await?;

        let second = start(identity, "second").await?;
        self.until_lease_is_watched(identity).await?;
        first.term()?;
        first.wait(WITHIN).await?;
        let edit = json!({ "metadata": { "annotations": { "roadstead.dev/mock-address": "192.0.2.77" } } });
        services
            .patch("web", &PatchParams::default(), &Patch::Merge(&edit))
            .await?;
        eventually(&services, "web", "the address asked for", |web| {
            web.is_some_and(|web| addresses(web) == ["192.0.2.77"])
        })
        .await?;
        services.delete("web", &DeleteParams::default()).await?;
        eventually(&services, "web", "its end", |web| web.is_none()).await?;
        second.term()?;
        second.wait(WITHIN).await?;
        Ok(())
    }
}

/// A pod of the Service that waits for its load balancer, as the kubelet and the controller of EndpointSlices leave it.
fn waiting_pod() -> (Value, Value, Value) {
    let pod = json!({
        "metadata": { "name": "web-1" },
        "spec": {
            "containers": [{ "name": "web", "image": "none" }],
            "readinessGates": [{ "conditionType": GATE }],
        },
    });
    let status = json!({ "status": {
        "podIPs": [{ "ip": "10.1.0.1" }],
        "conditions": [{ "type": "ContainersReady", "status": "True" }],
    } });
    let slice = json!({
        "metadata": { "name": "web-1", "labels": { "kubernetes.io/service-name": "web" } },
        "addressType": "IPv4",
        "ports": [{ "name": "tcp-80", "port": 8080 }],
        "endpoints": [{
            "addresses": ["10.1.0.1"],
            "conditions": { "ready": false },
            "targetRef": { "kind": "Pod", "name": "web-1" },
        }],
    });
    (pod, status, slice)
}

async fn start(identity: &Identity, name: &str) -> Result<Roadstead> {
    let mut args = identity.args.clone();
    // `Roadstead` says these itself.
    args.retain(|arg| arg != "controller" && !arg.starts_with("--admin-address"));
    args.push(format!("--lease-namespace={}", identity.namespace));
    args.push(format!("--identity={name}"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let binary = Path::new(env!("CARGO_BIN_EXE_roadstead"));
    let roadstead = Roadstead::start(binary, &identity.kubeconfig, &args)?;
    roadstead.ready(WITHIN).await?;
    Ok(roadstead)
}
