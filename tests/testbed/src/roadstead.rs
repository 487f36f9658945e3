//! How does a test run the controller as its users do, as a process?
//!
//! It starts the given binary, asks its admin endpoints and sends it signals. It knows no flag but those that every
//! test needs.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Result, bail};

use crate::{
    http, metrics,
    ports::Ports,
    process::{Process, Signal},
    ready,
    target::RunDir,
};

/// A running `roadstead controller`.
///
/// # Guarantees
/// Those of [`Process`]: it ends when this is dropped or when the test process is gone. Settings from the
/// environment of the test do not reach it.
#[derive(Debug)]
pub struct Roadstead {
    process: Process,
    admin: SocketAddr,
    _port: Ports,
    // Last, so that the program has ended before its log goes.
    _dir: RunDir,
}

// === impl Roadstead ===

impl Roadstead {
    /// Starts `binary controller` with `args` against the cluster of `kubeconfig`, on an admin port of its own.
    /// It is not ready yet: [`Self::ready`].
    ///
    /// # Errors
    /// The binary cannot be started.
    pub fn start(binary: &Path, kubeconfig: &Path, args: &[&str]) -> Result<Self> {
        Self::start_in(binary, kubeconfig, args, &[])
    }

    /// [`Self::start`] with more in its environment, as what an SDK reads.
    ///
    /// # Errors
    /// Those of [`Self::start`].
    pub fn start_in(
        binary: &Path,
        kubeconfig: &Path,
        args: &[&str],
        environment: &[(&str, String)],
    ) -> Result<Self> {
        let dir = RunDir::create()?;
        let port = Ports::reserve(1)?;
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, port.first()));
        let mut command = Command::new(binary);
        for (name, _) in env::vars_os() {
            if name.to_string_lossy().starts_with("ROADSTEAD_") {
                command.env_remove(name);
            }
        }
        command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .env("KUBECONFIG", kubeconfig)
            .args(["controller", "--admin-address"])
            .arg(admin.to_string())
            .args(args);
        let process = Process::spawn_command(command, &dir.path().join("roadstead.log"))?;
        Ok(Self {
            process,
            admin,
            _port: port,
            _dir: dir,
        })
    }

    /// The URL of the admin endpoints, without a path.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }

    /// Waits until `/readyz` answers 200.
    ///
    /// # Errors
    /// It does not within `deadline`, or the process has ended; the error shows the last answer and the log's end.
    pub async fn ready(&self, deadline: Duration) -> Result<()> {
        let ask = async |path: &str| self.get(path).await;
        ready::answers(&self.process, "roadstead", deadline, ask).await
    }

    /// Status and body of an admin endpoint.
    ///
    /// # Errors
    /// There is no answer within 5 s.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        http::get(self.admin, path).await
    }

    /// The value of a metric: of `name`, or of `name{label="value"}`. Where several series match, their sum.
    /// `None` if none does.
    ///
    /// # Errors
    /// `/metrics` does not answer 200.
    pub async fn metric(&self, series: &str) -> Result<Option<f64>> {
        match self.get("/metrics").await? {
            (200, text) => Ok(metrics::sum_of(&text, series)),
            (status, body) => bail!("reading the metrics of roadstead: {status} {body}"),
        }
    }

    /// Asks it to end (SIGTERM).
    pub fn term(&self) -> Result<()> {
        self.process.signal(Signal::Term)
    }

    /// Kills it (SIGKILL).
    pub fn kill(&self) -> Result<()> {
        self.process.signal(Signal::Kill)
    }

    /// Makes it stand still (SIGSTOP), as a paused machine does.
    pub fn stop(&self) -> Result<()> {
        self.process.signal(Signal::Stop)
    }

    /// Lets it go on after [`Self::stop`].
    pub fn cont(&self) -> Result<()> {
        self.process.signal(Signal::Cont)
    }

    /// Waits until it has ended; see [`Process::wait`].
    pub async fn wait(&self, deadline: Duration) -> Result<ExitStatus> {
        self.process.wait(deadline).await
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The process, for its memory and CPU time.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_ends_is_not_waited_for() {
        // The shell takes `controller` for a script and does not find it.
        let roadstead = Roadstead::start(Path::new("sh"), Path::new("none"), &[]).unwrap();
        let error = roadstead
            .ready(Duration::from_mins(1))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ended") && error.contains("controller"),
            "{error}"
        );
    }
}
