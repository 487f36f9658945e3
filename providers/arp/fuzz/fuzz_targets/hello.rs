//! Any bytes, read as a hello; and read as one that is signed.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| roadstead_arp_fuzz::hello(bytes));
