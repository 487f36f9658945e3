//! How is a Go program built, and what does whoever waits for it see?
//!
//! Runs the machine's own `go`, after a look at its version. What is built, and whether at all, is decided elsewhere.

use std::{
    fs,
    io::{self, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, anyhow, bail};

use super::progress::{report, say};
use crate::target::testbed_dir;

const WHERE_GO_IS: &str = "install it from https://go.dev/dl or with your package manager";

/// One run of `go`.
pub(super) struct Build<'a> {
    pub(super) name: &'a str,
    /// The folder with `go.mod`.
    pub(super) dir: &'a Path,
    pub(super) args: &'a [&'a str],
    pub(super) package: &'a str,
    /// How long the first one takes.
    pub(super) takes: &'a str,
}

// === impl Build ===

impl Build<'_> {
    /// Puts the program at `binary`, whole or not at all.
    pub(super) fn run(&self, binary: &Path) -> Result<()> {
        let Self {
            name,
            dir,
            args,
            package,
            takes,
        } = self;
        require(&required_version(dir, "go")?, name)?;
        say(&format!(
            "building {name} with Go: {takes} the first time, kept in the target directory afterwards"
        ));
        // A build that was left alone when its test died must not write to the same file.
        let unfinished = binary.with_extension(format!("unfinished-{}", std::process::id()));
        let mut command = go(dir);
        command
            .args(*args)
            .arg("-o")
            .arg(&unfinished)
            .arg(package)
            .env("CGO_ENABLED", "0");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("starting go")?;
        let stderr = child
            .stderr
            .take()
            .ok_or_else(|| anyhow!("building {name}: no output"))?;
        let last_lines = report(
            &format!("building {name}"),
            BufReader::new(stderr),
            "packages",
            is_package,
        );
        let status = child
            .wait()
            .with_context(|| format!("waiting for the build of {name}"))?;
        if !status.success() {
            bail!(
                "building {name} in {} ({status}):\n{last_lines}",
                dir.display()
            );
        }
        fs::rename(&unfinished, binary).with_context(|| format!("moving {}", unfinished.display()))
    }
}

/// Whether this machine's Go is new enough to build `name`.
fn require(needed: &str, name: &str) -> Result<()> {
    let what = format!("building {name} needs Go {needed} or newer");
    // Outside of the module, or an old Go would refuse to say how old it is.
    let answer = go(&testbed_dir())
        .args(["env", "GOVERSION"])
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                anyhow!("{what}, and there is none in the PATH; {WHERE_GO_IS}")
            }
            _ => anyhow::Error::new(error).context("starting go"),
        })?;
    let found = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    if version_numbers(&found) < version_numbers(needed) {
        bail!("{what}, but this is {found:?}; {WHERE_GO_IS}");
    }
    Ok(())
}

/// The version that `go.mod` in `dir` requires of `what`: a module, or `go`.
pub(super) fn required_version(dir: &Path, what: &str) -> Result<String> {
    let path = dir.join("go.mod");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let version = text.lines().find_map(|line| {
        let mut words = line
            .split_whitespace()
            .skip_while(|word| *word == "require");
        (words.next() == Some(what)).then(|| words.next()).flatten()
    });
    version
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("{} does not require {what}", path.display()))
}

fn go(dir: &Path) -> Command {
    let mut command = Command::new("go");
    // Somebody else's workspace above this folder, or another Go that this one would fetch, must not come in.
    command
        .current_dir(dir)
        .env("GOTOOLCHAIN", "local")
        .env("GOWORK", "off");
    command
}

/// `go1.26.3` and `1.26` as numbers that can be compared; a release candidate counts as its release.
fn version_numbers(version: &str) -> Vec<u32> {
    let number = |part: &str| {
        part.chars()
            .take_while(char::is_ascii_digit)
            .collect::<String>()
            .parse()
            .ok()
    };
    version
        .trim_start_matches("go")
        .split('.')
        .map_while(number)
        .collect()
}

/// `go build -v` prints a line for each package that it compiles, and other lines, which have spaces.
fn is_package(line: &str) -> bool {
    !line.is_empty() && !line.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::crate_dir;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version_numbers("go1.26.8") >= version_numbers("1.26.0"));
        assert!(version_numbers("go1.9") < version_numbers("1.26.0"));
        assert!(version_numbers("go1.27rc1") > version_numbers("1.26.0"));
        assert!(version_numbers("") < version_numbers("1.26.0"));
    }

    #[test]
    fn the_pinned_versions_are_found() {
        let dir = crate_dir().join("control-plane");
        assert!(
            required_version(&dir, "k8s.io/kubernetes")
                .unwrap()
                .starts_with("v1.")
        );
        assert!(version_numbers(&required_version(&dir, "go").unwrap()) >= vec![1, 26]);
    }
}
