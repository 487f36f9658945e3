//! Does `deploy/` keep what it promises? The chart is rendered by helm as its users would, the API server is asked what
//! it thinks of the result, and the controller runs with the rights it gets from it and no others.
#![allow(
    clippy::indexing_slicing,
    reason = "reading JSON by key: what is not there reads as null"
)]

mod access;
mod admission;
mod announcer;
#[path = "../support/announcing.rs"]
mod announcing;
mod chart;
mod crd;
mod documents;
mod flags;
mod grants;
mod identity;
mod rendering;
#[path = "../support/mod.rs"]
mod support;
