//! Which links does this machine have, and which of them can announce? Built from messages; no sockets here.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::message::{Address, Link, Message};
use crate::{
    Interface, InterfaceIndex, Mac,
    net::{LinkSelection, Unusable},
};

/// Everything said about links and addresses so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    links: BTreeMap<u32, Link>,
    addresses: BTreeMap<u32, BTreeSet<IpNet>>,
}

// === impl Table ===

impl Table {
    /// Takes in one message; `true` if it changed how a link is that `selection` admits. Those that say nothing about
    /// links change nothing.
    pub(super) fn apply(&mut self, message: Message, selection: &LinkSelection) -> bool {
        let index = match &message {
            Message::Link(Link { index, .. })
            | Message::LinkGone(index)
            | Message::Address(Address { index, .. })
            | Message::AddressGone(Address { index, .. }) => *index,
            Message::Done | Message::Failed(_) | Message::Other => return false,
        };
        let was_admitted = self.is_admitted(index, selection);
        let has_changed = self.record(message);
        has_changed && (was_admitted || self.is_admitted(index, selection))
    }

    fn record(&mut self, message: Message) -> bool {
        match message {
            Message::Link(link) => {
                let was = self.links.insert(link.index, link.clone());
                was.as_ref() != Some(&link)
            }
            Message::LinkGone(index) => {
                self.addresses.remove(&index);
                self.links.remove(&index).is_some()
            }
            Message::Address(Address { index, address }) => {
                self.addresses.entry(index).or_default().insert(address)
            }
            Message::AddressGone(Address { index, address }) => self
                .addresses
                .get_mut(&index)
                .is_some_and(|addresses| addresses.remove(&address)),
            Message::Done | Message::Failed(_) | Message::Other => false,
        }
    }

    fn is_admitted(&self, index: u32, selection: &LinkSelection) -> bool {
        self.links
            .get(&index)
            .is_some_and(|link| selection.admits(&link.name).is_ok())
    }

    /// The links that can announce, by number.
    pub(super) fn usable(&self, selection: &LinkSelection) -> Vec<Interface> {
        self.links
            .values()
            .filter_map(|link| self.interface(link, selection).ok())
            .collect()
    }

    /// The links that cannot, and why, by number.
    pub(super) fn unusable(&self, selection: &LinkSelection) -> Vec<(String, Unusable)> {
        self.links
            .values()
            .filter_map(|link| {
                let why = self.interface(link, selection).err()?;
                Some((link.name.clone(), why))
            })
            .collect()
    }

    fn interface(&self, link: &Link, selection: &LinkSelection) -> Result<Interface, Unusable> {
        selection.admits(&link.name)?;
        let mac = link
            .mac
            .filter(|_| link.hardware == libc::ARPHRD_ETHER)
            .ok_or(Unusable::NotEthernet)?;
        if link.has(libc::IFF_LOOPBACK) {
            return Err(Unusable::NotEthernet);
        }
        if link.has(libc::IFF_NOARP) {
            return Err(Unusable::NoArp);
        }
        // A VRF is a routing table and takes no frames from its members.
        if let Some(of) = link.member_of.clone().filter(|of| of != "vrf") {
            return Err(Unusable::Member { of });
        }
        if !link.has(libc::IFF_UP) {
            return Err(Unusable::Down);
        }
        if !link.has(libc::IFF_RUNNING) || !link.has(libc::IFF_LOWER_UP) {
            return Err(Unusable::NoCarrier);
        }
        let addresses: Vec<IpNet> = self
            .addresses
            .get(&link.index)
            .into_iter()
            .flatten()
            .copied()
            .collect();
        if addresses.is_empty() {
            return Err(Unusable::NoAddress);
        }
        Ok(Interface {
            index: InterfaceIndex(link.index),
            name: link.name.as_str().into(),
            mac: Mac(mac),
            mtu: u16::try_from(link.mtu).unwrap_or(u16::MAX),
            addresses,
        })
    }
}

// === impl Link ===

impl Link {
    fn has(&self, flag: libc::c_int) -> bool {
        self.flags & flag.cast_unsigned() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eth0() -> Link {
        let flags = libc::IFF_UP | libc::IFF_RUNNING | libc::IFF_LOWER_UP;
        Link {
            index: 2,
            name: "eth0".to_owned(),
            hardware: libc::ARPHRD_ETHER,
            flags: flags.cast_unsigned(),
            mac: Some([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            member_of: None,
        }
    }

    fn address(text: &str) -> Address {
        Address {
            index: 2,
            address: text.parse().unwrap(),
        }
    }

    fn why(link: Link) -> Option<Unusable> {
        let mut table = Table::default();
        table.apply(
            Message::Address(address("192.0.2.1/24")),
            &LinkSelection::default(),
        );
        table.apply(Message::Link(link), &LinkSelection::default());
        table
            .unusable(&LinkSelection::default())
            .pop()
            .map(|(_, why)| why)
    }

    #[test]
    fn a_link_that_is_up_and_has_an_address_can_announce() {
        let mut table = Table::default();
        table.apply(Message::Link(eth0()), &LinkSelection::default());
        let any = LinkSelection::default();
        assert_eq!(
            table.unusable(&any),
            [("eth0".to_owned(), Unusable::NoAddress)]
        );
        table.apply(
            Message::Address(address("192.0.2.1/24")),
            &LinkSelection::default(),
        );
        assert_eq!(
            table.usable(&any),
            [Interface {
                index: InterfaceIndex(2),
                name: "eth0".into(),
                mac: Mac([2, 0, 0, 0, 0, 1]),
                mtu: 1500,
                addresses: vec!["192.0.2.1/24".parse().unwrap()],
            }]
        );
        table.apply(
            Message::AddressGone(address("192.0.2.1/24")),
            &LinkSelection::default(),
        );
        assert!(table.usable(&any).is_empty());
    }

    #[test]
    fn a_link_that_cannot_announce_says_why() {
        let with = |change: fn(&mut Link)| {
            let mut link = eth0();
            change(&mut link);
            why(link)
        };
        assert_eq!(with(|_| {}), None);
        assert_eq!(with(|link| link.flags = 0), Some(Unusable::Down));
        assert_eq!(
            with(|link| link.flags = libc::IFF_UP.cast_unsigned()),
            Some(Unusable::NoCarrier)
        );
        assert_eq!(
            with(|link| link.flags |= libc::IFF_NOARP.cast_unsigned()),
            Some(Unusable::NoArp)
        );
        assert_eq!(
            with(|link| link.hardware = 512),
            Some(Unusable::NotEthernet)
        );
        assert_eq!(
            with(|link| link.member_of = Some("bond".to_owned())),
            Some(Unusable::Member {
                of: "bond".to_owned()
            })
        );
        assert_eq!(with(|link| link.member_of = Some("vrf".to_owned())), None);
        assert_eq!(
            with(|link| link.name = "docker0".to_owned()),
            Some(Unusable::ContainerSide)
        );
    }

    #[test]
    fn only_news_about_links_that_may_announce_matter() {
        let any = LinkSelection::default();
        let mut table = Table::default();
        assert!(table.apply(Message::Link(eth0()), &any));
        assert!(!table.apply(Message::Link(eth0()), &any), "as it was");
        assert!(table.apply(Message::Address(address("192.0.2.1/24")), &any));
        let mut pod = eth0();
        (pod.index, pod.name) = (3, "veth3".to_owned());
        assert!(!table.apply(Message::Link(pod), &any));
        assert!(!table.apply(Message::LinkGone(3), &any));
        assert!(table.apply(Message::LinkGone(2), &any));
    }

    #[test]
    fn a_link_that_is_gone_takes_its_addresses_along() {
        let mut table = Table::default();
        table.apply(Message::Link(eth0()), &LinkSelection::default());
        table.apply(
            Message::Address(address("192.0.2.1/24")),
            &LinkSelection::default(),
        );
        table.apply(Message::LinkGone(2), &LinkSelection::default());
        table.apply(Message::Link(eth0()), &LinkSelection::default());
        assert!(table.usable(&LinkSelection::default()).is_empty());
    }
}
