//! How do whole Ethernet frames come in and go out on one interface? What is in them is not looked at here.

use std::{fmt, io};

use rustix::net::RecvFlags;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::{filter, heeded::Heeded, sys};
use crate::InterfaceIndex;

/// The receive buffer asked for: a thousand hosts that ask at once after a failover each find room. The kernel gives at
/// most `net.core.rmem_max`.
const RECEIVE_BUFFER: usize = 1 << 20;

/// What a frame socket is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// ARP requests and replies for IPv4 over Ethernet (RFC 826).
    Arp,
    /// Neighbour solicitations and advertisements (RFC 4861).
    Neighbour,
}

/// A socket that sees the frames of one kind on one interface, and sends such frames.
///
/// It never blocks. It does not see what this machine sends, nor frames that are addressed to another machine.
pub struct FrameSocket {
    socket: Socket,
    kind: FrameKind,
    index: InterfaceIndex,
}

// === impl FrameKind ===

impl FrameKind {
    /// A stable word for metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Arp => "arp",
            Self::Neighbour => "ndp",
        }
    }

    fn ethertype(self) -> u16 {
        match self {
            Self::Arp => 0x0806,
            Self::Neighbour => 0x86dd,
        }
    }

    fn filter(self, index: InterfaceIndex) -> Vec<SockFilter> {
        match self {
            Self::Arp => filter::arp(index),
            Self::Neighbour => filter::neighbour(index),
        }
    }
}

// === impl FrameSocket ===

impl FrameSocket {
    /// Opens a socket for frames of `kind` on the interface `index` of the calling thread's network namespace.
    ///
    /// # Errors
    /// `PermissionDenied` without `CAP_NET_RAW`; the kernel's own if there is no such interface.
    pub fn open(index: InterfaceIndex, kind: FrameKind) -> io::Result<Self> {
        // Protocol 0: nothing arrives before the filter is in its place and the socket bound to the interface.
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.attach_filter(&kind.filter(index))?;
        // The filter drops them too; this saves running it. Before Linux 4.20 it cannot be had.
        let _ = sys::ignore_outgoing(&socket);
        socket.bind(&sys::link_address(kind.ethertype(), index)?)?;
        Ok(Self {
            socket,
            kind,
            index,
        })
    }

    /// From now on everything that it is about.
    pub(super) fn all(&self) -> io::Result<()> {
        self.socket.attach_filter(&self.kind.filter(self.index))
    }

    /// From now on only ARP that needs haste: requests for what is `heeded`, and replies.
    pub(super) fn only_heeded(&self, heeded: &Heeded) -> io::Result<()> {
        self.socket
            .attach_filter(&filter::heeded_arp(self.index, heeded))
    }

    /// From now on only ARP that needs none: requests for anything else.
    pub(super) fn only_others(&self, heeded: &Heeded) -> io::Result<()> {
        self.socket
            .attach_filter(&filter::other_arp(self.index, heeded))
    }

    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// The next frame, into `buffer`; `None` if there is none at present. A longer frame is cut off.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match rustix::net::recv(&self.socket, buffer, RecvFlags::DONTWAIT) {
            Ok((length, _)) => Ok(Some(length)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(source) => Err(source.into()),
        }
    }

    /// Sends one whole frame.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        rustix::net::send(&self.socket, frame, rustix::net::SendFlags::DONTWAIT)?;
        Ok(())
    }

    /// How many frames passed the filter since this was last asked, and how many of them were dropped for want of room.
    pub fn counts(&self) -> io::Result<(u32, u32)> {
        let sys::PacketCounts { passed, dropped } = sys::packet_counts(&self.socket)?;
        Ok((passed, dropped))
    }
}

impl std::os::fd::AsFd for FrameSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for FrameSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} socket on interface {}",
            self.kind.label(),
            self.index.0
        )
    }
}
