//! Who sends a frame to whom, and what is in it? Untagged Ethernet II only.

use std::{fmt, ops::Deref};

use super::{Malformed, reader::Reader};
use crate::Mac;

/// The type of a frame that carries ARP.
pub const ARP: u16 = 0x0806;

/// The type of a frame that carries IPv6.
pub const IPV6: u16 = 0x86dd;

/// The types of a VLAN tag: 802.1Q, 802.1ad, and what came before 802.1ad.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// A view of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    destination: &'a [u8; 6],
    source: &'a [u8; 6],
    ether_type: u16,
    payload: &'a [u8],
}

/// A frame to send: as long as the longest that is sent here, and no allocation.
///
/// Shorter than Ethernet's least 60 bytes where its content is; who puts it on a wire pads it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

// === impl Packet ===

impl<'a> Packet<'a> {
    /// Reads the header.
    ///
    /// # Errors
    ///
    /// [`Malformed::Short`], or [`Malformed::Vlan`] for a frame with a tag.
    pub fn new_checked(frame: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(frame);
        let destination = reader.array().ok_or(Malformed::Short)?;
        let source = reader.array().ok_or(Malformed::Short)?;
        let ether_type = reader.u16().ok_or(Malformed::Short)?;
        if TAGS.contains(&ether_type) {
            return Err(Malformed::Vlan);
        }
        Ok(Self {
            destination,
            source,
            ether_type,
            payload: reader.rest(),
        })
    }

    /// To whom it goes.
    #[must_use]
    pub const fn destination(&self) -> Mac {
        Mac(*self.destination)
    }

    /// Who sent it.
    #[must_use]
    pub const fn source(&self) -> Mac {
        Mac(*self.source)
    }

    /// What it carries: [`ARP`], [`IPV6`] or something else.
    #[must_use]
    pub const fn ether_type(&self) -> u16 {
        self.ether_type
    }

    /// What follows the header, padding included.
    #[must_use]
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

// === impl Frame ===

impl Frame {
    /// A neighbour message with one option: the longest frame of all that are sent.
    pub const CAPACITY: usize = 14 + 40 + 24 + 8;

    /// A frame with its header and nothing else yet.
    pub(super) fn new(destination: Mac, source: Mac, ether_type: u16) -> Self {
        let mut frame = Self {
            bytes: [0; Self::CAPACITY],
            length: 0,
        };
        frame.push(&destination.0);
        frame.push(&source.0);
        frame.push(&ether_type.to_be_bytes());
        frame
    }

    /// Puts `bytes` behind what there is. Beyond [`Frame::CAPACITY`] nothing fits; no caller comes there.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        for (slot, byte) in self.bytes.iter_mut().skip(self.length).zip(bytes) {
            *slot = *byte;
            self.length += 1;
        }
    }
}

impl Deref for Frame {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&self.bytes)
    }
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Frame(")?;
        for byte in self.iter() {
            write!(f, "{byte:02x}")?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_with_a_tag_is_refused_as_such() {
        for tag in [[0x81, 0x00], [0x88, 0xa8], [0x91, 0x00]] {
            let mut frame = vec![0xff; 12];
            frame.extend(tag);
            frame.extend([0, 7, 0x08, 0x06]);
            assert_eq!(Packet::new_checked(&frame), Err(Malformed::Vlan));
        }
    }

    #[test]
    fn a_frame_shorter_than_its_header_is_short() {
        assert_eq!(Packet::new_checked(&[0; 13]), Err(Malformed::Short));
        assert!(Packet::new_checked(&[0; 14]).is_ok());
    }
}
