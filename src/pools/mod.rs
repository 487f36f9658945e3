//! Where do the arp provider's addresses come from? `AddressPool` objects, or flags, become pools, and the objects are told
//! how they fare.

pub mod crd;
mod keeper;
mod read;
mod status;

use roadstead_arp::pool::{Pool, Range};

pub(crate) use self::keeper::addresses_of;
pub use self::{
    keeper::{Keeper, Source, list},
    read::{Reading, read, selector},
};

/// The name of the pool that flags make.
pub const FLAGS: &str = "arp-pool";

/// The pool of the ranges of `--arp-pool`; `None` without any.
#[must_use]
pub fn of_flags(ranges: &[Range]) -> Option<Pool> {
    (!ranges.is_empty()).then(|| Pool::new(FLAGS, ranges))
}
