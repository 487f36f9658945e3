//! Which frames does the kernel hand us? Classic BPF programs, run by the kernel on every frame of an interface before
//! it is copied anywhere: on a busy node nearly all of them are none of our business.
//!
//! What is merely wrong (a hop limit, a checksum, a strange address) passes, so that the engine can count it by reason.

use socket2::SockFilter;

use super::heeded::Heeded;
use crate::InterfaceIndex;

/// Lets through ARP requests and replies about IPv4 over Ethernet that the interface itself received.
pub(super) fn arp(index: InterfaceIndex) -> Vec<SockFilter> {
    program(index, arp_where(PASS, [end(PASS)]))
}

/// Of these, the ones that need haste: all replies, and requests for what is `heeded`.
pub(super) fn heeded_arp(index: InterfaceIndex, heeded: &Heeded) -> Vec<SockFilter> {
    program(index, arp_where(PASS, heeded.split(PASS, DROP)))
}

/// And the others.
pub(super) fn other_arp(index: InterfaceIndex, heeded: &Heeded) -> Vec<SockFilter> {
    program(index, arp_where(DROP, heeded.split(DROP, PASS)))
}

/// Lets through neighbour solicitations and advertisements that the interface itself received. Those behind an extension
/// header are not seen; nobody sends them (RFC 6980 forbids the one kind that mattered).
pub(super) fn neighbour(index: InterfaceIndex) -> Vec<SockFilter> {
    program(index, NEIGHBOUR)
}

/// What must hold for both. A frame that goes up to a VLAN's interface, or another that sits on this one, is shown to
/// this one's sockets as well, and without its tag; those have their own segment.
fn program(index: InterfaceIndex, rest: impl IntoIterator<Item = SockFilter>) -> Vec<SockFilter> {
    let at_this_interface = [load_word(INTERFACE), skip_if(index.0, 1), end(DROP)];
    at_this_interface.into_iter().chain(rest).collect()
}

/// A reply has one end, a request is looked at further.
fn arp_where(
    reply: u32,
    request: impl IntoIterator<Item = SockFilter>,
) -> impl Iterator<Item = SockFilter> {
    let sorted = [
        load_word(PACKET_TYPE),
        drop_above(RECEIVED, 11),
        load_half(ETHERTYPE),
        drop_unless(0x0806, 9),
        load_half(14), // the hardware's kind: Ethernet
        drop_unless(1, 7),
        load_half(16), // the protocol: IPv4
        drop_unless(0x0800, 5),
        load_half(18), // both lengths, of a hardware address and of a protocol's
        drop_unless(0x0604, 3),
        load_half(20), // the operation
        skip_if(2, 2),
        skip_if(1, 2),
        end(DROP),
        end(reply),
    ];
    sorted.into_iter().chain(request)
}

const NEIGHBOUR: [SockFilter; 11] = [
    load_word(PACKET_TYPE),
    drop_above(RECEIVED, 8),
    load_half(ETHERTYPE),
    drop_unless(0x86dd, 6),
    load_byte(20), // what comes after the IPv6 header: ICMPv6
    drop_unless(58, 4),
    load_byte(54), // the message's type
    skip_if(135, 1),
    drop_unless(136, 1),
    end(PASS),
    end(DROP),
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

/// The last bytes of the address that an ARP request asks for.
const ASKED_FOR: u32 = 40;

/// Where what is looked for is put by.
const SLOT: u32 = 0;

/// The whole frame.
const PASS: u32 = 0x0004_0000;

/// Not a byte.
const DROP: u32 = 0;

/// So much of the frame is handed over.
const fn end(length: u32) -> SockFilter {
    SockFilter::new(0x06, 0, 0, length)
}

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
const fn skip_if(value: u32, skip: u8) -> SockFilter {
    SockFilter::new(0x15, skip, 0, value)
}

/// Skips the next `skip` instructions if the value loaded is above `value`.
const fn drop_above(value: u32, skip: u8) -> SockFilter {
    SockFilter::new(0x25, skip, 0, value)
}

// === impl Heeded ===

impl Heeded {
    /// Whether the address asked for is, or may be, heeded: a look at its bit in the map, word by word where there are any.
    fn split(&self, heeded: u32, other: u32) -> Vec<SockFilter> {
        let mut program = vec![
            load_half(ASKED_FOR),
            and(Self::BITS - 1),
            SockFilter::new(0x02, 0, 0, SLOT), // keeps it
            divide_by_32(),
        ];
        let words: Vec<(u32, u32)> = self.words().collect();
        let mut left = u32::try_from(words.len()).unwrap_or_default();
        for (number, word) in words {
            left -= 1;
            program.extend([
                drop_unless(number, 2), // to the next word
                SockFilter::new(0x00, 0, 0, word),
                // Over the other words, three instructions each, and what follows where none was it.
                SockFilter::new(0x05, 0, 0, 3 * left + 1),
            ]);
        }
        program.extend([
            end(other),
            SockFilter::new(0x02, 0, 0, SLOT + 1),
            SockFilter::new(0x60, 0, 0, SLOT),
            and(31),
            SockFilter::new(0x07, 0, 0, 0), // the bit's number, to X
            SockFilter::new(0x60, 0, 0, SLOT + 1),
            SockFilter::new(0x7c, 0, 0, 0), // the word, shifted by X
            and(1),
            skip_if(1, 1),
            end(other),
            end(heeded),
        ]);
        program
    }
}

const fn and(mask: u32) -> SockFilter {
    SockFilter::new(0x54, 0, 0, mask)
}

const fn divide_by_32() -> SockFilter {
    SockFilter::new(0x74, 0, 0, 5)
}

#[cfg(test)]
mod tests {
    use std::{io::Read, net::Ipv4Addr};

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
        let all: Vec<SockFilter> = arp_where(PASS, [end(PASS)]).collect();
        assert!(passes(&all, &arp(|_| {})));
        assert!(passes(&all, &arp(|frame| frame[21] = 2)));
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
                !passes(&all, &arp(|frame| frame[place] = value)),
                "byte {place}"
            );
        }
        assert!(!passes(&all, &arp(|_| {})[..20]), "cut off");
    }

    /// With haste and without.
    fn divided(heeded: &Heeded, frame: &[u8]) -> (bool, bool) {
        let with: Vec<SockFilter> = arp_where(PASS, heeded.split(PASS, DROP)).collect();
        let without: Vec<SockFilter> = arp_where(DROP, heeded.split(DROP, PASS)).collect();
        (passes(&with, frame), passes(&without, frame))
    }

    #[test]
    fn every_request_passes_one_of_the_two_and_in_haste_what_is_heeded() {
        let asked =
            |address: Ipv4Addr| arp(|frame| frame[38..42].copy_from_slice(&address.octets()));
        let last = |n: u16| Ipv4Addr::from(0xc000_0200_u32 + u32::from(n));
        let mut heeded = Heeded::default();
        for n in [0, 31, 32, 700, 1023] {
            assert_eq!(divided(&heeded, &asked(last(n))), (false, true));
            heeded.heed(last(n));
        }
        for n in 0..1024 {
            let wanted = [0, 31, 32, 700, 1023].contains(&n);
            assert_eq!(divided(&heeded, &asked(last(n))), (wanted, !wanted), "{n}");
        }
        heeded.disregard(last(700));
        assert_eq!(divided(&heeded, &asked(last(700))), (false, true));
        let all: Vec<Ipv4Addr> = (0..5000).map(last).collect();
        for address in &all {
            heeded.heed(*address);
        }
        for address in all.iter().step_by(97) {
            assert_eq!(divided(&heeded, &asked(*address)), (true, false));
        }
    }

    #[test]
    fn replies_have_haste_and_what_is_none_of_ours_passes_neither() {
        let mut heeded = Heeded::default();
        for _ in 0..2 {
            assert_eq!(divided(&heeded, &arp(|frame| frame[21] = 2)), (true, false));
            assert_eq!(
                divided(&heeded, &arp(|frame| frame[21] = 3)),
                (false, false)
            );
            assert_eq!(
                divided(&heeded, &arp(|frame| frame[13] = 0)),
                (false, false)
            );
            heeded.heed(Ipv4Addr::UNSPECIFIED);
        }
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
