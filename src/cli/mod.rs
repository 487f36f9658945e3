//! The commands other than `controller`: what may a user ask from anywhere with a kubeconfig?

mod manifest;
pub mod plan;
pub mod status;
