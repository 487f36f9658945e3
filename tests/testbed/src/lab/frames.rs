//! What does somebody ask and answer on the wire?
//!
//! ARP and neighbour discovery through a published codec, which is not the one that is being tested. Bytes in, bytes
//! out; no socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, bail};
use etherparse::{
    ArpEthIpv4Packet, ArpOperation, Icmpv6Type, LinkSlice, NetSlice, PacketBuilder, SlicedPacket,
    TransportSlice,
    icmpv6::{Icmpv6PayloadSlice, NdpOptionSlice},
};

use super::address::Mac;

/// `mac` has `address`, says somebody to `to`: as an answer, or unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) address: IpAddr,
    pub(super) mac: Mac,
    pub(super) to: IpAddr,
    /// Who sent the frame that says so.
    pub(super) sender: Mac,
}

/// Kind and length, then the address (RFC 4861, 4.6.1).
const SOURCE_LINK_LAYER_ADDRESS: [u8; 2] = [1, 1];
/// Neighbour discovery is only heard from neighbours (RFC 4861, 7.1).
const HOP_LIMIT: u8 = 255;

/// A frame to everybody that asks who has `address`, from somebody with `mac` and `from`.
pub(super) fn question(address: IpAddr, mac: Mac, from: IpAddr) -> Result<Vec<u8>> {
    match (address, from) {
        (IpAddr::V4(address), IpAddr::V4(from)) => arp_request(address, mac, from),
        (IpAddr::V6(address), IpAddr::V6(from)) => solicitation(address, mac, from),
        _ => bail!("asking for {address} from {from}: two families"),
    }
}

fn arp_request(address: Ipv4Addr, mac: Mac, from: Ipv4Addr) -> Result<Vec<u8>> {
    let packet = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: mac.0,
        sender_ipv4: from.octets(),
        target_mac: [0; 6],
        target_ipv4: address.octets(),
    };
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(mac.0, Mac::BROADCAST.0)
        .arp(packet.into())
        .write(&mut frame)
        .context("writing an ARP request")?;
    Ok(frame)
}

/// The answer to a frame that asks by ARP who has `address`: `mac` has it. `None`: it asks for something else.
pub(super) fn arp_reply(frame: &[u8], address: Ipv4Addr, mac: Mac) -> Result<Option<Vec<u8>>> {
    let asked = SlicedPacket::from_ethernet(frame).ok();
    let Some(NetSlice::Arp(asked)) = asked.and_then(|packet| packet.net) else {
        return Ok(None);
    };
    let Ok(asked) = asked.to_packet().try_eth_ipv4() else {
        return Ok(None);
    };
    if asked.operation != ArpOperation::REQUEST || asked.target_ipv4_addr() != address {
        return Ok(None);
    }
    let packet = ArpEthIpv4Packet {
        operation: ArpOperation::REPLY,
        sender_mac: mac.0,
        sender_ipv4: address.octets(),
        target_mac: asked.sender_mac,
        target_ipv4: asked.sender_ipv4,
    };
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(mac.0, asked.sender_mac)
        .arp(packet.into())
        .write(&mut frame)
        .context("writing an ARP reply")?;
    Ok(Some(frame))
}

fn solicitation(address: Ipv6Addr, mac: Mac, from: Ipv6Addr) -> Result<Vec<u8>> {
    // The group of everybody whose address ends like this one (RFC 4291, 2.7.1), as IP and as hardware address
    // (RFC 2464, 7).
    let [.., a, b, c] = address.octets();
    let group = Ipv6Addr::new(
        0xff02,
        0,
        0,
        0,
        0,
        1,
        0xff00 | u16::from(a),
        u16::from_be_bytes([b, c]),
    );
    let group_mac = [0x33, 0x33, 0xff, a, b, c];
    let mut payload = address.octets().to_vec();
    payload.extend(SOURCE_LINK_LAYER_ADDRESS);
    payload.extend(mac.0);
    let mut frame = Vec::new();
    PacketBuilder::ethernet2(mac.0, group_mac)
        .ipv6(from.octets(), group.octets(), HOP_LIMIT)
        .icmpv6(Icmpv6Type::NeighborSolicitation)
        .write(&mut frame, &payload)
        .context("writing a neighbour solicitation")?;
    Ok(frame)
}

/// What a frame says about who has an address, if it is an answer or an announcement.
pub(super) fn claim(frame: &[u8]) -> Option<Claim> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(LinkSlice::Ethernet2(link)) = &packet.link else {
        return None;
    };
    let sender = Mac(link.source());
    match (packet.net?, packet.transport) {
        (NetSlice::Arp(arp), _) => {
            let arp = arp.to_packet().try_eth_ipv4().ok()?;
            let to_all = arp.sender_ipv4 == arp.target_ipv4;
            (arp.operation == ArpOperation::REPLY || to_all).then(|| Claim {
                address: arp.sender_ipv4_addr().into(),
                mac: Mac(arp.sender_mac),
                to: arp.target_ipv4_addr().into(),
                sender,
            })
        }
        (NetSlice::Ipv6(ip), Some(TransportSlice::Icmpv6(icmp))) => {
            let header = ip.header();
            if header.hop_limit() != HOP_LIMIT
                || !icmp.is_checksum_valid(header.source(), header.destination())
            {
                return None;
            }
            let Ok(Icmpv6PayloadSlice::NeighborAdvertisement(said)) = icmp.payload_slice() else {
                return None;
            };
            let named = said.options_iterator().find_map(|option| match option {
                Ok(NdpOptionSlice::TargetLinkLayerAddress(option)) => {
                    option.link_layer_address().try_into().ok().map(Mac)
                }
                _ => None,
            });
            Some(Claim {
                address: said.target_address().into(),
                mac: named.unwrap_or(sender),
                to: header.destination_addr().into(),
                sender,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 9]);

    #[test]
    fn a_question_is_no_answer() {
        for (address, from) in [("172.30.0.100", "172.30.0.240"), ("fd30::1000", "fd30::f0")] {
            let frame = question(address.parse().unwrap(), MAC, from.parse().unwrap()).unwrap();
            assert_eq!(claim(&frame), None);
        }
        question(
            "172.30.0.1".parse().unwrap(),
            MAC,
            "fd30::1".parse().unwrap(),
        )
        .unwrap_err();
    }

    #[test]
    fn an_arp_reply_says_to_who_asked_what_was_asked_for() {
        let (address, from) = (Ipv4Addr::new(172, 30, 0, 100), Ipv4Addr::new(172, 30, 0, 9));
        let other = Ipv4Addr::new(172, 30, 0, 101);
        let asked = question(address.into(), MAC, from.into()).unwrap();
        let answerer = Mac([2, 0, 0, 0, 0, 1]);
        let reply = arp_reply(&asked, address, answerer).unwrap().unwrap();
        let said = Claim {
            address: address.into(),
            mac: answerer,
            to: from.into(),
            sender: answerer,
        };
        assert_eq!(claim(&reply), Some(said));
        assert_eq!(arp_reply(&asked, other, answerer).unwrap(), None);
        assert_eq!(arp_reply(&reply, address, answerer).unwrap(), None);
    }

    #[test]
    fn the_target_of_a_solicitation_is_reached_through_its_group() {
        let frame = solicitation("fd30::12:3456".parse().unwrap(), MAC, Ipv6Addr::LOCALHOST);
        let frame = frame.unwrap();
        assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
        let packet = SlicedPacket::from_ethernet(&frame).unwrap();
        let Some(NetSlice::Ipv6(ip)) = packet.net else {
            panic!("no IPv6 in {packet:?}");
        };
        let group = ip.header().destination_addr();
        assert_eq!(group, "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap());
    }
}
