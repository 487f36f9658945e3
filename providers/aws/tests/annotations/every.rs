//! No key is forgotten: each of the vocabulary is read back from AWS, and has a value that is refused.

use roadstead_core::{ClusterUid, LoadBalancerProvider};

use crate::{PREFIX, support::World};

/// The texts of the tests that read an annotation's effect back.
const READING: [&str; 5] = [
    include_str!("access.rs"),
    include_str!("addresses.rs"),
    include_str!("places.rs"),
    include_str!("settings.rs"),
    include_str!("targets.rs"),
];
/// The text of those with values that cannot be.
const REFUSING: &str = include_str!("bad.rs");

/// Not read back here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("roadstead.dev/adopt", "tests/adoption.rs"),
    (
        "service.beta.kubernetes.io/load-balancer-source-ranges",
        "read by the controller: tests/aws.rs of the workspace",
    ),
    (
        "service.beta.kubernetes.io/actions.",
        "not supported yet, always refused",
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-quic-enabled-ports",
        "not supported yet, always refused",
    ),
];

/// Without a value that could be told to be wrong before AWS sees it, and why.
const ALWAYS_RIGHT: &[(&str, &str)] = &[
    (
        "service.beta.kubernetes.io/load-balancer-source-ranges",
        "read by the controller: tests/aws.rs of the workspace",
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-access-log-s3-bucket-name",
        "any name may be a bucket's",
    ),
    (
        "service.beta.kubernetes.io/aws-load-balancer-access-log-s3-bucket-prefix",
        "any text may be a prefix",
    ),
];

/// Whether one of `texts` gives `key` a value. A family is given with what follows it.
fn named(texts: &[&str], key: &str) -> bool {
    let short = key.strip_prefix(PREFIX).unwrap_or(key);
    let end = if short.ends_with('.') { "" } else { "\"" };
    let literal = format!("\"{short}{end}");
    texts.iter().any(|text| text.contains(&literal))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_read_back_and_has_a_value_that_is_refused() {
    let world = World::on(|land| land).await;
    let provider = world.provider(&ClusterUid::parse("every").unwrap());
    let vocabulary = provider.vocabulary();
    let keys = vocabulary.keys.iter().chain(vocabulary.families);
    let lacking = |texts: &[&str], besides: &[(&str, &str)]| -> Vec<&str> {
        let keys = keys.clone().copied();
        let left = keys.filter(|key| !besides.iter().any(|(it, _)| it == key));
        left.filter(|key| !named(texts, key)).collect()
    };
    assert_eq!(lacking(&READING, ELSEWHERE), [""; 0], "never read back");
    assert_eq!(
        lacking(&[REFUSING], ALWAYS_RIGHT),
        [""; 0],
        "no value of theirs is refused"
    );
    for (key, why) in ELSEWHERE.iter().chain(ALWAYS_RIGHT) {
        let known = keys.clone().any(|it| it == key);
        assert!(known, "{key} ({why}) is no key any more");
    }
}
