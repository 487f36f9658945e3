//! What runs during the demo, and in which order does it end?

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use k8s_openapi::api::{core::v1::Service, events::v1::Event};
use kube::{Api, Client, api::ListParams};
use roadstead_testbed::{
    ControlPlane, FaultProxy, Lab, LabOptions, LocalStack, ObjectEvent, Roadstead, add_node,
    lab::{Fleet, FleetOptions},
    localstack::{self, Account, Landscape},
    node,
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{process::Command, select, time::timeout};

use crate::screen::Screen;

/// Longer than the controller gives to calls under way.
const END_WITHIN: Duration = Duration::from_secs(30);

/// Who speaks where Roadstead does.
const REPORTER: &str = "roadstead.dev/controller";

/// Where the demo's Services live, so that kubectl needs no flag.
pub(crate) const NAMESPACE: &str = "default";

/// Everything that was started.
///
/// # Guarantees
/// Dropped before its [end](Self::end), it kills what runs; so does the death of this process.
#[derive(Default)]
pub(crate) struct Stage {
    // First, so that it ends before its API server.
    roadstead: Option<Roadstead>,
    control_plane: Option<ControlPlane>,
    cloud: Option<Cloud>,
    fleet: Option<Fleet>,
    lab: Option<Lab>,
}

/// An AWS on this machine, and what stands in front of it and counts.
pub(crate) struct Cloud {
    pub(crate) account: Account,
    pub(crate) land: Landscape,
    pub(crate) proxy: FaultProxy,
    _localstack: LocalStack,
}

// === impl Stage ===

impl Stage {
    /// Starts the API server with its nodes, and returns their names.
    pub(crate) async fn start_cluster(&mut self) -> Result<Vec<String>> {
        let control_plane = ControlPlane::builder().start().await?;
        let client = control_plane.client().await?;
        self.control_plane = Some(control_plane);
        let mut names = Vec::new();
        for n in 1..=3 {
            let name = format!("node-{n}");
            let node = node(&name)
                .provider_id(&format!("mock:///{name}"))
                .address(&format!("10.0.0.{n}"))
                .build();
            add_node(&client, node).await?;
            names.push(name);
        }
        Ok(names)
    }

    /// Runs `binary` until it says that it is ready.
    pub(crate) async fn start_controller(
        &mut self,
        binary: &Path,
        deadline: Duration,
    ) -> Result<()> {
        let kubeconfig = self.control_plane()?.kubeconfig_of("controller")?;
        let state = self.mock_state()?;
        let state = state
            .to_str()
            .context("naming the mock's folder: not UTF-8")?;
        let args = ["--provider", "mock", "--mock-state", state];
        let roadstead = Roadstead::start(binary, &kubeconfig, &args)?;
        self.roadstead.insert(roadstead).ready(deadline).await
    }

    /// Starts LocalStack with a VPC and `nodes` instances in it.
    pub(crate) async fn start_cloud(&mut self, cluster: &str, nodes: u32) -> Result<&Cloud> {
        let localstack = LocalStack::start(localstack::Options::default()).await?;
        let account = localstack.first_account();
        let land = account.landscape(cluster).private_subnets(2);
        let cloud = Cloud {
            land: land.instances(nodes).build().await?,
            proxy: FaultProxy::start(&localstack.endpoint()).await?,
            account,
            _localstack: localstack,
        };
        Ok(self.cloud.insert(cloud))
    }

    /// The AWS, once it was started.
    pub(crate) fn cloud(&self) -> Result<&Cloud> {
        let cloud = self.cloud.as_ref();
        cloud.ok_or_else(|| anyhow!("no LocalStack was started"))
    }

    /// Starts the API server, without nodes.
    pub(crate) async fn start_api_server(&mut self) -> Result<Client> {
        let control_plane = ControlPlane::builder().start().await?;
        let client = control_plane.client().await?;
        self.control_plane = Some(control_plane);
        Ok(client)
    }

    /// Runs `binary` against that AWS until it says that it is ready.
    pub(crate) async fn start_controller_of_aws(
        &mut self,
        binary: &Path,
        args: &[&str],
        deadline: Duration,
    ) -> Result<()> {
        let kubeconfig = self.control_plane()?.kubeconfig_of("controller")?;
        let environment = self.environment()?;
        let roadstead = Roadstead::start_in(binary, &kubeconfig, args, &environment)?;
        self.roadstead.insert(roadstead).ready(deadline).await
    }

    /// Starts a lab: three nodes and a client on a network of their own, and an API server.
    pub(crate) async fn start_lab(&mut self) -> Result<&Lab> {
        Ok(self.lab.insert(Lab::start(LabOptions::default()).await?))
    }

    /// Runs `binary` as controller and as announcer on every node, until all say that they are ready.
    pub(crate) async fn start_fleet(
        &mut self,
        binary: &Path,
        args: &[&str],
        deadline: Duration,
    ) -> Result<()> {
        let lab = self.lab.as_ref().context("no lab was started")?;
        let fleet = FleetOptions::new(binary)
            .args(args)
            .start(lab, deadline)
            .await?;
        self.fleet = Some(fleet);
        Ok(())
    }

    /// The lab and what runs in it, once both were started.
    pub(crate) fn network(&mut self) -> Result<(&Lab, &mut Fleet)> {
        match (&self.lab, &mut self.fleet) {
            (Some(lab), Some(fleet)) => Ok((lab, fleet)),
            _ => bail!("no lab was started"),
        }
    }

    /// What a process needs to act in that AWS, through what counts.
    pub(crate) fn environment(&self) -> Result<Vec<(&'static str, String)>> {
        let cloud = self.cloud()?;
        Ok(cloud.account.environment(cloud.proxy.endpoint()))
    }

    /// The control plane, once it was started.
    pub(crate) fn control_plane(&self) -> Result<&ControlPlane> {
        self.control_plane
            .as_ref()
            .ok_or_else(|| anyhow!("no control plane was started"))
    }

    /// The controller, once it was started.
    pub(crate) fn roadstead(&self) -> Result<&Roadstead> {
        self.roadstead
            .as_ref()
            .ok_or_else(|| anyhow!("no controller was started"))
    }

    pub(crate) async fn client(&self) -> Result<Client> {
        self.control_plane()?.client().await
    }

    pub(crate) async fn services(&self) -> Result<Api<Service>> {
        Ok(Api::namespaced(self.client().await?, NAMESPACE))
    }

    /// What Roadstead said of a Service, in order. The API server has things to say too in its first seconds, when
    /// its own bookkeeping of cluster IPs is not complete.
    pub(crate) async fn events(&self, service: &str) -> Result<Vec<ObjectEvent>> {
        let events: Api<Event> = Api::namespaced(self.client().await?, NAMESPACE);
        let about = ListParams::default().fields(&format!("regarding.name={service}"));
        let listed = events.list(&about).await;
        let mut events = listed
            .with_context(|| format!("listing the events of {service}"))?
            .items;
        events.retain(|event| event.reporting_controller.as_deref() == Some(REPORTER));
        events.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
        Ok(events.into_iter().map(ObjectEvent::from).collect())
    }

    /// What the mock provider holds: a file for each load balancer.
    pub(crate) fn load_balancers(&self) -> Result<Vec<OsString>> {
        let folder = self.mock_state()?;
        let what = || format!("reading {}", folder.display());
        let entries = fs::read_dir(&folder).with_context(what)?;
        entries
            .map(|entry| entry.map(|entry| entry.file_name()).with_context(what))
            .collect()
    }

    /// Below the folder of this run, which goes with the control plane.
    fn mock_state(&self) -> Result<PathBuf> {
        let kubeconfig = self.control_plane()?.kubeconfig_of("controller")?;
        Ok(kubeconfig.with_file_name("mock-state"))
    }

    /// What `binary command` prints.
    pub(crate) async fn ask(
        &self,
        binary: &Path,
        command: &str,
        deadline: Duration,
    ) -> Result<String> {
        self.ask_with(binary, command, &[], &[], deadline).await
    }

    /// What `binary command args` prints, with more in its environment.
    pub(crate) async fn ask_with(
        &self,
        binary: &Path,
        command: &str,
        args: &[&str],
        environment: &[(&'static str, String)],
        deadline: Duration,
    ) -> Result<String> {
        let mut roadstead = Command::new(binary);
        // Settings of the user's own must not reach it.
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("ROADSTEAD_") {
                roadstead.env_remove(name);
            }
        }
        let output = roadstead
            .arg(command)
            .args(args)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .arg("--kubeconfig")
            .arg(self.control_plane()?.kubeconfig())
            .kill_on_drop(true)
            .output();
        let output = timeout(deadline, output)
            .await
            .with_context(|| format!("running roadstead {command}: no end after {deadline:?}"))?
            .with_context(|| format!("running roadstead {command}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("running roadstead {command}: {}: {said}", output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The end of the controller's log, if it was started and has said anything.
    pub(crate) fn log_tail(&self) -> Option<String> {
        let controller = self
            .fleet
            .as_ref()
            .and_then(|fleet| fleet.controller().ok());
        let tail = self.roadstead.as_ref().or(controller)?.process().log_tail();
        (!tail.is_empty()).then_some(tail)
    }

    /// Waits until a program ends that should not, and says which.
    pub(crate) async fn broken(&self) -> Result<()> {
        let control_plane = self.control_plane()?.process();
        let control_plane = control_plane.ok_or_else(|| anyhow!("no control plane runs"))?;
        let (what, status) = select! {
            status = self.roadstead()?.wait(Duration::MAX) => ("roadstead", status?),
            status = control_plane.wait(Duration::MAX) => ("the API server", status?),
        };
        bail!("{what} ended by itself: {status}")
    }

    /// Ends everything in order.
    ///
    /// # Errors
    /// Something did not end as it should; it was killed then.
    pub(crate) async fn end(&mut self, screen: &mut Screen) -> Result<()> {
        if self.roadstead.is_some() || self.control_plane.is_some() || self.lab.is_some() {
            let _ = screen.line("");
        }
        if let Some(fleet) = self.fleet.take() {
            end_roadstead(fleet.controller()?, screen).await?;
        }
        if self.lab.take().is_some() {
            screen.say("the announcers, the nodes and kube-apiserver are gone")?;
        }
        let roadstead = match self.roadstead.take() {
            Some(roadstead) => end_roadstead(&roadstead, screen).await,
            None => Ok(()),
        };
        // Also if the other did not end well.
        let control_plane = match self.control_plane.take() {
            Some(control_plane) => end_control_plane(control_plane, screen).await,
            None => Ok(()),
        };
        roadstead.and(control_plane)
    }
}

/// Ends the Go build that this process waits for and everything that it started, as Ctrl-C does on a terminal.
///
/// Linux only; elsewhere it ends when it next has something to say.
pub(crate) fn interrupt_build() {
    let mut found = children(std::process::id());
    while let Some(id) = found.pop() {
        found.extend(children(id));
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::INT);
        }
    }
}

fn children(id: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{id}/task"));
    let children = threads
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let children: Vec<String> = children.collect();
    let ids = children.iter().flat_map(|line| line.split_whitespace());
    ids.filter_map(|id| id.parse().ok()).collect()
}

async fn end_roadstead(roadstead: &Roadstead, screen: &mut Screen) -> Result<()> {
    // One that has ended by itself has been reported.
    if roadstead.process().status().is_some() {
        return Ok(());
    }
    let start = Instant::now();
    roadstead.term()?;
    let status = roadstead.wait(END_WITHIN).await?;
    if !status.success() {
        bail!(
            "roadstead did not end in order after SIGTERM: {status}; its log ends with\n{}",
            roadstead.process().log_tail()
        );
    }
    let took = start.elapsed().as_millis();
    screen.say(&format!(
        "roadstead ended in order after SIGTERM: exit code 0 after {took} ms"
    ))
}

async fn end_control_plane(mut control_plane: ControlPlane, screen: &mut Screen) -> Result<()> {
    let runs = |process: &roadstead_testbed::Process| process.status().is_none();
    if !control_plane.process().is_some_and(runs) {
        return Ok(());
    }
    control_plane.stop().await?;
    screen.say("kube-apiserver and etcd stopped")
}
