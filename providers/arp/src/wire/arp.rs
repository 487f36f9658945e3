//! Who asks for an IPv4 address, and who says to have it? ARP for IPv4 over Ethernet, and nothing else (RFC 826).

use std::net::Ipv4Addr;

use super::{
    Malformed,
    ethernet::{self, Frame},
    reader::Reader,
};
use crate::Mac;

/// Hardware and protocol, each with the length of its addresses: Ethernet, 6; IPv4, 4.
const IPV4_OVER_ETHERNET: [u8; 6] = [0, 1, 8, 0, 6, 4];

/// What an ARP packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// "Who has it?" Announcements are requests as well (RFC 5227 section 3).
    Request,
    /// "I have it."
    Reply,
}

/// A view of a whole Ethernet frame that carries ARP for IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    ethernet: ethernet::Packet<'a>,
    operation: Operation,
    sender_mac: &'a [u8; 6],
    sender_ip: &'a [u8; 4],
    target_mac: &'a [u8; 6],
    target_ip: &'a [u8; 4],
}

/// What an ARP packet says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Repr {
    /// Request or reply.
    pub operation: Operation,
    /// The Ethernet address of who says it, by its own word: the frame's source may be another.
    pub sender_mac: Mac,
    /// The address that the sender says to have; `0.0.0.0` in a probe.
    pub sender_ip: Ipv4Addr,
    /// Of no meaning in a request.
    pub target_mac: Mac,
    /// The address asked for; in a reply, the asker's.
    pub target_ip: Ipv4Addr,
}

/// Asks for `address`, from `sender_ip`.
#[must_use]
pub fn request(from: Mac, sender_ip: Ipv4Addr, address: Ipv4Addr) -> Frame {
    let repr = Repr {
        operation: Operation::Request,
        sender_mac: from,
        sender_ip,
        target_mac: Mac::ZERO,
        target_ip: address,
    };
    repr.emit(Mac::BROADCAST)
}

/// Answers that `from` has `address`, to the one who asked.
#[must_use]
pub fn reply(from: Mac, address: Ipv4Addr, to: Mac, to_ip: Ipv4Addr) -> Frame {
    let repr = Repr {
        operation: Operation::Reply,
        sender_mac: from,
        sender_ip: address,
        target_mac: to,
        target_ip: to_ip,
    };
    repr.emit(to)
}

/// Asks whether anybody has `address`, without a word that changes anybody's table (RFC 5227 section 2.1.1).
#[must_use]
pub fn probe(from: Mac, address: Ipv4Addr) -> Frame {
    request(from, Ipv4Addr::UNSPECIFIED, address)
}

/// Tells all that `from` has `address`, as a request: what the standard calls an announcement (RFC 5227 section 3).
#[must_use]
pub fn gratuitous_request(from: Mac, address: Ipv4Addr) -> Frame {
    request(from, address, address)
}

/// Tells all that `from` has `address`, as a reply: some devices heed only these.
#[must_use]
pub fn gratuitous_reply(from: Mac, address: Ipv4Addr) -> Frame {
    reply(from, address, Mac::BROADCAST, address)
}

// === impl Packet ===

impl<'a> Packet<'a> {
    /// Reads a frame. What follows the packet is padding.
    ///
    /// # Errors
    ///
    /// Why it is not ARP for IPv4 over Ethernet.
    pub fn new_checked(frame: &'a [u8]) -> Result<Self, Malformed> {
        let ethernet = ethernet::Packet::new_checked(frame)?;
        if ethernet.ether_type() != ethernet::ARP {
            return Err(Malformed::EtherType);
        }
        let mut reader = Reader::new(ethernet.payload());
        if *reader.array().ok_or(Malformed::Short)? != IPV4_OVER_ETHERNET {
            return Err(Malformed::AddressKind);
        }
        let operation = match reader.u16().ok_or(Malformed::Short)? {
            1 => Operation::Request,
            2 => Operation::Reply,
            _ => return Err(Malformed::Operation),
        };
        Ok(Self {
            ethernet,
            operation,
            sender_mac: reader.array().ok_or(Malformed::Short)?,
            sender_ip: reader.array().ok_or(Malformed::Short)?,
            target_mac: reader.array().ok_or(Malformed::Short)?,
            target_ip: reader.array().ok_or(Malformed::Short)?,
        })
    }

    /// The frame around it.
    #[must_use]
    pub const fn ethernet(&self) -> ethernet::Packet<'a> {
        self.ethernet
    }

    /// What it says.
    #[must_use]
    pub fn repr(&self) -> Repr {
        Repr {
            operation: self.operation,
            sender_mac: Mac(*self.sender_mac),
            sender_ip: Ipv4Addr::from(*self.sender_ip),
            target_mac: Mac(*self.target_mac),
            target_ip: Ipv4Addr::from(*self.target_ip),
        }
    }
}

// === impl Repr ===

impl Repr {
    /// The frame that says it, from [`Repr::sender_mac`] to `destination`.
    #[must_use]
    pub fn emit(&self, destination: Mac) -> Frame {
        let Self {
            operation,
            sender_mac,
            sender_ip,
            target_mac,
            target_ip,
        } = *self;
        let mut frame = Frame::new(destination, sender_mac, ethernet::ARP);
        frame.push(&IPV4_OVER_ETHERNET);
        frame.push(match operation {
            Operation::Request => &[0, 1],
            Operation::Reply => &[0, 2],
        });
        frame.push(&sender_mac.0);
        frame.push(&sender_ip.octets());
        frame.push(&target_mac.0);
        frame.push(&target_ip.octets());
        frame
    }

    /// Whether it asks if anybody has an address, and claims none itself (RFC 5227 section 1.1).
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.operation == Operation::Request && self.sender_ip.is_unspecified()
    }

    /// Whether the sender speaks about its own address, to whom it may concern.
    #[must_use]
    pub fn is_gratuitous(&self) -> bool {
        self.sender_ip == self.target_ip
    }
}

#[cfg(test)]
mod tests;
