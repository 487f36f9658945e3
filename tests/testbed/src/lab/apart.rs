//! How is a node asked as another machine asks it?
//!
//! All machines of a lab share one kernel, and what one sends, the others take in within its own system call and on its
//! processor. Between real machines a network card interrupts a processor that sleeps or does something else. Here the
//! kernel's packet steering does that. Who asks and for what is decided elsewhere.

use std::net::IpAddr;

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{CpuSet, sched_getaffinity};

use super::{
    Lab,
    watch::{self, ArpWatch},
};

/// While it is held, frames to the nodes interrupt other processors than the one that asks.
#[derive(Debug)]
pub struct Apart<'a> {
    lab: &'a Lab,
    asker: usize,
}

/// One word of the kernel's bit masks.
const WORD: usize = 32;

// === impl Lab ===

impl Lab {
    /// Lets the nodes take frames in as from another machine, until what is returned is dropped.
    ///
    /// # Errors
    /// There are not two processors, or the kernel does not steer packets.
    pub fn apart(&self) -> Result<Apart<'_>> {
        let allowed = sched_getaffinity(None).context("asking for the processors there are")?;
        let mut processors = (0..CpuSet::MAX_CPU).filter(|number| allowed.is_set(*number));
        let asker = processors.next().context("there is no processor")?;
        let others: Vec<usize> = processors.collect();
        ensure!(
            !others.is_empty(),
            "to be asked as from another machine takes a second processor"
        );
        let apart = Apart { lab: self, asker };
        apart.steer(&mask(&others))?;
        Ok(apart)
    }
}

// === impl Apart ===

impl Apart<'_> {
    /// [`Lab::watch_arp_as_a_host`], from a processor that takes in nothing for the nodes.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn watch_arp(&self, ip: IpAddr) -> Result<ArpWatch> {
        watch::on_a_processor(self.lab, ip, self.asker)
    }

    fn steer(&self, mask: &str) -> Result<()> {
        for node in self.lab.nodes() {
            node.steer(mask)
                .with_context(|| format!("steering what {} takes in", node.name()))?;
        }
        Ok(())
    }
}

impl Drop for Apart<'_> {
    fn drop(&mut self) {
        // Nobody steers by default. If that fails the lab goes on as it is: slower, not wrong.
        let _ = self.steer("0");
    }
}

/// As the kernel reads it: words of 32 bits in hexadecimal, the highest first.
fn mask(processors: &[usize]) -> String {
    let highest = processors.iter().max().copied().unwrap_or_default();
    let words = (0..=highest / WORD).rev().map(|word| {
        let bits = processors.iter().filter(|number| *number / WORD == word);
        bits.fold(0_u32, |mask, number| mask | 1 << (number % WORD))
    });
    let words: Vec<String> = words.map(|word| format!("{word:x}")).collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn a_mask_is_written_as_the_kernel_reads_it() {
        assert_eq!(mask(&[1]), "2");
        assert_eq!(mask(&[1, 2, 31]), "80000006");
        assert_eq!(mask(&[1, 33, 64]), "1,2,2");
    }
}
