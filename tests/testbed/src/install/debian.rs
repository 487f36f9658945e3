//! Where is a program that an operating system brings?
//!
//! In the PATH or where Debian puts an administrator's programs. On a Debian-like machine root installs the package of
//! a missing one; elsewhere the error names it. Nothing else of the machine is changed.

use std::{
    env,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{
    lock,
    progress::{report, say},
};
use crate::target::testbed_dir;

/// A program, and the Debian package it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packaged {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// What becomes of missing programs.
#[derive(Debug, PartialEq, Eq)]
enum Remedy {
    Install(Vec<&'static str>),
    Name(String),
}

/// An administrator's programs are not in everybody's PATH.
const SYSTEM: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Sees to it that all of `programs` are there.
pub(super) fn ensure(programs: &[Packaged]) -> Result<()> {
    if missing(programs).is_empty() {
        return Ok(());
    }
    let _lock: File = lock(&testbed_dir().join("packages"), "packages of this machine")?;
    let still_missing = missing(programs);
    if still_missing.is_empty() {
        return Ok(());
    }
    let is_root = rustix::process::geteuid().is_root();
    let is_debian = Path::new("/etc/debian_version").exists();
    match remedy(&still_missing, is_root, is_debian) {
        Remedy::Install(packages) => install(&packages)?,
        Remedy::Name(message) => bail!(message),
    }
    match missing(programs).first() {
        Some(Packaged { program, package }) => bail!("{package} is installed and has no {program}"),
        None => Ok(()),
    }
}

/// A command that also finds an administrator's programs.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| PathBuf::from(program)));
    command.env("PATH", path());
    command
}

/// The PATH, with the folders of an administrator's programs.
pub(crate) fn path() -> String {
    let given = env::var_os("PATH").unwrap_or_default();
    let given = given.to_string_lossy();
    SYSTEM.iter().fold(given.into_owned(), |path, dir| {
        if path.split(':').any(|known| known == *dir) {
            path
        } else {
            format!("{path}:{dir}")
        }
    })
}

fn find(program: &str) -> Option<PathBuf> {
    path()
        .split(':')
        .map(|dir| Path::new(dir).join(program))
        .find(|path| path.is_file())
}

fn missing(programs: &[Packaged]) -> Vec<Packaged> {
    let is_missing = |packaged: &&Packaged| find(packaged.program).is_none();
    programs.iter().filter(is_missing).copied().collect()
}

fn remedy(missing: &[Packaged], is_root: bool, is_debian: bool) -> Remedy {
    let packages: Vec<&str> = missing.iter().map(|packaged| packaged.package).collect();
    if is_root && is_debian {
        return Remedy::Install(packages);
    }
    let programs: Vec<&str> = missing.iter().map(|packaged| packaged.program).collect();
    Remedy::Name(format!(
        "this machine has no {}; install {} (Debian's names of the packages)",
        programs.join(" and no "),
        packages.join(" and ")
    ))
}

fn install(packages: &[&str]) -> Result<()> {
    let what = packages.join(" and ");
    say(&format!(
        "installing {what} with apt-get, once on this machine"
    ));
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    // A machine that never looked does not know any package.
    if apt(&what, &arguments).is_ok() {
        return Ok(());
    }
    apt("the list of packages", &["update"])?;
    apt(&what, &arguments)
}

fn apt(what: &str, arguments: &[&str]) -> Result<()> {
    let mut child = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("starting apt-get")?;
    let stderr = child
        .stderr
        .take()
        .ok_or_else(|| anyhow!("installing {what}: no output"))?;
    let work = format!("installing {what}");
    let last_lines = report(&work, BufReader::new(stderr), "complaints", |_| true);
    let status = child
        .wait()
        .with_context(|| format!("waiting for apt-get with {what}"))?;
    if !status.success() {
        bail!("apt-get {} ({status}):\n{last_lines}", arguments.join(" "));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NFT: Packaged = Packaged {
        program: "nft",
        package: "nftables",
    };

    #[test]
    fn only_root_on_debian_has_packages_installed() {
        let install = Remedy::Install(vec!["nftables"]);
        assert_eq!(remedy(&[NFT], true, true), install);
        for (is_root, is_debian) in [(true, false), (false, true), (false, false)] {
            let Remedy::Name(message) = remedy(&[NFT], is_root, is_debian) else {
                panic!("installed as root: {is_root}, on Debian: {is_debian}");
            };
            assert!(message.contains("no nft;") && message.contains("nftables"));
        }
    }

    #[test]
    fn a_program_that_is_there_is_not_missing() {
        let [shell, nothing] = ["sh", "no-such-program"].map(|program| Packaged {
            program,
            package: "some",
        });
        assert_eq!(missing(&[shell, nothing]), [nothing]);
    }
}
