//! Load balancers without a cloud: the same contract, the same waits and failures, nothing behind the address.
//!
//! For kind, tests and demos. See this crate's README for its flags and annotations.

mod addresses;
mod cloud;
mod health;
mod params;
mod plan;
mod provider;
mod settings;
mod state;

pub use self::{
    cloud::{Balancer, Call, Cloud, Listener, Method, OpenError},
    provider::{MockProvider, NAME},
    settings::{Failure, Failures, ParseFailuresError, Settings},
};
