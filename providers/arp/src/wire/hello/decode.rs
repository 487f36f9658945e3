//! What do these bytes say, and is the sender one of us?

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use ipnet::IpNet;

use super::{
    Exactly, Heard, Hello, Keys, Session, Station,
    layout::{
        LEAVING, LISTENING, MAGIC, MAX_INTERFACE, MAX_NODE, TAG, UNFIT, VERSION, get_addresses,
        get_exactly, get_subnets, is_name, section,
    },
};
use crate::{Mac, wire::reader::Reader};

/// Why bytes are not a hello to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Refused {
    /// Shorter than any hello, or than its own lengths say.
    #[error("cut short")]
    Short,
    /// It does not begin as a hello does: another program uses the port.
    #[error("not a hello")]
    Magic,
    /// A hello, of a version that is not known here.
    #[error("a hello of version {0}, and only version 1 is known here")]
    Version(u8),
    /// Signed with none of our keys: another cluster on the segment, a key that was not changed everywhere, or a forgery.
    #[error("a hello that no key of ours signed")]
    Unauthentic,
    /// A part of it cannot be, though its signature be right: the sender has a fault.
    #[error("a hello with a part that cannot be")]
    Malformed,
}

/// Who says to have sent a hello, and which: not believed yet, and enough to see that it was heard before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peek<'a> {
    /// The sender's node.
    pub node: &'a str,
    /// The sender's interface.
    pub interface: &'a str,
    /// When the sender's process started, in nanoseconds since 1970.
    pub incarnation: u64,
    /// The number of the hello.
    pub sequence: u64,
}

/// Looks at the sender's name and the number, and computes no HMAC. Allocates nothing.
///
/// # Errors
///
/// Why it cannot be a hello; never [`Refused::Unauthentic`].
pub fn peek(bytes: &[u8]) -> Result<Peek<'_>, Refused> {
    let (message, _) = split_tag(bytes)?;
    let head = Head::read(&mut Reader::new(message))?;
    Ok(Peek {
        node: head.node,
        interface: head.interface,
        incarnation: head.incarnation,
        sequence: head.sequence,
    })
}

/// Reads a hello that one of `keys` signed.
///
/// Nothing behind the names is looked at before the signature is known to be right.
///
/// # Errors
///
/// Why it is not to be believed.
pub fn decode(bytes: &[u8], keys: &Keys) -> Result<Hello, Refused> {
    let (message, tag) = split_tag(bytes)?;
    let mut reader = Reader::new(message);
    let head = Head::read(&mut reader)?;
    if !keys.all().any(|key| key.verifies(message, tag)) {
        return Err(Refused::Unauthentic);
    }
    let Sections {
        heard,
        held_v4,
        held_v6,
        claimed,
        released,
        subnets,
    } = Sections::read(reader)?;
    let interval = match head.interval {
        0 => return Err(Refused::Malformed),
        whole => Duration::from_millis(whole.into()),
    };
    Ok(Hello {
        station: Station {
            node: head.node.into(),
            interface: head.interface.into(),
        },
        incarnation: head.incarnation,
        sequence: head.sequence,
        sent_at: head.sent_at,
        mac: head.mac,
        interval,
        leaving: head.flags & LEAVING != 0,
        listening: head.flags & LISTENING != 0,
        unfit: head.flags & UNFIT != 0,
        heard,
        held_v4,
        held_v6,
        claimed,
        released,
        subnets,
    })
}

fn split_tag(bytes: &[u8]) -> Result<(&[u8], &[u8; TAG]), Refused> {
    bytes.split_last_chunk().ok_or(Refused::Short)
}

/// What stands before the sections.
struct Head<'a> {
    flags: u8,
    interval: u16,
    incarnation: u64,
    sequence: u64,
    sent_at: u64,
    mac: Mac,
    node: &'a str,
    interface: &'a str,
}

/// What stands between the names and the signature.
#[derive(Default)]
struct Sections {
    heard: Option<Exactly<Session, Heard>>,
    held_v4: Option<Exactly<Ipv4Addr, Ipv4Addr>>,
    held_v6: Option<Exactly<Ipv6Addr, Ipv6Addr>>,
    claimed: Vec<IpAddr>,
    released: Vec<IpAddr>,
    subnets: Option<Vec<IpNet>>,
}

// === impl Peek ===

impl Peek<'_> {
    /// The sender, as others name it.
    #[must_use]
    pub fn station(&self) -> Station {
        Station {
            node: self.node.into(),
            interface: self.interface.into(),
        }
    }

    /// The sender's run.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::of_parts(self.node, self.interface, self.incarnation)
    }
}

// === impl Refused ===

impl Refused {
    /// A stable word for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Magic => "magic",
            Self::Version(_) => "version",
            Self::Unauthentic => "unauthentic",
            Self::Malformed => "malformed",
        }
    }
}

// === impl Head ===

impl<'a> Head<'a> {
    fn read(from: &mut Reader<'a>) -> Result<Self, Refused> {
        if *from.array().ok_or(Refused::Short)? != MAGIC {
            return Err(Refused::Magic);
        }
        let version = from.u8().ok_or(Refused::Short)?;
        if version != VERSION {
            return Err(Refused::Version(version));
        }
        Self::read_first(from).ok_or(Refused::Short)?
    }

    /// `None` where the bytes end too early.
    fn read_first(from: &mut Reader<'a>) -> Option<Result<Self, Refused>> {
        let flags = from.u8()?;
        let interval = from.u16()?;
        let incarnation = from.u64()?;
        let sequence = from.u64()?;
        let sent_at = from.u64()?;
        let mac = Mac(*from.array()?);
        let (node, interface) = (from.u8()?, from.u8()?);
        let node = from.slice(node.into())?;
        let interface = from.slice(interface.into())?;
        let names = name(node, MAX_NODE).zip(name(interface, MAX_INTERFACE));
        let Some((node, interface)) = names else {
            return Some(Err(Refused::Malformed));
        };
        Some(Ok(Self {
            flags,
            interval,
            incarnation,
            sequence,
            sent_at,
            mac,
            node,
            interface,
        }))
    }
}

fn name(bytes: &[u8], max: usize) -> Option<&str> {
    let name = str::from_utf8(bytes).ok()?;
    is_name(name, max).then_some(name)
}

// === impl Sections ===

impl Sections {
    fn read(mut from: Reader<'_>) -> Result<Self, Refused> {
        let mut sections = Self::default();
        let mut last = 0;
        while !from.is_empty() {
            let kind = from.u8().ok_or(Refused::Short)?;
            let length = from.u16().ok_or(Refused::Short)?;
            let content = Reader::new(from.slice(length.into()).ok_or(Refused::Short)?);
            if kind <= last {
                return Err(Refused::Malformed);
            }
            last = kind;
            sections.take(kind, content).ok_or(Refused::Malformed)?;
        }
        Ok(sections)
    }

    fn take(&mut self, kind: u8, content: Reader<'_>) -> Option<()> {
        match kind {
            section::HEARD => self.heard = Some(get_exactly(content)?),
            section::HELD_V4 => self.held_v4 = Some(get_exactly(content)?),
            section::HELD_V6 => self.held_v6 = Some(get_exactly(content)?),
            section::CLAIMED => self.claimed = get_addresses(content)?,
            section::RELEASED => self.released = get_addresses(content)?,
            section::SUBNETS => self.subnets = Some(get_subnets(content)?),
            // From a later program of this version: it says more than we need.
            _ => {}
        }
        Some(())
    }
}
