//! What can this provider ask of AWS? The closed list of actions, with the permission that each needs and the bucket that each fills. Pure.

use std::fmt;

/// The limits that AWS documents, by what is limited.
///
/// ELBv2's are each one bucket that the category's actions share, and `Account` is charged for all of them besides. EC2's are a size:
/// each action has a bucket of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Category {
    /// Every call of ELBv2, on top of its category.
    Account,
    /// Creating load balancers and setting their subnets.
    Create,
    /// Registering and deregistering targets.
    Register,
    /// ELBv2's reads.
    Describe,
    /// ELBv2's other changes.
    Mutate,
    /// EC2's reads, filtered or paged.
    Ec2Describe,
    /// EC2's changes.
    Ec2Mutate,
    /// EC2's changes of security group rules.
    Ec2Rules,
    /// EC2's tags.
    Ec2Tags,
}

/// Declares [`Action`]: each with its category.
macro_rules! actions {
    ($($service:literal { $($action:ident: $category:ident,)+ })+) => {
        /// One call of AWS's API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Action {
            $($(#[doc = concat!("`", $service, ":", stringify!($action), "`.")] $action,)+)+
        }

        impl Action {
            /// Every action that this provider can ever call.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$($(Self::$action,)+)+];

            /// The permission's name, as IAM has it: `ec2:DescribeVpcs`.
            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    $($(Self::$action => concat!($service, ":", stringify!($action)),)+)+
                }
            }

            /// What it is limited with.
            pub(crate) const fn category(self) -> Category {
                match self {
                    $($(Self::$action => Category::$category,)+)+
                }
            }
        }
    };
}

actions! {
    "elasticloadbalancing" {
        DescribeLoadBalancers: Describe,
        DescribeTargetGroups: Describe,
        DescribeListeners: Describe,
        DescribeListenerCertificates: Describe,
        DescribeTags: Describe,
        DescribeTargetHealth: Describe,
        DescribeLoadBalancerAttributes: Describe,
        DescribeTargetGroupAttributes: Describe,
        DescribeListenerAttributes: Describe,
        DescribeCapacityReservation: Describe,
        CreateLoadBalancer: Create,
        SetSubnets: Create,
        RegisterTargets: Register,
        DeregisterTargets: Register,
        CreateTargetGroup: Mutate,
        CreateListener: Mutate,
        ModifyListener: Mutate,
        ModifyTargetGroup: Mutate,
        ModifyLoadBalancerAttributes: Mutate,
        ModifyTargetGroupAttributes: Mutate,
        ModifyListenerAttributes: Mutate,
        ModifyCapacityReservation: Mutate,
        AddListenerCertificates: Mutate,
        RemoveListenerCertificates: Mutate,
        SetSecurityGroups: Mutate,
        SetIpAddressType: Mutate,
        AddTags: Mutate,
        RemoveTags: Mutate,
        DeleteLoadBalancer: Mutate,
        DeleteListener: Mutate,
        DeleteTargetGroup: Mutate,
    }
    "ec2" {
        DescribeVpcs: Ec2Describe,
        DescribeSubnets: Ec2Describe,
        DescribeAvailabilityZones: Ec2Describe,
        DescribeRouteTables: Ec2Describe,
        DescribeInstances: Ec2Describe,
        DescribeSecurityGroups: Ec2Describe,
        CreateSecurityGroup: Ec2Mutate,
        DeleteSecurityGroup: Ec2Mutate,
        AuthorizeSecurityGroupIngress: Ec2Rules,
        RevokeSecurityGroupIngress: Ec2Rules,
        CreateTags: Ec2Tags,
        DeleteTags: Ec2Tags,
    }
}

// === impl Category ===

impl Category {
    /// Every category.
    pub const ALL: [Self; 9] = [
        Self::Account,
        Self::Create,
        Self::Register,
        Self::Describe,
        Self::Mutate,
        Self::Ec2Describe,
        Self::Ec2Mutate,
        Self::Ec2Rules,
        Self::Ec2Tags,
    ];

    /// Its name in flags and metrics: `ec2-rules`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Create => "create",
            Self::Register => "register",
            Self::Describe => "describe",
            Self::Mutate => "mutate",
            Self::Ec2Describe => "ec2-describe",
            Self::Ec2Mutate => "ec2-mutate",
            Self::Ec2Rules => "ec2-rules",
            Self::Ec2Tags => "ec2-tags",
        }
    }

    /// The category of this name.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|category| category.label() == label)
    }

    /// Whether it is one of EC2's, where each action has a bucket of its own.
    pub(crate) const fn is_per_action(self) -> bool {
        match self {
            Self::Account | Self::Create | Self::Register | Self::Describe | Self::Mutate => false,
            Self::Ec2Describe | Self::Ec2Mutate | Self::Ec2Rules | Self::Ec2Tags => true,
        }
    }
}

// === impl Action ===

impl Action {
    /// Whether it changes nothing, so that it may be asked again.
    pub(crate) const fn is_read(self) -> bool {
        match self.category() {
            Category::Describe | Category::Ec2Describe => true,
            Category::Account
            | Category::Create
            | Category::Register
            | Category::Mutate
            | Category::Ec2Mutate
            | Category::Ec2Rules
            | Category::Ec2Tags => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_describing_actions_are_reads() {
        for action in Action::ALL {
            assert_eq!(
                action.is_read(),
                action.as_str().contains(":Describe"),
                "{action}"
            );
        }
    }

    #[test]
    fn each_action_is_limited_by_its_own_service() {
        for action in Action::ALL {
            assert_eq!(
                action.category().is_per_action(),
                action.as_str().starts_with("ec2:"),
                "{action}"
            );
        }
    }

    #[test]
    fn labels_are_read_back() {
        for category in Category::ALL {
            assert_eq!(Category::from_label(category.label()), Some(category));
        }
    }
}
