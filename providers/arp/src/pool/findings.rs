//! What is wrong with pools, that no single one of them shows? Pure.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{Pool, Range};

/// What is wrong with one pool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Other pools that have some of its addresses, and which.
    pub overlaps: Vec<(Arc<str>, Range)>,
    /// Nodes that have one of its addresses.
    pub nodes: Vec<(IpAddr, Arc<str>)>,
}

/// What is wrong with each of `pools`, by name; those without a fault are absent. `nodes` are the nodes' own addresses.
#[must_use]
pub fn findings(
    pools: &[Pool],
    nodes: &BTreeMap<IpAddr, Arc<str>>,
) -> BTreeMap<Arc<str>, Findings> {
    let found = pools.iter().map(|pool| {
        let overlaps = pools
            .iter()
            .filter(|other| other.name != pool.name)
            .filter_map(|other| {
                let common = pool.ranges().iter().find_map(|range| {
                    other
                        .ranges()
                        .iter()
                        .find_map(|theirs| range.overlap(theirs))
                });
                Some((Arc::clone(&other.name), common?))
            });
        let nodes = nodes
            .iter()
            .filter(|(address, _)| pool.contains(**address))
            .map(|(address, node)| (*address, Arc::clone(node)));
        let findings = Findings {
            overlaps: overlaps.collect(),
            nodes: nodes.collect(),
        };
        (Arc::clone(&pool.name), findings)
    });
    found
        .filter(|(_, findings)| *findings != Findings::default())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlap_is_named_on_both_pools_and_a_node_by_its_address() {
        let pool = |name: &str, range: &str| Pool::new(name, &[range.parse().unwrap()]);
        let pools = [
            pool("a", "192.0.2.0/25"),
            pool("b", "192.0.2.100-192.0.2.200"),
            pool("c", "198.51.100.0/24"),
        ];
        let nodes = BTreeMap::from([("192.0.2.150".parse().unwrap(), Arc::from("node-1"))]);
        let found = findings(&pools, &nodes);
        let common = "192.0.2.100-192.0.2.127".parse().unwrap();
        assert_eq!(found["a"].overlaps, [(Arc::from("b"), common)]);
        assert_eq!(found["b"].overlaps, [(Arc::from("a"), common)]);
        assert_eq!(
            found["b"].nodes,
            [("192.0.2.150".parse().unwrap(), Arc::from("node-1"))]
        );
        assert!(!found.contains_key("c"));
    }
}
