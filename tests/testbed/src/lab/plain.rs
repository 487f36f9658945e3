//! What does an answer cost that no program can do without?
//!
//! A program that waits for a frame, reads it and sends the answer; it knows one address and asks nobody whether it may. Next to
//! it one sees what an announcer adds.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    Node, frames,
    observer::Ear,
    running::{Notes, Running},
};

/// Answers ARP requests on a node until it is stopped or dropped.
#[derive(Debug)]
pub struct PlainAnswerer(Running<()>);

/// The kind of frames that carry ARP (RFC 826).
const ARP: u16 = 0x0806;
/// How soon a stop is noticed where nothing is asked.
const LOOK_UP_EVERY: Duration = Duration::from_millis(50);

// === impl Node ===

impl Node {
    /// Starts to answer for `address` on `eth0`.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn answer_plainly(&self, address: Ipv4Addr) -> Result<PlainAnswerer> {
        let interfaces = self.interfaces();
        let interface = interfaces.first().context("the node has no interface")?;
        let mac = interface.mac;
        let ear = self.inside(|| Ear::open_for(ARP, interface))?;
        let work = move |notes: &Notes<()>| {
            while !notes.stopping() {
                let until = Instant::now() + LOOK_UP_EVERY;
                while let Some((_, frame)) = ear.frame(until)? {
                    if let Some(reply) = frames::arp_reply(&frame, address, mac)? {
                        ear.send(&reply)?;
                    }
                }
            }
            Ok(())
        };
        Running::start_ordinary(&self.namespace, work).map(PlainAnswerer)
    }
}

// === impl PlainAnswerer ===

impl PlainAnswerer {
    /// Ends it.
    ///
    /// # Errors
    /// It had ended before, and why.
    pub async fn stop(self) -> Result<()> {
        self.0.stop().await
    }
}
