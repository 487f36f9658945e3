//! What was asked of AWS, and what did it answer?
//!
//! A call as the proxy sees it: read from an HTTP request, with what became of it. No I/O here.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use http::{StatusCode, header, request::Parts};
use tokio::time::Instant;

use super::script::Fault;

/// Which API of AWS is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AwsService {
    /// Elastic Load Balancing, version 2.
    Elbv2,
    /// EC2.
    Ec2,
    /// The Security Token Service.
    Sts,
    /// Identity and Access Management.
    Iam,
    /// AWS Certificate Manager.
    Acm,
    /// The Resource Groups Tagging API.
    Tagging,
    /// Any other, and what is no call of AWS at all, as a health check.
    Other,
}

/// A call, and what became of it so far.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its place in the order in which calls arrived, from 1.
    pub number: u64,
    /// Which API was asked.
    pub service: AwsService,
    /// As in `CreateListener`; `GET /path` for what is no call of AWS.
    pub action: String,
    /// The parameters, as in `Names.member.1`.
    pub params: BTreeMap<String, String>,
    /// When it had arrived as a whole.
    pub received: Instant,
    /// What was done to it.
    pub fate: Fate,
    /// What the upstream answered; `None` while it did not, or if it was not asked.
    pub upstream: Option<Answer>,
    /// What the caller was answered; `None` while it was not, or if it got no answer. A caller that is gone is
    /// answered too.
    pub answer: Option<Answer>,
}

/// An answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// When it was known, which is a little before the caller reads it.
    pub at: Instant,
    /// The HTTP status.
    pub status: u16,
    /// AWS's error code, as in `ListenerNotFound`.
    pub error: Option<String>,
    /// The body as it was.
    pub body: Bytes,
}

/// What the proxy did to a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Fate {
    /// Nothing but, maybe, letting it wait.
    #[default]
    Passed,
    /// A bucket of AWS's was empty: it was refused.
    Throttled,
    /// A rule of the script struck.
    Faulted(Fault),
    /// It was held and then dropped: the caller got no answer.
    Dropped,
    /// It named what is not visible yet: it was refused.
    Unseen {
        /// As in `LoadBalancerNotFound`.
        code: &'static str,
        /// What it named: an id or a name.
        named: String,
    },
    /// The upstream did not answer, for this reason; the caller was cut off.
    Unreachable(String),
}

/// What buckets and rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation<'a> {
    /// Which API.
    pub service: AwsService,
    /// As in `CreateListener`.
    pub action: &'a str,
    /// Asks for everything there is: no filter, no id, no page size. EC2 throttles such calls harder.
    pub unfiltered: bool,
}

/// Calls in the order in which they arrived. It dereferences to a slice of them.
#[derive(Clone, Debug, Default)]
pub struct Calls(pub(super) Vec<Call>);

// === impl AwsService ===

impl AwsService {
    /// The prefix of its actions in an IAM policy.
    #[must_use]
    pub fn iam_prefix(self) -> Option<&'static str> {
        match self {
            Self::Elbv2 => Some("elasticloadbalancing"),
            Self::Ec2 => Some("ec2"),
            Self::Sts => Some("sts"),
            Self::Iam => Some("iam"),
            Self::Acm => Some("acm"),
            Self::Tagging => Some("tag"),
            Self::Other => None,
        }
    }

    /// By the name that signatures use for it.
    fn signed_as(name: &str) -> Self {
        match name {
            "elasticloadbalancing" => Self::Elbv2,
            "ec2" => Self::Ec2,
            "sts" => Self::Sts,
            "iam" => Self::Iam,
            "acm" => Self::Acm,
            "tagging" => Self::Tagging,
            _ => Self::Other,
        }
    }

    /// By the API version that a call of the query protocol carries.
    fn of_version(version: &str) -> Self {
        match version {
            "2015-12-01" => Self::Elbv2,
            "2016-11-15" => Self::Ec2,
            "2011-06-15" => Self::Sts,
            "2010-05-08" => Self::Iam,
            _ => Self::Other,
        }
    }
}

// === impl Operation ===

impl Operation<'_> {
    /// Whether it may change something, going by its name.
    #[must_use]
    pub fn mutates(&self) -> bool {
        let reads = ["Describe", "Get", "List", "Search", "GET ", "HEAD "];
        match self.service {
            // They hand out credentials, and change nothing.
            AwsService::Sts => false,
            _ => !reads.iter().any(|prefix| self.action.starts_with(prefix)),
        }
    }
}

// === impl Call ===

impl Call {
    pub(super) fn read(number: u64, received: Instant, head: &Parts, body: &[u8]) -> Self {
        let mut params = BTreeMap::new();
        let query = head.uri.query().unwrap_or_default().as_bytes();
        for form in [query, body] {
            // The bodies of other protocols are none; they would read as one odd key.
            if form.first() != Some(&b'{') {
                params.extend(form_urlencoded::parse(form).into_owned());
            }
        }
        let scope = credential_scope(head).map(AwsService::signed_as);
        let version = params.get("Version").map(|v| AwsService::of_version(v));
        let target = head.headers.get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok()?.rsplit('.').next());
        let action = match (params.get("Action"), target) {
            (Some(action), _) => action.clone(),
            (None, Some(action)) => action.to_owned(),
            (None, None) => format!("{} {}", head.method, head.uri.path()),
        };
        let known = |service: &AwsService| *service != AwsService::Other;
        Self {
            number,
            service: scope.filter(known).or(version).unwrap_or(AwsService::Other),
            action,
            params,
            received,
            fate: Fate::Passed,
            upstream: None,
            answer: None,
        }
    }

    /// What it asks for, without its parameters.
    #[must_use]
    pub fn operation(&self) -> Operation<'_> {
        let common = ["Action", "Version"];
        let unfiltered = self.params.keys().all(|key| common.contains(&key.as_str()));
        Operation {
            service: self.service,
            action: &self.action,
            unfiltered,
        }
    }

    /// Whether it asks for this action.
    #[must_use]
    pub fn is(&self, action: &str) -> bool {
        self.action == action
    }

    /// Whether it may change something, going by its name.
    #[must_use]
    pub fn mutates(&self) -> bool {
        self.operation().mutates()
    }

    /// Whether it has changed something, or said that it had: the upstream answered without an error.
    #[must_use]
    pub fn took_effect(&self) -> bool {
        self.mutates() && self.upstream.as_ref().is_some_and(Answer::is_success)
    }

    /// A parameter.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.get(name).map(String::as_str)
    }

    /// The values of all parameters that are called `name` or start with `name.`, as `Names` does for
    /// `Names.member.1`; in the order of the parameters' names.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let below = move |key: &str| {
            key.strip_prefix(name)
                .map(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        self.params
            .iter()
            .filter(move |(key, _)| below(key) == Some(true))
            .map(|(_, value)| value.as_str())
    }
}

/// `elasticloadbalancing` of `AWS4-HMAC-SHA256 Credential=KEY/20260101/us-east-1/elasticloadbalancing/aws4_request, …`.
fn credential_scope(head: &Parts) -> Option<&str> {
    let header = head.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = header.split_once("Credential=")?;
    credential.split(',').next()?.rsplit('/').nth(1)
}

// === impl Answer ===

impl Answer {
    pub(super) fn read(at: Instant, status: StatusCode, body: Bytes) -> Self {
        let error = (!status.is_success()).then(|| error_code(&body)).flatten();
        Self {
            at,
            status: status.as_u16(),
            error,
            body,
        }
    }

    /// Whether the status says so.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}

/// The code in an error answer of the query protocol and of EC2's.
fn error_code(body: &[u8]) -> Option<String> {
    let body = str::from_utf8(body).ok()?;
    let (_, rest) = body.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    Some(code.to_owned())
}

// === impl Calls ===

impl std::ops::Deref for Calls {
    type Target = [Call];

    fn deref(&self) -> &[Call] {
        &self.0
    }
}

impl Calls {
    /// How often an action was asked for, answered or not.
    #[must_use]
    pub fn count(&self, action: &str) -> usize {
        self.iter().filter(|call| call.is(action)).count()
    }

    /// How often each action was asked for, answered or not.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for call in self.iter() {
            *counts.entry(call.action.clone()).or_default() += 1;
        }
        counts
    }

    /// Those that may have changed something.
    #[must_use]
    pub fn mutating(&self) -> Self {
        let mutating = self.iter().filter(|call| call.mutates());
        Self(mutating.cloned().collect())
    }

    /// Those that AWS's own limits refused.
    #[must_use]
    pub fn throttled(&self) -> Self {
        let throttled = self.iter().filter(|call| call.fate == Fate::Throttled);
        Self(throttled.cloned().collect())
    }
}
