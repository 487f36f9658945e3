//! Which annotations are the controller's own, and which of a Service's are nobody's? Pure.

use std::collections::BTreeMap;

use roadstead_core::{Typo, Vocabulary};

/// The annotation that stands in for `spec.loadBalancerSourceRanges`.
pub const SOURCE_RANGES: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";

/// kubectl's copy of the whole object: large, and never a wish.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What the controller itself understands, whichever the provider.
pub const OWN: Vocabulary = Vocabulary {
    prefixes: &[super::class::PREFIX],
    keys: &[SOURCE_RANGES],
    families: &[],
};

/// The keys of `annotations` under a prefix that we or the provider own, and that neither knows.
#[must_use]
pub fn typos(annotations: &BTreeMap<String, String>, provider: Vocabulary) -> Vec<Typo> {
    Vocabulary::typos(&[OWN, provider], annotations.keys().map(String::as_str))
}

/// The annotations that a provider shall see: those under its own or our prefixes, and those it names.
///
/// Everything else may change without anybody being asked to look again.
#[must_use]
pub fn relevant(
    annotations: &BTreeMap<String, String>,
    provider: Vocabulary,
) -> BTreeMap<String, String> {
    let wanted = |key: &str| [OWN, provider].iter().any(|v| v.owns(key) || v.knows(key));
    annotations
        .iter()
        .filter(|(key, _)| wanted(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
