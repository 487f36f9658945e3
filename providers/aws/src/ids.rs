//! Which AWS object is meant? Identifiers that cannot be mistaken for one another. They are AWS's answers, kept verbatim: no checks.

use std::{fmt, sync::Arc};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) struct $name(Arc<str>);

        impl $name {
            /// The identifier as AWS writes it.
            pub(crate) fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            /// The identifier as AWS writes it.
            #[allow(dead_code, reason = "not every kind of identifier is read as text")]
            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    };
}

id! {
    /// The Amazon resource name of a load balancer, a listener or a target group.
    Arn
}
id! {
    /// A security group: `sg-…`.
    GroupId
}
id! {
    /// A subnet: `subnet-…`.
    SubnetId
}
id! {
    /// A VPC: `vpc-…`.
    VpcId
}
id! {
    /// An EC2 instance: `i-…`.
    InstanceId
}
id! {
    /// The allocation of an Elastic IP address: `eipalloc-…`.
    AllocationId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = SubnetId::new("subnet-0a1b");
        assert_eq!(id.as_str(), "subnet-0a1b");
        assert_eq!(
            format!("{id} {id:?} {}", id.as_ref()),
            "subnet-0a1b \"subnet-0a1b\" subnet-0a1b"
        );
        assert_eq!(id, SubnetId::from("subnet-0a1b".to_owned()));
    }
}
