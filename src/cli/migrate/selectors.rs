//! Which selectors say what several of MetalLB's say, of which one must match? Pure.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::Selector;

/// The fewest selectors of which one must match where one of `selectors` must: values of one label are put together.
pub(super) fn alternatives(selectors: &[LabelSelector]) -> Vec<LabelSelector> {
    if let Some(everything) = selectors.iter().find(|it| selects_everything(it)) {
        return vec![everything.clone()];
    }
    let mut values: BTreeMap<&String, BTreeSet<&String>> = BTreeMap::new();
    for (key, value) in selectors.iter().filter_map(only_label) {
        values.entry(key).or_default().insert(value);
    }
    let mut fewest: Vec<LabelSelector> = Vec::new();
    for selector in selectors {
        let together = only_label(selector).and_then(|(key, _)| Some((key, values.get(key)?)));
        let selector = match together {
            Some((key, values)) if values.len() > 1 => any_of(key, values),
            _ => selector.clone(),
        };
        if !fewest.contains(&selector) {
            fewest.push(selector);
        }
    }
    fewest
}

fn any_of(key: &str, values: &BTreeSet<&String>) -> LabelSelector {
    let values = values.iter().map(|value| (*value).clone());
    LabelSelector {
        match_expressions: Some(vec![LabelSelectorRequirement {
            key: key.to_owned(),
            operator: "In".to_owned(),
            values: Some(values.collect()),
        }]),
        match_labels: None,
    }
}

/// A selector as it is written on command lines.
pub(super) fn words(selector: &LabelSelector) -> String {
    Selector::try_from(selector.clone()).map_or_else(
        |_| "one that cannot be read".to_owned(),
        |selector| selector.to_string(),
    )
}

/// The one label that a selector asks for, if it asks for nothing else.
fn only_label(selector: &LabelSelector) -> Option<(&String, &String)> {
    let LabelSelector {
        match_labels,
        match_expressions,
    } = selector;
    if match_expressions.iter().flatten().next().is_some() {
        return None;
    }
    let mut labels = match_labels.iter().flatten();
    labels.next().filter(|_| labels.next().is_none())
}

fn selects_everything(selector: &LabelSelector) -> bool {
    let LabelSelector {
        match_labels,
        match_expressions,
    } = selector;
    match_labels.iter().flatten().next().is_none()
        && match_expressions.iter().flatten().next().is_none()
}
