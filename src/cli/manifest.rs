//! Which Service is asked about? One of the cluster, or one of a manifest as it would be once applied. Reads only.

use std::path::Path;

use k8s_openapi::api::core::v1::{Service, ServicePort};
use kube::{Api, Client, ResourceExt};
use serde::Deserialize;

use super::plan::{Error, cluster};

pub(super) async fn from_cluster(name: &str, client: &Client) -> Result<Service, Error> {
    let (namespace, name) = name
        .split_once('/')
        .unwrap_or_else(|| (client.default_namespace(), name));
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    services
        .get(name)
        .await
        .map_err(|error| cluster(&format!("Service {namespace}/{name}"), error))
}

/// What a manifest says; `-` is standard input.
pub(super) fn text(path: &Path) -> std::io::Result<String> {
    if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    }
}

/// The first Service of a manifest, as the API server would have it: with a uid that no Service has.
pub(super) fn from_file(path: &Path, default_namespace: &str) -> Result<Service, Error> {
    let shown = path.display().to_string();
    let text = text(path).map_err(|error| Error::Read(shown.clone(), error))?;
    parse_manifest(&text, &shown, default_namespace)
}

/// The manifest as it would be once applied: over a Service of that name, if there is one, else as a new one.
pub(super) async fn as_applied(mut service: Service, client: &Client) -> Result<Service, Error> {
    let namespace = service.namespace().unwrap_or_default();
    let services: Api<Service> = Api::namespaced(client.clone(), &namespace);
    let existing = match services.get_opt(&service.name_any()).await {
        Ok(existing) => existing,
        Err(kube::Error::Api(status)) if status.is_forbidden() => None,
        Err(error) => {
            return Err(cluster(
                &format!("Service {namespace}/{}", service.name_any()),
                error,
            ));
        }
    };
    let Some(existing) = existing else {
        return Ok(service);
    };
    service.metadata.uid = existing.metadata.uid;
    service.metadata.finalizers = existing.metadata.finalizers;
    service.metadata.resource_version = existing.metadata.resource_version;
    service.status = existing.status;
    let had = existing
        .spec
        .and_then(|spec| spec.ports)
        .unwrap_or_default();
    for port in service
        .spec
        .iter_mut()
        .filter_map(|spec| spec.ports.as_mut())
        .flatten()
    {
        let protocol =
            |port: &ServicePort| port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
        let same = had
            .iter()
            .find(|there| there.port == port.port && protocol(there) == protocol(port));
        port.node_port = port.node_port.or_else(|| same?.node_port);
    }
    // A port that is new has no node port yet.
    let new = service
        .spec
        .iter()
        .filter_map(|spec| spec.ports.as_ref())
        .flatten()
        .any(|port| port.node_port.is_none());
    if new {
        service.metadata.resource_version = None;
    }
    Ok(service)
}

fn parse_manifest(text: &str, shown: &str, default_namespace: &str) -> Result<Service, Error> {
    for document in serde_yaml::Deserializer::from_str(text) {
        let parsed = |error| Error::Parse(shown.to_owned(), error);
        let value = serde_yaml::Value::deserialize(document).map_err(parsed)?;
        if value.get("kind").and_then(serde_yaml::Value::as_str) != Some("Service") {
            continue;
        }
        let mut service: Service = serde_yaml::from_value(value).map_err(parsed)?;
        service
            .metadata
            .uid
            .get_or_insert_with(|| "not-created-yet".to_owned());
        service
            .metadata
            .namespace
            .get_or_insert_with(|| default_namespace.to_owned());
        return Ok(service);
    }
    Err(Error::NoService(shown.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_up_to_its_service() {
        let text = "kind: Namespace\nmetadata: {name: a}\n---\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer}\n";
        let service = parse_manifest(text, "x.yaml", "default").unwrap();
        assert_eq!(
            (service.name_any(), service.namespace()),
            ("web".to_owned(), Some("default".to_owned()))
        );
        let error = parse_manifest("kind: Pod\n", "x.yaml", "default").unwrap_err();
        assert_eq!(error.to_string(), "x.yaml has no Service");
        assert!(matches!(
            parse_manifest("a: [", "x.yaml", "d"),
            Err(Error::Parse(..))
        ));
    }
}
