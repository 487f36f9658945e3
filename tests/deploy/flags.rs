//! Is every flag a value of the chart, and is what holds without a value the same in both?

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use clap::{Arg, CommandFactory as _, Parser as _};
use roadstead::args::Cli;
use serde_json::{Value, json};

use super::chart::{self, Part, Release};

/// Flags without a value of the chart, and why.
const ELSEWHERE: [(&str, &str); 7] = [
    ("help", "no setting"),
    ("kubeconfig", "a pod has an account of its own"),
    ("context", "a pod has an account of its own"),
    ("identity", "the pod's name"),
    ("lease-namespace", "the pod's namespace"),
    ("node-name", "the pod's node"),
    (
        "mock-state",
        "a folder would have to follow the leader; a mock in a pod finds its addresses in the Services",
    ),
];

/// Defaults of the chart that are not the flag's, and why.
const OTHER_DEFAULTS: [(&str, &str); 1] = [("log-format", "nobody watches a pod's output")];

/// Every value that is a flag, set.
pub(crate) fn all_flags() -> Value {
    json!({
        "controller": {
            "providers": ["arp", "aws", "mock"],
            "classes": ["example.com/nlb=mock"],
            "defaultProvider": "mock",
            "watchNamespace": "team-a",
        },
        "announcer": { "interfaces": ["bond*", "-eth1"], "rebalance": "10m" },
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

/// The flags of a part's command, by their long names.
fn flags(part: Part) -> Result<BTreeMap<String, Arg>> {
    let mut command = Cli::command();
    command.build();
    let (name, _) = part.command();
    let command = command
        .find_subcommand(name)
        .with_context(|| format!("finding the command {name}"))?;
    let named = |arg: &Arg| Some((arg.get_long()?.to_owned(), arg.clone()));
    Ok(command.get_arguments().filter_map(named).collect())
}

/// `--name=value` as name and value.
fn split(arg: &str) -> Option<(&str, &str)> {
    arg.strip_prefix("--")?.split_once('=')
}

#[tokio::test]
async fn every_flag_has_a_value() -> Result<()> {
    let release = Release {
        values: all_flags(),
        ..Release::plain()
    };
    let objects = release.objects().await?;
    for part in Part::ALL {
        let args = chart::args(&objects, part)?;
        let set: BTreeSet<&str> = args
            .iter()
            .filter_map(|arg| split(arg))
            .map(|(name, _)| name)
            .collect();
        for (name, arg) in flags(part)? {
            let elsewhere = ELSEWHERE.iter().any(|(flag, _)| *flag == name);
            assert!(
                set.contains(&*name) != elsewhere,
                "--{name} ({}) needs a value of the chart, or a reason to have none, and not both",
                arg.get_help().map(ToString::to_string).unwrap_or_default(),
            );
        }
        let node = (part == Part::Announcer).then(|| "--node-name=node-1".to_owned());
        Cli::try_parse_from(
            std::iter::once("roadstead".to_owned())
                .chain(args)
                .chain(node),
        )?;
    }
    Ok(())
}

#[tokio::test]
async fn a_default_of_the_chart_is_the_default_of_the_flag() -> Result<()> {
    let objects = Release::all_providers().objects().await?;
    for (part, least) in Part::ALL.into_iter().zip([10, 3]) {
        let args = chart::args(&objects, part)?;
        let flags = flags(part)?;
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
            compared > least,
            "the flags carry no defaults any more: {args:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn only_what_the_pod_alone_knows_comes_from_its_environment() -> Result<()> {
    let objects = Release::all_providers().objects().await?;
    for (part, count) in Part::ALL.into_iter().zip([2, 1]) {
        let envs: BTreeSet<String> = flags(part)?
            .values()
            .filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned))
            .collect();
        let container = &chart::pod(&objects, part)?["spec"]["containers"][0];
        assert_eq!(container["name"], part.command().1);
        let variables = container["env"].as_array();
        let variables = variables.context("reading the variables")?;
        for variable in variables {
            let name = variable["name"].as_str().unwrap_or_default();
            assert!(envs.contains(name), "{name} is no flag's variable");
            assert!(
                variable["valueFrom"]["fieldRef"].is_object(),
                "{name} is no fact of the pod"
            );
        }
        assert_eq!(variables.len(), count);
    }
    Ok(())
}
