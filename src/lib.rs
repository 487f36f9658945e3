//! Roadstead: gives Kubernetes Services of type LoadBalancer an external address.
//!
//! `service` decides, `controller` acts; everything else is around them. The README is the front page.

#[cfg(not(any(feature = "arp", feature = "aws", feature = "mock")))]
compile_error!("nothing makes load balancers: name one of the features arp, aws and mock at least");

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
