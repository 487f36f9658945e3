//! How does the answer read? A manifest that can be applied as it is, and beside each pool what its reader must know.

use serde_json::{Map, Value, json};

use kube::Resource as _;

use super::translate::{Announce, Proposal, Translation};
use crate::pools::crd::AddressPool;

/// Comments are broken before this column, as people read them beside the manifest.
const WIDTH: usize = 100;

/// What holds of every move, whatever is configured.
const ALWAYS: [&str; 4] = [
    "AddressPools that say the same as MetalLB's configuration. Apply them, stop MetalLB (its controller and its \
     speakers), then start Roadstead: Services keep the addresses they have, because a pool that contains an address \
     lets its Service keep it.",
    "MetalLB serves Services without spec.loadBalancerClass: start the controller and the announcers with \
     --default-provider arp (in the chart: defaultProvider: arp), or give each Service the class roadstead.dev/arp.",
    "A pool is announced unless it says otherwise; there is no second resource to forget. The annotations \
     metallb.io/loadBalancerIPs, metallb.io/address-pool and metallb.io/allow-shared-ip are read as they are.",
    "An interface announces the addresses of its own subnet; one that is to announce others is named in \
     announce.interfaces.",
];

/// The manifest.
pub(super) fn render(translation: &Translation) -> Result<String, serde_yaml::Error> {
    let Translation { pools, notes } = translation;
    let mut text = String::new();
    for note in ALWAYS {
        comment(&mut text, note);
    }
    for note in notes {
        comment(&mut text, note);
    }
    for pool in pools {
        text.push_str("---\n");
        for note in &pool.notes {
            comment(&mut text, note);
        }
        text.push_str(&serde_yaml::to_string(&object(pool))?);
    }
    Ok(text)
}

/// Only what differs from what a pool is that says nothing.
fn object(proposal: &Proposal) -> Value {
    let Proposal {
        name,
        addresses,
        auto_assign,
        avoid_buggy_ips,
        priority,
        namespaces,
        namespace_selector,
        service_selector,
        announce,
        notes: _,
    } = proposal;
    let announce = announced(announce.as_ref());
    let fields = [
        ("addresses", Some(json!(addresses))),
        ("announce", announce),
        ("autoAssign", (!auto_assign).then_some(Value::Bool(false))),
        (
            "avoidBuggyIPs",
            avoid_buggy_ips.then_some(Value::Bool(true)),
        ),
        (
            "namespaceSelector",
            namespace_selector.as_ref().map(|it| json!(it)),
        ),
        (
            "namespaces",
            (!namespaces.is_empty()).then(|| json!(namespaces)),
        ),
        ("priority", (*priority != 0).then(|| json!(priority))),
        (
            "serviceSelector",
            service_selector.as_ref().map(|it| json!(it)),
        ),
    ];
    let given = fields
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), value?)));
    json!({
        "apiVersion": AddressPool::api_version(&()),
        "kind": AddressPool::kind(&()),
        "metadata": { "name": name },
        "spec": given.collect::<Map<_, _>>(),
    })
}

/// `None`: as a pool is announced that says nothing.
fn announced(announce: Option<&Announce>) -> Option<Value> {
    let Some(Announce { interfaces, nodes }) = announce else {
        return Some(json!({ "enabled": false }));
    };
    let mut fields = Map::new();
    if !interfaces.is_empty() {
        fields.insert("interfaces".to_owned(), json!(interfaces));
    }
    if let Some(nodes) = nodes {
        fields.insert("nodeSelector".to_owned(), json!(nodes));
    }
    (!fields.is_empty()).then_some(Value::Object(fields))
}

/// One paragraph, broken between words.
fn comment(text: &mut String, paragraph: &str) {
    let mut column = 0;
    for word in paragraph.split_whitespace() {
        if column == 0 || column + 1 + word.len() > WIDTH {
            text.push_str(if column == 0 { "# " } else { "\n#   " });
            column = if column == 0 { 2 } else { 4 };
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}
