//! What does an `AddressPool` mean? What can be read of it becomes a pool, and what cannot is named. Pure.

use roadstead_arp::pool::{Pool, Range, Requirement, Selector};

use super::crd::{AddressPool, AddressPoolSpec, LabelExpression, LabelOperator, LabelSelector};

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What can be used of it.
    pub pool: Pool,
    /// What cannot, and why; each names what was written.
    pub problems: Vec<String>,
}

/// Reads `object`.
#[must_use]
pub fn read(object: &AddressPool) -> Reading {
    let AddressPoolSpec {
        addresses,
        auto_assign,
        avoid_buggy_ips,
        priority,
        namespaces,
        namespace_selector,
        service_selector,
        // Whom it concerns, the nodes, reads it there.
        announce: _,
    } = &object.spec;
    let mut ranges = Vec::with_capacity(addresses.len());
    let mut problems = Vec::new();
    for text in addresses {
        match text.parse::<Range>() {
            Ok(range) => ranges.push(range),
            Err(error) => problems.push(error.to_string()),
        }
    }
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let mut pool = Pool::new(name, &ranges);
    pool.auto_assign = *auto_assign;
    pool.avoid_buggy = *avoid_buggy_ips;
    pool.priority = u32::try_from(*priority).unwrap_or(0);
    pool.namespaces = namespaces.iter().map(|name| name.as_str().into()).collect();
    pool.namespace_selector = namespace_selector.as_ref().map(selector);
    pool.service_selector = service_selector.as_ref().map(selector);
    pool.unreadable = !problems.is_empty();
    Reading { pool, problems }
}

/// A selector of the API in the pool's own words.
#[must_use]
pub fn selector(selector: &LabelSelector) -> Selector {
    let LabelSelector {
        match_labels,
        match_expressions,
    } = selector;
    let equal = match_labels
        .iter()
        .map(|(key, value)| Requirement::In(key.clone(), [value.clone()].into()));
    let expressions = match_expressions.iter().map(|expression| {
        let LabelExpression {
            key,
            operator,
            values,
        } = expression;
        let values = || values.iter().cloned().collect();
        match operator {
            LabelOperator::In => Requirement::In(key.clone(), values()),
            LabelOperator::NotIn => Requirement::NotIn(key.clone(), values()),
            LabelOperator::Exists => Requirement::Exists(key.clone()),
            LabelOperator::DoesNotExist => Requirement::Absent(key.clone()),
        }
    });
    Selector(equal.chain(expressions).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(spec: &str) -> AddressPool {
        let yaml = format!(
            "{{apiVersion: roadstead.dev/v1alpha1, kind: AddressPool, metadata: {{name: a}}, spec: {spec}}}"
        );
        serde_yaml::from_str(&yaml).unwrap()
    }

    #[test]
    fn what_is_not_said_is_as_the_definition_has_it() {
        let reading = read(&object("{addresses: [192.0.2.0/24]}"));
        let range = "192.0.2.0/24".parse().unwrap();
        assert_eq!(reading.pool, Pool::new("a", &[range]));
        assert!(reading.problems.is_empty());
    }

    #[test]
    fn a_bad_range_is_named_and_the_others_are_used() {
        let reading = read(&object(
            "{addresses: [192.0.2.9-192.0.2.1, 192.0.2.0/28, 224.0.0.0/24]}",
        ));
        assert_eq!((reading.pool.total(), reading.pool.unreadable), (16, true));
        assert_eq!(
            reading.problems,
            [
                "\"192.0.2.9-192.0.2.1\" runs backwards: 192.0.2.1 comes before 192.0.2.9",
                "\"224.0.0.0/24\" has multicast addresses (224.0.0.0), which no load balancer can have"
            ]
        );
    }

    #[test]
    fn every_kind_of_selector_is_read() {
        let reading = read(&object(
            "{addresses: [192.0.2.0/24], serviceSelector: {matchLabels: {a: b}, matchExpressions: [
               {key: c, operator: In, values: [d]}, {key: e, operator: NotIn, values: [f]},
               {key: g, operator: Exists}, {key: h, operator: DoesNotExist}]}}",
        ));
        let text = |text: &str| text.to_owned();
        assert_eq!(
            reading.pool.service_selector,
            Some(Selector(vec![
                Requirement::In(text("a"), [text("b")].into()),
                Requirement::In(text("c"), [text("d")].into()),
                Requirement::NotIn(text("e"), [text("f")].into()),
                Requirement::Exists(text("g")),
                Requirement::Absent(text("h")),
            ]))
        );
    }
}
