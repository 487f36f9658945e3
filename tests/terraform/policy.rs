//! Would IAM read the policy as it is meant? Compared with AWS's service authorization reference: which actions there are,
//! on what they can be allowed, and which conditions they know. A condition that an action does not know never holds.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

/// What the reference says of an action; `*` stands for what varies. (October 2026.)
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    /// Conditions on the request.
    #[serde(default)]
    keys: BTreeSet<String>,
    /// What it can be allowed on, with conditions on that; nothing: it is allowed or not.
    #[serde(default)]
    resources: BTreeMap<String, BTreeSet<String>>,
}

/// One string, or a list of them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Strings {
    One(String),
    Many(Vec<String>),
}

/// All that our statements have; IAM's grammar has more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    sid: String,
    effect: String,
    action: Strings,
    resource: Strings,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, Strings>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    version: String,
    statement: Vec<Statement>,
}

impl Strings {
    fn all(&self) -> Vec<&str> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many.iter().map(String::as_str).collect(),
        }
    }
}

impl Known {
    /// Whether a condition on `key` can ever hold where the action is allowed on `resources`.
    fn knows(&self, key: &str, resources: &[&str]) -> bool {
        let family = key
            .split_once('/')
            .map_or_else(|| key.to_owned(), |(family, _)| format!("{family}/*"));
        self.keys.contains(&family)
            || self.resources.iter().any(|(resource, keys)| {
                keys.contains(&family) && resources.contains(&resource.as_str())
            })
    }
}

/// What would go wrong with the policy in `text`.
fn findings(text: &str) -> Result<Vec<String>> {
    let reference: BTreeMap<String, Known> =
        serde_json::from_str(include_str!("iam-reference.json"))
            .context("reading the reference")?;
    let policy: Policy = serde_json::from_str(text).context("reading the policy")?;
    let mut found = Vec::new();
    if policy.version != "2012-10-17" {
        found.push(format!("{} is no version of the language", policy.version));
    }
    for statement in &policy.statement {
        let Statement {
            sid,
            effect,
            action,
            resource,
            condition,
        } = statement;
        if effect != "Allow" {
            found.push(format!("{sid}: {effect}: only Allow is meant"));
        }
        let resources = resource.all();
        let mut unused: BTreeSet<&str> = resources.iter().copied().collect();
        unused.remove("*");
        for name in action.all() {
            let Some(known) = reference.get(name) else {
                found.push(format!("{sid}: {name} is not in the reference"));
                continue;
            };
            let everywhere = resources == ["*"];
            let fits = |resource: &&str| known.resources.keys().any(|kind| is_a(kind, resource));
            unused.retain(|resource| !fits(resource));
            if !everywhere && !resources.iter().any(fits) {
                found.push(format!("{sid}: {name} is never allowed on {resources:?}"));
            }
            for key in condition.values().flat_map(BTreeMap::keys) {
                let on: Vec<&str> = if everywhere {
                    known.resources.keys().map(String::as_str).collect()
                } else {
                    resources.clone()
                };
                if !known.knows(key, &on) {
                    found.push(format!("{sid}: {name} knows no condition {key}"));
                }
            }
        }
        for resource in unused {
            found.push(format!("{sid}: no action of it is about {resource}"));
        }
        for values in condition.values().flat_map(BTreeMap::values) {
            if values.all().is_empty() {
                found.push(format!("{sid}: a condition without values"));
            }
        }
    }
    Ok(found)
}

/// Whether `resource` is of the `kind` that the reference names, of which it may spell out more: a last `*` stands for any
/// number of parts.
fn is_a(kind: &str, resource: &str) -> bool {
    let kind: Vec<&str> = kind.split([':', '/']).collect();
    let resource: Vec<&str> = resource.split([':', '/']).collect();
    let long_enough = match kind.last() {
        Some(&"*") => kind.len() <= resource.len(),
        _ => kind.len() == resource.len(),
    };
    let mut pairs = kind.iter().zip(&resource);
    long_enough && pairs.all(|(kind, part)| kind == part || *kind == "*")
}

#[test]
fn iam_reads_the_policy_as_it_is_meant() -> Result<()> {
    assert_eq!(findings(roadstead_aws::IAM_POLICY)?, Vec::<String>::new());
    Ok(())
}

#[test]
fn a_mistake_in_the_policy_is_found() -> Result<()> {
    let table = [
        (
            "ec2:DescribeVpcs",
            "ec2:DescribeVpc",
            "not in the reference",
        ),
        (
            "\"arn:aws:ec2:*:*:vpc/*\"",
            "\"arn:aws:ec2:*:*:vpcs/*\"",
            "ec2:CreateSecurityGroup is never allowed on",
        ),
        (
            "elasticloadbalancing:CreateAction",
            "ec2:CreateAction",
            "elasticloadbalancing:AddTags knows no condition ec2:CreateAction",
        ),
        (
            "aws:RequestTag/",
            "aws:RequestedTag/",
            "knows no condition aws:RequestedTag/roadstead.dev/cluster",
        ),
        (
            "listener/net/*/*/*",
            "listener/gwy/*/*/*",
            "no action of it is about arn:aws:elasticloadbalancing:*:*:listener/gwy/*/*/*",
        ),
        ("2012-10-17", "2012-10-18", "no version of the language"),
    ];
    for (from, to, expected) in table {
        assert!(roadstead_aws::IAM_POLICY.contains(from), "{from}");
        let found = findings(&roadstead_aws::IAM_POLICY.replace(from, to))?;
        assert!(
            found.iter().any(|finding| finding.contains(expected)),
            "{to}: {found:?}"
        );
    }
    Ok(())
}

#[test]
fn the_reference_speaks_of_nothing_else() -> Result<()> {
    let reference: BTreeMap<String, Value> =
        serde_json::from_str(include_str!("iam-reference.json"))?;
    let policy: Policy = serde_json::from_str(roadstead_aws::IAM_POLICY)?;
    let actions = policy.statement.iter();
    let actions: BTreeSet<&str> = actions
        .flat_map(|statement| statement.action.all())
        .collect();
    let known: BTreeSet<&str> = reference.keys().map(String::as_str).collect();
    assert_eq!(known, actions);
    Ok(())
}
