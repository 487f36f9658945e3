//! Is a frame a neighbour message, and a valid one? The checks of RFC 4861 sections 7.1.1 and 7.1.2, in the order in which
//! the bytes stand.

use std::net::Ipv6Addr;

use super::{
    ADVERTISEMENT, Flags, HOP_LIMIT, ICMPV6, Kind, Malformed, Packet, SOLICITATION, SOURCE_MAC,
    TARGET_MAC, checksum::Sum, ethernet, solicited_node,
};
use crate::wire::reader::Reader;

impl<'a> Packet<'a> {
    /// Reads a frame. What follows the length that the IPv6 header says is padding.
    ///
    /// # Errors
    ///
    /// Why it is not a neighbour message, or not a valid one.
    pub fn new_checked(frame: &'a [u8]) -> Result<Self, Malformed> {
        let ethernet = ethernet::Packet::new_checked(frame)?;
        if ethernet.ether_type() != ethernet::IPV6 {
            return Err(Malformed::EtherType);
        }
        let Datagram {
            source,
            destination,
            message,
        } = Datagram::new_checked(ethernet.payload())?;

        let mut reader = Reader::new(message);
        let [kind, code, _, _, flags, _, _, _] = *reader.array().ok_or(Malformed::Short)?;
        let (kind, option) = match kind {
            SOLICITATION => (Kind::Solicitation, SOURCE_MAC),
            ADVERTISEMENT => (Kind::Advertisement(Flags::from_bits(flags)), TARGET_MAC),
            _ => return Err(Malformed::MessageKind),
        };
        if code != 0 {
            return Err(Malformed::Code);
        }
        let target = reader.array().ok_or(Malformed::Short)?;
        if Ipv6Addr::from(*target).is_multicast() {
            return Err(Malformed::Target);
        }
        let packet = Self {
            ethernet,
            source,
            destination,
            target,
            kind,
            mac: mac_option(reader, option)?,
        };
        packet.check_ends()?;
        Ok(packet)
    }

    /// Whether the message may go from and to where it does.
    fn check_ends(&self) -> Result<(), Malformed> {
        let source = Ipv6Addr::from(*self.source);
        let destination = Ipv6Addr::from(*self.destination);
        if source.is_multicast() {
            return Err(Malformed::Source);
        }
        match self.kind {
            Kind::Solicitation if source.is_unspecified() => {
                if destination != solicited_node(Ipv6Addr::from(*self.target)) {
                    return Err(Malformed::Destination);
                }
                if self.mac.is_some() {
                    return Err(Malformed::Options);
                }
            }
            Kind::Advertisement(flags) if flags.solicited && destination.is_multicast() => {
                return Err(Malformed::Solicited);
            }
            Kind::Solicitation | Kind::Advertisement(_) => {}
        }
        Ok(())
    }
}

/// An IPv6 packet that carries `ICMPv6`, come from the segment itself, its checksum right.
struct Datagram<'a> {
    source: &'a [u8; 16],
    destination: &'a [u8; 16],
    message: &'a [u8],
}

impl<'a> Datagram<'a> {
    fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let [version, _, _, _] = *reader.array().ok_or(Malformed::Short)?;
        if version >> 4 != 6 {
            return Err(Malformed::IpVersion);
        }
        let length = reader.u16().ok_or(Malformed::Short)?;
        let [next_header, hop_limit] = *reader.array().ok_or(Malformed::Short)?;
        if next_header != ICMPV6 {
            return Err(Malformed::NextHeader);
        }
        if hop_limit != HOP_LIMIT {
            return Err(Malformed::HopLimit);
        }
        let source = reader.array().ok_or(Malformed::Short)?;
        let destination = reader.array().ok_or(Malformed::Short)?;
        let message = reader.slice(length.into()).ok_or(Malformed::Short)?;
        let mut sum = Sum::of_icmpv6((*source).into(), (*destination).into(), length);
        sum.add(message);
        if sum.complement() != 0 {
            return Err(Malformed::Checksum);
        }
        Ok(Self {
            source,
            destination,
            message,
        })
    }
}

/// The Ethernet address in the first option of kind `wanted`; other kinds are passed over, as RFC 4861 section 9 asks.
fn mac_option(mut options: Reader<'_>, wanted: u8) -> Result<Option<&[u8; 6]>, Malformed> {
    let mut found = None;
    while !options.is_empty() {
        let [kind, eighths] = *options.array().ok_or(Malformed::Options)?;
        // The length counts eights of bytes, its own two among them; zero would go round for ever.
        let length = (usize::from(eighths) * 8)
            .checked_sub(2)
            .ok_or(Malformed::Options)?;
        let value = options.slice(length).ok_or(Malformed::Options)?;
        if kind == wanted && found.is_none() {
            found = Some(<&[u8; 6]>::try_from(value).map_err(|_| Malformed::Options)?);
        }
    }
    Ok(found)
}
