//! Which tags does an object have by now, going by the calls that took effect?

use std::collections::BTreeMap;

use crate::fault_proxy::{Answer, Call};

/// What is known of objects, by their ARNs and ids.
#[derive(Debug, Default)]
pub(super) struct Tags {
    /// `None`: it is gone.
    known: BTreeMap<String, Option<BTreeMap<String, String>>>,
    none: BTreeMap<String, String>,
}

/// The element of an answer that names what the call makes.
pub(super) fn created(call: &Call) -> Option<&'static str> {
    match call.action.as_str() {
        "CreateLoadBalancer" => Some("LoadBalancerArn"),
        "CreateTargetGroup" => Some("TargetGroupArn"),
        "CreateListener" => Some("ListenerArn"),
        "CreateSecurityGroup" => Some("groupId"),
        _ => None,
    }
}

/// The tags in a call's parameters: `Tags.member.1.Key` with `Tags.member.1.Value`, and EC2's ways to say so.
pub(super) fn tags_of(call: &Call) -> BTreeMap<String, String> {
    let keys = call
        .params
        .iter()
        .filter_map(|(name, key)| Some((name.strip_suffix(".Key")?, key)));
    keys.filter(|(name, _)| name.starts_with("Tag"))
        .map(|(name, key)| {
            let value = call.param(&format!("{name}.Value")).unwrap_or_default();
            (key.clone(), value.to_owned())
        })
        .collect()
}

impl Tags {
    /// The tags of an object; none of one that was never heard of, `None` if it is gone.
    pub(super) fn of(&self, object: &str) -> Option<&BTreeMap<String, String>> {
        self.known
            .get(object)
            .map_or(Some(&self.none), Option::as_ref)
    }

    /// Takes in what a call has changed, if it took effect.
    pub(super) fn learn(&mut self, call: &Call) {
        if !call.took_effect() {
            return;
        }
        if let Some(element) = created(call) {
            let answer = call.upstream.as_ref().map(Answer::text).unwrap_or_default();
            if let Some(object) = text_of(&answer, element) {
                // To make what is there already changes nothing.
                let known = self.known.entry(object.to_owned()).or_default();
                known.get_or_insert_with(|| tags_of(call));
            }
            return;
        }
        let extend = |tags: &mut BTreeMap<_, _>, call: &Call| tags.extend(tags_of(call));
        match call.action.as_str() {
            "AddTags" => self.change(call, "ResourceArns", extend),
            "CreateTags" => self.change(call, "ResourceId", extend),
            "RemoveTags" => self.change(call, "ResourceArns", |tags, call| {
                tags.retain(|key, _| !call.values("TagKeys").any(|gone| gone == key));
            }),
            "DeleteTags" => self.change(call, "ResourceId", |tags, call| {
                tags.retain(|key, _| !tags_of(call).contains_key(key));
            }),
            "DeleteLoadBalancer" => self.forget(call, "LoadBalancerArn"),
            "DeleteTargetGroup" => self.forget(call, "TargetGroupArn"),
            "DeleteListener" => self.forget(call, "ListenerArn"),
            "DeleteSecurityGroup" => self.forget(call, "GroupId"),
            _ => {}
        }
    }

    fn change(
        &mut self,
        call: &Call,
        objects: &str,
        change: impl Fn(&mut BTreeMap<String, String>, &Call),
    ) {
        for object in call.values(objects) {
            let known = self.known.entry(object.to_owned()).or_default();
            change(known.get_or_insert_default(), call);
        }
    }

    /// Listeners go with their load balancer.
    fn forget(&mut self, call: &Call, object: &str) {
        let Some(object) = call.param(object) else {
            return;
        };
        self.known.insert(object.to_owned(), None);
        let listeners = format!("{}/", object.replace(":loadbalancer/", ":listener/"));
        for (_, tags) in self
            .known
            .range_mut(listeners.clone()..)
            .take_while(|(arn, _)| arn.starts_with(&listeners))
        {
            *tags = None;
        }
    }
}

fn text_of<'a>(answer: &'a str, element: &str) -> Option<&'a str> {
    let (_, rest) = answer.split_once(&format!("<{element}>"))?;
    Some(rest.split_once("</")?.0)
}
