//! What does a message of `NETLINK_ROUTE` say? The few kinds and attributes that matter here; everything else is passed
//! over. Never panics, whatever the bytes. No sockets here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

/// The part of a header that every netlink message begins with: length, kind, flags, sequence, port.
const HEADER: usize = 16;

/// The fixed part of a message about a link (`struct ifinfomsg`).
const LINK_HEADER: usize = 16;

/// The fixed part of a message about an address (`struct ifaddrmsg`).
const ADDRESS_HEADER: usize = 8;

/// The low bits of an attribute's kind; the high two are flags.
const KIND_MASK: u16 = 0x3fff;

/// `IFLA_INFO_SLAVE_KIND`: within the description of a link, what kind of master it belongs to.
const INFO_SLAVE_KIND: u16 = 4;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A link is there, and this is how it is.
    Link(Link),
    /// A link is gone.
    LinkGone(u32),
    /// An address is there and usable.
    Address(Address),
    /// An address is gone, or not usable (yet).
    AddressGone(Address),
    /// A dump is complete.
    Done,
    /// A request failed, with the kernel's number for why.
    Failed(i32),
    /// Anything else.
    Other,
}

/// How a link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) index: u32,
    pub(super) name: String,
    /// `ARPHRD_*`.
    pub(super) hardware: u16,
    /// `IFF_*`.
    pub(super) flags: u32,
    pub(super) mac: Option<[u8; 6]>,
    pub(super) mtu: u32,
    /// What kind of master it belongs to (`bridge`, `bond`, `vrf`); empty if there is a master of unknown kind.
    pub(super) member_of: Option<String>,
}

/// An address with its prefix, on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) index: u32,
    pub(super) address: IpNet,
}

/// A request for all links, or all addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dump {
    Links,
    Addresses,
}

// === impl Dump ===

impl Dump {
    /// The request's bytes.
    pub(super) fn request(self) -> Vec<u8> {
        let kind = match self {
            Self::Links => libc::RTM_GETLINK,
            Self::Addresses => libc::RTM_GETADDR,
        };
        let flags = libc::NLM_F_REQUEST | libc::NLM_F_DUMP;
        let mut bytes = Vec::with_capacity(HEADER + LINK_HEADER);
        // The kernel takes the longer of the two fixed parts for both kinds; zeroes mean "of any family".
        bytes.extend(32_u32.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(u16::try_from(flags).unwrap_or_default().to_ne_bytes());
        bytes.extend(1_u32.to_ne_bytes());
        bytes.resize(HEADER + LINK_HEADER, 0);
        bytes
    }
}

/// The messages in one datagram, in order. A message that is cut off ends the list.
pub(super) fn messages(datagram: &[u8]) -> impl Iterator<Item = Message> + '_ {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let length = usize::try_from(word(rest, 0)?).ok()?;
        let message = rest.get(..length).filter(|_| length >= HEADER)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(parse(message).unwrap_or(Message::Other))
    })
}

/// What a whole message says; `None` if it is malformed.
fn parse(message: &[u8]) -> Option<Message> {
    let body = message.get(HEADER..)?;
    Some(match half(message, 4)? {
        // How another family sees a link: a port that leaves its bridge is told as the end of a "link" of the bridge's.
        libc::RTM_NEWLINK | libc::RTM_DELLINK if *body.first()? != 0 => Message::Other,
        libc::RTM_NEWLINK => Message::Link(link(body)?),
        libc::RTM_DELLINK => Message::LinkGone(word(body, 4)?),
        libc::RTM_NEWADDR => match address(body)? {
            (address, true) => Message::Address(address),
            (address, false) => Message::AddressGone(address),
        },
        libc::RTM_DELADDR => Message::AddressGone(address(body)?.0),
        kind if i32::from(kind) == libc::NLMSG_DONE => Message::Done,
        kind if i32::from(kind) == libc::NLMSG_ERROR => {
            Message::Failed(word(body, 0)?.cast_signed().saturating_neg())
        }
        _ => Message::Other,
    })
}

fn link(body: &[u8]) -> Option<Link> {
    let mut link = Link {
        index: word(body, 4)?,
        name: String::new(),
        hardware: half(body, 2)?,
        flags: word(body, 8)?,
        mac: None,
        mtu: 0,
        member_of: None,
    };
    let mut member_kind = String::new();
    for (kind, value) in attributes(body.get(LINK_HEADER..)?) {
        match kind {
            libc::IFLA_IFNAME => link.name = text(value),
            libc::IFLA_ADDRESS => link.mac = value.try_into().ok(),
            libc::IFLA_MTU => link.mtu = word(value, 0)?,
            libc::IFLA_MASTER if word(value, 0)? != 0 => link.member_of = Some(String::new()),
            libc::IFLA_LINKINFO => {
                member_kind = attributes(value)
                    .find(|(kind, _)| *kind == INFO_SLAVE_KIND)
                    .map_or_else(String::new, |(_, value)| text(value));
            }
            _ => {}
        }
    }
    if let Some(member_of) = &mut link.member_of {
        *member_of = member_kind;
    }
    Some(link)
}

/// An address's message, and whether the address may be used.
fn address(body: &[u8]) -> Option<(Address, bool)> {
    let (prefix, index) = (*body.get(1)?, word(body, 4)?);
    let mut flags = u32::from(*body.get(2)?);
    let (mut peer, mut local) = (None, None);
    for (kind, value) in attributes(body.get(ADDRESS_HEADER..)?) {
        match kind {
            libc::IFA_ADDRESS => peer = ip(value),
            libc::IFA_LOCAL => local = ip(value),
            libc::IFA_FLAGS => flags = word(value, 0)?,
            _ => {}
        }
    }
    // On a point-to-point link the prefix is that of the other end.
    let address = match (local, peer) {
        (Some(local), Some(peer)) if local != peer => IpNet::from(local),
        (Some(own), _) | (None, Some(own)) => IpNet::new(own, prefix).ok()?,
        (None, None) => return None,
    };
    let unusable = libc::IFA_F_TENTATIVE | libc::IFA_F_DADFAILED;
    Some((Address { index, address }, flags & unusable == 0))
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(half(rest, 0)?);
        let kind = half(rest, 2)? & KIND_MASK;
        let value = rest.get(4..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0);
    String::from_utf8_lossy(value.get(..end.unwrap_or(value.len())).unwrap_or_default())
        .into_owned()
}

fn ip(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(value)
        .ok()
        .map(|octets| Ipv6Addr::from(octets).into())
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_ne_bytes(*bytes))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One message: its kind, and its body.
    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + body.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(body);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    /// A link's fixed part: Ethernet, number 7, up.
    fn link_body(family: u8) -> Vec<u8> {
        let mut body = vec![family, 0];
        body.extend(1_u16.to_ne_bytes());
        body.extend(7_u32.to_ne_bytes());
        body.extend(1_u32.to_ne_bytes());
        body.extend([0; 4]);
        body
    }

    #[test]
    fn a_link_says_what_it_is_and_to_whom_it_belongs() {
        let mut body = link_body(0);
        body.extend(attribute(libc::IFLA_IFNAME, b"ens3\0"));
        body.extend(attribute(libc::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 9]));
        body.extend(attribute(libc::IFLA_MTU, &9000_u32.to_ne_bytes()));
        body.extend(attribute(
            libc::IFLA_LINKINFO,
            &attribute(INFO_SLAVE_KIND, b"bond\0"),
        ));
        body.extend(attribute(libc::IFLA_MASTER, &3_u32.to_ne_bytes()));
        let told = Link {
            index: 7,
            name: "ens3".to_owned(),
            hardware: 1,
            flags: 1,
            mac: Some([2, 0, 0, 0, 0, 9]),
            mtu: 9000,
            member_of: Some("bond".to_owned()),
        };
        let datagram = message(libc::RTM_NEWLINK, &body);
        assert_eq!(
            messages(&datagram).collect::<Vec<_>>(),
            [Message::Link(told)]
        );
    }

    #[test]
    fn a_port_that_leaves_its_bridge_is_not_gone() {
        const BRIDGE: u8 = 7;
        let left = message(libc::RTM_DELLINK, &link_body(BRIDGE));
        assert_eq!(messages(&left).collect::<Vec<_>>(), [Message::Other]);
        let gone = message(libc::RTM_DELLINK, &link_body(0));
        assert_eq!(messages(&gone).collect::<Vec<_>>(), [Message::LinkGone(7)]);
    }

    #[test]
    fn an_address_counts_once_the_kernel_has_found_that_it_is_free() {
        let told = |flags: u32| {
            let mut body = vec![10, 64, 0, 0];
            body.extend(7_u32.to_ne_bytes());
            body.extend(attribute(
                libc::IFA_ADDRESS,
                &"2001:db8::1".parse::<Ipv6Addr>().unwrap().octets(),
            ));
            body.extend(attribute(libc::IFA_FLAGS, &flags.to_ne_bytes()));
            messages(&message(libc::RTM_NEWADDR, &body)).next()
        };
        let address = Address {
            index: 7,
            address: "2001:db8::1/64".parse().unwrap(),
        };
        assert_eq!(told(libc::IFA_F_PERMANENT), Some(Message::Address(address)));
        assert_eq!(
            told(libc::IFA_F_TENTATIVE),
            Some(Message::AddressGone(address))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            // Every message takes at least its header, so this ends.
            prop_assert!(messages(&bytes).count() <= bytes.len() / HEADER);
        }

        #[test]
        fn any_body_is_read_without_harm(kind in 16_u16..22, body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(messages(&message(kind, &body)).count(), 1);
        }
    }
}
