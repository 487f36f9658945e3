//! The commands other than `controller`: what may a user ask from anywhere with a kubeconfig?

mod manifest;
#[cfg(feature = "arp")]
pub mod migrate;
pub mod plan;
pub mod status;
