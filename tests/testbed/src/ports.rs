//! Which TCP ports may a program of the test bed listen on?
//!
//! A port has to stay ours while its program is down, because it comes back on the same one. So ports are taken
//! below those that the kernel hands out for outgoing connections and below node ports, and a lock on a file keeps
//! other test binaries away. Nothing listens here.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context as _, Result, bail};

use crate::target::testbed_dir;

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// Adjacent free ports on 127.0.0.1. No other test takes them before this is dropped.
#[derive(Debug)]
pub(crate) struct Ports {
    first: u16,
    _locks: Vec<File>,
}

// === impl Ports ===

impl Ports {
    pub(crate) fn reserve(count: u16) -> Result<Self> {
        static TRIED: AtomicU16 = AtomicU16::new(0);

        let dir = testbed_dir().join("ports");
        fs::create_dir_all(&dir).with_context(|| format!("creating {}", dir.display()))?;
        // Another start for each process saves most of them a collision.
        let seed = (std::process::id() % 200) * 50;
        for _ in 0..COUNT {
            let offset = seed + u32::from(TRIED.fetch_add(count, Ordering::Relaxed));
            let first = FIRST + u16::try_from(offset % u32::from(COUNT - count))?;
            let taken: Option<Vec<File>> = (first..first + count)
                .map(|port| {
                    let lock = File::create(dir.join(port.to_string())).ok()?;
                    lock.try_lock().ok()?;
                    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
                    Some(lock)
                })
                .collect();
            if let Some(locks) = taken {
                return Ok(Self {
                    first,
                    _locks: locks,
                });
            }
        }
        bail!("finding {count} adjacent free ports on 127.0.0.1 from {FIRST} on")
    }

    pub(crate) fn first(&self) -> u16 {
        self.first
    }
}
