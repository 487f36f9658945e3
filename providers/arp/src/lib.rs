//! Addresses on the nodes' own network: which Service gets which, and which node answers for it.
//!
//! Two halves that share no state. The controller's half gives addresses out of pools. The nodes' half agrees, on the
//! network segment itself and without an API server, on the one node that answers ARP and NDP for each address.

mod addresses;
pub mod engine;
mod link;
pub mod net;
mod params;
mod plan;
pub mod pool;
mod provider;
pub mod wire;

pub use self::{
    addresses::{Addresses, PoolMetrics},
    link::{Interface, InterfaceIndex, Mac},
    provider::{ArpProvider, NAME},
};
