//! What do announcers tell one another? The message's parts, as values.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::RangeInclusive,
    sync::Arc,
    time::Duration,
};

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
    /// What there is in it, ascending.
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
    /// How often the sender says hello at present; a whole number of milliseconds, at least one.
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
}
