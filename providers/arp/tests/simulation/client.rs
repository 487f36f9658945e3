//! What does a host on the segment see? It asks, counts the answers, and keeps a neighbour table as a kernel does.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
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

/// For how long after a frame about an address Linux before 4.11 takes no other place for it (`locktime`); before 4.12 each
/// frame begins that time anew, though nothing came of it.
const LOCKED: Duration = Duration::from_secs(1);

/// A host that is no announcer.
#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Where each address is, by the last that said so.
    pub(crate) neighbours: BTreeMap<IpAddr, Mac>,
    /// The same of IPv4 as an old kernel has it, and when it last heard of it.
    old: BTreeMap<IpAddr, (Mac, Instant)>,
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

    /// Where `address` is, as a new kernel and as an old one has it.
    pub(crate) fn believes(&self, address: IpAddr) -> Vec<Mac> {
        let new = self.neighbours.get(&address);
        let old = self.old.get(&address).map(|(mac, _)| mac);
        new.into_iter().chain(old).copied().collect()
    }

    pub(crate) fn hear(&mut self, now: Instant, frame: &Frame) {
        let ethernet = ethernet::Packet::new_checked(frame).unwrap();
        if ethernet.ether_type() == ethernet::ARP {
            let repr = arp::Packet::new_checked(frame).unwrap().repr();
            if !repr.is_probe() {
                let address = IpAddr::V4(repr.sender_ip);
                self.neighbours.insert(address, repr.sender_mac);
                let old = self.old.entry(address).or_insert((repr.sender_mac, now));
                if old.1 + LOCKED < now {
                    old.0 = repr.sender_mac;
                }
                old.1 = now;
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
