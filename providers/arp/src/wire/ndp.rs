//! Who asks for an IPv6 address, and who says to have it? Neighbour solicitations and advertisements in whole Ethernet
//! frames, and nothing else (RFC 4861).

use std::net::Ipv6Addr;

use super::{
    Malformed,
    ethernet::{self, Frame},
};
use crate::Mac;

mod checksum;
mod parse;

/// All nodes of the segment.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The hop limit of every message: who receives 255 knows that no router passed it on (RFC 4861 section 3.1).
const HOP_LIMIT: u8 = 255;

/// The number of `ICMPv6` in an IPv6 header.
const ICMPV6: u8 = 58;

const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;

/// The option "source link-layer address".
const SOURCE_MAC: u8 = 1;
/// The option "target link-layer address".
const TARGET_MAC: u8 = 2;

const ROUTER: u8 = 0x80;
const SOLICITED: u8 = 0x40;
const OVERRIDE: u8 = 0x20;

/// A view of a whole Ethernet frame that carries a neighbour message, valid as RFC 4861 section 7.1 has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    ethernet: ethernet::Packet<'a>,
    source: &'a [u8; 16],
    destination: &'a [u8; 16],
    target: &'a [u8; 16],
    kind: Kind,
    /// From the option that belongs to this kind of message.
    mac: Option<&'a [u8; 6]>,
}

/// Which message it is, with what only that one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Solicitation,
    Advertisement(Flags),
}

/// What a neighbour message says, and between whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Repr {
    /// From which address; `::` in a probe.
    pub source: Ipv6Addr,
    /// To which address or group.
    pub destination: Ipv6Addr,
    /// The address that it is about.
    pub target: Ipv6Addr,
    /// What is said about it.
    pub message: Message,
}

/// What is said about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Message {
    /// "Who has it?" or, from a host that knows already: "do you still have it?"
    Solicitation {
        /// The asker's Ethernet address. Absent from probes, and from the questions of hosts that ask one neighbour only:
        /// then the frame's source is it.
        source_mac: Option<Mac>,
    },
    /// "I have it."
    Advertisement {
        /// The Ethernet address at which it is.
        target_mac: Option<Mac>,
        /// How it is meant.
        flags: Flags,
    },
}

/// How an advertisement is meant (RFC 4861 section 4.4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags {
    /// The sender is a router.
    pub router: bool,
    /// It answers a question.
    pub solicited: bool,
    /// It replaces what the receiver knew.
    pub overrides: bool,
}

/// The group in which all who have `address`, or one that ends as it does, are asked for it (RFC 4291 section 2.7.1).
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    Ipv6Addr::from_octets([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, a, b, c])
}

/// The Ethernet address of a group (RFC 2464 section 7).
#[must_use]
pub const fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

/// Asks for `address`, from `source`.
#[must_use]
pub fn solicitation(from: Mac, source: Ipv6Addr, address: Ipv6Addr) -> Frame {
    let repr = Repr {
        source,
        destination: solicited_node(address),
        target: address,
        message: Message::Solicitation {
            source_mac: Some(from),
        },
    };
    repr.emit(from, group_mac(repr.destination))
}

/// Asks whether anybody has `address`, without a word that changes anybody's table (RFC 4862 section 5.4.2).
#[must_use]
pub fn probe(from: Mac, address: Ipv6Addr) -> Frame {
    let repr = Repr {
        source: Ipv6Addr::UNSPECIFIED,
        destination: solicited_node(address),
        target: address,
        message: Message::Solicitation { source_mac: None },
    };
    repr.emit(from, group_mac(repr.destination))
}

/// Answers that `from` has `address`, to the one who asked.
///
/// It overrides: a neighbour that asks all since the former holder went silent must not keep that one's Ethernet address
/// (RFC 4861 section 7.2.5).
#[must_use]
pub fn answer(from: Mac, address: Ipv6Addr, to: Mac, to_ip: Ipv6Addr) -> Frame {
    advertisement(from, address, to, to_ip, true)
}

/// Tells all that `from` has `address`: unasked, or in answer to a probe, whose sender has no address yet
/// (RFC 4861 sections 7.2.4 and 7.2.6).
#[must_use]
pub fn announcement(from: Mac, address: Ipv6Addr) -> Frame {
    advertisement(from, address, group_mac(ALL_NODES), ALL_NODES, false)
}

/// From `address` itself, as a kernel does that has it.
fn advertisement(from: Mac, address: Ipv6Addr, to: Mac, to_ip: Ipv6Addr, solicited: bool) -> Frame {
    let repr = Repr {
        source: address,
        destination: to_ip,
        target: address,
        message: Message::Advertisement {
            target_mac: Some(from),
            flags: Flags {
                router: false,
                solicited,
                overrides: true,
            },
        },
    };
    repr.emit(from, to)
}

// === impl Packet ===

impl<'a> Packet<'a> {
    /// The frame around it.
    #[must_use]
    pub const fn ethernet(&self) -> ethernet::Packet<'a> {
        self.ethernet
    }

    /// What it says.
    #[must_use]
    pub fn repr(&self) -> Repr {
        let mac = self.mac.map(|octets| Mac(*octets));
        Repr {
            source: Ipv6Addr::from(*self.source),
            destination: Ipv6Addr::from(*self.destination),
            target: Ipv6Addr::from(*self.target),
            message: match self.kind {
                Kind::Solicitation => Message::Solicitation { source_mac: mac },
                Kind::Advertisement(flags) => Message::Advertisement {
                    target_mac: mac,
                    flags,
                },
            },
        }
    }
}

// === impl Repr ===

impl Repr {
    /// The frame that says it.
    #[must_use]
    pub fn emit(&self, from: Mac, to: Mac) -> Frame {
        let Self {
            source,
            destination,
            target,
            message,
        } = *self;
        let (kind, flags, option, mac) = match message {
            Message::Solicitation { source_mac } => (SOLICITATION, 0, SOURCE_MAC, source_mac),
            Message::Advertisement { target_mac, flags } => {
                (ADVERTISEMENT, flags.bits(), TARGET_MAC, target_mac)
            }
        };
        let length: u8 = if mac.is_some() { 32 } else { 24 };
        let mut sum = checksum::Sum::of_icmpv6(source, destination, length.into());
        sum.add(&[kind, 0, 0, 0, flags, 0, 0, 0]);
        sum.add(&target.octets());
        if let Some(Mac(octets)) = mac {
            sum.add(&[option, 1]);
            sum.add(&octets);
        }

        let mut frame = Frame::new(to, from, ethernet::IPV6);
        frame.push(&[0x60, 0, 0, 0, 0, length, ICMPV6, HOP_LIMIT]);
        frame.push(&source.octets());
        frame.push(&destination.octets());
        frame.push(&[kind, 0]);
        frame.push(&sum.complement().to_be_bytes());
        frame.push(&[flags, 0, 0, 0]);
        frame.push(&target.octets());
        if let Some(Mac(octets)) = mac {
            frame.push(&[option, 1]);
            frame.push(&octets);
        }
        frame
    }

    /// Whether it asks if anybody has an address, before the asker takes it (RFC 4862 section 5.4).
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.source.is_unspecified() && matches!(self.message, Message::Solicitation { .. })
    }
}

// === impl Flags ===

impl Flags {
    const fn bits(self) -> u8 {
        let Self {
            router,
            solicited,
            overrides,
        } = self;
        (if router { ROUTER } else { 0 })
            | (if solicited { SOLICITED } else { 0 })
            | (if overrides { OVERRIDE } else { 0 })
    }

    const fn from_bits(bits: u8) -> Self {
        Self {
            router: bits & ROUTER != 0,
            solicited: bits & SOLICITED != 0,
            overrides: bits & OVERRIDE != 0,
        }
    }
}

#[cfg(test)]
mod tests;
