//! What if AWS does not know yet what it has just made?
//!
//! For a while after its creation an object is kept out of lists, and a call that names it is answered as if there
//! were none: AWS's APIs are eventually consistent. Two things are left alone. A load balancer or target group that
//! is not there is deleted with success, so that deletions of these pass; and names are still taken. Time is an
//! argument; nobody waits here.

use std::{collections::BTreeSet, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use super::call::{AwsService, Call};

#[cfg(test)]
mod tests;

/// What is not visible yet.
#[derive(Debug, Default)]
pub(super) struct Visibility {
    delay: Duration,
    unseen: Vec<Unseen>,
    /// Ids of all that was ever made. A second creation with the same settings returns the first one's object, which
    /// does not vanish thereby.
    made: BTreeSet<String>,
}

#[derive(Debug)]
struct Unseen {
    kind: Kind,
    /// The ARN; a security group's id.
    id: String,
    name: Option<String>,
    made: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    LoadBalancer,
    TargetGroup,
    Listener,
    SecurityGroup,
}

// === impl Visibility ===

impl Visibility {
    /// What is made from now on is not visible for so long. Zero shows everything at once.
    pub(super) fn set(&mut self, delay: Duration) {
        self.delay = delay;
        if delay.is_zero() {
            self.unseen.clear();
        }
    }

    /// Takes note of what a call made, from the answer to it.
    pub(super) fn note(&mut self, now: Instant, call: &Call, body: &[u8]) {
        let Some(kind) = Kind::made_by(call).filter(|_| !self.delay.is_zero()) else {
            return;
        };
        let (tag, name) = match kind {
            Kind::LoadBalancer => ("LoadBalancerArn", call.param("Name")),
            Kind::TargetGroup => ("TargetGroupArn", call.param("Name")),
            Kind::Listener => ("ListenerArn", None),
            Kind::SecurityGroup => ("groupId", call.param("GroupName")),
        };
        let body = String::from_utf8_lossy(body);
        if let Some(id) = text_of(&body, tag)
            && self.made.insert(id.to_owned())
        {
            self.unseen.push(Unseen {
                kind,
                id: id.to_owned(),
                name: name.map(str::to_owned),
                made: now,
            });
        }
    }

    /// The error code of a call that names what is not visible yet, and what it names.
    pub(super) fn refuses(&mut self, now: Instant, call: &Call) -> Option<(&'static str, String)> {
        self.settle(now);
        let named = self.unseen.iter().find_map(|unseen| {
            let by = unseen.named_in(call)?;
            Some((unseen.kind.not_found(call.service), by.to_owned()))
        });
        named.filter(|_| !["DeleteLoadBalancer", "DeleteTargetGroup"].contains(&&*call.action))
    }

    /// The answer to a call that reads, without what is not visible yet.
    pub(super) fn filter(&mut self, now: Instant, body: Bytes) -> Bytes {
        self.settle(now);
        if self.unseen.is_empty() {
            return body;
        }
        let Ok(text) = str::from_utf8(&body) else {
            return body;
        };
        let mut text = text.to_owned();
        for Unseen { id, .. } in &self.unseen {
            while let Some(shorter) = without(&text, id) {
                text = shorter;
            }
        }
        text.into()
    }

    fn settle(&mut self, now: Instant) {
        let delay = self.delay;
        self.unseen
            .retain(|unseen| now.saturating_duration_since(unseen.made) < delay);
    }
}

// === impl Unseen ===

impl Unseen {
    /// How a call names this: by its id, or by its name where a call looks it up so.
    fn named_in<'a>(&self, call: &'a Call) -> Option<&'a str> {
        let names = match (self.kind, &*call.action) {
            (Kind::LoadBalancer, "DescribeLoadBalancers")
            | (Kind::TargetGroup, "DescribeTargetGroups") => Some("Names"),
            (Kind::SecurityGroup, action) if action != "CreateSecurityGroup" => Some("GroupName"),
            _ => None,
        };
        let names = names.into_iter().flat_map(|key| call.values(key));
        let mut by_name = names.filter(|name| self.name.as_deref() == Some(name));
        // Nothing passes a filter that does not exist, which is no error.
        let mut by_id = call
            .params
            .iter()
            .filter(|(key, value)| !key.starts_with("Filter.") && **value == self.id)
            .map(|(_, value)| value.as_str());
        by_id.next().or_else(|| by_name.next())
    }
}

// === impl Kind ===

impl Kind {
    fn made_by(call: &Call) -> Option<Self> {
        match (call.service, &*call.action) {
            (AwsService::Elbv2, "CreateLoadBalancer") => Some(Self::LoadBalancer),
            (AwsService::Elbv2, "CreateTargetGroup") => Some(Self::TargetGroup),
            (AwsService::Elbv2, "CreateListener") => Some(Self::Listener),
            (AwsService::Ec2, "CreateSecurityGroup") => Some(Self::SecurityGroup),
            _ => None,
        }
    }

    /// How `service` says that there is none.
    fn not_found(self, service: AwsService) -> &'static str {
        match (self, service) {
            (Self::LoadBalancer, _) => "LoadBalancerNotFound",
            (Self::TargetGroup, _) => "TargetGroupNotFound",
            (Self::Listener, _) => "ListenerNotFound",
            (Self::SecurityGroup, AwsService::Elbv2) => "InvalidSecurityGroup",
            (Self::SecurityGroup, _) => "InvalidGroup.NotFound",
        }
    }
}

/// What the first element called `tag` holds.
fn text_of<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    let (text, _) = rest.split_once("</")?;
    Some(text)
}

/// `xml` without the innermost entry of a list that holds an element whose text is `id`. `None` if there is none.
fn without(xml: &str, id: &str) -> Option<String> {
    let place = xml.find(&format!(">{id}<"))?;
    let mut open: Vec<usize> = Vec::new();
    let mut entry: Option<(usize, usize)> = None;
    for (at, _) in xml.match_indices('<') {
        let rest = xml.get(at..)?;
        if rest.starts_with("<member>") || rest.starts_with("<item>") {
            open.push(at);
        } else if let Some(tag) = ["</member>", "</item>"]
            .iter()
            .find(|tag| rest.starts_with(**tag))
        {
            let start = open.pop()?;
            if start <= place && place < at {
                entry = Some((start, at + tag.len()));
                break;
            }
        }
    }
    let (start, end) = entry?;
    Some(format!("{}{}", xml.get(..start)?, xml.get(end..)?))
}
