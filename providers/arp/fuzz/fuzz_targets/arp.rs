//! Any bytes, read as ARP.
#![no_main]

libfuzzer_sys::fuzz_target!(|frame: &[u8]| roadstead_arp_fuzz::arp(frame));
