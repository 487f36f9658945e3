//! Which Kubernetes API do tests talk to?
//!
//! A real one: etcd, kube-apiserver and the few controllers a Service needs, in one program of ours, in a directory
//! of their own. `ROADSTEAD_TEST_KUBECONFIG` names a cluster to use instead; then nothing is started. This file
//! starts and stops; it creates no objects.

mod options;
#[cfg(test)]
mod tests;

use std::{
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use kube::Client;
use serde::Deserialize;
use tokio::sync::OnceCell;

pub use self::options::{Builder, Options};
use crate::{
    install, kubeconfig,
    ports::Ports,
    process::{Process, Signal},
    ready,
    target::RunDir,
};

/// The environment variable that names the kubeconfig of a cluster to use instead of an own control plane.
pub const GIVEN_KUBECONFIG: &str = "ROADSTEAD_TEST_KUBECONFIG";

const STOP_WITHIN: Duration = Duration::from_secs(10);

/// A control plane that this process started, or a cluster it was given.
///
/// # Guarantees
/// Its objects survive [`stop`](Self::stop), [`kill`](Self::kill) and [`restart`](Self::restart), and so do its
/// address, users and certificates. It ends when it is dropped or when the test process dies in whatever way.
#[derive(Debug)]
pub struct ControlPlane {
    server: String,
    kubeconfig: PathBuf,
    audit_log: Option<PathBuf>,
    /// `None`: given.
    own: Option<Own>,
    // Last, so that the programs have ended before their files go.
    dir: RunDir,
}

#[derive(Debug)]
struct Own {
    program: PathBuf,
    args: Vec<String>,
    process: Option<Process>,
    _ports: Ports,
}

/// The line that the program prints when it is ready.
#[derive(Deserialize)]
struct Announcement {
    server: String,
    kubeconfig: PathBuf,
    audit_log: PathBuf,
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Collects options, then starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Starts a control plane and waits until it is ready, building it first if this machine never did.
    ///
    /// With `ROADSTEAD_TEST_KUBECONFIG` set nothing is started: the cluster it names is used, and the options have
    /// no effect. Its user needs the rights of an administrator, impersonation included.
    ///
    /// # Errors
    /// It cannot be built ([`install::control_plane`]), or is not ready within 90 s; the error shows its log.
    pub async fn start(options: Options) -> Result<Self> {
        match env::var_os(GIVEN_KUBECONFIG) {
            Some(given) => Self::given(PathBuf::from(given)),
            None => Self::start_own(options).await,
        }
    }

    async fn start_own(options: Options) -> Result<Self> {
        let dir = RunDir::create()?;
        let program = install::control_plane().await?;
        // etcd's peers have a port of their own, next to that of its clients.
        let ports = Ports::reserve(3)?;
        let args = options.arguments(&dir, &ports)?;
        let own = Own {
            program,
            args,
            process: None,
            _ports: ports,
        };
        let (server, kubeconfig) = (String::new(), PathBuf::new());
        let mut control_plane = Self {
            server,
            kubeconfig,
            audit_log: None,
            own: Some(own),
            dir,
        };
        control_plane.restart().await?;
        Ok(control_plane)
    }

    /// The one control plane of this test binary, with an audit log: started by the first test that asks.
    ///
    /// It belongs to no test's runtime and is never stopped before the test binary ends. Tests keep apart by
    /// namespace and class, and make their own clients.
    ///
    /// # Errors
    /// Those of [`Self::start`], the same for every test of the binary.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Result<ControlPlane, String>> = OnceCell::const_new();

        let start = || async {
            Self::builder()
                .audit()
                .start()
                .await
                .map_err(|error| format!("{error:#}"))
        };
        SHARED
            .get_or_init(start)
            .await
            .as_ref()
            .map_err(|error| anyhow!("{error}"))
    }

    fn given(path: PathBuf) -> Result<Self> {
        let dir = RunDir::create()?;
        let server = kubeconfig::server(&path)?;
        Ok(Self {
            server,
            kubeconfig: path,
            audit_log: None,
            own: None,
            dir,
        })
    }

    /// The URL of the API server.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The address of the API server, for a [`TcpProxy`](crate::TcpProxy) in front of it.
    ///
    /// # Errors
    /// A given cluster is named by a host name.
    pub fn address(&self) -> Result<SocketAddr> {
        let uri: http::Uri = self
            .server
            .parse()
            .with_context(|| format!("parsing {}", self.server))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let ip = host
            .parse()
            .with_context(|| format!("reading an IP address from {}", self.server))?;
        Ok(SocketAddr::new(ip, uri.port_u16().unwrap_or(443)))
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig of another user: `controller`, `announcer`, `bench` have all rights, so that the audit log
    /// tells them apart; `nobody` has none.
    ///
    /// # Errors
    /// There is no such user. For a given cluster: its kubeconfig cannot be read.
    pub fn kubeconfig_of(&self, user: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(format!("kubeconfig-{user}"));
        if self.own.is_none() {
            kubeconfig::impersonating(&self.kubeconfig, user, &path)?;
        }
        if !path.is_file() {
            bail!("reading the kubeconfig of {user}: the control plane has no such user");
        }
        Ok(path)
    }

    /// A new client of the administrator, bound to the runtime of the caller.
    pub async fn client(&self) -> Result<Client> {
        kubeconfig::client(&self.kubeconfig).await
    }

    /// A new client of another user; see [`Self::kubeconfig_of`].
    pub async fn client_of(&self, user: &str) -> Result<Client> {
        kubeconfig::client(&self.kubeconfig_of(user)?).await
    }

    /// The audit log, if there is one.
    #[must_use]
    pub fn audit_log(&self) -> Option<&Path> {
        self.audit_log.as_deref()
    }

    /// The process id, while it runs and is ours.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.process().map(Process::pid)
    }

    /// The process, while it runs and is ours.
    #[must_use]
    pub fn process(&self) -> Option<&Process> {
        self.own.as_ref()?.process.as_ref()
    }

    /// Ends it in order (SIGTERM). Its objects stay.
    ///
    /// # Errors
    /// It is not running, not ours, or does not end.
    pub async fn stop(&mut self) -> Result<()> {
        self.end(Signal::Term).await
    }

    /// Ends it as a crash does (SIGKILL). Its objects stay.
    ///
    /// # Errors
    /// It is not running or not ours.
    pub async fn kill(&mut self) -> Result<()> {
        self.end(Signal::Kill).await
    }

    async fn end(&mut self, signal: Signal) -> Result<()> {
        let own = self.own.as_mut().ok_or_else(not_ours)?;
        let process = own
            .process
            .take()
            .ok_or_else(|| anyhow!("ending the control plane: it is not running"))?;
        process.signal(signal)?;
        process.wait(STOP_WITHIN).await?;
        Ok(())
    }

    /// Starts it again with the same objects, address and users, and waits until it is ready. If it is still
    /// running it is stopped first.
    ///
    /// # Errors
    /// It is not ours, or those of [`Self::start`].
    pub async fn restart(&mut self) -> Result<()> {
        if self.process().is_some() {
            self.stop().await?;
        }
        let own = self.own.as_mut().ok_or_else(not_ours)?;
        let mut command = Command::new(&own.program);
        command.args(&own.args);
        let (process, stdout) =
            Process::spawn_leashed(command, &self.dir.path().join("control-plane.log"))?;
        let line = ready::announced(&process, "the control plane", stdout).await?;
        let Announcement {
            server,
            kubeconfig,
            audit_log,
        } = serde_json::from_str(&line)
            .with_context(|| format!("reading {line:?}, which announces readiness"))?;
        own.process = Some(process);
        self.server = server;
        self.kubeconfig = kubeconfig;
        self.audit_log = (!audit_log.as_os_str().is_empty()).then_some(audit_log);
        Ok(())
    }
}

fn not_ours() -> anyhow::Error {
    anyhow!("ending the control plane: the cluster of {GIVEN_KUBECONFIG} is not ours to end")
}
