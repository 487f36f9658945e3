//! Where is a program of this workspace, built from the sources as they are now?
//!
//! Runs cargo and shows what it says. Nothing that was built is run here.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use anyhow::{Context as _, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::target::crate_dir;

/// A cargo with the compilers it started; dropping it ends them all.
struct Cargo(Child);

/// A line that cargo prints for programs, one for each thing that it built or found built.
#[derive(Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// Builds the binary `name` in the dev profile, unless it is up to date, and says where it is. `selection` are
/// further arguments of `cargo build`: what they select decides with which features dependencies are built, and so
/// whether they are built once more.
///
/// # Guarantees
/// Cargo's progress and errors go to stderr as they come. Cargo and its compilers end when the future is dropped.
///
/// # Errors
/// Cargo cannot be run, or the build failed; why has then been shown.
pub async fn build(name: &str, selection: &[&str]) -> Result<PathBuf> {
    let mut cargo = Cargo::start(
        ["build", "--bin", name]
            .iter()
            .chain(selection)
            .chain(&["--message-format", "json-render-diagnostics"]),
    )?;
    let executable = cargo.executable(name).await?;
    let status = cargo.0.wait().await.context("waiting for cargo")?;
    found(name, executable, status)
}

/// The program that a benchmark measures: `given`, or else the binary `name` of this checkout in release mode.
///
/// # Guarantees and errors
/// Those of [`build`].
pub async fn to_measure(name: &str, given: Option<&Path>) -> Result<PathBuf> {
    match given {
        Some(given) => Ok(given.to_owned()),
        None => build(name, &["--release", "--package", name]).await,
    }
}

fn found(name: &str, executable: Option<PathBuf>, status: ExitStatus) -> Result<PathBuf> {
    if !status.success() {
        bail!("building {name} with cargo: {status}; its errors are above");
    }
    executable.ok_or_else(|| anyhow!("building {name} with cargo: it names no such program"))
}

// === impl Cargo ===

impl Cargo {
    fn start(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Result<Self> {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let workspace = crate_dir().ancestors().nth(2).unwrap_or_else(crate_dir);
        let mut command = Command::new(&cargo);
        command
            .args(args)
            .current_dir(workspace)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn();
        Ok(Self(child.with_context(|| {
            format!("starting {}", Path::new(&cargo).display())
        })?))
    }

    /// Reads to the end what cargo prints for programs.
    async fn executable(&mut self, name: &str) -> Result<Option<PathBuf>> {
        let stdout = self.0.stdout.take().context("reading from cargo")?;
        let mut lines = BufReader::new(stdout).lines();
        let mut executable = None;
        while let Some(line) = lines.next_line().await.context("reading from cargo")? {
            executable = executable_in(&line, name).or(executable);
        }
        Ok(executable)
    }
}

impl Drop for Cargo {
    fn drop(&mut self) {
        // No id: it has ended and was waited for.
        let group = self.0.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = group.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

fn executable_in(line: &str, name: &str) -> Option<PathBuf> {
    let Message { target, executable } = serde_json::from_str(line).ok()?;
    let target = target?;
    let wanted = target.name == name && target.kind.iter().any(|kind| kind == "bin");
    executable.filter(|_| wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_told_from_all_else_that_is_built() {
        let artifact = |name: &str, kind: &str, executable: &str| {
            let line = format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}","kind":["{kind}"]}},"executable":{executable}}}"#
            );
            executable_in(&line, "roadstead")
        };
        let built = artifact("roadstead", "bin", r#""target/debug/roadstead""#);
        assert_eq!(built, Some(PathBuf::from("target/debug/roadstead")));
        assert_eq!(artifact("roadstead", "lib", "null"), None);
        assert_eq!(artifact("demo", "bin", r#""target/debug/demo""#), None);
        assert_eq!(artifact("roadstead", "test", r#""target/x""#), None);
        let end = r#"{"reason":"build-finished","success":true}"#;
        assert_eq!(executable_in(end, "roadstead"), None);
    }
}
