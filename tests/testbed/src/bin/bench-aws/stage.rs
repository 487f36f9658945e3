//! Between what does Roadstead stand? A cluster of its own and an account of its own for each part, with a proxy that counts
//! what is asked of AWS.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use futures::{TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api, Client,
    api::{DeleteParams, PostParams},
};
use roadstead_testbed::{
    ControlPlane, FaultProxy, LocalStack, Roadstead, add_node,
    fault_proxy::{self, Calls, Mark},
    localstack::{Account, Caller, Landscape, Settings},
    node, poll_until, service,
};

use crate::seen::Seen;

/// The class of the aws provider.
pub(crate) const CLASS: &str = "roadstead.dev/aws";

/// How long anything may take before it counts as failed.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// The cluster's name in tags.
const CLUSTER: &str = "bench";

/// Nodes in the cluster; one more is there to come later.
pub(crate) const NODES: usize = 3;

/// How many requests the benchmark itself has under way.
const PARALLEL: usize = 16;

/// So long without a call, and whatever was under way has ended.
const QUIET: Duration = Duration::from_secs(1);

/// What all parts have in common.
pub(crate) struct Bench {
    pub(crate) binary: PathBuf,
    pub(crate) localstack: LocalStack,
    pub(crate) faster: f64,
}

/// What one part stands on.
pub(crate) struct Stage<'b> {
    pub(crate) client: Client,
    pub(crate) account: Account,
    pub(crate) land: Landscape,
    pub(crate) proxy: FaultProxy,
    pub(crate) seen: Seen,
    binary: &'b Path,
    // Last, so that those who talk to it have ended before it.
    control_plane: ControlPlane,
}

/// What the controller is told of AWS's limits.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limits {
    /// That there are none: what is measured is the controller.
    Lifted,
    /// As documented, filling so many times faster.
    Faster(f64),
}

/// An account whose quotas are out of the way. A security group takes 60 rules, as everywhere.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.quotas.load_balancers = 10_000;
    settings.quotas.target_groups = 10_000;
    settings.quotas.security_groups = 10_000;
    settings
}

/// `count` names that begin so.
pub(crate) fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{prefix}-{n}")).collect()
}

/// As `&str`s.
pub(crate) fn strs(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str)
}

/// A count as a figure.
#[expect(clippy::cast_precision_loss, reason = "some thousands")]
pub(crate) fn figure(count: usize) -> f64 {
    count as f64
}

/// Which actions, how often, the most frequent first; and which got no good answer.
pub(crate) fn by_action(calls: &Calls) -> String {
    let mut counts: Vec<(String, usize)> = calls.counts().into_iter().collect();
    counts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
    let each = counts.into_iter().map(|(action, count)| match count {
        1 => action,
        count => format!("{count} {action}"),
    });
    let refused = calls.iter().filter_map(|call| {
        let answer = call.answer.as_ref().filter(|it| !it.is_success())?;
        let code = answer.error.as_deref().unwrap_or("no code");
        Some(format!(
            "{} was refused: {} {code}",
            call.action, answer.status
        ))
    });
    each.chain(refused).collect::<Vec<_>>().join(", ")
}

// === impl Bench ===

impl Bench {
    /// A cluster with [`NODES`] nodes, without Services and without a controller.
    pub(crate) async fn stage(&self) -> Result<Stage<'_>> {
        let control_plane = ControlPlane::builder().start().await?;
        let client = control_plane.client_of("bench").await?;
        let account = self.localstack.account().await?;
        let land = account.landscape(CLUSTER).private_subnets(3);
        let land = land.instances(u32::try_from(NODES)? + 3).build().await?;
        // LocalStack starts a service when it is first asked, which takes seconds.
        let listed = account.call("elasticloadbalancing", "DescribeLoadBalancers", &[]);
        listed.await?;
        let proxy = FaultProxy::start(&self.localstack.endpoint()).await?;
        let seen = Seen::watch(Api::namespaced(client.clone(), "default")).await?;
        let stage = Stage {
            client,
            account,
            land,
            proxy,
            seen,
            binary: &self.binary,
            control_plane,
        };
        for n in 0..NODES {
            stage.add_node(n).await?;
        }
        Ok(stage)
    }
}

// === impl Stage ===

impl Stage<'_> {
    pub(crate) fn services(&self) -> Api<Service> {
        Api::namespaced(self.client.clone(), "default")
    }

    /// Makes calls through the proxy, as a script would.
    pub(crate) fn caller(&self) -> Caller {
        self.account.through(self.proxy.address()).caller()
    }

    /// Adds the node of the n-th instance.
    pub(crate) async fn add_node(&self, n: usize) -> Result<()> {
        let instance = self.land.instances.get(n).context("finding an instance")?;
        let node = node(&format!("node-{n}")).provider_id(&instance.provider_id());
        add_node(&self.client, node.build()).await.map(drop)
    }

    /// Starts a controller and waits until it is ready.
    pub(crate) async fn controller(&self, limits: Limits, more: &[&str]) -> Result<Roadstead> {
        let raised = limits.flag();
        let mut args = vec!["--provider", "aws", "--aws-cluster-name", CLUSTER];
        args.extend(["--leader-elect=false", "--log", "warn", "--aws-limit"]);
        args.push(&raised);
        // Asking after targets that are healthy has a rhythm of its own; the first time is soon after each change.
        args.extend(["--aws-health-interval", "1h"]);
        args.extend(more);
        let kubeconfig = self.control_plane.kubeconfig_of("controller")?;
        let environment = self.account.environment(self.proxy.endpoint());
        let controller = Roadstead::start_in(self.binary, &kubeconfig, &args, &environment)?;
        controller.ready(Duration::from_mins(1)).await?;
        Ok(controller)
    }

    /// Creates Services of these names with these ports.
    pub(crate) async fn create<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        ports: &[i32],
    ) -> Result<()> {
        let services = self.services();
        stream::iter(names.into_iter().map(Ok))
            .try_for_each_concurrent(PARALLEL, |name| {
                let services = services.clone();
                let builder = service(name).class(CLASS);
                let wanted = ports
                    .iter()
                    .fold(builder, |it, port| it.port(*port))
                    .build();
                async move {
                    let created = services.create(&PostParams::default(), &wanted).await;
                    created.map(drop)
                }
            })
            .await
            .context("creating Services")
    }

    /// Deletes Services.
    pub(crate) async fn delete<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<()> {
        let services = self.services();
        stream::iter(names.into_iter().map(Ok))
            .try_for_each_concurrent(PARALLEL, |name| {
                let services = services.clone();
                async move {
                    let deleted = services.delete(name, &DeleteParams::default()).await;
                    deleted.map(drop)
                }
            })
            .await
            .context("deleting Services")
    }

    /// Waits until no call came for a second, and returns all that came since `mark`.
    pub(crate) async fn quiet_since(&self, mark: Mark) -> Result<Calls> {
        let mut last = self.proxy.mark();
        let mut since = std::time::Instant::now();
        poll_until("the calls to end", PATIENCE, async || {
            let now = self.proxy.mark();
            if now != last {
                (last, since) = (now, std::time::Instant::now());
            }
            (since.elapsed() >= QUIET).then_some(())
        })
        .await?;
        Ok(self.proxy.since(mark))
    }

    /// Waits until a controller has looked at Services `times` times since there were `before`.
    pub(crate) async fn reconciled(
        &self,
        controller: &Roadstead,
        outcome: &str,
        enough: f64,
    ) -> Result<()> {
        let what = format!("{enough} reconciles");
        poll_until(&what, PATIENCE, async || {
            (reconciles(controller, outcome).await.ok()? >= enough).then_some(())
        })
        .await
    }
}

/// How often a controller has looked at a Service with this outcome; empty: any.
pub(crate) async fn reconciles(controller: &Roadstead, outcome: &str) -> Result<f64> {
    let series = if outcome.is_empty() {
        "roadstead_reconciles_total".to_owned()
    } else {
        format!("roadstead_reconciles_total{{outcome=\"{outcome}\"}}")
    };
    Ok(controller.metric(&series).await?.unwrap_or_default())
}

/// Ends a controller in order.
pub(crate) async fn end(controller: Roadstead) -> Result<()> {
    controller.term()?;
    controller.wait(Duration::from_secs(30)).await.map(drop)
}

// === impl Limits ===

impl Limits {
    /// The value of `--aws-limit`.
    fn flag(self) -> String {
        let documented = fault_proxy::Limits::documented();
        let each = match self {
            Self::Lifted => documented.named().map(|(name, ..)| (name, 1e5, 1e5)),
            Self::Faster(factor) => documented.faster(factor).named(),
        };
        each.map(|(name, size, rate)| format!("{name}={size}/{rate}"))
            .join(",")
    }
}
