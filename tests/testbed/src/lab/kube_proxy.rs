//! How does kube-proxy run on a node?
//!
//! The real one, in the node's namespace, with the flags that let it run there. It can be stopped and started again;
//! what it wrote into the kernel stays, as on a real node.

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{locked, namespace::Namespace};
use crate::{install, process::Process, wait::poll_until};

/// The kube-proxy of one node.
#[derive(Debug)]
pub struct KubeProxy {
    program: PathBuf,
    args: Vec<String>,
    namespace: Namespace,
    log: PathBuf,
    process: Mutex<Option<Process>>,
}

/// What a node's kube-proxy has to be told.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) program: &'a Path,
    pub(super) kubeconfig: &'a Path,
    pub(super) node: &'a str,
    pub(super) address: String,
    pub(super) log: PathBuf,
}

const READY_WITHIN: Duration = Duration::from_secs(30);

// === impl KubeProxy ===

impl KubeProxy {
    pub(super) fn new(namespace: &Namespace, place: Place<'_>) -> Self {
        let Place {
            program,
            kubeconfig,
            node,
            address,
            log,
        } = place;
        let kubeconfig = kubeconfig.display();
        let args = [
            "proxy".to_owned(),
            format!("--kubeconfig={kubeconfig}"),
            format!("--hostname-override={node}"),
            format!("--bind-address={address}"),
            "--proxy-mode=nftables".to_owned(),
            "--detect-local-mode=ClusterCIDR".to_owned(),
            "--cluster-cidr=10.244.0.0/16,fd44::/16".to_owned(),
        ];
        // A namespace cannot set them, and kube-proxy ends when it is not let.
        let conntrack = [
            "--conntrack-max-per-core=0",
            "--conntrack-min=0",
            "--conntrack-tcp-timeout-established=0s",
            "--conntrack-tcp-timeout-close-wait=0s",
        ];
        Self {
            program: program.to_path_buf(),
            args: args
                .into_iter()
                .chain(conntrack.map(str::to_owned))
                .collect(),
            namespace: namespace.clone(),
            log,
            process: Mutex::new(None),
        }
    }

    /// Starts it, unless it runs. It has not written its rules yet: [`Self::ready`].
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self) -> Result<()> {
        let mut process = locked(&self.process);
        if process
            .as_ref()
            .is_some_and(|running| running.status().is_none())
        {
            return Ok(());
        }
        let path = [("PATH", install::path())];
        *process = Some(
            self.namespace
                .spawn(&self.program, &self.args, path, &self.log)
                .context("starting kube-proxy")?,
        );
        Ok(())
    }

    /// Kills it. Its rules stay in the kernel.
    pub fn stop(&self) {
        *locked(&self.process) = None;
    }

    /// [`Self::stop`], then [`Self::start`].
    ///
    /// # Errors
    /// Those of [`Self::start`].
    pub fn restart(&self) -> Result<()> {
        self.stop();
        self.start()
    }

    /// Waits until it has written its first rules of both families.
    ///
    /// # Errors
    /// It has ended or does not do so within 30 s; the error shows its log's end.
    pub async fn ready(&self) -> Result<()> {
        let written = poll_until("kube-proxy's rules", READY_WITHIN, async || {
            if locked(&self.process).as_ref()?.status().is_some() {
                return Some(false);
            }
            let tables = self.namespace.output("nft", &["list", "tables"]).ok()?;
            ["table ip kube-proxy", "table ip6 kube-proxy"]
                .iter()
                .all(|table| tables.contains(table))
                .then_some(true)
        })
        .await;
        match written {
            Ok(true) => Ok(()),
            Ok(false) => bail!(
                "kube-proxy has ended; its log ends with\n{}",
                self.log_tail()
            ),
            Err(error) => Err(error.context(format!("its log ends with\n{}", self.log_tail()))),
        }
    }

    /// The end of its log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let process = locked(&self.process);
        process.as_ref().map(Process::log_tail).unwrap_or_default()
    }
}
