//! Frames that two Linux hosts exchanged.

use roadstead_arp::{
    Mac,
    wire::{arp, ndp},
};

pub(crate) const ONE: Mac = Mac([0x52, 0x54, 0x00, 0x12, 0x34, 0x56]);
pub(crate) const OTHER: Mac = Mac([0x02, 0x42, 0xc0, 0x00, 0x02, 0x01]);

/// Every frame of the capture, by name.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).unwrap()).unwrap();
    include_str!("frames/linux.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, hex) = line.split_once(' ').unwrap();
            let pairs = hex.as_bytes().chunks_exact(2);
            (
                name,
                pairs.map(|p| digit(p[0]) << 4 | digit(p[1])).collect(),
            )
        })
        .collect()
}

fn captured(name: &str) -> Vec<u8> {
    let mut named = all().into_iter().filter(|(other, _)| *other == name);
    named.next().unwrap().1
}

fn arp(name: &str) -> arp::Repr {
    arp::Packet::new_checked(&captured(name)).unwrap().repr()
}

fn ndp(name: &str) -> ndp::Repr {
    ndp::Packet::new_checked(&captured(name)).unwrap().repr()
}

#[test]
fn what_linux_sends_in_arp_is_what_we_send() {
    let [one, other] = ["192.0.2.200", "192.0.2.1"].map(|ip| ip.parse().unwrap());
    assert_eq!(*arp::request(OTHER, other, one), *captured("arp-request"));
    assert_eq!(*arp::reply(ONE, one, OTHER, other), *captured("arp-reply"));
}

#[test]
fn a_host_that_looks_whether_we_are_still_there_asks_us_alone() {
    let frame = captured("arp-request-unicast");
    let packet = arp::Packet::new_checked(&frame).unwrap();
    assert_eq!(packet.ethernet().destination(), OTHER);
    assert_eq!(
        arp("arp-request-unicast").operation,
        arp::Operation::Request
    );
    assert!(!arp("arp-request-unicast").is_probe());
}

#[test]
fn what_linux_sends_in_neighbour_discovery_is_what_we_send() {
    let [one, other] = ["2001:db8::c8", "2001:db8::1"].map(|ip| ip.parse().unwrap());
    assert_eq!(
        *ndp::solicitation(OTHER, other, one),
        *captured("ndp-solicitation")
    );
    assert_eq!(
        *ndp::answer(ONE, one, OTHER, other),
        *captured("ndp-advertisement")
    );
}

#[test]
fn every_form_of_neighbour_message_that_linux_has_is_understood() {
    assert!(ndp("ndp-probe").is_probe());
    assert_eq!(
        ndp("ndp-solicitation-unicast-with-mac").message,
        ndp::Message::Solicitation {
            source_mac: Some(ONE)
        }
    );
    assert_eq!(
        ndp("ndp-advertisement-without-mac").message,
        ndp::Message::Advertisement {
            target_mac: None,
            flags: ndp::Flags {
                router: false,
                solicited: true,
                overrides: false,
            },
        }
    );
}
