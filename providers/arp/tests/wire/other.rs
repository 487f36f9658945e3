//! What does another implementation, etherparse, make of our frames, and we of its?

use etherparse::{
    ArpEthIpv4Packet, ArpHardwareId, ArpOperation, ArpPacket, EtherType, Icmpv6Type, NetSlice,
    PacketBuilder, SlicedPacket, TransportSlice,
    icmpv6::{Icmpv6PayloadSlice, NdpOptionSlice, NdpOptionsIterator, NeighborAdvertisementHeader},
};
use proptest::prelude::*;
use roadstead_arp::{
    Mac,
    wire::{arp, ndp},
};

use crate::any;

fn operation(ours: arp::Operation) -> ArpOperation {
    match ours {
        arp::Operation::Request => ArpOperation::REQUEST,
        arp::Operation::Reply => ArpOperation::REPLY,
    }
}

/// The frame that etherparse makes of an ARP packet.
fn their_arp(repr: &arp::Repr, to: Mac) -> Vec<u8> {
    let packet = ArpPacket::new(
        ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        operation(repr.operation),
        &repr.sender_mac.0,
        &repr.sender_ip.octets(),
        &repr.target_mac.0,
        &repr.target_ip.octets(),
    );
    let mut frame = vec![];
    PacketBuilder::ethernet2(repr.sender_mac.0, to.0)
        .arp(packet.unwrap())
        .write(&mut frame)
        .unwrap();
    frame
}

/// The frame that etherparse makes of a neighbour message, with a checksum that it computes.
fn their_ndp(repr: &ndp::Repr, from: Mac, to: Mac) -> Vec<u8> {
    let (kind, option, mac) = match repr.message {
        ndp::Message::Solicitation { source_mac } => {
            (Icmpv6Type::NeighborSolicitation, 1, source_mac)
        }
        ndp::Message::Advertisement { target_mac, flags } => {
            let header = NeighborAdvertisementHeader {
                router: flags.router,
                solicited: flags.solicited,
                r#override: flags.overrides,
            };
            (Icmpv6Type::NeighborAdvertisement(header), 2, target_mac)
        }
    };
    let mut payload = repr.target.octets().to_vec();
    if let Some(mac) = mac {
        payload.extend([option, 1]);
        payload.extend(mac.0);
    }
    let mut frame = vec![];
    PacketBuilder::ethernet2(from.0, to.0)
        .ipv6(repr.source.octets(), repr.destination.octets(), 255)
        .icmpv6(kind)
        .write(&mut frame, &payload)
        .unwrap();
    frame
}

/// What etherparse reads in a neighbour message's options.
fn their_macs(options: NdpOptionsIterator<'_>) -> Vec<(u8, &[u8])> {
    options
        .map(|option| match option.unwrap() {
            NdpOptionSlice::SourceLinkLayerAddress(mac) => (1, mac.link_layer_address()),
            NdpOptionSlice::TargetLinkLayerAddress(mac) => (2, mac.link_layer_address()),
            option => panic!("another option: {option:?}"),
        })
        .collect()
}

proptest! {
    #[test]
    fn both_write_the_same_arp(repr in any::arp(), to in any::mac()) {
        prop_assert_eq!(&*repr.emit(to), &*their_arp(&repr, to));
    }

    #[test]
    fn both_read_the_same_arp(repr in any::arp(), to in any::mac()) {
        let frame = repr.emit(to);
        let parsed = SlicedPacket::from_ethernet(&frame).unwrap();
        let Some(NetSlice::Arp(packet)) = parsed.net else {
            panic!("not ARP: {parsed:?}");
        };
        let theirs = ArpEthIpv4Packet {
            operation: operation(repr.operation),
            sender_mac: repr.sender_mac.0,
            sender_ipv4: repr.sender_ip.octets(),
            target_mac: repr.target_mac.0,
            target_ipv4: repr.target_ip.octets(),
        };
        prop_assert_eq!(packet.to_packet().try_eth_ipv4(), Ok(theirs));
    }

    /// Byte for byte, so the checksum too.
    #[test]
    fn both_write_the_same_neighbour_message(repr in any::ndp(), from in any::mac(), to in any::mac()) {
        let theirs = their_ndp(&repr, from, to);
        prop_assert_eq!(&*repr.emit(from, to), &*theirs);
        prop_assert_eq!(ndp::Packet::new_checked(&theirs).unwrap().repr(), repr);
    }

    #[test]
    fn both_read_the_same_neighbour_message(repr in any::ndp(), from in any::mac(), to in any::mac()) {
        let frame = repr.emit(from, to);
        let parsed = SlicedPacket::from_ethernet(&frame).unwrap();
        let (Some(NetSlice::Ipv6(ip)), Some(TransportSlice::Icmpv6(icmp))) = (parsed.net, parsed.transport) else {
            panic!("not ICMPv6");
        };
        let header = ip.header();
        prop_assert_eq!(header.hop_limit(), 255);
        prop_assert!(icmp.is_checksum_valid(header.source(), header.destination()));
        prop_assert_eq!(header.source_addr(), repr.source);
        prop_assert_eq!(header.destination_addr(), repr.destination);
        match (icmp.payload_slice().unwrap(), repr.message) {
            (Icmpv6PayloadSlice::NeighborSolicitation(theirs), ndp::Message::Solicitation { source_mac }) => {
                prop_assert_eq!(theirs.target_address(), repr.target);
                let ours: Vec<_> = source_mac.iter().map(|mac| (1, &mac.0[..])).collect();
                prop_assert_eq!(their_macs(theirs.options_iterator()), ours);
            }
            (Icmpv6PayloadSlice::NeighborAdvertisement(theirs), ndp::Message::Advertisement { target_mac, flags }) => {
                prop_assert_eq!(theirs.target_address(), repr.target);
                let ours: Vec<_> = target_mac.iter().map(|mac| (2, &mac.0[..])).collect();
                prop_assert_eq!(their_macs(theirs.options_iterator()), ours);
                let Icmpv6Type::NeighborAdvertisement(header) = icmp.icmp_type() else {
                    panic!("no advertisement's header");
                };
                let theirs = (header.router, header.solicited, header.r#override);
                prop_assert_eq!(theirs, (flags.router, flags.solicited, flags.overrides));
            }
            (theirs, ours) => panic!("{theirs:?} is not {ours:?}"),
        }
    }
}
