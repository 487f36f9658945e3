//! Does a client's connection reach a pod, whatever fails on the way? Real announcers on real network segments, with the
//! kernel's own kube-proxy rules behind them.
//!
//! All tests of this binary share one lab and take turns: each leaves disorder, and the next one tidies up.
#![cfg(feature = "arp")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "what fails in a test's helper fails the test"
)]

mod bed;
mod changes;
mod disputes;
mod failures;
mod moves;
mod outages;
mod reach;
mod tidy;
mod writes;
