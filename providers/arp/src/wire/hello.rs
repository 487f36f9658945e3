//! What do announcers tell one another? The message's parts, as values; its bytes, signed, are in the files below.
//!
//! Whether a hello is new, and what follows from it, is not known here.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

use ipnet::IpNet;
use sha2::{Digest, Sha256};

use crate::Mac;

mod decode;
mod encode;
mod key;
mod layout;

pub use self::{
    decode::{Peek, Refused, decode, peek},
    encode::{MAX_SUBNETS, Unsayable, encode, encoded_len, heard_len, held_v4_len, held_v6_len},
    key::{BadKeys, Key, Keys},
};

/// The UDP port to which hellos go.
pub const PORT: u16 = 7114;

/// The group to which hellos go over IPv4: it stays on the segment, and switches do not prune it (RFC 4541 section 2.1.2).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 254);

/// The group to which hellos go over IPv6: it stays on the segment.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x114);

/// The TTL or hop limit of every hello: who receives 255 knows that no router passed it on.
pub const HOP_LIMIT: u8 = 255;

/// Who sends: one announcer on one of its interfaces. A node with two interfaces on a segment is two stations there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Station {
    /// The node's name; at most 253 bytes, as Kubernetes has it.
    pub node: Arc<str>,
    /// The interface's name; at most 15 bytes, as Linux has it.
    pub interface: Arc<str>,
}

/// One run of one station, in four bytes: a short name under which others say that they hear it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Session(pub u32);

/// "I hear this session, at last this hello of it."
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Heard {
    /// Who is heard.
    pub session: Session,
    /// The low half-word of the last sequence number heard.
    pub sequence: u16,
}

/// A statement about all of a range: within it, exactly these and no others.
///
/// A list that does not fit into one packet is told range by range, and every part is true by itself, whichever others
/// are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exactly<K, T> {
    /// What the statement is about.
    pub range: RangeInclusive<K>,
    /// What there is in it, ascending; none twice.
    pub members: Vec<T>,
}

/// One hello.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Who sends it.
    pub station: Station,
    /// When the sender's process started, in nanoseconds since 1970: a later run has a larger one.
    pub incarnation: u64,
    /// Counts the sender's hellos of this incarnation on this interface, from 1.
    pub sequence: u64,
    /// The sender's wall clock, in milliseconds since 1970.
    pub sent_at: u64,
    /// The Ethernet address of the sender's interface: a frame from it is no conflict.
    pub mac: Mac,
    /// How often the sender says hello at present; whole milliseconds, 1 to 65,535.
    pub interval: Duration,
    /// The sender is on its way out: no candidate for anything.
    pub leaving: bool,
    /// The sender only listens as yet: no candidate, and it asks to be told in full what is held.
    pub listening: bool,
    /// The sender does not forward at present: no candidate for anything.
    pub unfit: bool,
    /// Whom it hears, by session.
    pub heard: Option<Exactly<Session, Heard>>,
    /// What it holds of IPv4.
    pub held_v4: Option<Exactly<Ipv4Addr, Ipv4Addr>>,
    /// What it holds of IPv6.
    pub held_v6: Option<Exactly<Ipv6Addr, Ipv6Addr>>,
    /// What it has just claimed.
    pub claimed: Vec<IpAddr>,
    /// What it gives up: the next in line may have it at once.
    pub released: Vec<IpAddr>,
    /// On which subnets its interface is, all of them; `None` where it does not say so this time. At most [`MAX_SUBNETS`].
    pub subnets: Option<Vec<IpNet>>,
}

// === impl Session ===

impl Session {
    /// The short name of the run of `station` that began at `incarnation`.
    ///
    /// A pure function, so that everybody on the segment arrives at the same. Among 1,000 stations, two share one once in
    /// about 9,000 segments, until either restarts.
    #[must_use]
    pub fn of(station: &Station, incarnation: u64) -> Self {
        let Station { node, interface } = station;
        Self::of_parts(node, interface, incarnation)
    }

    fn of_parts(node: &str, interface: &str, incarnation: u64) -> Self {
        let mut hash = Sha256::new();
        hash.update(node);
        // In no name: so no two stations give the same bytes.
        hash.update([0]);
        hash.update(interface);
        hash.update([0]);
        hash.update(incarnation.to_be_bytes());
        let [a, b, c, d, ..] = hash.finalize().0;
        Self(u32::from_be_bytes([a, b, c, d]))
    }
}

#[cfg(test)]
mod tests;
