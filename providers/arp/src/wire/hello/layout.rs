//! Where in a hello is what? Said once, for writing and for reading; all numbers are big-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | magic, `RSTD` |
//! | 1 | version, 1 |
//! | 1 | flags: 1 leaving, 2 listening, 4 unfit; others are passed over |
//! | 2 | interval, milliseconds |
//! | 8 | incarnation, nanoseconds since 1970 |
//! | 8 | sequence |
//! | 8 | sent at, milliseconds since 1970 |
//! | 6 | the interface's Ethernet address |
//! | 1 + 1 | lengths of the names |
//! | n + m | node name, interface name |
//! | … | sections, each 1 byte kind, 2 bytes length of what follows; kinds ascend, unknown ones are passed over |
//! | 32 | HMAC-SHA256 of everything before |

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
};

use ipnet::IpNet;

use super::{Exactly, Heard, Session};
use crate::wire::reader::Reader;

pub(super) const MAGIC: [u8; 4] = *b"RSTD";
pub(super) const VERSION: u8 = 1;

pub(super) const LEAVING: u8 = 1;
pub(super) const LISTENING: u8 = 2;
pub(super) const UNFIT: u8 = 4;

/// What stands before the names.
pub(super) const HEADER: usize = 40;
/// What stands before a section's content.
pub(super) const SECTION: usize = 3;
/// The length of the HMAC.
pub(super) const TAG: usize = 32;

/// The longest node name: a DNS subdomain (Kubernetes).
pub(super) const MAX_NODE: usize = 253;
/// The longest interface name (Linux: `IFNAMSIZ`, less the zero at the end).
pub(super) const MAX_INTERFACE: usize = 15;

/// How many subnets a station says it is on. One with more says nothing of them: each takes up to 18 bytes, and lists need the
/// room.
pub const MAX_SUBNETS: usize = 8;

/// The sections, in the order in which they stand.
pub(super) mod section {
    pub(in super::super) const HEARD: u8 = 1;
    pub(in super::super) const HELD_V4: u8 = 2;
    pub(in super::super) const HELD_V6: u8 = 3;
    pub(in super::super) const CLAIMED: u8 = 4;
    pub(in super::super) const RELEASED: u8 = 5;
    pub(in super::super) const SUBNETS: u8 = 6;
}

/// A value of fixed length.
pub(super) trait Field: Copy {
    const LEN: usize;
    fn put(self, into: &mut Vec<u8>);
    fn get(from: &mut Reader<'_>) -> Option<Self>;
}

/// A member of a list that is told by ranges of `K`.
pub(super) trait Member<K>: Field {
    fn key(self) -> K;
}

/// Whether a node's or an interface's name may be said.
pub(super) fn is_name(name: &str, max: usize) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace();
    (1..=max).contains(&name.len()) && !name.contains(odd)
}

/// Whether the statement is one: a range from low to high, its members ascending and in it.
pub(super) fn is_exact<K: Ord + Copy, T: Member<K>>(list: &Exactly<K, T>) -> bool {
    let Exactly { range, members } = list;
    range.start() <= range.end()
        && members.iter().all(|member| range.contains(&member.key()))
        && members.is_sorted_by(|one, next| one.key() < next.key())
}

/// The length of a statement's section.
pub(super) const fn exactly_len<K: Field, T: Field>(members: usize) -> usize {
    SECTION + 2 * K::LEN + T::LEN * members
}

pub(super) fn put_exactly<K: Field, T: Field>(list: &Exactly<K, T>, into: &mut Vec<u8>) {
    list.range.start().put(into);
    list.range.end().put(into);
    for member in &list.members {
        member.put(into);
    }
}

pub(super) fn get_exactly<K: Field + Ord, T: Member<K>>(
    mut from: Reader<'_>,
) -> Option<Exactly<K, T>> {
    let range = RangeInclusive::new(K::get(&mut from)?, K::get(&mut from)?);
    let members = get_all(from)?;
    let list = Exactly { range, members };
    is_exact(&list).then_some(list)
}

fn get_all<T: Field>(mut from: Reader<'_>) -> Option<Vec<T>> {
    let mut members = Vec::with_capacity(from.rest().len() / T::LEN);
    while !from.is_empty() {
        members.push(T::get(&mut from)?);
    }
    Some(members)
}

/// Addresses of both families keep their order, so each says which it is.
pub(super) fn put_addresses(addresses: &[IpAddr], into: &mut Vec<u8>) {
    for address in addresses {
        match *address {
            IpAddr::V4(v4) => {
                into.push(4);
                v4.put(into);
            }
            IpAddr::V6(v6) => {
                into.push(6);
                v6.put(into);
            }
        }
    }
}

pub(super) fn addresses_len(addresses: &[IpAddr]) -> usize {
    let len = |address: &IpAddr| match address {
        IpAddr::V4(_) => 1 + Ipv4Addr::LEN,
        IpAddr::V6(_) => 1 + Ipv6Addr::LEN,
    };
    addresses.iter().map(len).sum()
}

pub(super) fn get_addresses(mut from: Reader<'_>) -> Option<Vec<IpAddr>> {
    let mut addresses = Vec::new();
    while !from.is_empty() {
        addresses.push(match from.u8()? {
            4 => IpAddr::V4(Field::get(&mut from)?),
            6 => IpAddr::V6(Field::get(&mut from)?),
            _ => return None,
        });
    }
    Some(addresses)
}

/// Each says of which family it is and how many of its bits count, then the address.
pub(super) fn put_subnets(subnets: &[IpNet], into: &mut Vec<u8>) {
    for subnet in subnets {
        match *subnet {
            IpNet::V4(v4) => {
                into.extend([4, v4.prefix_len()]);
                v4.addr().put(into);
            }
            IpNet::V6(v6) => {
                into.extend([6, v6.prefix_len()]);
                v6.addr().put(into);
            }
        }
    }
}

pub(super) fn subnets_len(subnets: &[IpNet]) -> usize {
    let len = |subnet: &IpNet| match subnet {
        IpNet::V4(_) => 2 + Ipv4Addr::LEN,
        IpNet::V6(_) => 2 + Ipv6Addr::LEN,
    };
    subnets.iter().map(len).sum()
}

pub(super) fn get_subnets(mut from: Reader<'_>) -> Option<Vec<IpNet>> {
    let mut subnets = Vec::new();
    while !from.is_empty() {
        let (family, bits) = (from.u8()?, from.u8()?);
        let address = match family {
            4 => IpAddr::V4(Field::get(&mut from)?),
            6 => IpAddr::V6(Field::get(&mut from)?),
            _ => return None,
        };
        subnets.push(IpNet::new(address, bits).ok()?);
    }
    is_subnets(&subnets).then_some(subnets)
}

/// Whether they are few enough, and no address of a host is among them.
pub(super) fn is_subnets(subnets: &[IpNet]) -> bool {
    subnets.len() <= MAX_SUBNETS && subnets.iter().all(|subnet| *subnet == subnet.trunc())
}

// === impl Field, Member ===

impl Field for Session {
    const LEN: usize = 4;

    fn put(self, into: &mut Vec<u8>) {
        into.extend(self.0.to_be_bytes());
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        from.u32().map(Self)
    }
}

impl Field for Heard {
    const LEN: usize = Session::LEN + 2;

    fn put(self, into: &mut Vec<u8>) {
        let Self { session, sequence } = self;
        session.put(into);
        into.extend(sequence.to_be_bytes());
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            session: Session::get(from)?,
            sequence: from.u16()?,
        })
    }
}

impl Member<Session> for Heard {
    fn key(self) -> Session {
        self.session
    }
}

impl Field for Ipv4Addr {
    const LEN: usize = 4;

    fn put(self, into: &mut Vec<u8>) {
        into.extend(self.octets());
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        from.array().copied().map(Self::from_octets)
    }
}

impl Member<Self> for Ipv4Addr {
    fn key(self) -> Self {
        self
    }
}

impl Field for Ipv6Addr {
    const LEN: usize = 16;

    fn put(self, into: &mut Vec<u8>) {
        into.extend(self.octets());
    }

    fn get(from: &mut Reader<'_>) -> Option<Self> {
        from.array().copied().map(Self::from_octets)
    }
}

impl Member<Self> for Ipv6Addr {
    fn key(self) -> Self {
        self
    }
}
