//! Which labels must something have? Kubernetes' label selectors, without Kubernetes. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// What must hold of labels: all of it; nothing selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(pub Vec<Requirement>);

/// What must hold of one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// It has one of the values.
    In(String, BTreeSet<String>),
    /// It has none of the values, or is absent.
    NotIn(String, BTreeSet<String>),
    /// It is there.
    Exists(String),
    /// It is absent.
    Absent(String),
}

// === impl Selector ===

impl Selector {
    /// Whether `labels` are selected.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => labels.get(key).is_some_and(|v| values.contains(v)),
            Requirement::NotIn(key, values) => {
                labels.get(key).is_none_or(|value| !values.contains(value))
            }
            Requirement::Exists(key) => labels.contains_key(key),
            Requirement::Absent(key) => !labels.contains_key(key),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_requirements_must_hold() {
        let labels = BTreeMap::from([("tier".to_owned(), "web".to_owned())]);
        let key = || "tier".to_owned();
        let values = |value: &str| BTreeSet::from([value.to_owned()]);
        let table = [
            (vec![], true),
            (vec![Requirement::In(key(), values("web"))], true),
            (vec![Requirement::In(key(), values("db"))], false),
            (vec![Requirement::In("x".to_owned(), values("web"))], false),
            (vec![Requirement::NotIn(key(), values("web"))], false),
            (
                vec![Requirement::NotIn("x".to_owned(), values("web"))],
                true,
            ),
            (vec![Requirement::Exists(key())], true),
            (vec![Requirement::Absent(key())], false),
            (
                vec![
                    Requirement::Exists(key()),
                    Requirement::In(key(), values("db")),
                ],
                false,
            ),
        ];
        for (requirements, expected) in table {
            let selector = Selector(requirements);
            assert_eq!(selector.matches(&labels), expected, "{selector:?}");
        }
    }
}
