//! Is the committed definition of address pools what the program reads, and what does a real API server make of it?

use anyhow::{Context as _, Result};
use roadstead::pools::crd::{AddressPool, definition};
use roadstead_testbed::{
    ControlPlane,
    k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    kube::{
        Api, Client,
        api::{Patch, PatchParams, PostParams},
        runtime::{conditions, wait::await_condition},
    },
};
use serde_json::{Value, json};

use super::chart;

/// The definition, where the chart takes it from.
const FILE: &str = "helm/roadstead/crd/addresspools.yaml";

/// Makes the API server know pools.
pub(crate) async fn install_pools(client: &Client) -> Result<()> {
    let definitions = Api::<CustomResourceDefinition>::all(client.clone());
    let definition = definition();
    let name = definition.metadata.name.clone().unwrap_or_default();
    let apply = PatchParams::apply("deploy-test").force();
    definitions
        .patch(&name, &apply, &Patch::Apply(&definition))
        .await
        .context("applying the definition")?;
    let established = await_condition(definitions, &name, conditions::is_crd_established());
    established.await.context("waiting for the definition")?;
    Ok(())
}

#[test]
fn the_committed_definition_is_what_the_code_says() -> Result<()> {
    let head = "\
# Generated from src/pools/crd.rs by `UPDATE_MANIFESTS=1 cargo test --test deploy`; an edit here is lost.
";
    let definition = serde_yaml::to_string(&definition()).context("writing the definition")?;
    let generated = format!("{head}{definition}");
    if std::env::var_os("UPDATE_MANIFESTS").is_some() {
        std::fs::write(chart::path(FILE), &generated).context("updating the definition")?;
    }
    assert!(
        chart::read(FILE).is_ok_and(|written| written == generated),
        "deploy/{FILE} is not what the code says; update it with\n    \
         UPDATE_MANIFESTS=1 cargo test --test deploy"
    );
    Ok(())
}

#[tokio::test]
async fn the_api_server_refuses_a_pool_that_cannot_be_and_fills_in_the_rest() -> Result<()> {
    let client = ControlPlane::shared().await?.client().await?;
    install_pools(&client).await?;
    let pools = Api::<AddressPool>::all(client);
    let create = async |spec: Value| {
        let pool = json!({
            "apiVersion": "roadstead.dev/v1alpha1",
            "kind": "AddressPool",
            "metadata": { "generateName": "deploy-" },
            "spec": spec,
        });
        let dry_run = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        pools
            .create(&dry_run, &serde_json::from_value(pool)?)
            .await
            .map_err(anyhow::Error::from)
    };
    let ranges = [
        "192.0.2.0/24",
        " 192.0.2.10 - 192.0.2.20",
        "2001:db8::/64",
        "2001:db8::1-2001:db8::ff",
    ];
    let made = create(json!({ "addresses": ranges })).await?;
    assert!(
        made.spec.auto_assign && made.spec.announce.enabled,
        "{made:?}"
    );

    let refused = [
        (json!({ "addresses": [] }), "should have at least 1 items"),
        (
            json!({ "addresses": ["192.0.2.1"] }),
            "each is a CIDR such as",
        ),
        (
            json!({ "addresses": ["192.0.2.0/33"] }),
            "each is a CIDR such as",
        ),
        (
            json!({ "addresses": ["192.0.2.1-2001:db8::1"] }),
            "each is a CIDR such as",
        ),
        (
            json!({ "addresses": ["192.0.2.1-192.0.2.9-192.0.2.10"] }),
            "each is a CIDR such as",
        ),
        (
            json!({ "addresses": ["192.0.2.0/24"], "priority": -1 }),
            "spec.priority",
        ),
        (
            json!({ "addresses": ["192.0.2.0/24"], "namespaces": ["a", "a"] }),
            "spec.namespaces[1]: Duplicate value",
        ),
        (
            json!({ "addresses": ["192.0.2.0/24"], "announce": { "interfaces": ["eth0.but.much.longer"] } }),
            "spec.announce.interfaces[0]",
        ),
        (
            json!({ "addresses": ["192.0.2.0/24"], "serviceSelector": { "matchExpressions": [{ "key": "a", "operator": "In" }] } }),
            "In and NotIn need values",
        ),
        (
            json!({ "addresses": ["192.0.2.0/24"], "serviceSelector": { "matchExpressions": [{ "key": "a", "operator": "Exists", "values": ["b"] }] } }),
            "Exists and DoesNotExist have none",
        ),
    ];
    for (spec, complaint) in refused {
        let error = create(spec.clone())
            .await
            .map(drop)
            .expect_err("it cannot be");
        assert!(
            format!("{error:#}").contains(complaint),
            "{spec}: {error:#}"
        );
    }
    Ok(())
}
