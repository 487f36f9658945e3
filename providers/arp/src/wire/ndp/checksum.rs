//! Is a message as it was sent? The internet checksum over a message and the pseudo-header of IPv6 (RFC 8200 section 8.1).

use std::net::Ipv6Addr;

use super::ICMPV6;

/// A sum of 16-bit words; each part added must have an even length, except the last.
pub(super) struct Sum(u32);

// === impl Sum ===

impl Sum {
    /// Begins with the pseudo-header of an `ICMPv6` message of `length` bytes.
    pub(super) fn of_icmpv6(source: Ipv6Addr, destination: Ipv6Addr, length: u16) -> Self {
        let mut sum = Self(u32::from(length) + u32::from(ICMPV6));
        sum.add(&source.octets());
        sum.add(&destination.octets());
        sum
    }

    /// Adds `bytes`: 64 KiB at most, so that 32 bits hold the sum.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks(2) {
            let word = match *pair {
                [high, low] => u16::from_be_bytes([high, low]),
                [high] => u16::from_be_bytes([high, 0]),
                _ => 0,
            };
            self.0 = self.0.wrapping_add(word.into());
        }
    }

    /// The checksum; over a message that has its own in it, zero if that is right.
    pub(super) fn complement(self) -> u16 {
        let once = (self.0 >> 16) + (self.0 & 0xffff);
        let twice = (once >> 16) + (once & 0xffff);
        // Twice folded, it fits: what is cut off is zero.
        !u16::try_from(twice & 0xffff).unwrap_or_default()
    }
}
