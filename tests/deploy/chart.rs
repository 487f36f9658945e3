//! How do tests use the chart? Through helm, as everybody does. What comes out is judged elsewhere.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use roadstead_testbed::{install, kube::core::DynamicObject};
use serde::Deserialize as _;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, process::Command};

/// The providers with rendered manifests, `manifests/PROVIDER.yaml`.
pub(crate) const MANIFESTS: [&str; 3] = ["arp", "aws", "mock"];

/// The chart with a release name, a namespace, and values beside its own.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) values: Value,
}

/// What helm said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A file of `deploy/`.
pub(crate) fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("deploy")
        .join(file)
}

/// The text of a file of `deploy/`.
pub(crate) fn read(file: &str) -> Result<String> {
    let path = path(file);
    std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}

/// Runs `helm COMMAND … deploy/helm/roadstead` with `values` beside those of the chart.
pub(crate) async fn helm(command: &[&str], values: &Value) -> Result<Answer> {
    let mut helm = Command::new(install::helm().await?);
    helm.args(command)
        .arg(path("helm/roadstead"))
        .args(["--values", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut running = helm.spawn().context("starting helm")?;
    let mut stdin = running.stdin.take().context("talking to helm")?;
    stdin.write_all(values.to_string().as_bytes()).await?;
    drop(stdin);
    let output = running
        .wait_with_output()
        .await
        .context("waiting for helm")?;
    Ok(Answer {
        succeeded: output.status.success(),
        stdout: String::from_utf8(output.stdout).context("reading helm's output")?,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The objects in the text of a manifest.
pub(crate) fn parse(manifest: &str) -> Result<Vec<DynamicObject>> {
    serde_yaml::Deserializer::from_str(manifest)
        .map(|document| Value::deserialize(document).context("reading a manifest"))
        .filter(|object| !matches!(object, Ok(Value::Null)))
        .map(|object| serde_json::from_value(object?).context("reading an object of a manifest"))
        .collect()
}

/// The kind of an object.
pub(crate) fn kind(object: &DynamicObject) -> &str {
    object.types.as_ref().map_or("", |types| &types.kind)
}

/// Name and namespace of an object.
pub(crate) fn name(object: &DynamicObject) -> (&str, Option<&str>) {
    let metadata = &object.metadata;
    (
        metadata.name.as_deref().unwrap_or_default(),
        metadata.namespace.as_deref(),
    )
}

/// A part of Roadstead that runs in pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Controller,
    Announcer,
}

/// The pod's template of a part among `objects`.
pub(crate) fn pod(objects: &[DynamicObject], part: Part) -> Result<&Value> {
    let wanted = part.kind();
    let workload = objects.iter().find(|object| kind(object) == wanted);
    let workload = workload.with_context(|| format!("finding the {wanted}"))?;
    Ok(&workload.data["spec"]["template"])
}

/// The arguments of a part's container among `objects`.
pub(crate) fn args(objects: &[DynamicObject], part: Part) -> Result<Vec<String>> {
    let args = &pod(objects, part)?["spec"]["containers"][0]["args"];
    serde_json::from_value(args.clone()).context("reading the container's arguments")
}

// === impl Part ===

impl Part {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Controller, Self::Announcer];

    /// The command that it runs, and the name of its container.
    pub(crate) fn command(self) -> (&'static str, &'static str) {
        match self {
            Self::Controller => ("controller", "controller"),
            Self::Announcer => ("announce", "announcer"),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Self::Controller => "Deployment",
            Self::Announcer => "DaemonSet",
        }
    }
}

// === impl Release ===

impl Release {
    pub(crate) fn new(name: &str, namespace: &str, values: Value) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            values,
        }
    }

    /// A release named `roadstead` with the chart's own values.
    pub(crate) fn plain() -> Self {
        Self::new("roadstead", "roadstead-system", json!({}))
    }

    /// The same with every provider.
    pub(crate) fn all_providers() -> Self {
        Self {
            values: json!({ "controller": { "providers": ["arp", "aws", "mock"] } }),
            ..Self::plain()
        }
    }

    /// The manifest that an install would apply.
    pub(crate) async fn manifest(&self) -> Result<String> {
        let command = ["template", &self.name, "--namespace", &self.namespace];
        let Answer {
            succeeded,
            stdout,
            stderr,
        } = helm(&command, &self.values).await?;
        ensure!(
            succeeded,
            "rendering the chart with {}: {stderr}",
            self.values
        );
        Ok(stdout)
    }

    /// The objects that an install would apply.
    pub(crate) async fn objects(&self) -> Result<Vec<DynamicObject>> {
        parse(&self.manifest().await?)
    }
}
