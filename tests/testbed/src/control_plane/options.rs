//! With what is a control plane started?
//!
//! Options become arguments of its program here; nothing is started.

use anyhow::{Context as _, Result};

use super::ControlPlane;
use crate::{ports::Ports, target::RunDir};

/// What a control plane is started with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Write an audit log, which [`crate::Audit`] reads.
    pub audit: bool,
    /// The range of node ports, as `20000-60000`, for thousands of Services. `None`: the API server's own default.
    pub node_port_range: Option<String>,
    /// Further flags of kube-apiserver.
    pub apiserver_args: Vec<String>,
}

/// Collects [`Options`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is started before `start`"]
pub struct Builder(Options);

// === impl Options ===

impl Options {
    pub(super) fn arguments(self, dir: &RunDir, ports: &Ports) -> Result<Vec<String>> {
        let Self {
            audit,
            node_port_range,
            apiserver_args,
        } = self;
        let dir = dir
            .path()
            .to_str()
            .context("naming the control plane's directory: not UTF-8")?;
        let (port, etcd_port) = (ports.first().to_string(), (ports.first() + 1).to_string());
        let mut args = [
            "serve",
            "--leash",
            "--dir",
            dir,
            "--address",
            "127.0.0.1",
            "--port",
            &port,
        ]
        .into_iter()
        .chain(["--etcd-port", &etcd_port])
        .map(str::to_owned)
        .collect::<Vec<_>>();
        if audit {
            args.push("--audit".to_owned());
        }
        if let Some(range) = node_port_range {
            args.extend(["--node-port-range".to_owned(), range]);
        }
        if !apiserver_args.is_empty() {
            args.extend(["--apiserver-args".to_owned(), apiserver_args.join(" ")]);
        }
        Ok(args)
    }
}

// === impl Builder ===

impl Builder {
    /// Writes an audit log.
    pub fn audit(mut self) -> Self {
        self.0.audit = true;
        self
    }

    /// Sets the range of node ports, as `first-last`.
    pub fn node_port_range(mut self, range: &str) -> Self {
        self.0.node_port_range = Some(range.to_owned());
        self
    }

    /// Adds a flag of kube-apiserver, as `--flag=value`.
    pub fn apiserver_arg(mut self, arg: &str) -> Self {
        self.0.apiserver_args.push(arg.to_owned());
        self
    }

    /// Starts it: [`ControlPlane::start`].
    pub async fn start(self) -> Result<ControlPlane> {
        ControlPlane::start(self.0).await
    }
}
