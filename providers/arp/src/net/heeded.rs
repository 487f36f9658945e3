//! Which ARP requests are to wake the thread? Those for addresses that this node claims; the others, of which a large segment
//! is full, are taken when it wakes anyway.

use std::{fmt, net::Ipv4Addr};

/// The addresses, by their last ten bits: the kernel's filter can look those up in a few instructions however many there
/// are. Who shares them with a claimed address is heeded too, which is no harm.
pub(super) struct Heeded {
    /// How many addresses there are with these last bits.
    counts: Box<[u32; Self::BITS as usize]>,
    changed: bool,
}

// === impl Heeded ===

impl Heeded {
    /// How many different last bits there are: a power of two.
    pub(super) const BITS: u32 = 1024;

    pub(super) fn heed(&mut self, address: Ipv4Addr) {
        if let Some(count) = self.count(address) {
            *count += 1;
            self.changed |= *count == 1;
        }
    }

    /// Only what was heeded before.
    pub(super) fn disregard(&mut self, address: Ipv4Addr) {
        if let Some(count) = self.count(address)
            && *count > 0
        {
            *count -= 1;
            self.changed |= *count == 0;
        }
    }

    /// Whether it is another map now than when this was last asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// The map's words that are not zero, with their numbers. The first bit is the lowest of the first word.
    pub(super) fn words(&self) -> impl Iterator<Item = (u32, u32)> {
        let word = |counts: &[u32]| {
            let bits = counts.iter().rev();
            bits.fold(0, |word, count| word << 1 | u32::from(*count > 0))
        };
        (0..)
            .zip(self.counts.chunks(32).map(word))
            .filter(|(_, word)| *word != 0)
    }

    fn count(&mut self, address: Ipv4Addr) -> Option<&mut u32> {
        let place = u32::from(address) % Self::BITS;
        self.counts.get_mut(usize::try_from(place).ok()?)
    }
}

impl Default for Heeded {
    fn default() -> Self {
        Self {
            counts: Box::new([0; Self::BITS as usize]),
            changed: false,
        }
    }
}

impl fmt::Debug for Heeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.words().map(|(_, word)| word.count_ones());
        write!(f, "{} of {} places", places.sum::<u32>(), Self::BITS)
    }
}
