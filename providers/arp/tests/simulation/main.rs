//! What becomes of addresses when nodes, links and clocks misbehave? Real engines on a simulated segment and in virtual
//! time; everything that happens follows from a seed, and a failing one can be run again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    reason = "a test fails where it finds something that it did not expect"
)]

mod bounds;
mod chance;
mod client;
mod disturbance;
mod effects;
mod net;
mod node;
mod scenario;
mod seeds;
mod switch;
mod vigil;
mod watch;
mod world;

mod attacks;
mod calm;
mod healing;
mod lossy;
mod schedule;
mod stations;
mod storm;
mod strangers;
mod subnets;
