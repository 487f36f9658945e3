//! Which addresses do the machines of a lab have?
//!
//! Pure arithmetic, so that a test can say what it expects. Everything is the same in every lab: labs share no
//! segment.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    num::ParseIntError,
    str::FromStr,
};

/// The hardware address of an interface.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// A layer-2 segment: a bridge of its own, with a router between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Segment(pub u8);

/// An interface on a segment, as the machine behind it sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name in the machine's namespace: `eth0`.
    pub name: String,
    /// The segment it is plugged into.
    pub segment: Segment,
    /// Its address in 172.30.S.0/24.
    pub v4: Ipv4Addr,
    /// Its address in `fd30:S::/64`; `fd30::/64` on segment 0.
    pub v6: Ipv6Addr,
    /// Its hardware address.
    pub mac: Mac,
    /// The other end of its cable: the bridge's port.
    pub(super) port: String,
}

/// Where the router is on every segment.
pub(super) const ROUTER: u8 = 1;
/// Where the client is on segment 0.
pub(super) const CLIENT: u8 = 220;
/// Where the observer is, and the first of the addresses that it asks with.
pub(super) const OBSERVER: u8 = 240;
/// How many addresses the observer asks with, so that answers can be told apart by what they answer.
pub(super) const OBSERVER_ADDRESSES: u8 = 15;

// === impl Segment ===

impl Segment {
    /// The one with the client and the observer.
    pub const MAIN: Self = Self(0);

    /// Host `host` of its IPv4 network.
    #[must_use]
    pub const fn v4(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(172, 30, self.0, host)
    }

    /// Host `host` of its IPv6 network.
    #[must_use]
    pub const fn v6(self, host: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfd30, self.0 as u16, 0, 0, 0, 0, 0, host)
    }

    pub(super) fn bridge(self) -> String {
        format!("br{}", self.0)
    }
}

/// The `n`-th IPv4 address for Services on the main segment, from 0 to 99: 172.30.0.100 and on. No machine has one.
#[must_use]
pub const fn vip4(n: u8) -> Ipv4Addr {
    Segment::MAIN.v4(100 + n % 100)
}

/// The `n`-th IPv6 address for Services on the main segment: `fd30::1000` and on. No machine has one.
#[must_use]
pub const fn vip6(n: u8) -> Ipv6Addr {
    Segment::MAIN.v6(0x1000 + n as u16)
}

/// Where node `number` is on a segment it has its `index`-th interface on.
pub(super) const fn node_host(number: u8, index: u8) -> u8 {
    10 + number + 20 * index
}

/// Host `host` of the pods of node `number`: 1 is the node itself.
pub(super) const fn pod_v4(number: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, number, host)
}

/// See [`pod_v4`].
pub(super) const fn pod_v6(number: u8, host: u8) -> Ipv6Addr {
    Ipv6Addr::new(0xfd44, number as u16, 0, 0, 0, 0, 0, host as u16)
}

// === impl Mac ===

impl Mac {
    /// The address of everybody.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// A locally administered address that says whose it is.
    pub(super) const fn of(segment: Segment, host: u8) -> Self {
        Self([0x02, 0x30, 0, 0, segment.0, host])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let octets: Result<Vec<u8>, ParseIntError> = text
            .split(':')
            .map(|octet| u8::from_str_radix(octet, 16))
            .collect();
        let octets = octets.ok().and_then(|octets| octets.try_into().ok());
        octets
            .map(Self)
            .ok_or_else(|| anyhow::anyhow!("reading the hardware address {text:?}"))
    }
}

// === impl Interface ===

impl Interface {
    /// Its address of the family of `like`.
    #[must_use]
    pub fn address_like(&self, like: IpAddr) -> IpAddr {
        match like {
            IpAddr::V4(_) => self.v4.into(),
            IpAddr::V6(_) => self.v6.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hardware_address_is_read_as_it_is_written() {
        let mac = Mac([0x02, 0, 0xab, 1, 2, 0xff]);
        assert_eq!(mac.to_string(), "02:00:ab:01:02:ff");
        assert_eq!(mac.to_string().parse::<Mac>().unwrap(), mac);
        for wrong in [
            "",
            "02:00:ab:01:02",
            "02:00:ab:01:02:ff:00",
            "02:00:ab:01:02:fg",
        ] {
            wrong.parse::<Mac>().unwrap_err();
        }
    }
}
