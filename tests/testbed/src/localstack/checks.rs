//! Does this AWS answer as AWS documents?
//!
//! Runs the named checks of `tests/testbed/localstack/checks` in the environment that LocalStack itself runs in. What
//! AWS documents is written there.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tokio::{process::Command, time::timeout};

use super::LocalStack;
use crate::{install, target::crate_dir};

const DONE_WITHIN: Duration = Duration::from_mins(10);

/// One behaviour, and what is wrong with it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Check {
    /// What should be so.
    pub name: String,
    /// What is so instead. `None`: it holds.
    pub failure: Option<String>,
}

impl LocalStack {
    /// Runs the checks whose name contains `only`, each in an account of its own.
    ///
    /// # Errors
    /// They cannot be run to the end; the error shows their output. A check that fails is no error.
    pub async fn checks(&self, only: &str) -> Result<Vec<Check>> {
        let mut command = Command::new(install::localstack().await?);
        command
            .env("PYTHONPATH", crate_dir().join("localstack"))
            // Proxies of the surroundings are not for an address of this machine.
            .env("NO_PROXY", "127.0.0.1")
            .args(["-m", "checks", &self.endpoint(), only])
            .kill_on_drop(true);
        let ran = timeout(DONE_WITHIN, command.output()).await;
        let output = ran
            .with_context(|| format!("running the checks: not done after {DONE_WITHIN:?}"))?
            .context("running the checks")?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            bail!("running the checks ({}):\n{errors}", output.status);
        }
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).with_context(|| format!("reading {line:?}")))
            .collect()
    }
}
