//! What does a real API server say to the chart's objects? Asked in a dry run, strictly: an unknown field is an error.

use anyhow::{Context as _, Result};
use roadstead_testbed::{
    ControlPlane,
    k8s_openapi::api::core::v1::Namespace,
    kube::{
        Api, Client,
        api::{Patch, PatchParams},
        core::{DynamicObject, GroupVersionKind, TypeMeta},
        discovery::{Scope, pinned_kind},
    },
    namespace,
};
use serde_json::{Value, json};

use super::chart::{self, Part, Release, kind, name};

/// The group of the Prometheus operator, whose CRDs no control plane has by itself.
const OPERATOR: &str = "monitoring.coreos.com";

/// Applies an object; with `params` for a dry run nothing comes of it.
pub(crate) async fn apply(
    client: &Client,
    object: &DynamicObject,
    params: PatchParams,
) -> Result<()> {
    let what = || format!("applying {} {:?}", kind(object), name(object));
    let types = object.types.as_ref().with_context(what)?;
    let kind = GroupVersionKind::try_from(types).with_context(what)?;
    let (resource, capabilities) = pinned_kind(client, &kind).await.with_context(what)?;
    let (name, namespace) = name(object);
    let api = match (capabilities.scope, namespace) {
        (Scope::Namespaced, Some(namespace)) => {
            Api::namespaced_with(client.clone(), namespace, &resource)
        }
        (Scope::Namespaced, None) => Api::default_namespaced_with(client.clone(), &resource),
        (Scope::Cluster, _) => Api::all_with(client.clone(), &resource),
    };
    let patch = Patch::Apply(object);
    let applied: Result<DynamicObject, _> = api.patch(name, &params, &patch).await;
    applied.map(drop).with_context(what)
}

/// Parameters of an apply that changes nothing and takes nothing unknown.
fn dry_run() -> PatchParams {
    PatchParams::apply("deploy-test")
        .validation_strict()
        .dry_run()
}

/// Every option that adds an object or a field.
fn all_options(watch_namespace: &str) -> Value {
    let peer = json!({ "namespaceSelector": { "matchLabels": { "team": "monitoring" } } });
    let spread = json!({ "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway" });
    json!({
        "imagePullSecrets": [{ "name": "registry" }],
        "controller": {
            "providers": ["arp", "aws", "mock"],
            "watchNamespace": watch_namespace,
            "extraArgs": ["--log=debug"],
            "extraEnv": [{ "name": "TZ", "value": "UTC" }],
            "serviceAccount": { "annotations": { "example.com/role": "roadstead" } },
            "rbac": { "endpointSlices": true },
            "podAnnotations": { "example.com/note": "yes" },
            "podLabels": { "team": "platform" },
            "tolerations": [{ "key": "node-role.kubernetes.io/control-plane", "operator": "Exists" }],
            "affinity": { "nodeAffinity": {} },
            "topologySpreadConstraints": [spread],
            "priorityClassName": "system-cluster-critical",
            "metricsService": { "enabled": true },
            "serviceMonitor": { "enabled": true, "labels": { "release": "prometheus" } },
            "networkPolicy": { "enabled": true, "from": [peer], "cidrs": ["10.0.0.0/8", "2001:db8::/32"] },
        },
        "announcer": {
            "extraArgs": ["--log=debug"],
            "extraEnv": [{ "name": "TZ", "value": "UTC" }],
            "serviceAccount": { "annotations": { "example.com/role": "roadstead" } },
            "podAnnotations": { "example.com/note": "yes" },
            "podLabels": { "team": "platform" },
            "affinity": { "nodeAffinity": {} },
            "podMonitor": { "enabled": true, "labels": { "release": "prometheus" } },
        },
        "aws": { "region": "eu-central-1", "roleArn": "arn:aws:iam::123456789012:role/roadstead" },
    })
}

#[tokio::test]
async fn the_api_server_takes_every_object_of_the_chart() -> Result<()> {
    let client = ControlPlane::shared().await?.client().await?;
    let release_namespace = namespace(&client, "deploy").await?;
    for values in [
        json!({}),
        all_options(""),
        all_options("default"),
        all_options(&release_namespace),
    ] {
        let objects = Release::new("roadstead", &release_namespace, values)
            .objects()
            .await?;
        let monitors = |object: &&DynamicObject| {
            let types = object.types.as_ref();
            !types.is_some_and(|types| types.api_version.starts_with(OPERATOR))
        };
        for object in objects.iter().filter(monitors) {
            apply(&client, object, dry_run()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_plain_manifests_are_taken_as_they_are() -> Result<()> {
    let client = ControlPlane::shared().await?.client().await?;
    for provider in chart::MANIFESTS {
        let objects = chart::parse(&chart::read(&format!("manifests/{provider}.yaml"))?)?;
        let (first, others) = objects.split_first().context("reading the first object")?;
        assert_eq!(
            kind(first),
            "Namespace",
            "what is in a namespace comes after it"
        );
        apply(&client, first, PatchParams::apply("deploy-test")).await?;
        for object in others {
            apply(&client, object, dry_run()).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn its_pods_are_welcome_where_security_is_restricted() -> Result<()> {
    let client = ControlPlane::shared().await?.client().await?;
    let restricted = namespace(&client, "restricted").await?;
    let patch =
        json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "restricted" } } });
    Api::<Namespace>::all(client.clone())
        .patch(&restricted, &PatchParams::default(), &Patch::Merge(&patch))
        .await?;
    let objects = Release::new("roadstead", &restricted, json!({}))
        .objects()
        .await?;
    // Where the admission plugin for them runs, a pod needs its account.
    let account = objects
        .iter()
        .find(|object| kind(object) == "ServiceAccount")
        .context("finding the ServiceAccount")?;
    apply(&client, account, PatchParams::apply("deploy-test")).await?;
    let mut pod = DynamicObject {
        types: Some(TypeMeta {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
        }),
        metadata: serde_json::from_value(
            chart::pod(&objects, Part::Controller)?["metadata"].clone(),
        )?,
        data: json!({ "spec": chart::pod(&objects, Part::Controller)?["spec"] }),
    };
    pod.metadata.name = Some("controller".to_owned());
    pod.metadata.namespace = Some(restricted);
    apply(&client, &pod, dry_run()).await?;

    pod.data["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = true.into();
    let refused = apply(&client, &pod, dry_run()).await;
    assert!(refused.is_err(), "nothing checks the security of pods here");
    Ok(())
}
