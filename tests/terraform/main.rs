//! Does what stands in `terraform/` hold together, and with the chart and the policy? Judged by `OpenTofu`, by a linter and
//! by the providers' schemas, all of them on this machine: nobody's registry and no cloud is asked.
#![allow(
    clippy::indexing_slicing,
    reason = "reading JSON by key: what is not there reads as null"
)]

mod modules;
mod policy;
mod tree;
