//! Do Services get addresses out of pools, over the whole way from an `AddressPool` to a Service's status? The binary runs as
//! users run it, against a real API server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod conflict;
mod definition;
mod giving;
mod keeping;
mod quay;
#[path = "../support/mod.rs"]
mod support;
mod telling;
