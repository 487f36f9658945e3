//! Which solicited-node groups does the kernel let through to us, and tell snooping switches about?
//!
//! A host asks for an IPv6 address by a multicast to a group made of its last three bytes (RFC 4861 section 7.2.1).
//! A network card and a switch pass on only the groups that somebody joined. The sockets here do nothing but join.

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt, io,
    net::Ipv6Addr,
};

use socket2::{Domain, Protocol, Socket, Type};

use crate::InterfaceIndex;

/// Memberships. They end with this value.
///
/// The kernel bounds how many one socket may have (`net.core.optmem_max`: about 400 with 20 KiB, the default before
/// Linux 6.7, and 2,700 with 128 KiB), so there are as many sockets as it takes.
#[derive(Default)]
pub struct Groups {
    sockets: Vec<Slot>,
    joined: HashMap<(InterfaceIndex, Ipv6Addr), usize>,
}

struct Slot {
    socket: Socket,
    full: bool,
}

// === impl Groups ===

impl Groups {
    /// Joins `group` on the interface. Joining what is joined changes nothing.
    pub fn join(&mut self, index: InterfaceIndex, group: Ipv6Addr) -> io::Result<()> {
        let Entry::Vacant(place) = self.joined.entry((index, group)) else {
            return Ok(());
        };
        for (number, slot) in self.sockets.iter_mut().enumerate() {
            if slot.full {
                continue;
            }
            match slot.socket.join_multicast_v6(&group, index.0) {
                Ok(()) => {
                    place.insert(number);
                    return Ok(());
                }
                Err(source) if is_full(&source) => slot.full = true,
                Err(source) => return Err(source),
            }
        }
        let socket = Socket::new(Domain::IPV6, Type::DGRAM, Some(Protocol::UDP))?;
        socket.join_multicast_v6(&group, index.0)?;
        place.insert(self.sockets.len());
        self.sockets.push(Slot {
            socket,
            full: false,
        });
        Ok(())
    }

    /// Leaves `group` on the interface. Leaving what was never joined changes nothing.
    pub fn leave(&mut self, index: InterfaceIndex, group: Ipv6Addr) {
        let Some(number) = self.joined.remove(&(index, group)) else {
            return;
        };
        if let Some(slot) = self.sockets.get_mut(number) {
            // It fails only if the interface is gone, and the membership with it.
            let _ = slot.socket.leave_multicast_v6(&group, index.0);
            slot.full = false;
        }
    }

    /// Leaves all groups on an interface that is no longer used.
    pub fn leave_all(&mut self, index: InterfaceIndex) {
        let groups: Vec<Ipv6Addr> = self
            .joined
            .keys()
            .filter(|(joined_on, _)| *joined_on == index)
            .map(|(_, group)| *group)
            .collect();
        for group in groups {
            self.leave(index, group);
        }
    }

    /// How many memberships there are, over all interfaces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.joined.len()
    }

    /// Whether nothing is joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.joined.is_empty()
    }

    /// How many sockets it takes.
    #[must_use]
    pub fn sockets(&self) -> usize {
        self.sockets.len()
    }
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} memberships on {} sockets",
            self.len(),
            self.sockets()
        )
    }
}

/// Whether the socket, and not the interface, is what refuses: its option memory is used up.
fn is_full(source: &io::Error) -> bool {
    matches!(source.raw_os_error(), Some(libc::ENOBUFS | libc::ENOMEM))
}
