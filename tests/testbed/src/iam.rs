//! Would an IAM policy have let these calls pass?
//!
//! Nothing that a test talks to asks for permission. So the calls that a proxy saw are judged afterwards, in the order
//! in which they came, with the tags that objects had at that moment. Pure: a policy and calls in, findings out.

mod asked;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use self::{asked::Asked, tags::Tags};
use crate::fault_proxy::Call;

/// A policy that allows and never denies; of IAM's language it may use what [`Policy::parse`] knows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Policy {
    #[serde(rename = "Version")]
    _version: String,
    statement: Vec<Statement>,
}

/// How a policy fared with some calls.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// What would have been refused, each with the call's number.
    pub denied: Vec<String>,
    /// The permissions that were needed and there, as in `ec2:DescribeVpcs`.
    pub used: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Statement {
    #[serde(rename = "Sid")]
    _sid: String,
    #[serde(rename = "Effect")]
    _effect: Effect,
    action: OneOrMany,
    resource: OneOrMany,
    #[serde(default)]
    condition: Conditions,
}

#[derive(Debug, Deserialize)]
enum Effect {
    Allow,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct Conditions {
    /// Whether a key must be absent, as "true" or "false".
    null: BTreeMap<String, String>,
    string_equals: BTreeMap<String, OneOrMany>,
}

// === impl Policy ===

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// It is no policy, or it uses what would be judged wrongly here: `Deny`, `NotAction`, another operator than `Null`
    /// and `StringEquals`.
    pub fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).context("reading an IAM policy")
    }

    /// Every action that it allows on something.
    #[must_use]
    pub fn actions(&self) -> BTreeSet<&str> {
        let statements = self.statement.iter();
        statements
            .flat_map(|statement| statement.action.all())
            .collect()
    }

    /// Judges `calls`: all that was asked through one proxy, from the first on, by whoever has this policy.
    ///
    /// What was made by other ways has no tags, as far as is known here. A call about what is gone is not judged: AWS
    /// knows no tags of it either, and may say that it is not allowed instead of that it is not there.
    #[must_use]
    pub fn judge(&self, calls: &[Call]) -> Judgement {
        let mut tags = Tags::default();
        let mut judgement = Judgement::default();
        for call in calls {
            for asked in asked::asked(call, &tags) {
                if self.allows(&asked) {
                    judgement.used.insert(asked.action);
                } else {
                    judgement
                        .denied
                        .push(format!("call {}: {asked}", call.number));
                }
            }
            tags.learn(call);
        }
        judgement
    }

    fn allows(&self, asked: &Asked) -> bool {
        self.statement
            .iter()
            .any(|statement| statement.allows(asked))
    }
}

// === impl Statement ===

impl Statement {
    fn allows(&self, asked: &Asked) -> bool {
        let Conditions {
            null,
            string_equals,
        } = &self.condition;
        let known = |key: &String| asked.context.get(key);
        let absence =
            |(key, wanted): (&String, &String)| known(key).is_none() == (wanted == "true");
        let equality = |(key, values): (&String, &OneOrMany)| {
            known(key).is_some_and(|value| values.all().contains(&value.as_str()))
        };
        self.action.all().contains(&asked.action.as_str())
            && self
                .resource
                .all()
                .iter()
                .any(|pattern| matches(pattern, &asked.resource))
            && null.iter().all(absence)
            && string_equals.iter().all(equality)
    }
}

// === impl OneOrMany ===

impl OneOrMany {
    fn all(&self) -> Vec<&str> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many.iter().map(String::as_str).collect(),
        }
    }
}

/// Whether `text` is what `pattern` says, in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    text.strip_prefix(start).is_some_and(|text| {
        let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
        ends.filter_map(|at| text.get(at..))
            .any(|text| matches(rest, text))
    })
}

#[cfg(test)]
mod tests;
