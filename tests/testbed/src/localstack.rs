//! Which AWS do tests talk to?
//!
//! LocalStack, as a process of its own on 127.0.0.1, corrected by `tests/testbed/localstack`. This file
//! starts and stops it; what is in it is an [`Account`]'s business.

mod account;
mod caller;
mod checks;
pub mod dump;
mod landscape;
mod settings;

use std::{
    env,
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::Command,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Result, anyhow};
use tokio::sync::OnceCell;

pub use self::{
    account::{Account, Health, Targets},
    caller::Caller,
    checks::Check,
    dump::Dump,
    landscape::{Instance, Landscape, LandscapeBuilder, Subnet},
    settings::{Delays, Quotas, Settings},
};
use crate::{
    install,
    ports::Ports,
    process::Process,
    ready,
    target::{RunDir, crate_dir},
};

/// The region of everything in it.
pub const REGION: &str = "us-east-1";

/// The account of whoever signs as `test`.
const FIRST_ACCOUNT: u64 = 0;

/// What a LocalStack is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What each new account starts with.
    pub settings: Settings,
}

/// A LocalStack that this process started.
///
/// # Guarantees
/// It listens on 127.0.0.1 alone. Everything in it is in memory. It ends when it is dropped or when the test process
/// dies in whatever way.
#[derive(Debug)]
pub struct LocalStack {
    address: SocketAddr,
    settings: Settings,
    next_account: AtomicU64,
    process: Process,
    _port: Ports,
    // Last, so that the program has ended before its files go.
    _dir: RunDir,
}

/// One of each service that tests call side by side.
const FIRST_CALLS: [(&str, &str); 2] = [
    ("ec2", "DescribeVpcs"),
    ("elasticloadbalancing", "DescribeLoadBalancers"),
];

// === impl LocalStack ===

impl LocalStack {
    /// Starts one and waits until it answers, installing it first if this machine never did.
    ///
    /// # Errors
    /// It cannot be installed: no Python, or its packages cannot be had. It is not ready within 90 s; the error shows
    /// its log.
    pub async fn start(options: Options) -> Result<Self> {
        let Options { settings } = options;
        let python = install::localstack().await?;
        let dir = RunDir::create()?;
        let port = Ports::reserve(1)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.first()));
        let command = command(&python, address, dir.path());
        let (process, stdout) =
            Process::spawn_leashed(command, &dir.path().join("localstack.log"))?;
        ready::announced(&process, "LocalStack", stdout).await?;
        let localstack = Self {
            address,
            settings,
            next_account: AtomicU64::new(FIRST_ACCOUNT),
            process,
            _port: port,
            _dir: dir,
        };
        // The first account is that of whoever signs as `test`.
        let first = localstack.account().await?;
        // A service is loaded when it is first called; to a call beside that one LocalStack may say that it has no handler.
        for (service, action) in FIRST_CALLS {
            first.call(service, action, &[]).await?;
        }
        Ok(localstack)
    }

    /// The one LocalStack of this test binary: started by the first test that asks. Tests keep apart by
    /// [`Self::account`].
    ///
    /// # Errors
    /// Those of [`Self::start`], the same for every test of the binary.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Result<LocalStack, String>> = OnceCell::const_new();

        let start = || async {
            Self::start(Options::default())
                .await
                .map_err(|error| format!("{error:#}"))
        };
        SHARED
            .get_or_init(start)
            .await
            .as_ref()
            .map_err(|error| anyhow!("{error}"))
    }

    /// Its URL, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address, for a proxy in front of it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a process needs in its environment to talk to it, as the account 000000000000. For an account of its own,
    /// or another endpoint: [`Account::environment`].
    #[must_use]
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        self.first_account().environment(&self.endpoint())
    }

    /// The account 000000000000, whose credentials are `test` and `test`.
    #[must_use]
    pub fn first_account(&self) -> Account {
        Account::new(self.address, FIRST_ACCOUNT)
    }

    /// An AWS account that nobody else uses, with the settings of [`Options`]. Names, quotas and objects of different
    /// accounts do not meet.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn account(&self) -> Result<Account> {
        let account = Account::new(
            self.address,
            self.next_account.fetch_add(1, Ordering::Relaxed),
        );
        account.set(&self.settings).await?;
        Ok(account)
    }

    /// The process, for its log and its memory.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn command(python: &Path, address: SocketAddr, dir: &Path) -> Command {
    let mut command = Command::new(python);
    // Nothing of the surroundings may decide how it behaves, and all that it writes goes below `dir`.
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    // Its list of entry points is made once for an environment, not once a start.
    let cache = python.ancestors().nth(3).unwrap_or(dir).join("cache");
    command
        .env_clear()
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        .env("HOME", dir)
        .env("TMPDIR", dir)
        .env("XDG_CACHE_HOME", cache)
        .env("FILESYSTEM_ROOT", dir)
        .env("OVERRIDE_IN_DOCKER", "0")
        .env("PYTHONPATH", crate_dir().join("localstack"))
        .env("ROADSTEAD_PORT", address.port().to_string())
        .env("GATEWAY_LISTEN", address.to_string())
        .env("SERVICES", "ec2,elbv2,sts,iam,acm,resourcegroupstaggingapi")
        // Each of these would look for something outside of this machine.
        .env("SKIP_SSL_CERT_DOWNLOAD", "1")
        .env("DISABLE_EVENTS", "1")
        .env("DNS_ADDRESS", "0")
        .args(["-m", "roadstead_localstack"])
        .current_dir(dir);
    command
}
