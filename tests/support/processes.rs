//! Replicas as users run them: processes of the binary, apart from those of other tests by namespace and Lease, on one
//! mock world in a folder that outlives them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "every test binary takes what it needs, and what fails here fails the test"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::Service,
    },
    jiff::Timestamp,
};
use kube::Api;
use roadstead_mock::{Balancer, Cloud};
use roadstead_testbed::{
    Audit, ControlPlane, Request, Roadstead, TcpProxy, control_plane::GIVEN_KUBECONFIG, eventually,
    poll_until,
};
use serde_json::Value;

use crate::support::{DEADLINE, Place};

/// The name of the Lease of every test, each in its own namespace.
pub(crate) const LEASE: &str = "roadstead-test";

/// How soon a new process is expected to be ready.
const READY: Duration = Duration::from_mins(1);

/// Where the replicas of one test live.
pub(crate) struct Harbour {
    pub(crate) place: Place,
    world: Folder,
}

/// A folder below cargo's target directory; it stays where a test fails.
pub(crate) struct Folder(PathBuf);

/// A line of a log.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) message: String,
}

// === impl Harbour ===

impl Harbour {
    /// A namespace, a Lease and a world of their own, on the shared control plane.
    pub(crate) async fn new(prefix: &str) -> Self {
        Self::at(Place::with_nodes(prefix).await)
    }

    /// A Lease and a world of their own.
    pub(crate) fn at(place: Place) -> Self {
        let world = Folder::new(&place.namespace);
        Self { place, world }
    }

    /// Starts a replica as `user`, by whom the audit log knows it; its identity is the same.
    pub(crate) async fn start(&self, user: &str, args: &[&str]) -> Roadstead {
        let control_plane = ControlPlane::shared().await.unwrap();
        self.start_with(&control_plane.kubeconfig_of(user).unwrap(), user, args)
    }

    /// Starts a replica with that kubeconfig.
    pub(crate) fn start_with(&self, kubeconfig: &Path, identity: &str, args: &[&str]) -> Roadstead {
        let namespace = &self.place.namespace;
        let mut all = vec!["--provider=mock", "--mock-state", self.world.text()];
        all.extend([
            "--watch-namespace",
            namespace,
            "--lease-namespace",
            namespace,
        ]);
        all.extend(["--lease-name", LEASE, "--identity", identity]);
        all.extend(["--log-format=json", "--log=warn,roadstead=debug"]);
        all.extend(args);
        let binary = Path::new(env!("CARGO_BIN_EXE_roadstead"));
        Roadstead::start(binary, kubeconfig, &all).unwrap()
    }

    /// Starts a replica whose way to the API server can be cut.
    pub(crate) async fn start_behind_a_proxy(
        &self,
        user: &str,
        args: &[&str],
    ) -> (Roadstead, TcpProxy) {
        let control_plane = ControlPlane::shared().await.unwrap();
        let proxy = TcpProxy::start(control_plane.address().unwrap())
            .await
            .unwrap();
        let original = control_plane.kubeconfig_of(user).unwrap();
        let through = proxy
            .kubeconfig_through(&original, self.world.path())
            .unwrap();
        (self.start_with(&through, user, args), proxy)
    }

    /// Starts a replica and waits until it is ready, as leader or standby.
    pub(crate) async fn started(&self, user: &str, args: &[&str]) -> Roadstead {
        let replica = self.start(user, args).await;
        replica.ready(READY).await.unwrap();
        replica
    }

    /// Starts a replica and waits until it leads.
    pub(crate) async fn leader(&self, user: &str, args: &[&str]) -> Roadstead {
        let replica = self.started(user, args).await;
        self.held_by(user).await;
        replica
    }

    /// Starts a replica and waits until it stands by, its caches warm.
    pub(crate) async fn standby(&self, user: &str, args: &[&str]) -> Roadstead {
        let replica = self.started(user, args).await;
        until_role(&replica, "standby; ").await;
        replica
    }

    /// The Leases of the namespace.
    pub(crate) fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.place.client.clone(), &self.place.namespace)
    }

    /// Waits until `holder` has the Lease.
    pub(crate) async fn held_by(&self, holder: &str) -> LeaseSpec {
        let what = format!("the lease to be held by {holder}");
        let held = |lease: Option<&Lease>| {
            let spec = lease.and_then(|lease| lease.spec.as_ref());
            spec.and_then(|spec| spec.holder_identity.as_deref()) == Some(holder)
        };
        let lease = eventually(&self.leases(), LEASE, &what, held).await;
        lease.unwrap().unwrap().spec.unwrap()
    }

    /// The Lease as it is now.
    pub(crate) async fn lease(&self) -> LeaseSpec {
        self.leases().get(LEASE).await.unwrap().spec.unwrap()
    }

    /// What exists in the mock's world, now.
    pub(crate) async fn balancers(&self) -> Vec<Balancer> {
        // A file may go while the folder is read.
        let read = async || Cloud::look(&self.world.0).ok();
        let cloud = poll_until("a readable world", DEADLINE, read)
            .await
            .unwrap();
        cloud.balancers().into_values().collect()
    }

    /// When the Service's load balancer was last changed; `None` if there is none.
    pub(crate) fn changed_at(&self, service: &Service) -> Option<Timestamp> {
        let file = format!("{}.json", self.place.balancer_name(service));
        let modified = fs::metadata(self.world.0.join(file)).ok()?.modified();
        Some(modified.unwrap().try_into().unwrap())
    }

    /// What `user` asked the API server for, about this namespace.
    pub(crate) async fn requests_of(&self, user: &str) -> Vec<Request> {
        let log = ControlPlane::shared().await.unwrap().audit_log();
        let log = log
            .unwrap_or_else(|| panic!("this test reads the audit log: unset {GIVEN_KUBECONFIG}"));
        let audit = Audit::read(log).unwrap();
        let here = |request: &&Request| request.namespace == self.place.namespace;
        audit.requests_of(user).filter(here).cloned().collect()
    }
}

/// Waits until the replica says that its role begins like that.
pub(crate) async fn until_role(replica: &Roadstead, role: &str) {
    let line = format!("[+] role: {role}");
    let says = async || match replica.get("/readyz").await {
        Ok((200, text)) if text.contains(&line) => Some(()),
        _ => None,
    };
    if let Err(error) = poll_until(&line, DEADLINE, says).await {
        panic!(
            "{error:#}; it says {:?}\n{}",
            replica.get("/readyz").await,
            replica.log()
        );
    }
}

/// A metric's value, 0 if it has none yet.
pub(crate) async fn metric(replica: &Roadstead, series: &str) -> f64 {
    replica.metric(series).await.unwrap().unwrap_or_default()
}

/// The lines that it has logged and that say `message`.
pub(crate) fn logged(replica: &Roadstead, message: &str) -> Vec<Line> {
    let lines = replica.log();
    let lines = lines.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(Line {
            at: line.get("timestamp")?.as_str()?.parse().ok()?,
            message: line.get("message")?.as_str()?.to_owned(),
        })
    });
    lines.filter(|line| line.message == message).collect()
}

/// Waits until it has logged `message`.
pub(crate) async fn until_logged(replica: &Roadstead, message: &str) {
    poll_until(message, DEADLINE, async || {
        (!logged(replica, message).is_empty()).then_some(())
    })
    .await
    .unwrap();
}

/// When it last was through with a call of the provider.
pub(crate) fn last_call(replica: &Roadstead) -> Option<Timestamp> {
    let calls = ["as asked", "ensured", "released"].map(|message| logged(replica, message));
    calls.into_iter().flatten().map(|line| line.at).max()
}

/// The time between two moments, as a number that may be negative.
pub(crate) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

// === impl Folder ===

impl Folder {
    pub(crate) fn new(prefix: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // A process that had the same id may have left one.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
