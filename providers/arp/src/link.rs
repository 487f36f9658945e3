//! What is an interface, to those who announce on it? Values only.

use std::{fmt, net::IpAddr, sync::Arc};

use ipnet::IpNet;

/// An Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// The kernel's number for an interface, unique in its network namespace until reboot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InterfaceIndex(pub u32);

/// An interface that is up and can announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The kernel's number.
    pub index: InterfaceIndex,
    /// Its name: `eth0`.
    pub name: Arc<str>,
    /// Its Ethernet address at this moment.
    pub mac: Mac,
    /// The largest payload of a frame, in bytes.
    pub mtu: u16,
    /// Its own addresses, each with its prefix.
    pub addresses: Vec<IpNet>,
}

// === impl Mac ===

impl Mac {
    /// Everybody on the segment.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Nobody: the target of an ARP request is not known yet.
    pub const ZERO: Self = Self([0; 6]);
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, octet) in self.0.iter().enumerate() {
            let colon = if place == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

// === impl Interface ===

impl Interface {
    /// Whether one of its own prefixes contains `address`: then hosts on its segment ask for `address` there.
    #[must_use]
    pub fn is_on_subnet(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| own.contains(&address))
    }

    /// Whether it has an address of the same family as `address`.
    #[must_use]
    pub fn speaks(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|own| own.addr().is_ipv4() == address.is_ipv4())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_on_the_subnet_of_an_interface_whose_prefix_contains_it() {
        let interface = Interface {
            index: InterfaceIndex(2),
            name: "eth0".into(),
            mac: Mac([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            addresses: vec!["192.0.2.10/24".parse().unwrap()],
        };
        assert!(interface.is_on_subnet("192.0.2.200".parse().unwrap()));
        assert!(!interface.is_on_subnet("198.51.100.1".parse().unwrap()));
        assert!(!interface.speaks("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn an_ethernet_address_is_written_as_ip_link_writes_it() {
        assert_eq!(
            Mac([0x52, 0x54, 0, 0x0a, 0xb, 0xff]).to_string(),
            "52:54:00:0a:0b:ff"
        );
    }
}
