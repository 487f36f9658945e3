//! EC2: what is asked for, in types of our own. The calls are beside: reads, writes, and how answers are read.

mod answers;
mod reads;
mod writes;

use crate::{
    ids::{GroupId, VpcId},
    seen::Rule,
};

/// Which security groups.
#[derive(Clone, Debug)]
pub(crate) enum GroupFilter<'a> {
    /// Those with this tag.
    Tagged {
        /// The tag's key.
        key: &'a str,
        /// The tag's value.
        value: &'a str,
    },
    /// Those of these that exist.
    Ids(&'a [GroupId]),
    /// The one of this name: EC2 allows one in a VPC.
    InVpcNamed {
        /// Where.
        vpc: &'a VpcId,
        /// Its group name.
        name: &'a str,
    },
    /// Those with one of these as the tag `Name`.
    InVpcTaggedName {
        /// Where.
        vpc: &'a VpcId,
        /// Values of the tag.
        names: &'a [String],
    },
}

/// A rule that lets in whatever carries some security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// The group that has the rule.
    pub(crate) group: GroupId,
    /// The rule.
    pub(crate) rule: Rule,
    /// What its maker wrote beside it.
    pub(crate) description: Option<String>,
}
