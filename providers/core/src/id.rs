//! Who owns a load balancer? Identity that survives restarts, renames and two clusters of one name. No I/O.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The uid of the namespace `kube-system`: the one thing that no two clusters share.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClusterUid(Arc<str>);

/// The uid of what owns a load balancer: today one Service, later perhaps a group of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct OwnerUid(Arc<str>);

/// What a provider's objects are marked with, and found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoadBalancerId {
    /// The cluster.
    pub cluster: ClusterUid,
    /// The owner within the cluster.
    pub owner: OwnerUid,
}

/// A uid that is empty, too long, or holds a character that no tag value may hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no uid: 1 to 64 letters, digits and hyphens are")]
pub struct ParseUidError(String);

/// Longer than any uid Kubernetes makes (36), short enough for every tag and name that carries one.
const MAX_UID: usize = 64;

fn parse(text: &str) -> Result<Arc<str>, ParseUidError> {
    let valid = !text.is_empty()
        && text.len() <= MAX_UID
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if valid {
        Ok(text.into())
    } else {
        Err(ParseUidError(text.to_owned()))
    }
}

macro_rules! uid {
    ($name:ident) => {
        // === impl uid ===

        impl $name {
            /// Checks that `text` can be a uid.
            pub fn parse(text: &str) -> Result<Self, ParseUidError> {
                parse(text).map(Self)
            }

            /// The uid as Kubernetes prints it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = ParseUidError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(uid: $name) -> Self {
                uid.0.as_ref().to_owned()
            }
        }
    };
}

uid!(ClusterUid);
uid!(OwnerUid);

// === impl LoadBalancerId ===

impl fmt::Display for LoadBalancerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cluster, self.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_never_empty_or_able_to_break_a_tag() {
        for bad in ["", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert!(OwnerUid::parse(bad).is_err(), "{bad:?} must be refused");
        }
        assert_eq!(
            OwnerUid::parse("0b5c-1").map(|u| u.to_string()),
            Ok("0b5c-1".to_owned())
        );
    }
}
