//! What does an engine ask for, and what does it tell? Values only: whoever runs it sends the one and passes on the other.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use crate::{
    InterfaceIndex, Mac,
    wire::{ethernet::Frame, hello::Station},
};

/// Something to be done on an interface, in the order of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Send a whole Ethernet frame.
    Frame {
        /// Where.
        interface: InterfaceIndex,
        /// All of it, from the destination's address on.
        frame: Frame,
    },
    /// Send a hello, by every family that the interface has.
    Hello {
        /// Where.
        interface: InterfaceIndex,
        /// The datagram's payload.
        payload: Arc<[u8]>,
    },
    /// Receive what is sent to a group.
    Join {
        /// Where.
        interface: InterfaceIndex,
        /// A solicited-node group.
        group: Ipv6Addr,
    },
    /// No longer receive what is sent to a group.
    Leave {
        /// Where.
        interface: InterfaceIndex,
        /// A solicited-node group.
        group: Ipv6Addr,
    },
    /// Hand over ARP requests for an address the moment they come. Others may be handed over later, but before the next
    /// timeout is handled.
    Heed {
        /// Where.
        interface: InterfaceIndex,
        /// What is asked for.
        address: Ipv4Addr,
    },
    /// ARP requests for an address need no haste any more.
    Disregard {
        /// Where.
        interface: InterfaceIndex,
        /// What is asked for.
        address: Ipv4Addr,
    },
}

/// Something that happened, told once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// This node answers for `address` from now on.
    Claimed {
        /// What for.
        address: IpAddr,
        /// Where.
        interface: InterfaceIndex,
        /// Why.
        cause: ClaimCause,
    },
    /// This node no longer answers for `address`.
    LetGo {
        /// What for.
        address: IpAddr,
        /// Where.
        interface: InterfaceIndex,
        /// Why.
        cause: LetGoCause,
    },
    /// Another station is there, and hears this one.
    PeerJoined {
        /// Who.
        peer: Station,
        /// Where it is heard.
        interface: InterfaceIndex,
    },
    /// A station that had joined is not there any more, or does not hear this one.
    PeerLost {
        /// Who.
        peer: Station,
        /// Where it was heard.
        interface: InterfaceIndex,
        /// Why.
        cause: PeerLostCause,
    },
    /// Somebody who is no announcer uses `address`.
    Conflict {
        /// Which.
        address: IpAddr,
        /// Where it was seen.
        interface: InterfaceIndex,
        /// Who uses it.
        mac: Mac,
    },
    /// Nobody else was seen to use `address` for a minute, or it could be claimed after all.
    ConflictOver {
        /// Which.
        address: IpAddr,
        /// Where it had been seen.
        interface: InterfaceIndex,
    },
    /// The engine was not run for so long that others took it for dead; it let everything go and listens again.
    Stalled {
        /// How long ago it had last said hello.
        by: Duration,
    },
}

/// Why an address is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClaimCause {
    /// Nobody had it, ever.
    First,
    /// Its holder died.
    Failover {
        /// The holder.
        from: Station,
    },
    /// Its holder gave it up.
    Handover {
        /// The holder.
        from: Station,
    },
    /// It had been announced before, and nobody who would have been asked first took it.
    Unanswered,
}

/// Why an address is let go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LetGoCause {
    /// Nobody is to announce it any more.
    NotWanted,
    /// This node may not announce it any more, and nobody took it over in time.
    MayNot,
    /// Another station took it over as agreed.
    Handover {
        /// That station.
        to: Station,
    },
    /// Another station claims it too, and has the better right.
    Yielded {
        /// That station.
        to: Station,
    },
    /// Somebody who is no announcer uses it, found while probing for it.
    Conflict {
        /// Who.
        mac: Mac,
    },
    /// The engine was not run for too long.
    Stalled,
    /// The interface is down, or gone, or no longer one on which the address may be announced.
    InterfaceGone,
    /// The announcer ends.
    Shutdown,
}

/// Why a peer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PeerLostCause {
    /// It fell silent.
    Silent,
    /// It is heard, but does not hear this station any more.
    Deaf,
    /// It said that it would leave.
    Left,
    /// It started anew.
    Restarted,
}

// === impl ClaimCause ===

impl ClaimCause {
    /// A stable word for metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Failover { .. } => "failover",
            Self::Handover { .. } => "handover",
            Self::Unanswered => "unanswered",
        }
    }
}

impl fmt::Display for ClaimCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First => f.write_str("nobody had it"),
            Self::Failover { from } => write!(f, "failover from {}", from.node),
            Self::Handover { from } => write!(f, "handover from {}", from.node),
            Self::Unanswered => f.write_str("nobody else took it"),
        }
    }
}

// === impl LetGoCause ===

impl LetGoCause {
    /// A stable word for metrics.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NotWanted => "not_wanted",
            Self::MayNot => "may_not",
            Self::Handover { .. } => "handover",
            Self::Yielded { .. } => "yielded",
            Self::Conflict { .. } => "conflict",
            Self::Stalled => "stalled",
            Self::InterfaceGone => "interface_gone",
            Self::Shutdown => "shutdown",
        }
    }
}

impl fmt::Display for LetGoCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWanted => f.write_str("no longer wanted"),
            Self::MayNot => f.write_str("this node may not announce it any more"),
            Self::Handover { to } => write!(f, "handover to {}", to.node),
            Self::Yielded { to } => write!(f, "{} claims it with the better right", to.node),
            Self::Conflict { mac } => write!(f, "{mac} uses it"),
            Self::Stalled => f.write_str("the announcer was not run for too long"),
            Self::InterfaceGone => f.write_str("the interface cannot announce it any more"),
            Self::Shutdown => f.write_str("the announcer ends"),
        }
    }
}

// === impl PeerLostCause ===

impl PeerLostCause {
    /// A stable word for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Deaf => "deaf",
            Self::Left => "left",
            Self::Restarted => "restarted",
        }
    }
}
