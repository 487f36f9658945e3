//! How does something happen in another network namespace?
//!
//! A namespace here has no name: it is kept by a file descriptor, so the kernel removes it, with every interface in
//! it, when this process and the programs it started there are gone, however they ended. What happens in it runs on
//! threads that enter it and never come back. Nothing is said here about what is plugged in.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    net::IpAddr,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        linux::fs::MetadataExt as _,
    },
    panic,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::{
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
    thread::{LinkNameSpaceType, move_into_link_name_space},
};
use tokio::sync::oneshot;

use super::sys;
use crate::process::Process;

/// A network namespace. Clones are the same one; it goes when the last is dropped and nothing runs in it any more.
#[derive(Clone, Debug)]
pub(super) struct Namespace {
    name: Arc<str>,
    file: Arc<File>,
}

const JOINED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(1);

// === impl Namespace ===

impl Namespace {
    /// Makes one, with its loopback interface up, that may be called `name` in errors.
    pub(super) fn create(name: &str) -> Result<Self> {
        let file = on_a_thread(name, || {
            sys::new_network_namespace()?;
            File::open("/proc/thread-self/ns/net").map_err(anyhow::Error::new)
        })
        .with_context(|| {
            format!(
                "making a network namespace for {name}: it takes root, or a user namespace: \
                 unshare --map-root-user cargo test"
            )
        })?;
        let namespace = Self {
            name: name.into(),
            file: Arc::new(file),
        };
        // Duplicate address detection would hold every IPv6 address back for a second or two.
        namespace.sysctl("ipv6/conf/all/accept_dad", "0")?;
        namespace.sysctl("ipv6/conf/default/accept_dad", "0")?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// A path to it, for a shell beside a test: `nsenter --net=PATH`.
    pub(super) fn path(&self) -> PathBuf {
        let descriptor = self.file.as_raw_fd();
        PathBuf::from(format!("/proc/{}/fd/{descriptor}", std::process::id()))
    }

    /// Does `work` on a thread in the namespace, and waits for it. Sockets and programs that it makes stay there.
    pub(super) fn inside<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        on_a_thread(&self.name, || {
            self.enter()?;
            work()
        })
    }

    /// [`Self::inside`] without holding the runtime up.
    pub(super) async fn inside_async<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (done, result) = oneshot::channel();
        let namespace = self.clone();
        let thread = thread::Builder::new().name(format!("in {}", self.name));
        let started = thread.spawn(move || {
            let _ = done.send(namespace.enter().and_then(|()| work()));
        });
        started.with_context(|| format!("starting a thread in {}", self.name))?;
        let lost = || anyhow!("a thread in the namespace of {} panicked", self.name);
        result.await.map_err(|_| lost())?
    }

    /// Starts a thread in the namespace.
    pub(super) fn thread(
        &self,
        work: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<JoinHandle<Result<()>>> {
        let namespace = self.clone();
        let thread = thread::Builder::new().name(format!("in {}", self.name));
        let started = thread.spawn(move || namespace.enter().and_then(|()| work()));
        started.with_context(|| format!("starting a thread in {}", self.name))
    }

    fn enter(&self) -> Result<()> {
        move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
            .with_context(|| format!("entering the namespace of {}", self.name))
    }

    /// Starts a program there, as [`Process::spawn`] does.
    pub(super) fn spawn<A, K, V>(
        &self,
        program: &Path,
        args: impl IntoIterator<Item = A>,
        envs: impl IntoIterator<Item = (K, V)>,
        log: &Path,
    ) -> Result<Process>
    where
        A: AsRef<OsStr>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut command = Command::new(program);
        command.args(args).envs(envs);
        self.inside(|| Process::spawn_command(command, log))
            .with_context(|| format!("in the namespace of {}", self.name))
    }

    /// Carries out lines of `ip`, without the word `ip`.
    pub(super) fn ip(&self, lines: &str) -> Result<()> {
        self.feed("ip", &["-batch", "-"], lines).map(drop)
    }

    /// Carries out lines of `nft`, all or none.
    pub(super) fn nft(&self, lines: &str) -> Result<()> {
        self.feed("nft", &["-f", "-"], lines).map(drop)
    }

    /// Runs a program to its end and returns its output.
    pub(super) fn output(&self, program: &str, args: &[&str]) -> Result<String> {
        self.feed(program, args, "")
    }

    fn feed(&self, program: &str, args: &[&str], input: &str) -> Result<String> {
        let mut command = crate::install::command(program);
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let what = || format!("{program} {} in {}: {input}", args.join(" "), self.name);
        let output = self
            .inside(|| {
                let mut child = command.spawn()?;
                if let Some(mut stdin) = child.stdin.take() {
                    stdin.write_all(input.as_bytes())?;
                }
                Ok(child.wait_with_output()?)
            })
            .with_context(what)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            bail!("{}: {}: {said}", what(), output.status);
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Adds an address to an interface, and returns when the kernel answers for it.
    pub(super) fn add_address(&self, ip: IpAddr, prefix: u8, interface: &str) -> Result<()> {
        let IpAddr::V6(v6) = ip else {
            return self.ip(&format!("address add {ip}/{prefix} dev {interface}"));
        };
        self.ip(&format!("address add {ip}/{prefix} dev {interface} nodad"))?;
        // The group in which it is asked for is joined a moment later, by a thread of the kernel.
        let [.., a, b, c] = v6.octets();
        let group = format!(" ff0200000000000000000001ff{a:02x}{b:02x}{c:02x} ");
        self.inside(|| {
            let end = Instant::now() + JOINED_WITHIN;
            while !fs::read_to_string("/proc/thread-self/net/igmp6")?.contains(&group) {
                if Instant::now() > end {
                    bail!("{ip} on {interface}: its group is not joined within {JOINED_WITHIN:?}");
                }
                thread::park_timeout(LOOK_EVERY);
            }
            Ok(())
        })
    }

    /// Sets `net/KEY` there.
    pub(super) fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys/net").join(key);
        self.inside(|| {
            fs::write(&path, value)
                .with_context(|| format!("writing {value} to {}", path.display()))
        })
    }

    /// Kills every program that is in the namespace at this moment.
    pub(super) fn kill_all(&self) -> Result<()> {
        let what = || format!("killing the programs of {}", self.name);
        let own = self.file.metadata().with_context(what)?;
        for entry in fs::read_dir("/proc").with_context(what)?.flatten() {
            let pid = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let Some(pid) = pid.and_then(Pid::from_raw) else {
                continue;
            };
            // Held before it is looked at, so that nobody else gets the signal.
            let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else {
                continue;
            };
            // One that is ending has no namespace any more.
            let Ok(there) = fs::metadata(entry.path().join("ns/net")) else {
                continue;
            };
            if (there.st_dev(), there.st_ino()) == (own.st_dev(), own.st_ino()) {
                let _ = pidfd_send_signal(&process, Signal::KILL);
            }
        }
        Ok(())
    }
}

fn on_a_thread<T: Send>(name: &str, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(format!("in {name}"));
        let running = thread
            .spawn_scoped(scope, work)
            .with_context(|| format!("starting a thread for {name}"))?;
        running
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    })
}
