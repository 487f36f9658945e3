//! Frames as Linux sends them, read and written; and each rule of RFC 4861 section 7.1 broken once.

use super::*;

const NODE: Mac = Mac([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
const CLIENT: Mac = Mac([0x02, 0x42, 0xc0, 0x00, 0x02, 0x01]);
const VIP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xc8);
const CLIENT_IP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// The client asks for the VIP.
const SOLICITATION: &str = "3333ff0000c8 0242c0000201 86dd \
    60000000 0020 3a ff 20010db8000000000000000000000001 ff0200000000000000000001ff0000c8 \
    87 00 5858 00000000 20010db80000000000000000000000c8 01 01 0242c0000201";

/// A host that has the VIP answers.
const ADVERTISEMENT: &str = "0242c0000201 525400123456 86dd \
    60000000 0020 3a ff 20010db80000000000000000000000c8 20010db8000000000000000000000001 \
    88 00 042b 60000000 20010db80000000000000000000000c8 02 01 525400123456";

/// A host is about to take `2001:db8::1`. The option is a nonce (RFC 7527).
const PROBE: &str = "3333ff000001 0242c0000201 86dd \
    60000000 0020 3a ff 00000000000000000000000000000000 ff0200000000000000000001ff000001 \
    87 00 61cc 00000000 20010db8000000000000000000000001 0e 01 d4735d67ab3c";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    (digits.chunks(2))
        .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
        .collect()
}

fn repr(frame: &[u8]) -> Repr {
    Packet::new_checked(frame).unwrap().repr()
}

/// `hex` with some bytes changed, and the checksum set right again.
fn altered(hex: &str, changes: &[(usize, u8)]) -> Vec<u8> {
    let mut frame = bytes(hex);
    for (at, byte) in changes {
        frame[*at] = *byte;
    }
    frame[56..58].fill(0);
    let length = u16::from_be_bytes([frame[18], frame[19]]);
    let address = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&frame[at..at + 16]).unwrap());
    let mut sum = checksum::Sum::of_icmpv6(address(22), address(38), length);
    sum.add(&frame[54..54 + usize::from(length).min(frame.len() - 54)]);
    let sum = sum.complement();
    frame[56..58].copy_from_slice(&sum.to_be_bytes());
    frame
}

fn refused(hex: &str, changes: &[(usize, u8)]) -> Option<Malformed> {
    Packet::new_checked(&altered(hex, changes)).err()
}

#[test]
fn a_question_as_linux_asks_it_is_understood() {
    let frame = bytes(SOLICITATION);
    let packet = Packet::new_checked(&frame).unwrap();
    assert_eq!(packet.ethernet().source(), CLIENT);
    assert_eq!(
        packet.repr(),
        Repr {
            source: CLIENT_IP,
            destination: solicited_node(VIP),
            target: VIP,
            message: Message::Solicitation {
                source_mac: Some(CLIENT)
            },
        }
    );
    assert!(!packet.repr().is_probe());
    assert_eq!(*solicitation(CLIENT, CLIENT_IP, VIP), *frame);
}

#[test]
fn an_answer_is_byte_for_byte_what_linux_sends() {
    let frame = answer(NODE, VIP, CLIENT, CLIENT_IP);
    assert_eq!(*frame, *bytes(ADVERTISEMENT));
    assert_eq!(
        repr(&frame).message,
        Message::Advertisement {
            target_mac: Some(NODE),
            flags: Flags {
                router: false,
                solicited: true,
                overrides: true,
            },
        }
    );
}

#[test]
fn a_question_without_the_askers_mac_is_understood() {
    let question = Repr {
        source: CLIENT_IP,
        destination: VIP,
        target: VIP,
        message: Message::Solicitation { source_mac: None },
    };
    let frame = question.emit(CLIENT, NODE);
    assert_eq!(frame.len(), 78);
    assert_eq!(repr(&frame), question);
    let packet = Packet::new_checked(&frame).unwrap();
    assert_eq!(packet.ethernet().source(), CLIENT);
}

#[test]
fn a_probe_as_linux_sends_it_is_one() {
    let probe = repr(&bytes(PROBE));
    assert!(probe.is_probe());
    assert_eq!(probe.target, CLIENT_IP);
}

#[test]
fn our_probe_goes_to_the_group_and_carries_no_option() {
    let frame = probe(NODE, VIP);
    assert_eq!(frame.len(), 78);
    assert_eq!(frame[..6], [0x33, 0x33, 0xff, 0, 0, 0xc8]);
    assert!(repr(&frame).is_probe());
    assert_eq!(repr(&frame).destination, solicited_node(VIP));
}

#[test]
fn an_announcement_goes_to_all_and_overrides() {
    let frame = announcement(NODE, VIP);
    assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(
        repr(&frame),
        Repr {
            source: VIP,
            destination: ALL_NODES,
            target: VIP,
            message: Message::Advertisement {
                target_mac: Some(NODE),
                flags: Flags {
                    router: false,
                    solicited: false,
                    overrides: true,
                },
            },
        }
    );
}

#[test]
fn each_flag_stands_at_its_own_bit() {
    let flags = |byte| match repr(&altered(ADVERTISEMENT, &[(58, byte)])).message {
        Message::Advertisement { flags, .. } => (flags.router, flags.solicited, flags.overrides),
        Message::Solicitation { .. } => panic!("not an advertisement"),
    };
    assert_eq!(flags(0x80), (true, false, false));
    assert_eq!(flags(0x40), (false, true, false));
    assert_eq!(flags(0x20), (false, false, true));
    assert_eq!(flags(0x1f), (false, false, false));
}

#[test]
fn a_group_has_the_address_of_the_standards() {
    // The example of RFC 4291 section 2.7.1.
    let address = "4037::1:800:200e:8c6c".parse().unwrap();
    let group: Ipv6Addr = "ff02::1:ff0e:8c6c".parse().unwrap();
    assert_eq!(solicited_node(address), group);
    assert_eq!(group_mac(group).to_string(), "33:33:ff:0e:8c:6c");
}

#[test]
fn a_broken_rule_is_named() {
    for (hex, changes, reason) in [
        (SOLICITATION, &[(13, 0x00)][..], Malformed::EtherType),
        (SOLICITATION, &[(14, 0x40)], Malformed::IpVersion),
        (SOLICITATION, &[(20, 44)], Malformed::NextHeader),
        (SOLICITATION, &[(21, 254)], Malformed::HopLimit),
        (SOLICITATION, &[(54, 133)], Malformed::MessageKind),
        (SOLICITATION, &[(55, 1)], Malformed::Code),
        (SOLICITATION, &[(62, 0xff)], Malformed::Target),
        (SOLICITATION, &[(22, 0xff)], Malformed::Source),
        (SOLICITATION, &[(79, 0)], Malformed::Options),
        (SOLICITATION, &[(79, 2)], Malformed::Options),
        (PROBE, &[(53, 2)], Malformed::Destination),
        (PROBE, &[(78, 1)], Malformed::Options),
        (ADVERTISEMENT, &[(38, 0xff)], Malformed::Solicited),
        (ADVERTISEMENT, &[(79, 0)], Malformed::Options),
    ] {
        assert_eq!(refused(hex, changes), Some(reason), "{changes:?} of {hex}");
        assert_eq!(refused(hex, &[]), None);
    }
    let mut wrong = bytes(SOLICITATION);
    wrong[57] ^= 1;
    assert_eq!(Packet::new_checked(&wrong), Err(Malformed::Checksum));
}

#[test]
fn an_option_of_another_kind_is_passed_over() {
    let question = repr(&altered(SOLICITATION, &[(78, 14)]));
    assert_eq!(question.message, Message::Solicitation { source_mac: None });
    // Nor is the asker's address taken for the answerer's.
    let claim = repr(&altered(ADVERTISEMENT, &[(78, 1)]));
    assert!(matches!(
        claim.message,
        Message::Advertisement {
            target_mac: None,
            ..
        }
    ));
}

#[test]
fn of_two_options_of_a_kind_the_first_counts() {
    let mut frame = bytes(SOLICITATION);
    frame.extend([1, 1, 2, 2, 2, 2, 2, 2]);
    let digits = frame.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits
        .filter_map(|d| char::from_digit(d.into(), 16))
        .collect();
    let question = repr(&altered(&hex, &[(19, 40)]));
    let source_mac = Some(CLIENT);
    assert_eq!(question.message, Message::Solicitation { source_mac });
}

#[test]
fn a_frame_that_is_cut_anywhere_is_refused_and_padding_is_not_read() {
    let mut frame = bytes(ADVERTISEMENT);
    for length in 0..frame.len() {
        assert_eq!(
            Packet::new_checked(&frame[..length]),
            Err(Malformed::Short),
            "{length} bytes"
        );
    }
    frame.extend([0xee; 7]);
    assert_eq!(repr(&frame), repr(&bytes(ADVERTISEMENT)));
}

#[test]
fn a_message_shorter_than_its_kind_is_refused() {
    // The lengths agree with one another: only the message ends within its target.
    let mut frame = altered(SOLICITATION, &[(19, 23)]);
    frame.truncate(54 + 23);
    assert_eq!(Packet::new_checked(&frame), Err(Malformed::Short));
}

#[test]
fn a_question_behind_a_vlan_tag_is_not_answered_on_this_segment() {
    let mut tagged = bytes(SOLICITATION);
    tagged.splice(12..12, [0x81, 0x00, 0x00, 0x07]);
    assert_eq!(Packet::new_checked(&tagged), Err(Malformed::Vlan));
}
