//! Roadstead: gives Kubernetes Services of type LoadBalancer an external address.
//!
//! `service` decides, `controller` acts; everything else is around them. The README is the front page.

pub mod admin;
#[cfg(feature = "arp")]
pub mod announcer;
pub mod args;
pub mod cli;
pub mod client;
pub mod controller;
pub mod explain;
pub mod fence;
pub mod leader;
pub mod metrics;
#[cfg(feature = "arp")]
pub mod pools;
pub mod providers;
pub mod run;
pub mod service;
pub mod telemetry;
