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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_carry_of_a_carry_is_added_too() {
        // 0x1ffff folds to 0x10000, and that to 1.
        assert_eq!(Sum(0x1_ffff).complement(), !1);
    }

    #[test]
    fn a_last_odd_byte_is_the_high_half_of_a_word() {
        let of = |bytes: &[u8]| {
            let mut sum = Sum(0);
            sum.add(bytes);
            sum.complement()
        };
        assert_eq!(of(&[1, 2, 3]), of(&[1, 2, 3, 0]));
        assert_eq!(of(&[1, 2, 3]), !0x0402);
    }
}
