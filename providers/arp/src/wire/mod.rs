//! What do the bytes on a segment mean? Codecs only: nothing here knows time, sockets or what to do about a frame.
//!
//! Every parser takes any bytes whatever and never panics. What it refuses, it refuses for a named reason.

pub mod arp;
pub mod ethernet;
pub mod hello;
pub mod ndp;
mod reader;

/// Why a frame is not one of those that are understood here.
///
/// Most frames that end so are nothing bad, only somebody else's business; the label counts them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Malformed {
    /// It ends before its headers or its own lengths say.
    #[error("cut short")]
    Short,
    /// It has a VLAN tag: it belongs to another segment, which has an interface of its own.
    #[error("tagged for a VLAN")]
    Vlan,
    /// Neither ARP nor IPv6, whichever was looked for.
    #[error("another protocol")]
    EtherType,
    /// ARP, but not for IPv4 over Ethernet.
    #[error("ARP for other kinds of address than Ethernet and IPv4")]
    AddressKind,
    /// ARP, but neither request nor reply.
    #[error("ARP that is neither request nor reply")]
    Operation,
    /// The IPv6 header says another version.
    #[error("not version 6 of IP")]
    IpVersion,
    /// Something else than `ICMPv6` follows the IPv6 header. Neighbour discovery needs no extension header, and may not
    /// be fragmented (RFC 6980 section 5).
    #[error("not ICMPv6 directly behind the IPv6 header")]
    NextHeader,
    /// It may have passed a router (RFC 4861 section 7.1: the hop limit must be 255).
    #[error("a hop limit that is not 255")]
    HopLimit,
    /// The checksum is wrong.
    #[error("a wrong checksum")]
    Checksum,
    /// `ICMPv6`, but neither a neighbour solicitation nor a neighbour advertisement.
    #[error("ICMPv6 other than neighbour solicitation and advertisement")]
    MessageKind,
    /// The code is not zero.
    #[error("an ICMPv6 code that is not 0")]
    Code,
    /// It is about a group, which has no neighbour.
    #[error("a target that is a multicast address")]
    Target,
    /// It comes from a group, which nothing can.
    #[error("a source that is a multicast address")]
    Source,
    /// A probe that does not go to the solicited-node group (RFC 4861 section 7.1.1).
    #[error("a probe that does not go to the solicited-node group")]
    Destination,
    /// An answer to one asker that goes to all (RFC 4861 section 7.1.2).
    #[error("a solicited advertisement that goes to a group")]
    Solicited,
    /// An option of length zero, one longer than the message, or one that may not be there.
    #[error("an option that is malformed or may not be there")]
    Options,
}

// === impl Malformed ===

impl Malformed {
    /// A stable word for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Vlan => "vlan",
            Self::EtherType => "ether_type",
            Self::AddressKind => "address_kind",
            Self::Operation => "operation",
            Self::IpVersion => "ip_version",
            Self::NextHeader => "next_header",
            Self::HopLimit => "hop_limit",
            Self::Checksum => "checksum",
            Self::MessageKind => "message_kind",
            Self::Code => "code",
            Self::Target => "target",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Solicited => "solicited",
            Self::Options => "options",
        }
    }
}
