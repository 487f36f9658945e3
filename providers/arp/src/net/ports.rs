//! Which sockets belong to which interface? Opened when an interface can announce, closed when it cannot any more.

use std::{io, net::Ipv4Addr};

use super::{
    frames::{FrameKind, FrameSocket},
    heeded::Heeded,
    hellos::{Family, HelloSocket},
    wait::Wait,
};
use crate::{Interface, InterfaceIndex};

/// The sockets of one interface.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) interface: Interface,
    arp: FrameSocket,
    /// What of ARP needs no haste: nobody is woken for it.
    other_arp: FrameSocket,
    neighbour: FrameSocket,
    heeded: Heeded,
    hello_v4: Option<HelloSocket>,
    hello_v6: Option<HelloSocket>,
}

/// The interfaces that are announced on, each with its sockets.
#[derive(Debug, Default)]
pub(super) struct Ports(Vec<Port>);

/// What became of a list of interfaces.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// Whether the interfaces that are announced on are others now, or other than they were.
    pub(super) has_changed: bool,
    /// Those that are announced on no more.
    pub(super) closed: Vec<InterfaceIndex>,
    /// Those whose sockets could not be had. Another try may help.
    pub(super) failed: Vec<(Interface, io::Error)>,
}

/// What a token stands for: one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// The kernel's news about links.
    Links,
    /// Frames on an interface.
    Frames(InterfaceIndex, FrameKind),
    /// Hellos on an interface.
    Hellos(InterfaceIndex, Family),
}

// === impl Ports ===

impl Ports {
    /// The interfaces that are announced on.
    pub(super) fn interfaces(&self) -> Vec<Interface> {
        self.0.iter().map(|port| port.interface.clone()).collect()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Port> {
        self.0.iter()
    }

    pub(super) fn get(&self, index: InterfaceIndex) -> Option<&Port> {
        self.0.iter().find(|port| port.interface.index == index)
    }

    /// Is woken for requests for `address` on this interface, once [`Self::divide`] has been called.
    pub(super) fn heed(&mut self, index: InterfaceIndex, address: Ipv4Addr) {
        if let Some(port) = self.get_mut(index) {
            port.heeded.heed(address);
        }
    }

    /// Is woken for them no more.
    pub(super) fn disregard(&mut self, index: InterfaceIndex, address: Ipv4Addr) {
        if let Some(port) = self.get_mut(index) {
            port.heeded.disregard(address);
        }
    }

    /// Has the kernel divide ARP as is wanted by now. Returns the interfaces where that changed: what came before on their
    /// other socket may need haste.
    pub(super) fn divide(&mut self) -> io::Result<Vec<InterfaceIndex>> {
        let mut divided = Vec::new();
        for port in &mut self.0 {
            if port.heeded.take_changed() {
                port.divide()?;
                divided.push(port.interface.index);
            }
        }
        Ok(divided)
    }

    fn get_mut(&mut self, index: InterfaceIndex) -> Option<&mut Port> {
        self.0.iter_mut().find(|port| port.interface.index == index)
    }

    /// Closes the sockets of interfaces that are not in `usable`, opens those of new ones, and takes in what is
    /// different about the others.
    pub(super) fn follow(&mut self, usable: Vec<Interface>, wait: &Wait) -> Followed {
        let mut followed = Followed::default();
        self.0.retain(|port| {
            let stays = usable
                .iter()
                .any(|usable| usable.index == port.interface.index);
            if !stays {
                followed.closed.push(port.interface.index);
            }
            stays
        });
        followed.has_changed = !followed.closed.is_empty();
        for interface in usable {
            let known = self
                .0
                .iter_mut()
                .find(|port| port.interface.index == interface.index);
            let outcome = match known {
                Some(port) if port.interface == interface && port.is_complete() => continue,
                Some(port) => port.update(interface.clone(), wait),
                None => Port::open(interface.clone(), wait).map(|port| self.0.push(port)),
            };
            match outcome {
                Ok(()) => followed.has_changed = true,
                Err(source) => followed.failed.push((interface, source)),
            }
        }
        followed
    }
}

// === impl Port ===

impl Port {
    /// Opens what `interface` needs, and waits for it from now on.
    pub(super) fn open(interface: Interface, wait: &Wait) -> io::Result<Self> {
        let index = interface.index;
        let arp = FrameSocket::open(index, FrameKind::Arp)?;
        let other_arp = FrameSocket::open(index, FrameKind::Arp)?;
        let neighbour = FrameSocket::open(index, FrameKind::Neighbour)?;
        wait.add(&arp, Token::Frames(index, FrameKind::Arp).number())?;
        wait.add(
            &neighbour,
            Token::Frames(index, FrameKind::Neighbour).number(),
        )?;
        let mut port = Self {
            interface,
            arp,
            other_arp,
            neighbour,
            heeded: Heeded::default(),
            hello_v4: None,
            hello_v6: None,
        };
        port.divide()?;
        port.follow_families(wait)?;
        Ok(port)
    }

    /// Takes in how the interface is now, and opens and closes what that asks for.
    pub(super) fn update(&mut self, interface: Interface, wait: &Wait) -> io::Result<()> {
        self.interface = interface;
        self.follow_families(wait)
    }

    pub(super) fn frames(&self, kind: FrameKind) -> &FrameSocket {
        match kind {
            FrameKind::Arp => &self.arp,
            FrameKind::Neighbour => &self.neighbour,
        }
    }

    /// ARP that nobody is woken for.
    pub(super) fn other_arp(&self) -> &FrameSocket {
        &self.other_arp
    }

    /// All sockets for frames.
    pub(super) fn all_frames(&self) -> [&FrameSocket; 3] {
        [&self.arp, &self.other_arp, &self.neighbour]
    }

    /// For a moment a request passes both filters, where they change: it may be answered twice, but never not at all.
    fn divide(&self) -> io::Result<()> {
        self.other_arp.all()?;
        self.arp.only_heeded(&self.heeded)?;
        self.other_arp.only_others(&self.heeded)
    }

    pub(super) fn hellos(&self, family: Family) -> Option<&HelloSocket> {
        match family {
            Family::V4 => self.hello_v4.as_ref(),
            Family::V6 => self.hello_v6.as_ref(),
        }
    }

    /// Whether every socket that it should have is open.
    fn is_complete(&self) -> bool {
        Family::ALL
            .iter()
            .all(|family| self.hellos(*family).is_some() == family.is_spoken_by(&self.interface))
    }

    /// Has a hello socket for just those families of which the interface has an address.
    fn follow_families(&mut self, wait: &Wait) -> io::Result<()> {
        for family in Family::ALL {
            let is_spoken = family.is_spoken_by(&self.interface);
            let socket = match family {
                Family::V4 => &mut self.hello_v4,
                Family::V6 => &mut self.hello_v6,
            };
            if !is_spoken {
                *socket = None;
            } else if socket.is_none() {
                let opened = HelloSocket::open(&self.interface, family)?;
                wait.add(
                    &opened,
                    Token::Hellos(self.interface.index, family).number(),
                )?;
                *socket = Some(opened);
            }
        }
        Ok(())
    }
}

// === impl Token ===

impl Token {
    /// The kind below, the interface above.
    pub(super) fn number(self) -> u64 {
        let (index, kind) = match self {
            Self::Links => (0, 0),
            Self::Frames(index, FrameKind::Arp) => (index.0, 1),
            Self::Frames(index, FrameKind::Neighbour) => (index.0, 2),
            Self::Hellos(index, Family::V4) => (index.0, 3),
            Self::Hellos(index, Family::V6) => (index.0, 4),
        };
        u64::from(index) << 8 | kind
    }

    /// What [`Self::number`] was made of.
    pub(super) fn of(number: u64) -> Option<Self> {
        let index = InterfaceIndex(u32::try_from(number >> 8).ok()?);
        Some(match number & 0xff {
            0 => Self::Links,
            1 => Self::Frames(index, FrameKind::Arp),
            2 => Self::Frames(index, FrameKind::Neighbour),
            3 => Self::Hellos(index, Family::V4),
            4 => Self::Hellos(index, Family::V6),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_what_its_number_was_made_of() {
        let index = InterfaceIndex(u32::MAX);
        for token in [
            Token::Links,
            Token::Frames(index, FrameKind::Arp),
            Token::Frames(index, FrameKind::Neighbour),
            Token::Hellos(index, Family::V4),
            Token::Hellos(index, Family::V6),
        ] {
            assert_eq!(Token::of(token.number()), Some(token));
        }
    }
}
