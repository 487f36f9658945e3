//! Which frames does the kernel hand us? Classic BPF programs, run by the kernel on every frame of an interface before
//! it is copied anywhere: on a busy node nearly all of them are none of our business.
//!
//! What is merely wrong (a hop limit, a checksum, a strange address) passes, so that the engine can count it by reason.

use socket2::SockFilter;

use crate::InterfaceIndex;

/// Lets through ARP requests and replies about IPv4 over Ethernet that the interface itself received.
pub(super) fn arp(index: InterfaceIndex) -> Vec<SockFilter> {
    program(index, ARP)
}

/// Lets through neighbour solicitations and advertisements that the interface itself received. Those behind an extension
/// header are not seen; nobody sends them (RFC 6980 forbids the one kind that mattered).
pub(super) fn neighbour(index: InterfaceIndex) -> Vec<SockFilter> {
    program(index, NEIGHBOUR)
}

/// What must hold for both. A frame that goes up to a VLAN's interface, or another that sits on this one, is shown to
/// this one's sockets as well, and without its tag; those have their own segment.
fn program<const N: usize>(index: InterfaceIndex, rest: [SockFilter; N]) -> Vec<SockFilter> {
    let at_this_interface = [load_word(INTERFACE), pass_if(index.0, 1), DROP];
    at_this_interface.into_iter().chain(rest).collect()
}

const ARP: [SockFilter; 15] = [
    load_word(PACKET_TYPE),
    drop_above(RECEIVED, 12),
    load_half(ETHERTYPE),
    drop_unless(0x0806, 10),
    load_half(14), // the hardware's kind: Ethernet
    drop_unless(1, 8),
    load_half(16), // the protocol: IPv4
    drop_unless(0x0800, 6),
    load_half(18), // both lengths, of a hardware address and of a protocol's
    drop_unless(0x0604, 4),
    load_half(20), // the operation
    pass_if(1, 1),
    drop_unless(2, 1),
    PASS,
    DROP,
];

const NEIGHBOUR: [SockFilter; 11] = [
    load_word(PACKET_TYPE),
    drop_above(RECEIVED, 8),
    load_half(ETHERTYPE),
    drop_unless(0x86dd, 6),
    load_byte(20), // what comes after the IPv6 header: ICMPv6
    drop_unless(58, 4),
    load_byte(54), // the message's type
    pass_if(135, 1),
    drop_unless(136, 1),
    PASS,
    DROP,
];

/// Where the kernel keeps what is not in the frame: for whom it was (`SKF_AD_PKTTYPE`), and which interface has it now
/// (`SKF_AD_IFINDEX`).
const PACKET_TYPE: u32 = 0xffff_f000 + 4;
const INTERFACE: u32 = 0xffff_f000 + 8;

/// The last of the kinds that are for us: to this host, to all, to a group. Beyond are frames to others, which a
/// promiscuous interface or one with foreign VLANs sees, and our own.
const RECEIVED: u32 = 2;

/// Where an Ethernet frame says what it carries.
const ETHERTYPE: u32 = 12;

/// The whole frame.
const PASS: SockFilter = SockFilter::new(0x06, 0, 0, 0x0004_0000);

/// Not a byte.
const DROP: SockFilter = SockFilter::new(0x06, 0, 0, 0);

const fn load_word(at: u32) -> SockFilter {
    SockFilter::new(0x20, 0, 0, at)
}

const fn load_half(at: u32) -> SockFilter {
    SockFilter::new(0x28, 0, 0, at)
}

const fn load_byte(at: u32) -> SockFilter {
    SockFilter::new(0x30, 0, 0, at)
}

/// Skips the next `skip` instructions unless the value loaded is `value`.
const fn drop_unless(value: u32, skip: u8) -> SockFilter {
    SockFilter::new(0x15, 0, skip, value)
}

/// Skips the next `skip` instructions if the value loaded is `value`.
const fn pass_if(value: u32, skip: u8) -> SockFilter {
    SockFilter::new(0x15, skip, 0, value)
}

/// Skips the next `skip` instructions if the value loaded is above `value`.
const fn drop_above(value: u32, skip: u8) -> SockFilter {
    SockFilter::new(0x25, skip, 0, value)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// Runs a program where the kernel runs it for anybody: between the two ends of a pair.
    fn passes(program: &[SockFilter], frame: &[u8]) -> bool {
        let (ours, mut theirs) = Socket::pair(Domain::UNIX, Type::DGRAM, None).unwrap();
        theirs.attach_filter(program).unwrap();
        theirs.set_nonblocking(true).unwrap();
        // A datagram that the filter drops is an error to the sender of a pair.
        let _ = ours.send(frame);
        matches!(theirs.read(&mut [0; 128]), Ok(length) if length == frame.len())
    }

    fn arp(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut frame = vec![0; 42];
        frame[12..22].copy_from_slice(&[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1]);
        change(&mut frame);
        frame
    }

    fn icmp(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut frame = vec![0; 86];
        frame[12..15].copy_from_slice(&[0x86, 0xdd, 0x60]);
        frame[20] = 58;
        frame[54] = 135;
        change(&mut frame);
        frame
    }

    #[test]
    fn only_requests_and_replies_about_ipv4_over_ethernet_pass() {
        assert!(passes(&ARP, &arp(|_| {})));
        assert!(passes(&ARP, &arp(|frame| frame[21] = 2)));
        for (place, value) in [
            (13, 0),
            (15, 6),
            (16, 0x86),
            (18, 8),
            (19, 16),
            (21, 3),
            (20, 1),
        ] {
            assert!(
                !passes(&ARP, &arp(|frame| frame[place] = value)),
                "byte {place}"
            );
        }
        assert!(!passes(&ARP, &arp(|_| {})[..20]), "cut off");
    }

    #[test]
    fn only_neighbour_solicitations_and_advertisements_pass() {
        assert!(passes(&NEIGHBOUR, &icmp(|_| {})));
        assert!(passes(&NEIGHBOUR, &icmp(|frame| frame[54] = 136)));
        assert!(!passes(&NEIGHBOUR, &icmp(|frame| frame[54] = 134)));
        assert!(!passes(&NEIGHBOUR, &icmp(|frame| frame[54] = 128)));
        assert!(!passes(&NEIGHBOUR, &icmp(|frame| frame[20] = 17)));
        assert!(!passes(&NEIGHBOUR, &icmp(|frame| frame[12] = 0x08)));
    }
}
