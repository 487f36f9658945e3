//! Are the codecs right? Against frames that Linux sent, against another implementation, and against any bytes at all.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test"
)]

#[expect(
    unreachable_pub,
    reason = "to the fuzz targets, this file is a library"
)]
#[path = "../../fuzz/bodies.rs"]
mod bodies;

mod any;
mod any_bytes;
mod captured;
mod flipped;
mod other;
