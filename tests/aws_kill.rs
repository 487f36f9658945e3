//! What if the process is killed around any of the calls that change something at AWS? The next one goes on from what it
//! finds: one load balancer while the Service wants one, and nothing of ours once it is gone.
//!
//! The real binary, over a real API server, and over an AWS that stops at the call in question.
#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails in a test's helper fails the test"
)]

mod support;

use std::path::Path;

use k8s_openapi::api::core::v1::Service;
use roadstead_testbed::{
    FaultProxy, LocalStack, Roadstead, add_node, addresses,
    localstack::{Account, Dump, Landscape},
    node, poll_until, service,
};
use support::{DEADLINE, Place};

/// The class of the provider.
const AWS: &str = "roadstead.dev/aws";
/// The cluster's name in the tags of subnets and groups.
const CLUSTER: &str = "kill";
/// More changes than any of these Services takes.
const MOST_CHANGES: u64 = 60;
/// No change of a Service takes less.
const FEWEST_CHANGES: u64 = 4;
const SCHEME: &str = "service.beta.kubernetes.io/aws-load-balancer-scheme";

/// Where a call is when the process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// A cluster at AWS, and the controller that serves it.
struct Site {
    place: Place,
    account: Account,
    land: Landscape,
    proxy: FaultProxy,
    /// What was there before the first Service.
    before: Dump,
    process: Option<Roadstead>,
}

/// What a Service wants to have at AWS.
#[derive(Debug)]
struct Wanted {
    scheme: &'static str,
    listeners: Vec<(u16, &'static str)>,
}

/// One test, for the cluster's nodes are one account's.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_around_any_change_at_aws_serves_and_leaks_nothing() {
    let mut site = Site::new().await;
    let certificate = site.account.certificate("example.com").await.unwrap();

    let web = service("web").class(AWS).port(80).build();
    let one = Wanted::internal(vec![(80, "TCP")]);
    for side in [Side::Before, Side::After] {
        site.lives(&web, &one, side).await;
    }
    let tls = service("tls")
        .class(AWS)
        .named_port("http", 80, "TCP")
        .named_port("https", 443, "TCP")
        .annotation(
            "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
            &certificate,
        )
        .annotation(
            "service.beta.kubernetes.io/aws-load-balancer-ssl-ports",
            "https",
        )
        .build();
    let two = Wanted::internal(vec![(80, "TCP"), (443, "TLS")]);
    for side in [Side::Before, Side::After] {
        site.lives(&tls, &two, side).await;
    }
    site.moves(&web).await;
}

// === impl Site ===

impl Site {
    async fn new() -> Self {
        let localstack = LocalStack::shared().await.unwrap();
        let account = localstack.account().await.unwrap();
        let land = account.landscape(CLUSTER).public_subnets(2);
        let land = land.private_subnets(2).instances(3).build().await.unwrap();
        let place = Place::new("aws-kill").await;
        for (n, instance) in land.instances.iter().enumerate() {
            let node = node(&format!("node-{n}"))
                .provider_id(&instance.provider_id())
                .address(&instance.private_ip.to_string());
            add_node(&place.client, node.build()).await.unwrap();
        }
        Self {
            proxy: FaultProxy::start(&localstack.endpoint()).await.unwrap(),
            before: account.dump().await.unwrap(),
            process: None,
            place,
            account,
            land,
        }
    }

    /// Makes and deletes the Service for every n, with the process killed around the n-th change of each: at the other
    /// side every second time, and at the deletion the other way round.
    async fn lives(&mut self, service: &Service, wanted: &Wanted, first: Side) {
        let name = service.metadata.name.clone().unwrap();
        let mut side = first;
        for n in 1..=MOST_CHANGES {
            self.arm(side, n);
            self.place.create(service).await;
            let created = self.killed_or(wanted, &name).await;
            self.arm(side.other(), n);
            self.place.delete(&name).await;
            let deleted = self.killed_or_gone(&name).await;
            if !created && !deleted {
                assert!(n > FEWEST_CHANGES, "{name}: only {n} changes");
                return;
            }
            side = side.other();
        }
        panic!("{name}: there is no end of changes");
    }

    /// Moves the Service from one scheme to the other for every n, with the process killed around the n-th change.
    async fn moves(&mut self, service: &Service) {
        let name = service.metadata.name.clone().unwrap();
        self.run();
        self.place.create(service).await;
        let (internal, facing) = (
            Wanted::internal(vec![(80, "TCP")]),
            Wanted {
                scheme: "internet-facing",
                listeners: vec![(80, "TCP")],
            },
        );
        self.until_served(&name, &internal).await;
        for n in 1..=MOST_CHANGES {
            let mut killed = false;
            for (wanted, side) in [(&facing, Side::Before), (&internal, Side::After)] {
                self.arm(side, n);
                self.place
                    .annotate(&name, SCHEME, Some(wanted.scheme))
                    .await;
                killed |= self.killed_or(wanted, &name).await;
            }
            if !killed {
                assert!(n > FEWEST_CHANGES, "{name}: only {n} changes");
                break;
            }
        }
        self.place.delete(&name).await;
        self.until_gone(&name).await;
    }

    fn arm(&self, side: Side, n: u64) {
        match side {
            Side::Before => self.proxy.hold_before(n),
            Side::After => self.proxy.hold_after(n),
        }
    }

    /// Kills the process at the call that is held, and lets the next one serve the Service; false if it was served
    /// before any was.
    async fn killed_or(&mut self, wanted: &Wanted, name: &str) -> bool {
        self.run();
        let killed = tokio::select! {
            held = self.proxy.held() => held.is_ok(),
            () = self.until_served(name, wanted) => false,
        };
        self.afterwards(killed).await;
        self.until_served(name, wanted).await;
        killed
    }

    async fn killed_or_gone(&mut self, name: &str) -> bool {
        let killed = tokio::select! {
            held = self.proxy.held() => held.is_ok(),
            () = self.until_gone(name) => false,
        };
        self.afterwards(killed).await;
        self.until_gone(name).await;
        killed
    }

    async fn afterwards(&mut self, killed: bool) {
        if !killed {
            self.proxy.release_held();
            return;
        }
        let process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait(DEADLINE).await.unwrap();
        self.proxy.drop_held();
        self.run();
    }

    /// Starts the process, if none runs.
    fn run(&mut self) {
        if self.process.is_some() {
            return;
        }
        let args = [
            "--provider=aws",
            "--watch-namespace",
            &self.place.namespace,
            "--leader-elect=false",
            "--resync=2s",
            "--aws-cluster-name",
            CLUSTER,
            "--aws-health-interval=1s",
            "--aws-check-interval=1s",
            "--aws-replacement-grace=1s",
            "--aws-limit=create=1000/1000",
            "--log=warn,roadstead=debug",
        ];
        let environment = self.account.environment(self.proxy.endpoint());
        let binary = Path::new(env!("CARGO_BIN_EXE_roadstead"));
        let process =
            Roadstead::start_in(binary, &self.place.kubeconfig, &args, &environment).unwrap();
        self.process = Some(process);
    }

    /// Waits until the Service has one load balancer that is as wanted, and its address.
    async fn until_served(&self, name: &str, wanted: &Wanted) {
        let served = async || {
            let (dump, service) = (self.account.dump().await.unwrap(), self.get(name).await);
            wanted.is_met_by(&dump, &service, &self.land).then_some(())
        };
        if poll_until("the Service to be served", DEADLINE, served)
            .await
            .is_err()
        {
            panic!(
                "{name} is not served as {wanted:?}: {:#?}\n{:#?}\n{}",
                self.get(name).await.status,
                self.account.dump().await.unwrap(),
                self.log()
            );
        }
    }

    /// Waits until the Service is gone; there must be what there was before it then, no more and no less.
    async fn until_gone(&self, name: &str) {
        self.place.gone(name).await;
        let left = self.account.dump().await.unwrap();
        assert!(
            left == self.before,
            "{name} is gone, and there is {left:#?}\ninstead of {:#?}\n{}",
            self.before,
            self.log()
        );
    }

    async fn get(&self, name: &str) -> Service {
        self.place.get(name).await
    }

    fn log(&self) -> String {
        self.process
            .as_ref()
            .map(Roadstead::log)
            .unwrap_or_default()
    }
}

// === impl Side ===

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
        }
    }
}

// === impl Wanted ===

impl Wanted {
    fn internal(listeners: Vec<(u16, &'static str)>) -> Self {
        Self {
            scheme: "internal",
            listeners,
        }
    }

    /// Whether there is one load balancer, with these listeners, each to all nodes, and its address in the status.
    fn is_met_by(&self, dump: &Dump, service: &Service, land: &Landscape) -> bool {
        let [balancer] = dump.load_balancers.as_slice() else {
            return false;
        };
        let mut listeners: Vec<(u16, &str)> = balancer
            .listeners
            .iter()
            .map(|listener| (listener.port, listener.protocol.as_str()))
            .collect();
        listeners.sort_unstable();
        let complete = dump.target_groups.iter().all(|group| {
            group.load_balancer.as_deref() == Some(balancer.arn.as_str())
                && group.targets.len() == land.instances.len()
        });
        balancer.scheme == self.scheme
            && listeners == self.listeners
            && dump.target_groups.len() == self.listeners.len()
            && complete
            && addresses(service) == [balancer.dns_name.to_lowercase()]
    }
}
