//! How do the programs come to exist that the test bed runs?
//!
//! Go programs are built once from pinned sources, and Python's packages installed once in their pinned versions;
//! both are kept below the target directory under a hash of what they were made from. A missing or old Go or Python is
//! an error that says what to install; neither is ever downloaded here. Of the operating system only packages are
//! installed that it brings itself, by root.

mod debian;
mod go;
mod progress;
mod python;

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

pub(crate) use self::debian::{command, path};
use self::{
    debian::Packaged,
    go::{Build, required_version},
    progress::say,
};
use crate::target::{crate_dir, testbed_dir};

/// A program that `go build` makes.
struct Recipe {
    name: &'static str,
    /// The folder with its `go.mod`.
    dir: PathBuf,
    package: &'static str,
    ldflags: String,
    /// Whether the folder holds the program itself, not only the pin of somebody else's.
    own_sources: bool,
    /// How long a first build takes on two cores, for people who wait.
    takes: &'static str,
}

/// The program that runs etcd, kube-apiserver and the few controllers a Service needs.
///
/// # Guarantees
/// Once built for these sources it is only looked up. Test binaries that ask at the same time build it once.
///
/// # Errors
/// Go is missing or too old, or the build failed; the error ends with its output.
pub async fn control_plane() -> Result<PathBuf> {
    run(|| {
        let dir = crate_dir().join("control-plane");
        let version = required_version(&dir, "k8s.io/kubernetes")?;
        let mut parts = version.trim_start_matches('v').split('.');
        let (major, minor) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        // Without these the API server calls itself v0.0.0, and clients complain.
        let set = "-X k8s.io/component-base/version";
        let ldflags = format!(
            "-s -w {set}.gitVersion={version} {set}.gitMajor={major} {set}.gitMinor={minor}"
        );
        let takes = "about 8 minutes on 2 cores";
        Recipe {
            name: "control-plane",
            dir,
            package: ".",
            ldflags,
            own_sources: true,
            takes,
        }
        .binary()
    })
    .await
}

/// Helm's own command, to render and install the chart.
///
/// # Guarantees and errors
/// Those of [`control_plane`].
pub async fn helm() -> Result<PathBuf> {
    run(|| {
        let own = crate_dir().join("helm");
        let dir = if own.join("go.mod").is_file() {
            own
        } else {
            crate_dir().join("control-plane")
        };
        let ldflags = "-s -w".to_owned();
        let (package, takes) = ("helm.sh/helm/v4/cmd/helm", "about 5 minutes on 2 cores");
        Recipe {
            name: "helm",
            dir,
            package,
            ldflags,
            own_sources: false,
            takes,
        }
        .binary()
    })
    .await
}

/// `OpenTofu`, which reads what Terraform reads: to format, validate and test it.
///
/// # Guarantees and errors
/// Those of [`control_plane`].
pub async fn tofu() -> Result<PathBuf> {
    run(|| {
        Recipe {
            name: "tofu",
            dir: crate_dir().join("terraform/tofu"),
            package: "github.com/opentofu/opentofu/cmd/tofu",
            ldflags: "-s -w".to_owned(),
            own_sources: false,
            takes: "about 2 minutes on 2 cores",
        }
        .binary()
    })
    .await
}

/// The linter of Terraform's language.
///
/// # Guarantees and errors
/// Those of [`control_plane`].
pub async fn tflint() -> Result<PathBuf> {
    run(|| {
        Recipe {
            name: "tflint",
            dir: crate_dir().join("terraform/tflint"),
            package: "github.com/terraform-linters/tflint",
            ldflags: "-s -w".to_owned(),
            own_sources: false,
            takes: "about a minute on 2 cores",
        }
        .binary()
    })
    .await
}

/// The linter's rules about AWS, a plugin that it starts itself.
///
/// # Guarantees and errors
/// Those of [`control_plane`].
pub async fn tflint_ruleset_aws() -> Result<PathBuf> {
    run(|| {
        Recipe {
            name: "tflint-ruleset-aws",
            dir: crate_dir().join("terraform/tflint"),
            package: "github.com/terraform-linters/tflint-ruleset-aws",
            ldflags: "-s -w".to_owned(),
            own_sources: false,
            takes: "about 2 minutes on 2 cores",
        }
        .binary()
    })
    .await
}

/// A provider of Terraform that knows schemas and nothing else. It is the one that its file is named after:
/// `terraform-provider-aws`.
///
/// # Guarantees and errors
/// Those of [`control_plane`].
pub async fn terraform_provider() -> Result<PathBuf> {
    run(|| {
        Recipe {
            name: "terraform-provider",
            dir: crate_dir().join("terraform/provider"),
            package: ".",
            ldflags: "-s -w".to_owned(),
            own_sources: true,
            takes: "about 20 seconds on 2 cores",
        }
        .binary()
    })
    .await
}

/// The Python that has LocalStack's packages; its folder also has room for caches.
///
/// # Guarantees
/// Once installed for these versions it is only looked up. Test binaries that ask at the same time install it once.
///
/// # Errors
/// Python 3.11 or its venv module is missing, or the installation failed; the error ends with its output.
pub(crate) async fn localstack() -> Result<PathBuf> {
    run(|| python::Environment::of("localstack", crate_dir().join("localstack")).ensure()).await
}

/// What makes network namespaces into a lab.
///
/// # Errors
/// It is missing and cannot be installed: the machine is not like Debian, or this is not root.
pub(crate) async fn network_tools() -> Result<()> {
    const TOOLS: [Packaged; 2] = [
        Packaged {
            program: "ip",
            package: "iproute2",
        },
        Packaged {
            program: "nft",
            package: "nftables",
        },
    ];
    tokio::task::spawn_blocking(|| debian::ensure(&TOOLS))
        .await
        .context("looking for ip and nft")?
}

async fn run(install: impl FnOnce() -> Result<PathBuf> + Send + 'static) -> Result<PathBuf> {
    tokio::task::spawn_blocking(install)
        .await
        .context("installing a tool")?
}

// === impl Recipe ===

impl Recipe {
    fn binary(&self) -> Result<PathBuf> {
        let home = testbed_dir().join(format!("{}-{}", self.name, self.key()?));
        let binary = home.join(self.name);
        if binary.is_file() {
            return Ok(binary);
        }
        let _lock = lock(&home, self.name)?;
        if !binary.is_file() {
            let Self {
                name,
                dir,
                package,
                takes,
                ..
            } = self;
            Build {
                name,
                dir,
                args: &self.arguments(),
                package,
                takes,
            }
            .run(&binary)?;
        }
        Ok(binary)
    }

    /// Changes whenever another program would come out.
    fn key(&self) -> Result<String> {
        let mut inputs = Vec::new();
        for entry in
            fs::read_dir(&self.dir).with_context(|| format!("reading {}", self.dir.display()))?
        {
            let path = entry
                .with_context(|| format!("reading {}", self.dir.display()))?
                .path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // JSON may be embedded.
            let compiled = |extension| extension == "go" || extension == "json";
            let source = path.extension().is_some_and(compiled) && !name.ends_with("_test.go");
            if ["go.mod", "go.sum"].contains(&name.as_str()) || (self.own_sources && source) {
                let content =
                    fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
                inputs.push((name, content));
            }
        }
        // The order of a folder's entries is not defined.
        inputs.sort();
        Ok(hash(
            inputs
                .iter()
                .map(|(name, content)| (name.as_str(), content.as_slice())),
            &self.arguments(),
        ))
    }

    fn arguments(&self) -> [&str; 6] {
        // Stamping the commit fails in a checkout that belongs to somebody else.
        [
            "build",
            "-v",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            &self.ldflags,
        ]
    }
}

/// Makes the folder `home` of `what`, and keeps everybody else out of it until the answer is dropped.
fn lock(home: &Path, what: &str) -> Result<File> {
    fs::create_dir_all(home).with_context(|| format!("creating {}", home.display()))?;
    let path = home.join("lock");
    let lock = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    if let Err(TryLockError::WouldBlock) = lock.try_lock() {
        say(&format!("waiting for another process that makes {what}"));
        lock.lock()
            .with_context(|| format!("locking {}", path.display()))?;
    }
    Ok(lock)
}

/// FNV-1a, 64 bits: nobody attacks a cache of their own, and it stays the same from one Rust to the next.
fn hash<'a>(files: impl Iterator<Item = (&'a str, &'a [u8])>, arguments: &[&str]) -> String {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut feed = |part: &[u8]| {
        // The length in front keeps "ab", "c" apart from "a", "bc".
        for byte in (part.len() as u64).to_le_bytes().iter().chain(part) {
            state = (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for (name, content) in files {
        feed(name.as_bytes());
        feed(content);
    }
    for argument in arguments {
        feed(argument.as_bytes());
    }
    feed(std::env::consts::OS.as_bytes());
    feed(std::env::consts::ARCH.as_bytes());
    format!("{state:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(files: &[(&str, &str)], arguments: &[&str]) -> String {
        hash(
            files
                .iter()
                .map(|(name, content)| (*name, content.as_bytes())),
            arguments,
        )
    }

    #[tokio::test]
    async fn helm_runs() {
        let helm = helm().await.unwrap();
        let answer = std::process::Command::new(helm)
            .arg("version")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&answer.stdout);
        assert!(answer.status.success() && text.contains("v4."), "{text}");
    }

    #[test]
    fn whatever_changes_the_program_changes_its_key() {
        let key = hash_of(
            &[("go.mod", "go 1.26"), ("main.go", "package main")],
            &["build"],
        );
        assert_eq!(
            key,
            hash_of(
                &[("go.mod", "go 1.26"), ("main.go", "package main")],
                &["build"]
            )
        );
        for other in [
            hash_of(
                &[("go.mod", "go 1.27"), ("main.go", "package main")],
                &["build"],
            ),
            hash_of(
                &[("go.mod", "go 1.26"), ("other.go", "package main")],
                &["build"],
            ),
            hash_of(
                &[("go.mod", "go 1.26m"), ("ain.go", "package main")],
                &["build"],
            ),
            hash_of(&[("go.mod", "go 1.26")], &["build"]),
            hash_of(
                &[("go.mod", "go 1.26"), ("main.go", "package main")],
                &["build", "-v"],
            ),
        ] {
            assert_ne!(key, other);
        }
    }
}
