//! How does another program run beside a test?
//!
//! A `Process` always ends: on request, when it is dropped, and when the test itself is gone, even by SIGKILL.
//! Nothing here depends on an async runtime, so a process may outlive the runtime of the test that started it.
//! What the program does is none of this file's business.

#[cfg(test)]
mod tests;
mod watchdog;

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tokio::{sync::watch, time::timeout};

use self::watchdog::Watchdog;

/// How much of a log an error shows.
const TAIL_LINES: usize = 40;

/// A signal that a test sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: end in order.
    Term,
    /// SIGKILL: end now.
    Kill,
    /// SIGSTOP: stand still, keeping every connection open.
    Stop,
    /// SIGCONT: go on after [`Signal::Stop`].
    Cont,
    /// SIGINT: what Ctrl-C sends.
    Int,
}

/// A program that runs as a child, its output going to a file.
///
/// # Guarantees
/// It is the leader of its own process group, so a terminal's Ctrl-C does not reach it. Dropping it kills the whole
/// group and reaps it. When the test process dies in whatever way, the program is ended as well.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    log: PathBuf,
    /// Whether the pid still is this program's: false once it is reaped. Held while a signal is sent.
    alive: Arc<Mutex<bool>>,
    ended: watch::Receiver<Option<ExitStatus>>,
    reaper: Option<JoinHandle<()>>,
    /// Only held: the kernel closes it when this process is gone, which ends the program.
    _leash: Option<ChildStdin>,
}

// === impl Process ===

impl Process {
    /// Starts `program`. Its stdout and stderr are appended to the file `log`.
    ///
    /// # Errors
    /// The program or the log cannot be opened.
    pub fn spawn<A, K, V>(
        program: &Path,
        args: impl IntoIterator<Item = A>,
        envs: impl IntoIterator<Item = (K, V)>,
        log: &Path,
    ) -> Result<Self>
    where
        A: AsRef<OsStr>,
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut command = Command::new(program);
        command.args(args).envs(envs);
        Self::spawn_command(command, log)
    }

    /// Starts a prepared `command`, for those that also change the directory or remove variables. Its stdin, stdout,
    /// stderr and process group are set here.
    ///
    /// # Errors
    /// The program or the log cannot be opened.
    pub fn spawn_command(mut command: Command, log: &Path) -> Result<Self> {
        let out = append(log)?;
        command
            .stdin(Stdio::null())
            .stdout(out.try_clone().context("sharing a log file")?)
            .stderr(out);
        let mut child = start(&mut command)?;
        let watchdog = match Watchdog::over(&child) {
            Ok(watchdog) => watchdog,
            Err(error) => {
                let _ = child.kill().and_then(|()| child.wait());
                return Err(error);
            }
        };
        Self::adopt(&command, child, log, Some(watchdog))
    }

    /// Starts a `command` that ends by itself when its stdin is at its end, and hands out its stdout.
    pub(crate) fn spawn_leashed(mut command: Command, log: &Path) -> Result<(Self, ChildStdout)> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(append(log)?);
        let mut child = start(&mut command)?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| anyhow!("starting {command:?}: no stdout"))?;
        Ok((Self::adopt(&command, child, log, None)?, stdout))
    }

    fn adopt(
        command: &Command,
        mut child: Child,
        log: &Path,
        watchdog: Option<Watchdog>,
    ) -> Result<Self> {
        let name = Path::new(command.get_program())
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let pid = Pid::from_child(&child);
        let leash = child.stdin.take();
        let alive = Arc::new(Mutex::new(true));
        let (ended_to, ended) = watch::channel(None);
        let reaper = thread::Builder::new()
            .name(format!("reaper of {name}"))
            .spawn({
                let alive = Arc::clone(&alive);
                move || {
                    // Its pid must not be given to another process while a signal is on the way, so waiting and
                    // reaping are two steps, the second under the lock.
                    let until_dead = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                    while waitid(WaitId::Pid(pid), until_dead)
                        .is_err_and(|error| error == rustix::io::Errno::INTR)
                    {}
                    let mut alive = alive.lock().unwrap_or_else(PoisonError::into_inner);
                    drop(watchdog);
                    if let Ok(status) = child.wait() {
                        ended_to.send_replace(Some(status));
                    }
                    *alive = false;
                }
            });
        let reaper =
            Some(reaper.with_context(|| format!("starting a thread that waits for {name}"))?);
        Ok(Self {
            name,
            pid,
            log: log.to_path_buf(),
            alive,
            ended,
            reaper,
            _leash: leash,
        })
    }

    /// The process id, also after the end.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends a signal to the program itself, not to its children.
    ///
    /// # Errors
    /// It has ended. A signal never hits another process that got the same id since.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
        if !*alive {
            bail!("sending {signal:?} to {}: it has ended", self.name);
        }
        kill_process(self.pid, signal.into())
            .with_context(|| format!("sending {signal:?} to {}", self.name))
    }

    /// The exit status, once it has ended.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// It still runs after `deadline`; the error shows the end of its log.
    pub async fn wait(&self, deadline: Duration) -> Result<ExitStatus> {
        let mut ended = self.ended.clone();
        match timeout(deadline, ended.wait_for(Option::is_some)).await {
            Ok(Ok(status)) => status.ok_or_else(|| anyhow!("waiting for {}: no status", self.name)),
            Ok(Err(_)) => bail!("waiting for {}: its status is lost", self.name),
            Err(_) => bail!(
                "{} still runs after {deadline:?}; its log ends with\n{}",
                self.name,
                self.log_tail()
            ),
        }
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }

    /// The last lines of [`Self::log`], for an error message.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log())
    }

    /// Memory in RAM, in bytes. Linux only.
    ///
    /// # Errors
    /// It has ended, or there is no `/proc`.
    pub fn rss_bytes(&self) -> Result<u64> {
        let status = self.proc_file("status")?;
        let kilobytes = status.lines().find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse::<u64>()
                .ok()
        });
        kilobytes
            .map(|kb| kb * 1024)
            .ok_or_else(|| anyhow!("reading the memory of {}: it has ended", self.name))
    }

    /// Time spent on a CPU in user and kernel mode, all threads together. Linux only.
    ///
    /// # Errors
    /// It has ended, or there is no `/proc`.
    pub fn cpu_time(&self) -> Result<Duration> {
        let stat = self.proc_file("stat")?;
        // The second field is the program's name in parentheses and may hold anything; utime and stime are the
        // 14th and 15th (proc_pid_stat(5)).
        let ticks = stat.rsplit_once(')').and_then(|(_, fields)| {
            let mut fields = fields.split_whitespace().skip(11).map(str::parse::<u64>);
            Some(fields.next()?.ok()? + fields.next()?.ok()?)
        });
        let ticks = ticks
            .ok_or_else(|| anyhow!("reading the CPU time of {}: unknown format", self.name))?;
        Ok(Duration::from_millis(
            ticks * 1000 / rustix::param::clock_ticks_per_second(),
        ))
    }

    /// Time in which threads that run now had something to do and waited for a processor, all together: how much later than it
    /// would by itself the machine let it do things, at most. Linux only.
    ///
    /// # Errors
    /// It has ended, or the kernel does not count it.
    pub fn cpu_wait(&self) -> Result<Duration> {
        let tasks = format!("/proc/{}/task", self.pid());
        let what = || format!("reading {tasks} of {}", self.name);
        let mut waited = Duration::ZERO;
        for task in fs::read_dir(&tasks).with_context(what)?.flatten() {
            // A thread may have ended meanwhile.
            let Ok(schedule) = fs::read_to_string(task.path().join("schedstat")) else {
                continue;
            };
            // Nanoseconds on a processor, nanoseconds of waiting for one, turns (scheduler/sched-stats in the kernel's
            // documentation).
            let nanos = schedule.split_whitespace().nth(1);
            let nanos = nanos.and_then(|nanos| nanos.parse().ok());
            waited += Duration::from_nanos(nanos.with_context(what)?);
        }
        Ok(waited)
    }

    fn proc_file(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.pid());
        fs::read_to_string(&path).with_context(|| format!("reading {path} of {}", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        {
            let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
            if *alive {
                let _ = kill_process_group(self.pid, rustix::process::Signal::KILL);
            }
        }
        if let Some(reaper) = self.reaper.take() {
            let _ = reaper.join();
        }
    }
}

// === impl Signal ===

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Term => Self::TERM,
            Signal::Kill => Self::KILL,
            Signal::Stop => Self::STOP,
            Signal::Cont => Self::CONT,
            Signal::Int => Self::INT,
        }
    }
}

/// The last lines of a text.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(TAIL_LINES)..)
        .unwrap_or_default()
        .join("\n")
}

fn start(command: &mut Command) -> Result<Child> {
    let child = command.process_group(0).spawn();
    child.with_context(|| format!("starting {}", Path::new(command.get_program()).display()))
}

fn append(log: &Path) -> Result<File> {
    let open: io::Result<File> = File::options().create(true).append(true).open(log);
    open.with_context(|| format!("opening {}", log.display()))
}
