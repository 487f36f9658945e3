//! Where do the arp provider's addresses come from? `AddressPool` objects become pools, and are told how they fare.

pub mod crd;
