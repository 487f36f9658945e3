//! Frames as they stand in captures, read and written.

use super::*;

const NODE: Mac = Mac([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
const CLIENT: Mac = Mac([0x02, 0x42, 0xc0, 0x00, 0x02, 0x01]);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);
const CLIENT_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// `arping`'s sort of request, padded to 60 bytes as a switch delivers it.
const REQUEST: [u8; 60] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // to all
    0x02, 0x42, 0xc0, 0x00, 0x02, 0x01, // from the client
    0x08, 0x06, // ARP
    0x00, 0x01, 0x08, 0x00, 0x06, 0x04, // Ethernet, IPv4
    0x00, 0x01, // request
    0x02, 0x42, 0xc0, 0x00, 0x02, 0x01, 192, 0, 2, 1, // the client
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 192, 0, 2, 200, // who has it?
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // padding
];

const REPLY: [u8; 42] = [
    0x02, 0x42, 0xc0, 0x00, 0x02, 0x01, // to the client
    0x52, 0x54, 0x00, 0x12, 0x34, 0x56, // from the node
    0x08, 0x06, // ARP
    0x00, 0x01, 0x08, 0x00, 0x06, 0x04, // Ethernet, IPv4
    0x00, 0x02, // reply
    0x52, 0x54, 0x00, 0x12, 0x34, 0x56, 192, 0, 2, 200, // the node has it
    0x02, 0x42, 0xc0, 0x00, 0x02, 0x01, 192, 0, 2, 1, // the client asked
];

fn repr(frame: &[u8]) -> Repr {
    Packet::new_checked(frame).unwrap().repr()
}

#[test]
fn a_request_as_captured_is_understood() {
    let packet = Packet::new_checked(&REQUEST).unwrap();
    assert_eq!(packet.ethernet().destination(), Mac::BROADCAST);
    assert_eq!(packet.ethernet().source(), CLIENT);
    assert_eq!(
        packet.repr(),
        Repr {
            operation: Operation::Request,
            sender_mac: CLIENT,
            sender_ip: CLIENT_IP,
            target_mac: Mac::ZERO,
            target_ip: VIP,
        }
    );
    assert!(!packet.repr().is_probe());
    assert!(!packet.repr().is_gratuitous());
}

#[test]
fn a_reply_is_what_a_host_would_send() {
    assert_eq!(*reply(NODE, VIP, CLIENT, CLIENT_IP), REPLY);
    assert_eq!(repr(&REPLY).operation, Operation::Reply);
}

#[test]
fn a_request_is_what_a_host_would_send() {
    assert_eq!(*request(CLIENT, CLIENT_IP, VIP), REQUEST[..42]);
}

#[test]
fn a_probe_claims_nothing() {
    let frame = probe(NODE, VIP);
    assert_eq!(frame[..6], [0xff; 6]);
    assert_eq!(
        repr(&frame),
        Repr {
            operation: Operation::Request,
            sender_mac: NODE,
            sender_ip: Ipv4Addr::UNSPECIFIED,
            target_mac: Mac::ZERO,
            target_ip: VIP,
        }
    );
    assert!(repr(&frame).is_probe());
}

#[test]
fn an_announcement_goes_to_all_in_both_forms() {
    for (frame, operation, target_mac) in [
        (gratuitous_request(NODE, VIP), Operation::Request, Mac::ZERO),
        (
            gratuitous_reply(NODE, VIP),
            Operation::Reply,
            Mac::BROADCAST,
        ),
    ] {
        assert_eq!(frame[..6], [0xff; 6]);
        assert_eq!(
            repr(&frame),
            Repr {
                operation,
                sender_mac: NODE,
                sender_ip: VIP,
                target_mac,
                target_ip: VIP,
            }
        );
        assert!(repr(&frame).is_gratuitous());
        assert!(!repr(&frame).is_probe());
    }
}

#[test]
fn what_is_not_arp_for_ipv4_is_refused_by_name() {
    let altered = |at: usize, byte: u8| {
        let mut frame = REPLY;
        frame[at] = byte;
        Packet::new_checked(&frame).err()
    };
    assert_eq!(altered(13, 0x00), Some(Malformed::EtherType));
    assert_eq!(altered(15, 6), Some(Malformed::AddressKind)); // IEEE 802
    assert_eq!(altered(16, 0x86), Some(Malformed::AddressKind));
    assert_eq!(altered(18, 8), Some(Malformed::AddressKind));
    assert_eq!(altered(19, 16), Some(Malformed::AddressKind));
    assert_eq!(altered(21, 3), Some(Malformed::Operation)); // reverse ARP
    assert_eq!(altered(20, 1), Some(Malformed::Operation));
    assert_eq!(altered(21, 1), None);
}

#[test]
fn a_packet_that_is_cut_anywhere_is_refused() {
    for length in 0..REPLY.len() {
        assert_eq!(Packet::new_checked(&REPLY[..length]), Err(Malformed::Short));
    }
}

#[test]
fn a_request_behind_a_vlan_tag_is_not_answered_on_this_segment() {
    let mut tagged = REQUEST[..12].to_vec();
    tagged.extend([0x81, 0x00, 0x00, 0x07]);
    tagged.extend(&REQUEST[12..]);
    assert_eq!(Packet::new_checked(&tagged), Err(Malformed::Vlan));
}
