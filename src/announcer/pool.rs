//! What do pools say to those who announce? Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use roadstead_arp::pool::{Range, Selector};

use crate::pools::{self, crd::AddressPool};

/// A pool, as far as it concerns announcers.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Its name.
    pub name: Arc<str>,
    /// Its addresses.
    pub ranges: Vec<Range>,
    /// Whether they are announced at all.
    pub announced: bool,
    /// The interfaces that announce them, by name; `None`: those on whose subnet an address is.
    pub interfaces: Option<Arc<BTreeSet<Arc<str>>>>,
    /// The nodes that announce them.
    pub nodes: Selector,
}

// === impl Pool ===

impl Pool {
    /// What counts of an `AddressPool`. A range that cannot be read has no addresses; the controller says so on the pool.
    #[must_use]
    pub fn of(pool: &AddressPool) -> Self {
        let announce = &pool.spec.announce;
        let interfaces = announce.interfaces.iter().map(|name| Arc::from(&**name));
        Self {
            name: pool.metadata.name.as_deref().unwrap_or_default().into(),
            ranges: pool
                .spec
                .addresses
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            announced: announce.enabled,
            interfaces: (!announce.interfaces.is_empty()).then(|| Arc::new(interfaces.collect())),
            nodes: announce
                .node_selector
                .as_ref()
                .map(pools::selector)
                .unwrap_or_default(),
        }
    }

    /// The pool that ranges on the command line make, announced by everybody; `None` without any.
    #[must_use]
    pub fn of_flags(ranges: &[Range]) -> Option<Self> {
        (!ranges.is_empty()).then(|| Self {
            name: pools::FLAGS.into(),
            ranges: ranges.to_vec(),
            announced: true,
            interfaces: None,
            nodes: Selector::default(),
        })
    }

    /// Whether `address` is one of its own.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.ranges.iter().any(|range| range.contains(address))
    }

    /// Whether a node with these labels announces its addresses.
    #[must_use]
    pub fn selects(&self, labels: &BTreeMap<String, String>) -> bool {
        self.nodes.matches(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &str) -> Pool {
        let yaml = format!(
            "{{apiVersion: roadstead.dev/v1alpha1, kind: AddressPool, metadata: {{name: home}}, spec: {spec}}}"
        );
        Pool::of(&serde_yaml::from_str(&yaml).unwrap())
    }

    #[test]
    fn a_pool_is_announced_by_everybody_unless_it_says_otherwise() {
        let plain = read(
            "{addresses: [192.0.2.0/30, ' 2001:db8::1 - 2001:db8::5', nonsense, 192.0.2.9-192.0.2.1]}",
        );
        assert!(plain.announced && plain.interfaces.is_none() && plain.selects(&BTreeMap::new()));
        let inside = [
            "192.0.2.0",
            "192.0.2.3",
            "192.0.2.4",
            "2001:db8::5",
            "2001:db8::6",
        ]
        .map(|address| plain.contains(address.parse().unwrap()));
        assert_eq!(inside, [true, true, false, true, false]);
        let silent = read(
            "{addresses: [192.0.2.0/30], announce: {enabled: false, interfaces: [eth1, eth0]}}",
        );
        assert!(!silent.announced);
        let names: Vec<_> = silent
            .interfaces
            .iter()
            .flat_map(|names| names.iter())
            .collect();
        assert_eq!(format!("{names:?}"), r#"["eth0", "eth1"]"#);
    }

    #[test]
    fn a_selector_selects_nodes_as_it_does_everywhere_in_kubernetes() {
        let pool = read(
            "{addresses: [192.0.2.0/30], announce: {nodeSelector: {matchLabels: {a: b}, matchExpressions: [
              {key: zone, operator: In, values: [x, y]}, {key: old, operator: DoesNotExist},
              {key: kind, operator: NotIn, values: [edge]}, {key: arch, operator: Exists}]}}}",
        );
        let labels =
            |text: &str| -> BTreeMap<String, String> { serde_yaml::from_str(text).unwrap() };
        for (node, selected) in [
            ("{a: b, zone: x, arch: amd64}", true),
            ("{a: b, zone: y, arch: '', kind: core}", true),
            ("{a: c, zone: x, arch: amd64}", false),
            ("{a: b, zone: z, arch: amd64}", false),
            ("{a: b, zone: x, arch: amd64, old: ''}", false),
            ("{a: b, zone: x, arch: amd64, kind: edge}", false),
            ("{a: b, zone: x}", false),
        ] {
            assert_eq!(pool.selects(&labels(node)), selected, "{node}");
        }
    }
}
