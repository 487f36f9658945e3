//! Does every setting of MetalLB's come over, and is everything else said?

use serde::Deserialize as _;

use super::{metallb::Configuration, text::render, translate::translate};

const EVERYTHING: &str = r#"
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: plain, namespace: metallb-system}
spec: {addresses: [192.0.2.0/25]}
---
apiVersion: v1
kind: List
items:
- apiVersion: metallb.io/v1beta1
  kind: IPAddressPool
  metadata: {name: choosy, labels: {zone: east}}
  spec:
    addresses: [198.51.100.10-198.51.100.20, "2001:db8::/120"]
    autoAssign: false
    avoidBuggyIPs: true
    serviceAllocation:
      priority: 50
      namespaces: [prod]
      namespaceSelectors: [{matchLabels: {team: web}}, {matchLabels: {owner: ops}}]
      serviceSelectors: [{matchExpressions: [{key: app, operator: Exists}]}]
- apiVersion: metallb.io/v1beta1
  kind: IPAddressPool
  metadata: {name: routed}
  spec: {addresses: [203.0.113.0/24]}
- apiVersion: metallb.io/v1beta1
  kind: IPAddressPool
  metadata: {name: forgotten}
  spec: {addresses: [203.0.113.0/28], futureField: 1}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: first}
spec:
  ipAddressPools: [plain]
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: east}
spec:
  ipAddressPoolSelectors: [{matchLabels: {zone: east}}]
  interfaces: [eth1]
  nodeSelectors: [{matchLabels: {rack: a}}]
  serviceSelectors: [{matchLabels: {public: "yes"}}]
  preferredNodeSelectors: [{weight: 10, preference: {matchLabels: {fast: "yes"}}}]
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: east-too}
spec:
  ipAddressPools: [choosy]
  interfaces: [eth2]
  nodeSelectors: [{matchLabels: {rack: b}}]
---
apiVersion: metallb.io/v1beta1
kind: BGPAdvertisement
metadata: {name: upstream}
spec: {ipAddressPools: [routed, plain]}
---
apiVersion: metallb.io/v1beta2
kind: BGPPeer
metadata: {name: tor}
spec: {myASN: 64500}
---
apiVersion: v1
kind: Service
metadata: {name: not-metallbs}
"#;

const OLD: &str = "
apiVersion: v1
kind: ConfigMap
metadata: {name: config, namespace: metallb-system}
data:
  config: |
    peers:
    - {peer-address: 10.0.0.1, peer-asn: 64501, my-asn: 64500}
    address-pools:
    - name: default
      protocol: layer2
      avoid-buggy-ips: true
      addresses: [192.168.1.240-192.168.1.250]
    - name: upstream
      protocol: bgp
      auto-assign: false
      addresses: [203.0.113.0/24]
";

fn read(text: &str) -> Configuration {
    let mut found = Configuration::default();
    for document in serde_yaml::Deserializer::from_str(text) {
        let object = serde_json::Value::deserialize(document).unwrap();
        found.take_in(&object).unwrap();
    }
    found
}

#[test]
fn every_setting_comes_over_and_what_does_not_is_said_beside_its_pool() {
    insta::assert_snapshot!(render(&translate(&read(EVERYTHING))).unwrap());
}

#[test]
fn the_config_map_of_old_versions_comes_over_too() {
    insta::assert_snapshot!(render(&translate(&read(OLD))).unwrap());
}

#[test]
fn an_advertisement_without_limits_swallows_those_of_the_others() {
    let all = "
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: all}
";
    let found = read(&format!("{EVERYTHING}---{all}"));
    let choosy = translate(&found)
        .pools
        .into_iter()
        .find(|pool| pool.name == "choosy")
        .unwrap();
    let announce = choosy.announce.unwrap();
    assert!(announce.interfaces.is_empty() && announce.nodes.is_none());
}

#[test]
fn a_resource_that_cannot_be_is_named() {
    let object = serde_json::json!({
        "apiVersion": "metallb.io/v1beta1",
        "kind": "IPAddressPool",
        "metadata": { "name": "broken" },
        "spec": { "addresses": 5 },
    });
    let error = Configuration::default().take_in(&object).unwrap_err();
    assert_eq!(error.to_string(), "reading IPAddressPool broken");
}

/// What `choosy` becomes with these selectors in its `serviceAllocation`.
fn divided(allocation: &str) -> Vec<(String, serde_json::Value)> {
    let pools = format!(
        "
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {{name: choosy}}
spec:
  addresses: [192.0.2.0/25]
  serviceAllocation: {allocation}
---
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {{name: choosy-2}}
spec: {{addresses: [192.0.2.128/25]}}
"
    );
    let translation = translate(&read(&pools));
    let parts = translation.pools.into_iter();
    let parts = parts.filter(|pool| pool.addresses == ["192.0.2.0/25"]);
    parts
        .map(|pool| {
            let selectors = serde_json::json!([
                pool.namespaces,
                pool.namespace_selector,
                pool.service_selector
            ]);
            (pool.name, selectors)
        })
        .collect()
}

#[test]
fn no_selector_is_left_out_however_many_there_are() {
    use serde_json::json;

    let web = json!({ "matchLabels": { "team": "web" } });
    let ops = json!({ "matchLabels": { "owner": "ops" } });
    let teams = json!({ "matchExpressions": [{ "key": "team", "operator": "In", "values": ["api", "web"] }] });
    let app = json!({ "matchExpressions": [{ "key": "app", "operator": "Exists" }] });
    let table = [
        (json!({}), vec![("choosy", json!([[], null, null]))]),
        (
            json!({ "namespaces": ["prod"], "namespaceSelectors": [web] }),
            vec![("choosy", json!([["prod"], web, null]))],
        ),
        (
            json!({ "namespaceSelectors": [web, { "matchLabels": { "team": "api" } }, web] }),
            vec![("choosy", json!([[], teams, null]))],
        ),
        (
            json!({ "serviceSelectors": [web, {}] }),
            vec![("choosy", json!([[], null, {}]))],
        ),
        (
            json!({ "namespaces": ["prod"], "namespaceSelectors": [web, ops] }),
            vec![
                ("choosy", json!([["prod"], web, null])),
                ("choosy-3", json!([[], ops, null])),
            ],
        ),
        (
            json!({
                "namespaceSelectors": [web, ops, { "matchLabels": { "team": "api" } }],
                "serviceSelectors": [app, ops],
            }),
            vec![
                ("choosy", json!([[], teams, app])),
                ("choosy-3", json!([[], teams, ops])),
                ("choosy-4", json!([[], ops, app])),
                ("choosy-5", json!([[], ops, ops])),
            ],
        ),
    ];
    for (allocation, expected) in table {
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(name, selectors)| (name.to_owned(), selectors))
            .collect();
        assert_eq!(divided(&allocation.to_string()), expected, "{allocation}");
    }
}

#[test]
fn nodes_that_are_left_out_are_named_by_their_selector() {
    let text = "
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: wide}
spec: {addresses: [192.0.2.0/25]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: some}
spec:
  nodeSelectors:
  - {matchLabels: {rack: a}}
  - {matchLabels: {rack: b}}
  - {matchExpressions: [{key: edge, operator: Exists}]}
  - {matchLabels: {zone: east, tier: front}}
";
    let wide = translate(&read(text)).pools.remove(0);
    let said = wide.notes.join("\n");
    for part in [
        "rack in (a,b) announce it",
        "by edge or by tier=front,zone=east do not",
    ] {
        assert!(said.contains(part), "{said}");
    }
}
