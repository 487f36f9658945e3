//! How do hellos travel? UDP multicast on one interface, one socket for each family. What they say is not looked at.
//!
//! The source is UDP and not whole frames because a group of the link's own needs a member that the kernel tells the
//! network card (and a snooping switch, for IPv6) about, and because the kernel then checks lengths and checksums.

use std::{
    fmt, io,
    net::{SocketAddr, SocketAddrV4, SocketAddrV6},
};

use rustix::net::SendFlags;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use super::sys;
use crate::{
    Interface,
    wire::hello::{GROUP_V4, GROUP_V6, HOP_LIMIT, PORT},
};

/// Room for the hellos of 200 peers that come while this process waits for a processor.
const RECEIVE_BUFFER: usize = 1 << 20;

/// Over which family a hello travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// To `224.0.0.254`.
    V4,
    /// To `ff02::114`.
    V6,
}

/// A socket that sends and receives hellos of one family on one interface. It never blocks and hears nothing it sent.
pub struct HelloSocket {
    socket: Socket,
    family: Family,
    group: SocketAddr,
}

/// One datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// How many bytes of the buffer it fills.
    pub length: usize,
    /// With how many hops left it came; 0 if the kernel does not say.
    pub hop_limit: u8,
}

// === impl Family ===

impl Family {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// Whether hellos of this family can be sent from `interface`: it has an address for the sender's field.
    #[must_use]
    pub fn is_spoken_by(self, interface: &Interface) -> bool {
        interface
            .addresses
            .iter()
            .any(|own| own.addr().is_ipv4() == matches!(self, Self::V4))
    }
}

// === impl HelloSocket ===

impl HelloSocket {
    /// Opens a socket for hellos of `family` on `interface`, in the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel's own: `NoSuchDevice` if the interface went, or has no such family.
    pub fn open(interface: &Interface, family: Family) -> io::Result<Self> {
        let index = interface.index.0;
        let (domain, group): (Domain, SocketAddr) = match family {
            Family::V4 => (Domain::IPV4, SocketAddrV4::new(GROUP_V4, PORT).into()),
            Family::V6 => (
                Domain::IPV6,
                SocketAddrV6::new(GROUP_V6, PORT, 0, index).into(),
            ),
        };
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        socket.set_reuse_address(true)?;
        socket.bind_device(Some(interface.name.as_bytes()))?;
        match family {
            Family::V4 => {
                socket.set_multicast_loop_v4(false)?;
                socket.set_multicast_ttl_v4(HOP_LIMIT.into())?;
                sys::receive_ttl(&socket)?;
            }
            Family::V6 => {
                socket.set_only_v6(true)?;
                socket.set_multicast_loop_v6(false)?;
                socket.set_multicast_hops_v6(HOP_LIMIT.into())?;
                socket.set_multicast_if_v6(index)?;
                socket.set_recv_hoplimit_v6(true)?;
            }
        }
        // Bound to the group, not to any address: what is sent to this host alone is no hello.
        socket.bind(&group.into())?;
        match family {
            Family::V4 => {
                socket.join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(index))?;
            }
            Family::V6 => socket.join_multicast_v6(&GROUP_V6, index)?,
        }
        Ok(Self {
            socket,
            family,
            group,
        })
    }

    /// Its family.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// The next datagram, into `buffer`; `None` if there is none at present.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<Option<Datagram>> {
        match sys::receive_with_hop_limit(&self.socket, buffer) {
            Ok((length, hop_limit)) => Ok(Some(Datagram {
                length,
                hop_limit: hop_limit.unwrap_or(0),
            })),
            Err(source)
                if matches!(
                    source.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(None)
            }
            Err(source) => Err(source),
        }
    }

    /// Says `payload` to everybody on the segment.
    pub fn send(&self, payload: &[u8]) -> io::Result<()> {
        rustix::net::sendto(&self.socket, payload, SendFlags::DONTWAIT, &self.group)?;
        Ok(())
    }
}

impl std::os::fd::AsFd for HelloSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl fmt::Debug for HelloSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hello socket to {}", self.group)
    }
}
