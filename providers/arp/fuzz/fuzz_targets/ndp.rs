//! Any bytes, read as neighbour discovery.
#![no_main]

libfuzzer_sys::fuzz_target!(|frame: &[u8]| roadstead_arp_fuzz::ndp(frame));
