//! Does the chart say what its users think they said?

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    chart::{self, MANIFESTS, Part, Release, kind},
    flags::all_flags,
};

/// What stands before a rendered manifest.
fn head(provider: &str) -> String {
    // Announcers are on the network of their nodes.
    let security = if provider == "arp" {
        "privileged"
    } else {
        "restricted"
    };
    format!(
        "\
# Roadstead with the {provider} provider, for `kubectl apply -f`. Rendered from the chart with {provider}-values.yaml beside this
# file by `UPDATE_MANIFESTS=1 cargo test --test deploy`; an edit here is lost.
apiVersion: v1
kind: Namespace
metadata:
  name: roadstead-system
  labels:
    pod-security.kubernetes.io/enforce: {security}
"
    )
}

#[tokio::test]
async fn the_plain_manifests_are_what_the_chart_renders() -> Result<()> {
    for provider in MANIFESTS {
        let file = format!("manifests/{provider}.yaml");
        let values = chart::read(&format!("manifests/{provider}-values.yaml"))?;
        let release = Release {
            values: serde_yaml::from_str(&values)?,
            ..Release::plain()
        };
        let rendered = format!("{}{}", head(provider), release.manifest().await?);
        if std::env::var_os("UPDATE_MANIFESTS").is_some() {
            std::fs::write(chart::path(&file), &rendered).context("updating the manifests")?;
        }
        assert!(
            chart::read(&file).is_ok_and(|written| written == rendered),
            "deploy/{file} is not what the chart renders; update it with\n    \
             UPDATE_MANIFESTS=1 cargo test --test deploy"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_chart_lints_and_every_value_is_checked() -> Result<()> {
    let lint = chart::helm(&["lint", "--strict"], &all_flags()).await?;
    assert!(lint.succeeded, "{lint:?}");
    let table = [
        (
            json!({ "controler": {} }),
            "additional properties 'controler' not allowed",
        ),
        (
            json!({ "controller": { "provider": ["mock"] } }),
            "additional properties 'provider' not allowed",
        ),
        (
            json!({ "controller": { "providers": ["gcp"] } }),
            "value must be one of 'arp', 'aws', 'mock'",
        ),
        (
            json!({ "controller": { "providers": [] } }),
            "controller.providers is empty: name at least one provider",
        ),
        (
            json!({ "controller": { "providers": null } }),
            "controller.providers is empty: name at least one provider",
        ),
        (
            json!({ "controller": { "resync": "0s" } }),
            "/controller/resync",
        ),
        (
            json!({ "controller": { "resync": "often" } }),
            "/controller/resync",
        ),
        (
            json!({ "controller": { "adminAddress": "none" } }),
            "/controller/adminAddress",
        ),
        (
            json!({ "controller": { "leaderElect": false } }),
            "controller.replicas must be 1",
        ),
        (
            json!({ "controller": { "serviceAccount": { "create": false } } }),
            "controller.serviceAccount.name must name one",
        ),
        (json!({ "arp": { "pools": ["192.0.2.1"] } }), "/arp/pools"),
        (
            json!({ "announcer": { "interfaces": ["eth0,eth1"] } }),
            "/announcer/interfaces",
        ),
        (
            json!({ "announcer": { "forwardingCheck": "127.0.0.1:10256" } }),
            "/announcer/forwardingCheck",
        ),
        (
            json!({
                "controller": { "providers": ["arp"] },
                "announcer": { "serviceAccount": { "create": false } },
            }),
            "announcer.serviceAccount.name must name one",
        ),
        (json!({ "aws": { "vpcId": "10.0.0.0/16" } }), "/aws/vpcId"),
        (
            json!({ "aws": { "defaultTags": { "a": "b,c=d" } } }),
            "/aws/defaultTags",
        ),
        (
            json!({ "controller": { "providers": ["aws"] }, "aws": { "defaultTargetType": "ip" } }),
            "controller.rbac.endpointSlices must be true",
        ),
        (
            json!({
                "controller": { "serviceAccount": { "create": false, "name": "mine" } },
                "aws": { "roleArn": "arn:aws:iam::123456789012:role/roadstead" },
            }),
            "leave aws.roleArn empty",
        ),
        (
            json!({ "mock": { "latency": null } }),
            "missing property 'latency'",
        ),
    ];
    for (values, complaint) in table {
        let answer = chart::helm(&["template", "roadstead"], &values).await?;
        assert!(!answer.succeeded, "{values} was taken");
        assert!(
            answer.stderr.contains(complaint),
            "{values}: {}",
            answer.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_announcer_may_open_packet_sockets_and_nothing_else() -> Result<()> {
    let objects = Release::all_providers().objects().await?;
    let spec = &chart::pod(&objects, Part::Announcer)?["spec"];
    let security = &spec["containers"][0]["securityContext"];
    assert_eq!(
        security["capabilities"],
        json!({ "drop": ["ALL"], "add": ["NET_RAW"] })
    );
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["readOnlyRootFilesystem"], true);
    assert_eq!(spec["hostNetwork"], true);
    assert_eq!(spec["tolerations"], json!([{ "operator": "Exists" }]));
    Ok(())
}

#[tokio::test]
async fn announcers_run_where_the_arp_provider_does_with_a_key_that_is_not_in_the_chart()
-> Result<()> {
    let release = |values| Release {
        values,
        ..Release::plain()
    };
    let mut keys = BTreeSet::new();
    for (providers, enabled, secret, there) in [
        (json!(["mock"]), true, "", false),
        (json!(["arp"]), false, "", false),
        (json!(["arp"]), true, "mine", false),
        (json!(["arp"]), true, "", true),
        (json!(["arp"]), true, "", true),
    ] {
        let values = json!({
            "controller": { "providers": providers },
            "announcer": { "enabled": enabled, "keySecret": secret },
        });
        let objects = release(values.clone()).objects().await?;
        let announces = enabled && providers != json!(["mock"]);
        let pod = chart::pod(&objects, Part::Announcer);
        assert_eq!(pod.is_ok(), announces, "{values}");
        let made = objects.iter().find(|object| kind(object) == "Secret");
        assert_eq!(made.is_some(), there, "{values}");
        if let Some(made) = made {
            let annotations = made.metadata.annotations.clone().unwrap_or_default();
            assert_eq!(annotations["helm.sh/resource-policy"], "keep");
            keys.insert(made.data["data"]["key"].to_string());
        }
        if let Ok(pod) = pod {
            let named = pod["spec"]["volumes"][0]["secret"]["secretName"].as_str();
            let expected = if secret.is_empty() {
                "roadstead-announcer-key"
            } else {
                secret
            };
            assert_eq!(named, Some(expected));
        }
    }
    assert_eq!(keys.len(), 2, "every release has a key of its own");
    Ok(())
}

#[tokio::test]
async fn region_and_role_are_said_where_aws_looks_for_them() -> Result<()> {
    let role = "arn:aws:iam::123456789012:role/roadstead";
    let values = |provider: &str| {
        json!({
            "controller": {
                "providers": [provider],
                "serviceAccount": { "annotations": { "example.com/team": "platform" } },
            },
            "aws": { "region": "eu-central-1", "roleArn": role },
        })
    };
    for (provider, said) in [("aws", true), ("mock", false)] {
        let release = Release {
            values: values(provider),
            ..Release::plain()
        };
        let objects = release.objects().await?;
        let account = objects
            .iter()
            .find(|object| kind(object) == "ServiceAccount");
        let account = account.context("finding the ServiceAccount")?;
        let annotations = account.metadata.annotations.clone().unwrap_or_default();
        let arn = annotations.get("eks.amazonaws.com/role-arn");
        assert_eq!(arn.is_some_and(|arn| arn == role), said, "{annotations:?}");
        assert_eq!(annotations["example.com/team"], "platform");
        let variables = &chart::pod(&objects, Part::Controller)?["spec"]["containers"][0]["env"];
        let region = json!({ "name": "AWS_REGION", "value": "eu-central-1" });
        let variables = variables.as_array().context("reading the variables")?;
        assert_eq!(variables.contains(&region), said, "{variables:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_pod_has_more_time_to_end_than_its_provider_calls() -> Result<()> {
    for (grace, seconds) in [("20s", 35), ("1m30s", 105), ("1500ms", 17), ("0s", 15)] {
        let release = Release {
            values: json!({ "controller": { "shutdownGrace": grace } }),
            ..Release::plain()
        };
        let objects = release.objects().await?;
        let spec = &chart::pod(&objects, Part::Controller)?["spec"];
        assert_eq!(spec["terminationGracePeriodSeconds"], seconds, "{grace}");
    }
    Ok(())
}
