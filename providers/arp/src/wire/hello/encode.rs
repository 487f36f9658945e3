//! Which bytes say a hello?

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use ipnet::IpNet;

pub use super::layout::MAX_SUBNETS;
use super::{
    Exactly, Heard, Hello, Key, Session, Station,
    layout::{
        Field, HEADER, LEAVING, LISTENING, MAGIC, MAX_INTERFACE, MAX_NODE, Member, SECTION, TAG,
        UNFIT, VERSION, addresses_len, exactly_len, is_exact, is_name, is_subnets, put_addresses,
        put_exactly, put_subnets, section, subnets_len,
    },
};

/// Why a hello cannot be said. Whoever heard its bytes would refuse them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unsayable {
    /// A name that is empty, too long, or has spaces or control characters in it.
    #[error("a hello cannot carry the node's or the interface's name")]
    Name,
    /// Not a whole number of milliseconds between 1 and 65,535.
    #[error("a hello cannot carry the interval")]
    Interval,
    /// A list out of order, out of its range, or with a member twice; more than [`MAX_SUBNETS`], or one that is an address.
    #[error("a hello cannot carry a list that is out of order or out of its range")]
    List,
    /// A list of 64 KiB, which no packet carries.
    #[error("a hello cannot carry a list of more than 65,535 bytes")]
    Long,
}

/// The bytes of `hello`, signed with `key`: as many as [`encoded_len`] says.
///
/// # Errors
///
/// [`Unsayable`], for a hello that [`decode`](super::decode()) would not take either.
pub fn encode(hello: &Hello, key: &Key) -> Result<Vec<u8>, Unsayable> {
    let Hello {
        station: Station { node, interface },
        incarnation,
        sequence,
        sent_at,
        mac,
        interval,
        leaving,
        listening,
        unfit,
        heard,
        held_v4,
        held_v6,
        claimed,
        released,
        subnets,
    } = hello;
    let flags = (if *leaving { LEAVING } else { 0 })
        | (if *listening { LISTENING } else { 0 })
        | (if *unfit { UNFIT } else { 0 });

    let mut bytes = Vec::with_capacity(encoded_len(hello));
    bytes.extend(MAGIC);
    bytes.extend([VERSION, flags]);
    bytes.extend(milliseconds(*interval)?.to_be_bytes());
    bytes.extend(incarnation.to_be_bytes());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(sent_at.to_be_bytes());
    bytes.extend(mac.0);
    bytes.extend([
        name_len(node, MAX_NODE)?,
        name_len(interface, MAX_INTERFACE)?,
    ]);
    bytes.extend(node.as_bytes());
    bytes.extend(interface.as_bytes());
    exactly(section::HEARD, heard.as_ref(), &mut bytes)?;
    exactly(section::HELD_V4, held_v4.as_ref(), &mut bytes)?;
    exactly(section::HELD_V6, held_v6.as_ref(), &mut bytes)?;
    addresses(section::CLAIMED, claimed, &mut bytes)?;
    addresses(section::RELEASED, released, &mut bytes)?;
    say_subnets(subnets.as_deref(), &mut bytes)?;
    bytes.extend(key.sign(&bytes));
    Ok(bytes)
}

/// How many bytes [`encode`] makes of `hello`.
#[must_use]
pub fn encoded_len(hello: &Hello) -> usize {
    let Station { node, interface } = &hello.station;
    let claims = |addresses: &[IpAddr]| match addresses {
        [] => 0,
        _ => SECTION + addresses_len(addresses),
    };
    HEADER
        + node.len()
        + interface.len()
        + (hello.heard.as_ref()).map_or(0, |list| heard_len(list.members.len()))
        + (hello.held_v4.as_ref()).map_or(0, |list| held_v4_len(list.members.len()))
        + (hello.held_v6.as_ref()).map_or(0, |list| held_v6_len(list.members.len()))
        + claims(&hello.claimed)
        + claims(&hello.released)
        + (hello.subnets.as_deref()).map_or(0, |subnets| SECTION + subnets_len(subnets))
        + TAG
}

/// How many bytes [`Hello::heard`] takes with `members` in it.
#[must_use]
pub const fn heard_len(members: usize) -> usize {
    exactly_len::<Session, Heard>(members)
}

/// How many bytes [`Hello::held_v4`] takes with `members` in it.
#[must_use]
pub const fn held_v4_len(members: usize) -> usize {
    exactly_len::<Ipv4Addr, Ipv4Addr>(members)
}

/// How many bytes [`Hello::held_v6`] takes with `members` in it.
#[must_use]
pub const fn held_v6_len(members: usize) -> usize {
    exactly_len::<Ipv6Addr, Ipv6Addr>(members)
}

fn milliseconds(interval: Duration) -> Result<u16, Unsayable> {
    match u16::try_from(interval.as_millis()) {
        Ok(whole @ 1..) if interval == Duration::from_millis(whole.into()) => Ok(whole),
        _ => Err(Unsayable::Interval),
    }
}

fn name_len(name: &str, max: usize) -> Result<u8, Unsayable> {
    if !is_name(name, max) {
        return Err(Unsayable::Name);
    }
    u8::try_from(name.len()).map_err(|_| Unsayable::Name)
}

fn header(kind: u8, length: usize, bytes: &mut Vec<u8>) -> Result<(), Unsayable> {
    let length = u16::try_from(length).map_err(|_| Unsayable::Long)?;
    bytes.push(kind);
    bytes.extend(length.to_be_bytes());
    Ok(())
}

fn exactly<K: Field + Ord, T: Member<K>>(
    kind: u8,
    list: Option<&Exactly<K, T>>,
    bytes: &mut Vec<u8>,
) -> Result<(), Unsayable> {
    let Some(list) = list else {
        return Ok(());
    };
    if !is_exact(list) {
        return Err(Unsayable::List);
    }
    header(
        kind,
        exactly_len::<K, T>(list.members.len()) - SECTION,
        bytes,
    )?;
    put_exactly(list, bytes);
    Ok(())
}

fn addresses(kind: u8, list: &[IpAddr], bytes: &mut Vec<u8>) -> Result<(), Unsayable> {
    if list.is_empty() {
        return Ok(());
    }
    header(kind, addresses_len(list), bytes)?;
    put_addresses(list, bytes);
    Ok(())
}

fn say_subnets(subnets: Option<&[IpNet]>, bytes: &mut Vec<u8>) -> Result<(), Unsayable> {
    let Some(subnets) = subnets else {
        return Ok(());
    };
    if !is_subnets(subnets) {
        return Err(Unsayable::List);
    }
    header(section::SUBNETS, subnets_len(subnets), bytes)?;
    put_subnets(subnets, bytes);
    Ok(())
}
