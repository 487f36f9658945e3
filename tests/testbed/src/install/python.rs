//! How do pinned Python packages come to be on this machine?
//!
//! In a virtual environment made with the machine's own Python, whole or not at all, with the very versions of a
//! `requirements.lock`. What runs in it is decided elsewhere.

use std::{
    fs,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{
    hash, lock,
    progress::{report, say},
};
use crate::target::testbed_dir;

const PYTHON: &str = "python3";
/// The oldest that the packages run with.
const OLDEST: (u32, u32) = (3, 11);
const WHERE_PYTHON_IS: &str =
    "install it with your package manager (Debian: apt-get install python3 python3-venv)";

/// A virtual environment for the packages that the folder `dir` pins.
#[derive(Debug)]
pub(super) struct Environment {
    name: &'static str,
    dir: PathBuf,
}

/// The Python that is on this machine.
struct Interpreter {
    version: String,
    /// Where it is installed: an environment stops working when that goes.
    prefix: String,
}

// === impl Environment ===

impl Environment {
    pub(super) fn of(name: &'static str, dir: PathBuf) -> Self {
        Self { name, dir }
    }

    /// The environment's Python, after installing what is missing.
    pub(super) fn ensure(&self) -> Result<PathBuf> {
        let requirements = self.dir.join("requirements.lock");
        let pinned = fs::read(&requirements)
            .with_context(|| format!("reading {}", requirements.display()))?;
        let Interpreter { version, prefix } = Interpreter::find(self.name)?;
        let key = hash(
            [("requirements.lock", pinned.as_slice())].into_iter(),
            &[&version, &prefix],
        );
        let home = testbed_dir().join(format!("{}-{key}", self.name));
        let python = home.join("venv/bin/python");
        if python.is_file() {
            return Ok(python);
        }
        let _lock = lock(&home, self.name)?;
        if !python.is_file() {
            self.install(&home, &requirements)?;
        }
        Ok(python)
    }

    fn install(&self, home: &Path, requirements: &Path) -> Result<()> {
        let name = self.name;
        say(&format!(
            "installing {name}'s Python packages (500 MB): about a minute the first time, kept in the target \
             directory afterwards"
        ));
        // An installation that was left alone when its test died must not write to the same folder.
        let unfinished = home.join(format!("unfinished-{}", std::process::id()));
        let mut venv = Command::new(PYTHON);
        venv.args(["-m", "venv", "--clear"]).arg(&unfinished);
        run(venv, &format!("making a Python environment for {name}")).context(WHERE_PYTHON_IS)?;
        // Every package is named, with its version: nothing is left to be resolved.
        let mut pip = Command::new(unfinished.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--no-input",
            "--no-deps",
            "--progress-bar=off",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(requirements);
        run(pip, &format!("installing {name}"))?;
        // Only its scripts name their folder, and they are not used.
        let venv = home.join("venv");
        fs::rename(&unfinished, &venv)
            .with_context(|| format!("moving {} to {}", unfinished.display(), venv.display()))
    }
}

// === impl Interpreter ===

impl Interpreter {
    fn find(name: &str) -> Result<Self> {
        let (major, minor) = OLDEST;
        let what = format!("{name} needs Python {major}.{minor} or newer, with its venv module");
        let ask = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2]); print(sys.version, sys.base_prefix)";
        let answer = Command::new(PYTHON)
            // Nothing of the surroundings may be imported, as a `venv.py` in the working directory.
            .args(["-I", "-c", ask])
            .output()
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    anyhow!("{what}, and there is no {PYTHON} in the PATH; {WHERE_PYTHON_IS}")
                }
                _ => anyhow::Error::new(error).context(format!("starting {PYTHON}")),
            })?;
        if !answer.status.success() {
            bail!(
                "{what}; {WHERE_PYTHON_IS}. It says\n{}",
                String::from_utf8_lossy(&answer.stderr).trim()
            );
        }
        let text = String::from_utf8_lossy(&answer.stdout);
        let (version, details) = text.split_once('\n').unwrap_or((&text, ""));
        if !is_new_enough(version) {
            bail!("{what}, but this is {version}; {WHERE_PYTHON_IS}");
        }
        Ok(Self {
            version: version.to_owned(),
            prefix: details.trim().to_owned(),
        })
    }
}

fn is_new_enough(version: &str) -> bool {
    let numbers = version
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.trim().parse().ok()?)));
    numbers.is_some_and(|found: (u32, u32)| found >= OLDEST)
}

/// Runs a command to its end; the error ends with what it said.
fn run(mut command: Command, work: &str) -> Result<()> {
    command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped());
    // A setting of the surroundings, as another place for packages, would change what is installed.
    for name in [
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "VIRTUAL_ENV",
    ] {
        command.env_remove(name);
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("{work}: starting it"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let errors = stderr.map(|stderr| std::thread::spawn(|| io::read_to_string(stderr)));
    let last_lines = stdout.map_or_else(String::new, |stdout| {
        report(work, BufReader::new(stdout), "packages", is_package)
    });
    let errors = errors
        .and_then(|thread| thread.join().ok())
        .and_then(Result::ok)
        .unwrap_or_default();
    let status = child
        .wait()
        .with_context(|| format!("{work}: waiting for it"))?;
    if !status.success() {
        bail!("{work} ({status}):\n{last_lines}\n{errors}");
    }
    Ok(())
}

/// pip prints such a line for each package that it fetches.
fn is_package(line: &str) -> bool {
    line.starts_with("Collecting ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(is_new_enough("3.11") && is_new_enough("3.12\n") && is_new_enough("4.0"));
        assert!(!is_new_enough("3.9") && !is_new_enough("2.7") && !is_new_enough(""));
    }

    #[test]
    fn a_failed_command_shows_what_it_said() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo so far; echo no such package >&2; exit 3"]);
        let error = format!("{:#}", run(command, "installing it").unwrap_err());
        assert!(
            error.contains("so far") && error.contains("no such package") && error.contains('3'),
            "{error}"
        );
    }
}
