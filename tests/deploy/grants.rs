//! What do the chart's roles allow, one right at a time, and was it used? Reads objects and audit logs; asks nobody.

use std::fmt;

use anyhow::{Context as _, Result};
use roadstead_testbed::{
    Request,
    k8s_openapi::api::{
        authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
        rbac::v1::PolicyRule,
    },
    kube::core::DynamicObject,
};

use super::chart::{kind, name};

/// One verb on one resource, as RBAC grants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Where; `None`: in all namespaces.
    namespace: Option<String>,
    group: String,
    /// With its subresource: `services/status`.
    resource: String,
    /// On this object only.
    object: Option<String>,
    verb: String,
}

/// Every right that the roles among `objects` grant.
pub(crate) fn of(objects: &[DynamicObject]) -> Result<Vec<Grant>> {
    let mut grants = Vec::new();
    for role in objects
        .iter()
        .filter(|object| ["Role", "ClusterRole"].contains(&kind(object)))
    {
        let (_, namespace) = name(role);
        let rules = serde_json::from_value::<Vec<PolicyRule>>(role.data["rules"].clone())
            .with_context(|| format!("reading the rules of {:?}", name(role)))?;
        for rule in &rules {
            grants.extend(of_rule(rule, namespace));
        }
    }
    Ok(grants)
}

fn of_rule(rule: &PolicyRule, namespace: Option<&str>) -> Vec<Grant> {
    let each = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let objects: Vec<Option<String>> = match &rule.resource_names {
        Some(names) => names.iter().cloned().map(Some).collect(),
        None => vec![None],
    };
    let mut grants = Vec::new();
    for group in each(&rule.api_groups) {
        for resource in each(&rule.resources) {
            for object in &objects {
                grants.extend(rule.verbs.iter().map(|verb| Grant {
                    namespace: namespace.map(str::to_owned),
                    group: group.clone(),
                    resource: resource.clone(),
                    object: object.clone(),
                    verb: verb.clone(),
                }));
            }
        }
    }
    grants
}

// === impl Grant ===

impl Grant {
    /// Whether `request` needed it.
    pub(crate) fn covers(&self, request: &Request) -> bool {
        let Self {
            namespace,
            // No two groups share a resource's name that the chart grants, and the wrong one would be refused.
            group: _,
            resource,
            object,
            verb,
        } = self;
        namespace
            .as_ref()
            .is_none_or(|namespace| *namespace == request.namespace)
            && *resource == request.path()
            && object.as_ref().is_none_or(|object| *object == request.name)
            && *verb == request.verb
    }

    /// The question whether `user` has it.
    pub(crate) fn review(&self, user: &str) -> SubjectAccessReview {
        let Self {
            namespace,
            group,
            resource,
            object,
            verb,
        } = self.clone();
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource.to_owned(), Some(subresource.to_owned())),
            None => (resource, None),
        };
        let attributes = ResourceAttributes {
            namespace,
            group: Some(group),
            resource: Some(resource),
            subresource,
            name: object,
            verb: Some(verb),
            ..ResourceAttributes::default()
        };
        SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(user.to_owned()),
                resource_attributes: Some(attributes),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            namespace,
            group,
            resource,
            object,
            verb,
        } = self;
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if let Some(object) = object {
            write!(f, " {object}")?;
        }
        match namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => write!(f, " everywhere"),
        }
    }
}
