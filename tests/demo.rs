//! Does the demo show the main job, fail where it is not done, and leave nothing behind, however it ends?
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use roadstead_testbed::{Process, Signal, cargo, poll_until};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

/// A control plane takes seconds to start, minutes if it was never built.
const LONG: Duration = Duration::from_mins(20);
const SOON: Duration = Duration::from_secs(10);

/// The environment variable by which a process is known that a demo started.
const MARK: &str = "STARTED_BY_DEMO";

/// A demo that runs.
struct Demo {
    process: Process,
    mark: String,
    /// One after the other: each brings a control plane of its own.
    _turn: MutexGuard<'static, ()>,
}

impl Demo {
    async fn start(name: &str, args: &[&str]) -> Self {
        static TURN: Mutex<()> = Mutex::const_new(());
        static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();

        let turn = TURN.lock().await;
        // The selection of `cargo test --workspace`, so that what that has built is not built again.
        let build = async || {
            cargo::build("demo", &["--workspace", "--test", "demo"])
                .await
                .unwrap()
        };
        let program = PROGRAM.get_or_init(build).await;
        let mark = format!("{MARK}={name}-{}", std::process::id());
        let (key, value) = mark.split_once('=').unwrap();
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("demo-{name}.log"));
        let _ = fs::remove_file(&log);
        let mut command = Command::new(program);
        command
            .args(args)
            .env(key, value)
            .env_remove("ROADSTEAD_TEST_KUBECONFIG");
        Self {
            process: Process::spawn_command(command, &log).unwrap(),
            mark,
            _turn: turn,
        }
    }

    /// Waits for its exit code.
    async fn exit_code(&self) -> Option<i32> {
        self.process.wait(LONG).await.unwrap().code()
    }

    /// What it printed, with single spaces: lines are folded.
    fn said(&self) -> String {
        let log = self.process.log();
        log.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    async fn says(&self, what: &str) {
        let said = async || {
            let ended = self.process.status().is_some();
            assert!(!ended, "it ended: {}", self.process.log());
            self.said().contains(what).then_some(())
        };
        poll_until(what, LONG, said).await.unwrap();
    }

    /// The processes that it started and that still are, itself included.
    fn processes(&self) -> Vec<String> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let marked = |process: &Path| {
            // A zombie has no environment any more, and is nothing that runs.
            let environment = fs::read(process.join("environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|variable| variable == self.mark.as_bytes())
        };
        let processes = entries
            .map(|entry| entry.path())
            .filter(|path| marked(path));
        processes
            .map(|path| fs::read_to_string(path.join("cmdline")).unwrap_or_default())
            .collect()
    }

    async fn leaves_nothing_behind(&self) {
        let none = async || self.processes().is_empty().then_some(());
        let ended = poll_until("no process", SOON, none).await;
        assert!(ended.is_ok(), "left behind: {:?}", self.processes());
    }
}

#[tokio::test]
async fn the_demo_does_the_main_job_once_and_leaves_nothing_behind() {
    let binary = env!("CARGO_BIN_EXE_roadstead");
    let demo = Demo::start("once", &["--once", "--binary", binary]).await;
    assert_eq!(demo.exit_code().await, Some(0), "{}", demo.process.log());
    let said = demo.said();
    for expected in [
        "web Programmed True serving at 192.0.2.",
        "\"fast\" is no duration",
        "did you mean roadstead.dev/mock-address?",
        "slow Programmed False waiting for",
        "shop LoadBalancer 10.",
        "<pending> 80:",
        "Warning SyncLoadBalancerFailed",
        "shop Programmed True serving at 192.0.2.",
        "default/shop mock 192.0.2.",
        "roadstead_load_balancers on /metrics 0",
        "exit code 0",
        "Every step came true",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
    demo.leaves_nothing_behind().await;
}

#[tokio::test]
async fn the_demo_of_aws_makes_a_network_load_balancer_and_leaves_nothing_behind() {
    let binary = env!("CARGO_BIN_EXE_roadstead");
    let args = ["--once", "--provider", "aws", "--binary", binary];
    let demo = Demo::start("aws", &args).await;
    assert_eq!(demo.exit_code().await, Some(0), "{}", demo.process.log());
    let said = demo.said();
    for expected in [
        "create load balancer rs-",
        ".elb.us-east-1.amazonaws.com 80:",
        "Healthy=True: 3/3 healthy",
        "CreateLoadBalancer",
        "create listener 443/TCP",
        "port 443: 4/4 healthy",
        "Left in AWS: 0 load balancers, 0 target groups",
        "Every step came true",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
    demo.leaves_nothing_behind().await;
}

#[tokio::test]
async fn the_demo_of_arp_survives_the_loss_of_a_node_and_leaves_nothing_behind() {
    let binary = env!("CARGO_BIN_EXE_roadstead");
    let args = ["--once", "--provider", "arp", "--binary", binary];
    let demo = Demo::start("arp", &args).await;
    assert_eq!(demo.exit_code().await, Some(0), "{}", demo.process.log());
    let said = demo.said();
    for expected in [
        "is answered",
        "by pod web-3 on node-3",
        "Healthy=True: announced by node-",
        "0 of",
        "power off",
        "nobody answers for 172.30.0.1",
        "Every step came true",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
    demo.leaves_nothing_behind().await;
}

#[tokio::test]
async fn ctrl_c_during_the_stay_ends_everything_in_order() {
    let binary = env!("CARGO_BIN_EXE_roadstead");
    let demo = Demo::start("stay", &["--binary", binary]).await;
    demo.says("/metrics").await;
    // Itself, the controller and the API server at least, or the mark marks nothing.
    assert!(demo.processes().len() >= 3, "{:?}", demo.processes());
    demo.process.signal(Signal::Int).unwrap();
    assert_eq!(demo.exit_code().await, Some(0), "{}", demo.process.log());
    demo.leaves_nothing_behind().await;
}

#[tokio::test]
async fn a_step_that_fails_is_named_and_the_demo_fails() {
    // It ends at once, and well.
    let demo = Demo::start("fails", &["--once", "--binary", "true"]).await;
    assert_eq!(demo.exit_code().await, Some(1), "{}", demo.process.log());
    let said = demo.said();
    for expected in [
        "this step failed: 4/8",
        "it ended with exit status: 0",
        "What to do:",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
    demo.leaves_nothing_behind().await;
}
