//! Announces addresses from this node: what the cluster says becomes what this node may announce, and what the segment says
//! becomes the condition `roadstead.dev/Healthy`.
//!
//! `eligibility`, `board` and `wish` decide, the engine of `roadstead-arp` claims and answers, everything else carries between
//! the API server and these.

pub mod board;
pub mod eligibility;
pub mod endpoints;
pub mod engine;
pub mod forwarding;
pub mod gather;
pub mod pool;
pub mod speaker;
pub mod wish;
pub mod words;
