//! Who gives addresses away in a lab, and who announces them?
//!
//! The real binary: a controller beside the lab, an announcer on every node. What a test does to them is its own affair.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use serde_json::Value;

use super::{Lab, Node};
use crate::{
    metrics,
    process::{Process, Signal},
    ready,
    roadstead::Roadstead,
};

/// What is run in a lab.
#[derive(Clone, Debug)]
pub struct FleetOptions {
    binary: PathBuf,
    controller: Vec<String>,
    announcer: Vec<String>,
}

/// A controller, and announcers by the numbers of their nodes.
#[derive(Debug)]
pub struct Fleet {
    options: FleetOptions,
    /// The file with the key that all announcers share.
    key: PathBuf,
    controller: Option<Roadstead>,
    announcers: BTreeMap<u8, Announcer>,
}

/// `roadstead announce`, on a node.
#[derive(Debug)]
pub struct Announcer {
    process: Process,
}

/// Where every announcer serves its admin endpoint: each in a network namespace of its own.
const ADMIN_PORT: u16 = 8080;
const ADMIN_WITHIN: Duration = Duration::from_secs(5);
/// For people who look at a lab: worth nothing elsewhere.
const KEY: &str = "a key of the lab alone, long enough to be one\n";

// === impl FleetOptions ===

impl FleetOptions {
    /// Runs `binary` with nothing but what a lab needs.
    #[must_use]
    pub fn new(binary: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            controller: Vec::new(),
            announcer: Vec::new(),
        }
    }

    /// Arguments of the controller and of all announcers, such as `--arp-pool RANGE`.
    #[must_use]
    pub fn args(self, args: &[&str]) -> Self {
        self.controller_args(args).announcer_args(args)
    }

    /// Arguments of the controller.
    #[must_use]
    pub fn controller_args(mut self, args: &[&str]) -> Self {
        self.controller
            .extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Arguments of all announcers.
    #[must_use]
    pub fn announcer_args(mut self, args: &[&str]) -> Self {
        self.announcer
            .extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Starts the controller, and an announcer on every node, and waits until they are ready.
    ///
    /// # Errors
    /// One of them ends, or is not ready within `deadline`; the error shows its log.
    pub async fn start(self, lab: &Lab, deadline: Duration) -> Result<Fleet> {
        let key = lab.dir.path().join("hello-key");
        fs::write(&key, KEY).context("writing the announcers' key")?;
        let kubeconfig = lab.control_plane().kubeconfig_of("controller")?;
        let mut args = vec!["--provider", "arp"];
        args.extend(self.controller.iter().map(String::as_str));
        let controller = Roadstead::start(&self.binary, &kubeconfig, &args)?;
        let mut fleet = Fleet {
            options: self,
            key,
            controller: Some(controller),
            announcers: BTreeMap::new(),
        };
        for number in (1u8..).zip(lab.nodes()).map(|(number, _)| number) {
            fleet.begin(lab, number)?;
        }
        fleet.controller()?.ready(deadline).await?;
        fleet.ready(lab, deadline).await?;
        Ok(fleet)
    }
}

// === impl Fleet ===

impl Fleet {
    /// The key that all announcers share.
    #[must_use]
    pub fn key(&self) -> &'static str {
        KEY
    }

    /// The controller.
    ///
    /// # Errors
    /// It was ended.
    pub fn controller(&self) -> Result<&Roadstead> {
        let controller = self.controller.as_ref();
        controller.ok_or_else(|| anyhow!("the fleet has no controller"))
    }

    /// The announcer of node `number`.
    ///
    /// # Errors
    /// There is none.
    pub fn announcer(&self, number: u8) -> Result<&Announcer> {
        let announcer = self.announcers.get(&number);
        announcer.ok_or_else(|| anyhow!("node {number} has no announcer"))
    }

    /// Takes the announcer of node `number` out, dead or alive; it ends when dropped.
    pub fn take(&mut self, number: u8) -> Option<Announcer> {
        self.announcers.remove(&number)
    }

    /// Starts an announcer on node `number`, in place of one that was there; does not wait for it.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn begin(&mut self, lab: &Lab, number: u8) -> Result<()> {
        let node = lab.try_node(number)?;
        let admin = format!("0.0.0.0:{ADMIN_PORT}");
        let (key, kubeconfig) = (&self.key, lab.kubeconfig());
        let mut args = vec!["announce".to_owned()];
        for (flag, value) in [
            ("--node-name", node.name()),
            ("--admin-address", &admin),
            ("--hello-key-file", &key.to_string_lossy()),
            ("--kubeconfig", &kubeconfig.to_string_lossy()),
        ] {
            args.extend([flag.to_owned(), value.to_owned()]);
        }
        args.extend(self.options.announcer.iter().cloned());
        self.announcers.remove(&number);
        let process = node.run(&self.options.binary, &args, [("ROADSTEAD_LOG", "info")])?;
        self.announcers.insert(number, Announcer { process });
        Ok(())
    }

    /// Starts one on every node that has none that runs.
    ///
    /// # Errors
    /// One cannot be started.
    pub fn fill(&mut self, lab: &Lab) -> Result<()> {
        for number in (1u8..).zip(lab.nodes()).map(|(number, _)| number) {
            let runs = |announcer: &Announcer| announcer.process.status().is_none();
            if !self.announcers.get(&number).is_some_and(runs) {
                self.begin(lab, number)?;
            }
        }
        Ok(())
    }

    /// Waits until every announcer says that it is ready.
    ///
    /// # Errors
    /// One ends, or is not within `deadline`; the error shows its log.
    pub async fn ready(&self, lab: &Lab, deadline: Duration) -> Result<()> {
        for (number, announcer) in &self.announcers {
            announcer.ready(lab.try_node(*number)?, deadline).await?;
        }
        Ok(())
    }
}

// === impl Announcer ===

impl Announcer {
    /// The process: its log, signals, memory and end.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end within `deadline`.
    pub async fn wait(&self, deadline: Duration) -> Result<ExitStatus> {
        self.process.wait(deadline).await
    }

    /// Waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// It does not within `deadline`, or the process has ended; the error shows the last answer and the log's end.
    pub async fn ready(&self, node: &Node, deadline: Duration) -> Result<()> {
        let what = format!("the announcer of {}", node.name());
        let ask = async |path: &str| self.get(node, path);
        ready::answers(&self.process, &what, deadline, ask).await
    }

    /// Status and body of an admin endpoint, asked on its own node.
    ///
    /// # Errors
    /// There is no answer within 5 s.
    pub fn get(&self, node: &Node, path: &str) -> Result<(u16, String)> {
        let what = || format!("asking the announcer of {} for {path}", node.name());
        node.inside(|| asked(path)).with_context(what)
    }

    /// What it sees of its network.
    ///
    /// # Errors
    /// It does not say.
    pub fn view(&self, node: &Node) -> Result<Value> {
        let (_, body) = self.get(node, "/view")?;
        serde_json::from_str(&body).with_context(|| format!("reading the view of {}", node.name()))
    }

    /// The value of a metric: of `name`, or of `name{label="value"}`. Where several series match, their sum.
    ///
    /// # Errors
    /// It does not say.
    pub fn metric(&self, node: &Node, series: &str) -> Result<Option<f64>> {
        let (_, body) = self.get(node, "/metrics")?;
        Ok(metrics::sum_of(&body, series))
    }
}

/// One request, one answer, and the connection is closed. To be called on the announcer's node.
fn asked(path: &str) -> Result<(u16, String)> {
    let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, ADMIN_PORT));
    let mut stream = TcpStream::connect_timeout(&admin, ADMIN_WITHIN)?;
    stream.set_read_timeout(Some(ADMIN_WITHIN))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("reading an answer: it is cut")?;
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok((
        status.context("reading an answer: it has no status")?,
        body.to_owned(),
    ))
}
