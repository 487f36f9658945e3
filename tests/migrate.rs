//! Does `migrate metallb` turn what a cluster holds of MetalLB's into what this API server takes as `AddressPool`s?
#![cfg(feature = "arp")]
#![allow(clippy::unwrap_used, reason = "what is missing fails the test")]

mod support;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{DynamicObject, PostParams},
    core::{ApiResource, GroupVersionKind},
    discovery,
};
use roadstead::pools::crd::{AddressPool, definition};
use roadstead_testbed::{ControlPlane, poll_until};
use serde::Deserialize as _;
use serde_json::{Value, json};
use support::{
    DEADLINE,
    cli::{answer, command, roadstead},
};

/// A kind of MetalLB's, as far as an API server needs to know it to keep its objects.
fn kind(kind: &str, plural: &str) -> CustomResourceDefinition {
    let any = json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true });
    serde_json::from_value(json!({
        "metadata": { "name": format!("{plural}.metallb.io") },
        "spec": {
            "group": "metallb.io",
            "scope": "Namespaced",
            "names": { "kind": kind, "plural": plural },
            "versions": [{
                "name": "v1beta1",
                "served": true,
                "storage": true,
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": any } } },
            }],
        },
    }))
    .unwrap()
}

/// Adds a kind, and waits until objects of it can be made.
async fn add_kind(client: &Client, kind: CustomResourceDefinition) -> ApiResource {
    let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
    kinds.create(&PostParams::default(), &kind).await.unwrap();
    let version = kind.spec.versions.first().unwrap().name.clone();
    let gvk = GroupVersionKind::gvk(&kind.spec.group, &version, &kind.spec.names.kind);
    poll_until("the kind to be served", DEADLINE, async || {
        let (resource, _) = discovery::pinned_kind(client, &gvk).await.ok()?;
        let objects: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
        objects.list(&kube::api::ListParams::default()).await.ok()?;
        Some(resource)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn what_a_cluster_holds_of_metallbs_becomes_pools_that_it_takes() {
    let control_plane = ControlPlane::shared().await.unwrap();
    let client = control_plane.client().await.unwrap();
    let kubeconfig = control_plane.kubeconfig();
    let nothing = roadstead(kubeconfig, &["migrate", "metallb"])
        .await
        .failed(1);
    assert!(
        nothing.contains("has no configuration of MetalLB's"),
        "{nothing}"
    );

    let pools = add_kind(&client, kind("IPAddressPool", "ipaddresspools")).await;
    let ads = add_kind(&client, kind("L2Advertisement", "l2advertisements")).await;
    add_kind(&client, definition()).await;
    for (resource, name, spec) in [
        (
            &pools,
            "home",
            json!({
                "addresses": ["192.168.1.240-192.168.1.250", "fd00::/120"],
                "autoAssign": false,
                "avoidBuggyIPs": true,
                "serviceAllocation": {
                    "priority": 10,
                    "namespaces": ["prod"],
                    "namespaceSelectors": [{ "matchLabels": { "a": "b" } }, { "matchLabels": { "a": "c" } }],
                    "serviceSelectors": [{ "matchExpressions": [{ "key": "x", "operator": "Exists" }] }],
                },
            }),
        ),
        (&pools, "silent", json!({ "addresses": ["192.0.2.0/24"] })),
        (
            &ads,
            "l2",
            json!({
                "ipAddressPools": ["home"],
                "interfaces": ["eth0"],
                "nodeSelectors": [{ "matchLabels": { "rack": "a" } }],
            }),
        ),
    ] {
        let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), "default", resource);
        let object = DynamicObject::new(name, resource).data(json!({ "spec": spec }));
        objects
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }

    let printed = roadstead(kubeconfig, &["migrate", "metallb"]).await.ok();
    assert!(
        printed.contains("no L2Advertisement selects it"),
        "{printed}"
    );
    let strict = PostParams {
        field_manager: None,
        dry_run: true,
    };
    let api: Api<AddressPool> = Api::all(client.clone());
    let mut taken = Vec::new();
    for document in serde_yaml::Deserializer::from_str(&printed) {
        let object = Value::deserialize(document).unwrap();
        if object.is_null() {
            continue;
        }
        let pool: AddressPool = serde_json::from_value(object.clone()).unwrap();
        let stored = api.create(&strict, &pool).await.unwrap();
        let kept = serde_json::to_value(&stored.spec).unwrap();
        // Every field that was printed is one that the API server knows, and has this value.
        for (field, value) in object.pointer("/spec").unwrap().as_object().unwrap() {
            if field == "announce" {
                let there = kept.get(field).unwrap();
                let printed = value.as_object().unwrap();
                assert!(
                    printed
                        .iter()
                        .all(|(key, value)| there.get(key) == Some(value)),
                    "{there}"
                );
            } else {
                assert_eq!(kept.get(field), Some(value), "{field}");
            }
        }
        taken.push(pool.metadata.name.unwrap());
    }
    assert_eq!(taken, ["home", "silent"]);
}

#[tokio::test]
async fn a_manifest_needs_no_cluster() {
    let nowhere = std::path::Path::new("/nonexistent");
    let manifest = "
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: home}
spec: {addresses: [192.168.1.240/28]}
";
    let command = command(nowhere, &["migrate", "metallb", "-f", "-"]);
    let printed = answer(command, manifest).await.ok();
    assert!(printed.contains("- 192.168.1.240/28"), "{printed}");
}
