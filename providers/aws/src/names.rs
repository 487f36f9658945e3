//! What is an AWS object of ours called? A pure function of whose it is and which one, so that it is found again after any crash.

use std::{fmt, sync::Arc};

use roadstead_core::{ClusterUid, OwnerUid};
use sha2::{Digest, Sha256};

/// A load balancer's name that a user chose, as AWS allows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LoadBalancerName(Arc<str>);

/// The longest name of a load balancer or a target group (`CreateLoadBalancer`, `CreateTargetGroup`).
pub(crate) const MAX_NAME: usize = 32;

/// What AWS keeps for itself at the start of a load balancer's name.
const RESERVED: &str = "internal-";

/// The name of the object that `owner` of `cluster` has in `slot`.
///
/// Always [`MAX_NAME`] letters, digits and hyphens, so that it fits load balancers, target groups and security groups alike.
/// No two owners or slots share one, as far as 80 bits of SHA-256 tell them apart; it begins with [`cluster_prefix`].
pub(crate) fn name(cluster: &ClusterUid, owner: &OwnerUid, slot: &str) -> String {
    let whose = hex(&format!("{cluster}/{owner}/{slot}"), 10);
    format!("{}{whose}", cluster_prefix(cluster))
}

/// What the names of everything that belongs to `cluster` begin with.
pub(crate) fn cluster_prefix(cluster: &ClusterUid) -> String {
    format!("rs-{}-", hex(cluster.as_str(), 4))
}

/// The name of the security group that all load balancers of `cluster` carry and that its nodes let in.
pub(crate) fn backend_group(cluster: &ClusterUid) -> String {
    format!("{}backend", cluster_prefix(cluster))
}

/// The first `bytes` bytes of the SHA-256 of `text`, two digits each.
fn hex(text: &str, bytes: usize) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .take(bytes)
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

// === impl LoadBalancerName ===

impl LoadBalancerName {
    /// Checks that AWS takes `text` as a load balancer's name.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = |what: &str| Err(format!("{text:?} {what}"));
        if text.is_empty() || text.len() > MAX_NAME {
            return wrong("is no name for a load balancer: it has 1 to 32 characters");
        }
        if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return wrong(
                "is no name for a load balancer: it is made of letters, digits and hyphens",
            );
        }
        if text.starts_with('-') || text.ends_with('-') {
            return wrong(
                "is no name for a load balancer: it neither begins nor ends with a hyphen",
            );
        }
        if text.starts_with(RESERVED) {
            return wrong(
                "is no name for a load balancer: AWS keeps what begins with \"internal-\" for itself",
            );
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LoadBalancerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn cluster(uid: &str) -> ClusterUid {
        ClusterUid::parse(uid).unwrap()
    }

    fn owner(uid: &str) -> OwnerUid {
        OwnerUid::parse(uid).unwrap()
    }

    #[test]
    fn a_name_never_changes_between_versions() {
        let cluster = cluster("6a1c0e5e-58c5-4d7c-9f53-0d6a2b7f3f10");
        let owner = owner("0b5c8e1a-7a3b-4b27-8b9e-4b7d0f2f9d11");
        assert_eq!(
            name(&cluster, &owner, "load-balancer"),
            "rs-e8087138-0b2e05c3f2d0de8624d8"
        );
        assert_eq!(backend_group(&cluster), "rs-e8087138-backend");
    }

    #[test]
    fn clusters_owners_and_slots_never_share_a_name() {
        let mut names = BTreeSet::new();
        let mut made = 0;
        for c in 0..10 {
            for o in 0..20 {
                for slot in ["load-balancer", "frontend", "80-tcp", "80-tcp-2", "443"] {
                    names.insert(name(
                        &cluster(&format!("c{c}")),
                        &owner(&format!("o{o}")),
                        slot,
                    ));
                    made += 1;
                }
            }
        }
        assert_eq!(names.len(), made);
    }

    #[test]
    fn a_name_that_aws_refuses_is_explained() {
        let refusals: Vec<String> = ["", "a_b", "-a", "a-", "internal-a", &"x".repeat(33), "ä"]
            .iter()
            .map(|bad| LoadBalancerName::parse(bad).unwrap_err())
            .collect();
        insta::assert_yaml_snapshot!(refusals);
        let longest = "x".repeat(32);
        for good in ["a", "web-1", "Internal-a", &longest] {
            assert_eq!(
                LoadBalancerName::parse(good).map(|name| name.to_string()),
                Ok(good.to_owned())
            );
        }
    }

    proptest! {
        #[test]
        fn a_name_of_ours_is_one_that_aws_takes(
            c in "[a-zA-Z0-9-]{1,64}",
            o in "[a-zA-Z0-9-]{1,64}",
            slot in any::<String>(),
        ) {
            let name = name(&cluster(&c), &owner(&o), &slot);
            prop_assert_eq!(name.len(), MAX_NAME);
            prop_assert!(name.starts_with(&cluster_prefix(&cluster(&c))));
            prop_assert!(LoadBalancerName::parse(&name).is_ok());
        }
    }
}
