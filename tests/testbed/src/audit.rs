//! Who asked the API server for what, and how often?
//!
//! Reads the audit log that a control plane writes. An entry is in the log before its request is answered, so a
//! test may count right after an answer. Nothing is asked of the API server here.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;

/// One request to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// When it arrived.
    pub at: Timestamp,
    /// Who asked.
    pub user: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// The plural, as in `services`; empty for what is no resource, as `/readyz`.
    pub resource: String,
    /// As in `status`; empty without one.
    pub subresource: String,
    /// Empty for objects without a namespace and for lists over all of them.
    pub namespace: String,
    /// Empty for lists, and where the API server chooses the name.
    pub name: String,
    /// The HTTP status of the answer; 0 while there is none.
    pub code: u16,
    /// `allow` or `forbid`; empty if it was not decided.
    pub decision: String,
}

/// What an audit log holds, in the order of arrival.
#[derive(Clone, Debug, Default)]
pub struct Audit(Vec<Request>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "auditID")]
    id: String,
    verb: String,
    user: User,
    impersonated_user: Option<User>,
    object_ref: Option<Reference>,
    response_status: Option<Status>,
    request_received_timestamp: Timestamp,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reference {
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

// === impl Audit ===

impl Audit {
    /// Reads an audit log.
    ///
    /// # Errors
    /// There is none, or a line is not an audit entry.
    pub fn read(log: &Path) -> Result<Self> {
        let text = fs::read_to_string(log).with_context(|| format!("reading {}", log.display()))?;
        Self::parse(&text).with_context(|| format!("reading {}", log.display()))
    }

    /// Reads the text of an audit log. A request that has several entries, as a watch, is one request. A last line
    /// that is still being written is left out.
    ///
    /// # Errors
    /// A line is not an audit entry.
    pub fn parse(text: &str) -> Result<Self> {
        let mut requests: Vec<Request> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let entry: Entry = serde_json::from_str(line)
                .with_context(|| format!("reading an audit entry: {line}"))?;
            let index = *known.entry(entry.id.clone()).or_insert(requests.len());
            let request = Request::from(entry);
            match requests.get_mut(index) {
                Some(earlier) => *earlier = request,
                None => requests.push(request),
            }
        }
        requests.sort_by_key(|request| request.at);
        Ok(Self(requests))
    }

    /// All requests.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.0
    }

    /// The requests of one user.
    pub fn requests_of(&self, user: &str) -> impl Iterator<Item = &Request> {
        self.0.iter().filter(move |request| request.user == user)
    }

    /// How often a user asked, by verb and resource; a subresource is written as in `services/status`.
    #[must_use]
    pub fn counts_of(&self, user: &str) -> BTreeMap<(String, String), usize> {
        let mut counts = BTreeMap::new();
        for request in self.requests_of(user) {
            *counts
                .entry((request.verb.clone(), request.path()))
                .or_default() += 1;
        }
        counts
    }

    /// Only what arrived at this time or later.
    #[must_use]
    pub fn since(mut self, time: Timestamp) -> Self {
        self.0.retain(|request| request.at >= time);
        self
    }
}

// === impl Request ===

impl Request {
    /// Whether it was meant to change something.
    #[must_use]
    pub fn writes(&self) -> bool {
        ["create", "update", "patch", "delete", "deletecollection"].contains(&self.verb.as_str())
    }

    /// Resource and subresource: `services`, `services/status`.
    #[must_use]
    pub fn path(&self) -> String {
        let separator = if self.subresource.is_empty() { "" } else { "/" };
        format!("{}{separator}{}", self.resource, self.subresource)
    }
}

impl From<Entry> for Request {
    fn from(entry: Entry) -> Self {
        let mut annotations = entry.annotations;
        let Reference {
            resource,
            subresource,
            namespace,
            name,
        } = entry.object_ref.unwrap_or_default();
        Self {
            at: entry.request_received_timestamp,
            user: entry.impersonated_user.unwrap_or(entry.user).username,
            verb: entry.verb,
            resource,
            subresource,
            namespace,
            name,
            code: entry.response_status.unwrap_or_default().code,
            decision: annotations
                .remove("authorization.k8s.io/decision")
                .unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = concat!(
        r#"{"auditID":"2","stage":"ResponseStarted","verb":"watch","user":{"username":"controller"},"objectRef":{"resource":"services","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-01-01T00:00:02.000000Z","annotations":{"authorization.k8s.io/decision":"allow"}}"#,
        "\n",
        r#"{"auditID":"1","stage":"ResponseComplete","verb":"patch","user":{"username":"controller"},"objectRef":{"resource":"services","namespace":"a","name":"web","apiVersion":"v1","subresource":"status"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-01-01T00:00:01.000000Z"}"#,
        "\n",
        r#"{"auditID":"2","stage":"ResponseComplete","verb":"watch","user":{"username":"controller"},"objectRef":{"resource":"services","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":200},"requestReceivedTimestamp":"2026-01-01T00:00:02.000000Z","annotations":{"authorization.k8s.io/decision":"allow"}}"#,
        "\n",
        r#"{"auditID":"3","stage":"ResponseComplete","verb":"get","user":{"username":"nobody"},"requestReceivedTimestamp":"2026-01-01T00:00:03.000000Z"}"#,
        "\n",
        r#"{"auditID":"4","stage":"Resp"#,
    );

    #[test]
    fn a_request_counts_once_and_half_a_line_not_at_all() {
        let audit = Audit::parse(LOG).unwrap();
        let counts = audit.counts_of("controller");
        let count =
            |verb: &str, path: &str| counts.get(&(verb.to_owned(), path.to_owned())).copied();
        assert_eq!(count("watch", "services"), Some(1));
        assert_eq!(count("patch", "services/status"), Some(1));
        assert_eq!(counts.len(), 2);
        assert_eq!(audit.requests_of("nobody").count(), 1);
        assert_eq!(
            audit.requests()[0].verb,
            "patch",
            "sorted by arrival, not by the end"
        );
        assert_eq!(audit.requests()[1].decision, "allow");
    }

    #[test]
    fn what_came_before_is_left_out() {
        let audit = Audit::parse(LOG)
            .unwrap()
            .since("2026-01-01T00:00:02Z".parse().unwrap());
        assert_eq!(
            audit
                .requests()
                .iter()
                .filter(|request| request.writes())
                .count(),
            0
        );
        assert_eq!(audit.requests().len(), 2);
    }

    #[test]
    fn a_broken_line_is_an_error() {
        assert!(Audit::parse("{}\n").is_err());
    }
}
