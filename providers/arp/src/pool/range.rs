//! What is a range of addresses? Read from what people write, measured and compared without ever counting through it. Pure.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::IpNet;
use roadstead_core::IpFamily;

/// Addresses of one family from the first to the last, both of them included; at most 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Range {
    first: IpAddr,
    last: IpAddr,
}

/// What was written is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Neither form.
    #[error(
        "{0:?} is no range of addresses: write a CIDR such as 192.0.2.0/24, or the first and the last one, as in \
         192.0.2.10-192.0.2.20"
    )]
    Malformed(String),
    /// A single address.
    #[error("{0:?} is one address; as a range it is {1}")]
    Single(String, String),
    /// The prefix is longer than an address.
    #[error("{text:?} is no CIDR: a prefix of {family} has {bits} bits at most")]
    Prefix {
        /// As it was written.
        text: String,
        /// The family.
        family: IpFamily,
        /// The bits of an address.
        bits: u8,
    },
    /// One end is IPv4, the other IPv6.
    #[error("{0:?} begins in one family and ends in the other")]
    Families(String),
    /// The last address comes before the first.
    #[error("{text:?} runs backwards: {last} comes before {first}")]
    Backwards {
        /// As it was written.
        text: String,
        /// Its first address.
        first: IpAddr,
        /// Its last address.
        last: IpAddr,
    },
    /// More than 2^64 addresses.
    #[error("{0:?} is too large: a range has 2^64 addresses at most, as many as a /64 of IPv6")]
    TooLarge(String),
    /// No host can have such an address.
    #[error("{text:?} has {what} addresses ({example}), which no load balancer can have")]
    NotAHost {
        /// As it was written.
        text: String,
        /// Which.
        what: &'static str,
        /// Where they begin.
        example: IpAddr,
    },
}

/// Addresses that are never a host's on a network, and what they are.
const NOT_HOSTS: [(&str, &str); 8] = [
    ("0.0.0.0/8", "unspecified"),
    ("127.0.0.0/8", "loopback"),
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("::/127", "unspecified and loopback"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("fe80::/10", "link-local"),
    ("ff00::/8", "multicast"),
];

/// An address as a number, within its family.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

/// The address of this number; of IPv4 only the lower 32 bits count.
pub(super) fn address(family: IpFamily, number: u128) -> IpAddr {
    match family {
        IpFamily::V4 => IpAddr::V4(Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX))),
        IpFamily::V6 => IpAddr::V6(Ipv6Addr::from(number)),
    }
}

/// The address after this one, if there is one.
pub(super) fn next(after: IpAddr) -> Option<IpAddr> {
    let family = IpFamily::of(after);
    let number = number(after).checked_add(1)?;
    let highest = match family {
        IpFamily::V4 => u128::from(u32::MAX),
        IpFamily::V6 => u128::MAX,
    };
    (number <= highest).then(|| address(family, number))
}

/// An IPv4 address that ends in .0 or .255: some old devices take it for the network's own.
#[must_use]
pub fn is_buggy(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets(), [.., 0 | 255]),
        IpAddr::V6(_) => false,
    }
}

// === impl Range ===

impl Range {
    /// The addresses from `first` to `last`; `None` if that is no range.
    #[must_use]
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let fits = first.is_ipv4() == last.is_ipv4()
            && first <= last
            && number(last) - number(first) <= u128::from(u64::MAX);
        fits.then_some(Self { first, last })
    }

    /// Its first address.
    #[must_use]
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// Its last address.
    #[must_use]
    pub fn last(&self) -> IpAddr {
        self.last
    }

    /// Its family.
    #[must_use]
    pub fn family(&self) -> IpFamily {
        IpFamily::of(self.first)
    }

    /// How many addresses it has.
    #[must_use]
    pub fn size(&self) -> u128 {
        number(self.last) - number(self.first) + 1
    }

    /// How many of its addresses [are buggy](is_buggy).
    #[must_use]
    pub fn buggy(&self) -> u128 {
        if self.first.is_ipv6() {
            return 0;
        }
        // How many below `n` end in 0, and how many in 255.
        let below = |n: u128| n.div_ceil(256) + n / 256;
        below(number(self.last) + 1) - below(number(self.first))
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4() && (self.first..=self.last).contains(&address)
    }

    /// What it has in common with `other`.
    #[must_use]
    pub fn overlap(&self, other: &Self) -> Option<Self> {
        if self.family() != other.family() {
            return None;
        }
        Self::new(self.first.max(other.first), self.last.min(other.last))
    }

    /// What is left of it without the addresses of `other`: nothing, one range or two.
    pub(super) fn without(self, other: &Self) -> Vec<Self> {
        let Some(common) = self.overlap(other) else {
            return vec![self];
        };
        let family = self.family();
        let mut left = Vec::new();
        if self.first < common.first {
            left.extend(Self::new(
                self.first,
                address(family, number(common.first) - 1),
            ));
        }
        if let Some(after) = next(common.last)
            && after <= self.last
        {
            left.extend(Self::new(after, self.last));
        }
        left
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || RangeError::Malformed(text.to_owned());
        let end = |part: &str| part.trim().parse::<IpAddr>().map_err(|_| malformed());
        let (first, last) = if let Some((address, prefix)) = text.split_once('/') {
            let address = end(address)?;
            let bits = prefix.trim().parse::<u8>().map_err(|_| malformed())?;
            let net = IpNet::new(address, bits).map_err(|_| RangeError::Prefix {
                text: text.to_owned(),
                family: IpFamily::of(address),
                bits: if address.is_ipv4() { 32 } else { 128 },
            })?;
            (net.network(), net.broadcast())
        } else if let Some((first, last)) = text.split_once('-') {
            (end(first)?, end(last)?)
        } else {
            let address = end(text)?;
            let bits = if address.is_ipv4() { 32 } else { 128 };
            return Err(RangeError::Single(
                text.to_owned(),
                format!("{address}/{bits}"),
            ));
        };
        if first.is_ipv4() != last.is_ipv4() {
            return Err(RangeError::Families(text.to_owned()));
        }
        if last < first {
            return Err(RangeError::Backwards {
                text: text.to_owned(),
                first,
                last,
            });
        }
        let range = Self::new(first, last).ok_or_else(|| RangeError::TooLarge(text.to_owned()))?;
        match range.not_hosts() {
            Some((what, example)) => Err(RangeError::NotAHost {
                text: text.to_owned(),
                what,
                example,
            }),
            None => Ok(range),
        }
    }
}

impl Range {
    fn not_hosts(&self) -> Option<(&'static str, IpAddr)> {
        NOT_HOSTS.into_iter().find_map(|(block, what)| {
            let net: IpNet = block.parse().ok()?;
            // Compared by their ends: such a block may be larger than a range can be.
            let first = self.first.max(net.network());
            let same = net.network().is_ipv4() == self.first.is_ipv4();
            (same && first <= self.last.min(net.broadcast())).then_some((what, first))
        })
    }
}

/// As a CIDR where it is one, else by its ends.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first, last } = self;
        let bits: u32 = if first.is_ipv4() { 32 } else { 128 };
        let size = self.size();
        if size.is_power_of_two() && number(*first).is_multiple_of(size) {
            return write!(f, "{first}/{}", bits - size.trailing_zeros());
        }
        write!(f, "{first}-{last}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range(text: &str) -> Range {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_range_is_read_as_people_write_it() {
        let table = [
            ("192.0.2.0/24", "192.0.2.0/24", 256),
            (" 192.0.2.77 / 24 ", "192.0.2.0/24", 256),
            ("192.0.2.10 - 192.0.2.20", "192.0.2.10-192.0.2.20", 11),
            ("192.0.2.16-192.0.2.31", "192.0.2.16/28", 16),
            ("192.0.2.1/32", "192.0.2.1/32", 1),
            ("2001:db8::/64", "2001:db8::/64", 1_u128 << 64),
            ("2001:DB8::1-2001:db8::ff", "2001:db8::1-2001:db8::ff", 255),
        ];
        for (text, shown, size) in table {
            let read = range(text);
            assert_eq!(
                (read.to_string().as_str(), read.size()),
                (shown, size),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_range_is_told_what_would_be_right() {
        let table = [
            ("", "write a CIDR such as"),
            ("192.0.2.0/x", "write a CIDR such as"),
            ("192.0.2/24", "write a CIDR such as"),
            ("192.0.2.1", "as a range it is 192.0.2.1/32"),
            ("192.0.2.0/33", "32 bits at most"),
            ("2001:db8::/129", "128 bits at most"),
            ("192.0.2.1-2001:db8::1", "ends in the other"),
            (
                "192.0.2.20-192.0.2.10",
                "192.0.2.10 comes before 192.0.2.20",
            ),
            ("2001:db8::/63", "2^64 addresses at most"),
            ("127.0.0.1-127.0.0.9", "loopback addresses (127.0.0.1)"),
            ("10.0.0.0-255.255.255.255", "loopback addresses (127.0.0.0)"),
            ("224.0.0.0/24", "multicast"),
            ("fe80::/64", "link-local"),
            ("::ffff:192.0.2.0/120", "IPv4-mapped"),
        ];
        for (text, hint) in table {
            let error = text.parse::<Range>().map(|range| range.to_string());
            let error = error.expect_err(text).to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn sizes_and_differences_add_up(a in 0..2000_u32, b in 0..2000_u32, c in 0..2000_u32, d in 0..2000_u32) {
            let base = 0xc000_0200;
            let of = |x: u32, y: u32| {
                let at = |n: u32| IpAddr::V4(Ipv4Addr::from(base + n));
                Range::new(at(x.min(y)), at(x.max(y))).unwrap()
            };
            let (one, other) = (of(a, b), of(c, d));
            let counted = (number(one.first())..=number(one.last())).filter(|n| is_buggy(address(IpFamily::V4, *n)));
            prop_assert_eq!(one.buggy(), counted.count() as u128);
            let left: u128 = one.without(&other).iter().map(Range::size).sum();
            let common = one.overlap(&other).map_or(0, |common| common.size());
            prop_assert_eq!(left + common, one.size());
            prop_assert!(one.without(&other).iter().all(|part| part.overlap(&other).is_none()));
            prop_assert_eq!(one.to_string().parse(), Ok(one));
        }
    }
}
