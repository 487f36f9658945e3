//! Does the chart say what its users think they said?

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use clap::{Arg, CommandFactory as _, Parser as _};
use roadstead::args::Cli;
use serde_json::{Value, json};

use super::chart::{self, MANIFESTS, Release, kind};

/// Flags without a value of the chart, and why.
const ELSEWHERE: [(&str, &str); 6] = [
    ("help", "no setting"),
    ("kubeconfig", "a pod has an account of its own"),
    ("context", "a pod has an account of its own"),
    ("identity", "the pod's name"),
    ("lease-namespace", "the pod's namespace"),
    (
        "mock-state",
        "a folder would have to follow the leader; a mock in a pod finds its addresses in the Services",
    ),
];

/// Defaults of the chart that are not the flag's, and why.
const OTHER_DEFAULTS: [(&str, &str); 1] = [("log-format", "nobody watches a pod's output")];

/// Every value that is a flag, set.
fn all_flags() -> Value {
    json!({
        "controller": {
            "providers": ["arp", "aws", "mock"],
            "classes": ["example.com/nlb=mock"],
            "defaultProvider": "mock",
            "watchNamespace": "team-a",
        },
        "arp": { "pools": ["192.0.2.0/24", "2001:db8::1-2001:db8::ff"] },
        "aws": {
            "vpcId": "vpc-0123456789abcdef0",
            "clusterName": "harbour",
            "defaultTags": { "team": "platform", "cost-centre": "42" },
            "backendSecurityGroup": "sg-0123456789abcdef0",
            "nodeSecurityGroups": ["sg-1", "sg-2"],
            "nodeSecurityGroupTags": { "role": "nodes" },
            "limits": ["register=40/8"],
            "externalTags": ["owner"],
            "targetQuotas": ["zone=1000"],
        },
        "mock": { "addresses": ["198.51.100.0/24", "2001:db8::/112"], "failures": "throttled=0.1,quota=0.01" },
    })
}

/// The flags of `roadstead controller`, by their long names.
fn flags() -> Result<BTreeMap<String, Arg>> {
    let mut command = Cli::command();
    command.build();
    let controller = command
        .find_subcommand("controller")
        .context("finding the command controller")?;
    let named = |arg: &Arg| Some((arg.get_long()?.to_owned(), arg.clone()));
    Ok(controller.get_arguments().filter_map(named).collect())
}

/// `--name=value` as name and value.
fn split(arg: &str) -> Option<(&str, &str)> {
    arg.strip_prefix("--")?.split_once('=')
}

/// The chart with every provider, and otherwise as it comes.
fn all_providers() -> Release {
    Release {
        values: json!({ "controller": { "providers": ["arp", "aws", "mock"] } }),
        ..Release::plain()
    }
}

/// What stands before a rendered manifest.
fn head(provider: &str) -> String {
    format!(
        "\
# Roadstead with the {provider} provider, for `kubectl apply -f`. Rendered from the chart with {provider}-values.yaml beside this
# file by `UPDATE_MANIFESTS=1 cargo test --test deploy`; an edit here is lost.
apiVersion: v1
kind: Namespace
metadata:
  name: roadstead-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
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
async fn every_flag_of_the_controller_has_a_value() -> Result<()> {
    let release = Release {
        values: all_flags(),
        ..Release::plain()
    };
    let args = chart::args(&release.objects().await?)?;
    let set: BTreeSet<&str> = args
        .iter()
        .filter_map(|arg| split(arg))
        .map(|(name, _)| name)
        .collect();
    for (name, arg) in flags()? {
        let elsewhere = ELSEWHERE.iter().any(|(flag, _)| *flag == name);
        assert!(
            set.contains(&*name) != elsewhere,
            "--{name} ({}) needs a value of the chart, or a reason to have none, and not both",
            arg.get_help().map(ToString::to_string).unwrap_or_default(),
        );
    }
    Cli::try_parse_from(std::iter::once("roadstead".to_owned()).chain(args))?;
    Ok(())
}

#[tokio::test]
async fn a_default_of_the_chart_is_the_default_of_the_flag() -> Result<()> {
    let args = chart::args(&all_providers().objects().await?)?;
    let flags = flags()?;
    let mut compared = 0;
    for (name, value) in args.iter().filter_map(|arg| split(arg)) {
        let flag = flags
            .get(name)
            .with_context(|| format!("finding the flag --{name}"))?;
        if let [default] = flag.get_default_values() {
            let differs = OTHER_DEFAULTS.iter().any(|(flag, _)| *flag == name);
            assert_eq!(default.to_str() != Some(value), differs, "--{name}={value}");
            compared += 1;
        }
    }
    assert!(
        compared > 10,
        "the flags carry no defaults any more: {args:?}"
    );
    Ok(())
}

#[tokio::test]
async fn only_what_the_pod_alone_knows_comes_from_its_environment() -> Result<()> {
    let objects = all_providers().objects().await?;
    let envs: BTreeSet<String> = flags()?
        .values()
        .filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned))
        .collect();
    let variables = &chart::pod(&objects)?["spec"]["containers"][0]["env"];
    let variables = variables.as_array().context("reading the variables")?;
    for variable in variables {
        let name = variable["name"].as_str().unwrap_or_default();
        assert!(envs.contains(name), "{name} is no flag's variable");
        assert!(
            variable["valueFrom"]["fieldRef"].is_object(),
            "{name} is no fact of the pod"
        );
    }
    assert_eq!(variables.len(), 2);
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
        let variables = &chart::pod(&objects)?["spec"]["containers"][0]["env"];
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
        let spec = &chart::pod(&objects)?["spec"];
        assert_eq!(spec["terminationGracePeriodSeconds"], seconds, "{grace}");
    }
    Ok(())
}
