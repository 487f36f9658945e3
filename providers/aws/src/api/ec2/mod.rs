//! EC2: what is asked for, in types of our own. The calls are beside: reads, writes, and how answers are read.

mod answers;
mod reads;
mod writes;

use crate::ids::{GroupId, VpcId};

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
