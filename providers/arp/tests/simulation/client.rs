//! What does a host on the segment see? It asks, counts the answers, and keeps a neighbour table as a kernel does.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use roadstead_arp::{
    Mac,
    wire::{
        arp,
        ethernet::{self, Frame},
        ndp::{self, Message},
    },
};

pub(crate) const MAC: Mac = Mac([2, 0xc, 0, 0, 0, 1]);
pub(crate) const V4: Ipv4Addr = Ipv4Addr::new(192, 0, 255, 254);
pub(crate) const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0xc, 1);

/// A host that is no announcer.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Where each address is, by the last that said so.
    pub(crate) neighbours: BTreeMap<IpAddr, Mac>,
    /// Who answered its questions.
    pub(crate) answers: BTreeMap<IpAddr, Vec<Mac>>,
}

// === impl Client ===

impl Client {
    pub(crate) fn question(address: IpAddr) -> Frame {
        match address {
            IpAddr::V4(v4) => arp::request(MAC, V4, v4),
            IpAddr::V6(v6) => ndp::solicitation(MAC, V6, v6),
        }
    }

    pub(crate) fn hear(&mut self, frame: &Frame) {
        let ethernet = ethernet::Packet::new_checked(frame).unwrap();
        if ethernet.ether_type() == ethernet::ARP {
            let repr = arp::Packet::new_checked(frame).unwrap().repr();
            if !repr.is_probe() {
                let address = IpAddr::V4(repr.sender_ip);
                self.neighbours.insert(address, repr.sender_mac);
                if ethernet.destination() == MAC {
                    self.answered(address, repr.sender_mac);
                }
            }
        } else {
            let repr = ndp::Packet::new_checked(frame).unwrap().repr();
            if let Message::Advertisement {
                target_mac: Some(mac),
                ..
            } = repr.message
            {
                let address = IpAddr::V6(repr.target);
                self.neighbours.insert(address, mac);
                if ethernet.destination() == MAC {
                    self.answered(address, mac);
                }
            }
        }
    }

    fn answered(&mut self, address: IpAddr, mac: Mac) {
        self.answers.entry(address).or_default().push(mac);
    }
}
