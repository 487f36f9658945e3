//! What would Roadstead be told, to go on where MetalLB leaves off? Reads MetalLB's configuration, prints `AddressPool`s,
//! and says of everything without an equivalent what becomes of it. Changes nothing.

mod metallb;
mod selectors;
#[cfg(test)]
mod tests;
mod text;
mod translate;

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client,
    api::ListParams,
    core::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde::Deserialize;
use serde_json::Value;

pub use self::metallb::Malformed;
use self::metallb::{Configuration, GROUP};
use super::manifest;

/// Nothing can be translated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("reading {0}")]
    Read(String, #[source] std::io::Error),
    /// A file is no YAML.
    #[error("parsing {0}")]
    Parse(String, #[source] serde_yaml::Error),
    /// A resource is not as MetalLB would take it.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The cluster did not answer.
    #[error("listing {0}")]
    Cluster(String, #[source] Box<kube::Error>),
    /// There is nothing of MetalLB's.
    #[error(
        "{0} has no configuration of MetalLB's: neither an IPAddressPool (metallb.io) nor the ConfigMap config of versions before 0.13"
    )]
    Nothing(String),
    /// The pools could not be put into YAML.
    #[error("writing YAML")]
    Yaml(#[source] serde_yaml::Error),
    /// Standard output is gone.
    #[error("printing")]
    Print(#[source] std::io::Error),
}

/// The kinds of MetalLB's that say what it does, and the version each is read in.
const KINDS: [(&str, &str, &str); 6] = [
    ("v1beta1", "IPAddressPool", "ipaddresspools"),
    ("v1beta1", "L2Advertisement", "l2advertisements"),
    ("v1beta1", "BGPAdvertisement", "bgpadvertisements"),
    ("v1beta2", "BGPPeer", "bgppeers"),
    ("v1beta1", "BFDProfile", "bfdprofiles"),
    ("v1beta1", "Community", "communities"),
];

const NOT_FOUND: u16 = 404;

/// The name of the `ConfigMap` that versions before 0.13 read.
const OLD_CONFIG: &str = "config";

/// Where to read from.
pub enum Source {
    /// These manifests.
    Files(Vec<PathBuf>),
    /// A cluster, and the namespace in it where MetalLB's old `ConfigMap` would be.
    Cluster(Client, String),
}

/// Prints what Roadstead would be told.
pub async fn run(source: Source) -> Result<(), Error> {
    let mut found = Configuration::default();
    let place = match source {
        Source::Files(paths) => {
            for path in &paths {
                read(path, &mut found)?;
            }
            let names: Vec<_> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            names.join(", ")
        }
        Source::Cluster(client, namespace) => {
            for (version, kind, plural) in KINDS {
                for object in list(&client, version, kind, plural).await? {
                    found.take_in(&object)?;
                }
            }
            if let Some(map) = old_config(&client, &namespace).await? {
                found.take_in(&map)?;
            }
            "the cluster".to_owned()
        }
    };
    if found == Configuration::default() {
        return Err(Error::Nothing(place));
    }
    let text = text::render(&translate::translate(&found)).map_err(Error::Yaml)?;
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(Error::Print)
}

fn read(path: &Path, found: &mut Configuration) -> Result<(), Error> {
    let shown = path.display().to_string();
    let text = manifest::text(path).map_err(|error| Error::Read(shown.clone(), error))?;
    for document in serde_yaml::Deserializer::from_str(&text) {
        let object =
            Value::deserialize(document).map_err(|error| Error::Parse(shown.clone(), error))?;
        found.take_in(&object)?;
    }
    Ok(())
}

/// The objects of a kind; none where the cluster does not know the kind.
async fn list(
    client: &Client,
    version: &str,
    kind: &str,
    plural: &str,
) -> Result<Vec<Value>, Error> {
    let gvk = GroupVersionKind::gvk(GROUP, version, kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, plural);
    let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let listed = match objects.list(&ListParams::default()).await {
        Ok(listed) => listed.items,
        // For a group that it does not know, the API server answers in plain text.
        Err(kube::Error::Api(status)) if status.code == NOT_FOUND => return Ok(Vec::new()),
        Err(error) => return Err(failed(plural, error)),
    };
    Ok(listed
        .iter()
        .map(|object| with_kind(object, &resource.api_version, kind))
        .collect())
}

async fn old_config(client: &Client, namespace: &str) -> Result<Option<Value>, Error> {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    match maps.get_opt(OLD_CONFIG).await {
        Ok(map) => Ok(map.map(|map| with_kind(&map, "v1", "ConfigMap"))),
        // Whoever may not read it has no use for it either: it is of a version long gone.
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(None),
        Err(error) => Err(failed("ConfigMaps", error)),
    }
}

/// An object as a manifest has it: lists leave version and kind out.
fn with_kind(object: &impl serde::Serialize, version: &str, kind: &str) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("apiVersion".to_owned(), version.into());
        fields.insert("kind".to_owned(), kind.into());
    }
    value
}

fn failed(what: &str, error: kube::Error) -> Error {
    Error::Cluster(what.to_owned(), Box::new(error))
}
