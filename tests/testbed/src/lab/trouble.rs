//! What goes wrong between machines?
//!
//! Partitions, one-way links, an API server that cannot be reached, strangers. What goes wrong with one node is in
//! [`super::node`].

use std::{
    net::{IpAddr, UdpSocket},
    sync::Arc,
};

use anyhow::{Result, bail};

use super::{
    Lab,
    address::{Mac, Segment},
    client::Client,
    lan::Lan,
};

/// A machine that nobody expects, with an address that may be somebody else's. It is gone when dropped.
#[derive(Debug)]
pub struct Foreign {
    machine: Client,
    ip: IpAddr,
    lan: Arc<Lan>,
}

/// Where the first stranger is; no more than eight are there at a time.
const FIRST_STRANGER: u8 = 230;
const STRANGERS: u8 = 8;
/// A port at which nobody need listen (RFC 863).
const DISCARD: u16 = 9;

// === impl Lab ===

impl Lab {
    /// Parts the nodes into groups that no frame passes between; the client and the observer stay with the first. The
    /// API server is reached by all: it is behind the router.
    ///
    /// # Errors
    /// There is no such node.
    pub fn partition(&self, groups: &[&[u8]]) -> Result<()> {
        let mut ports = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let mut of_group = Vec::new();
            for number in *group {
                of_group.extend(self.try_node(*number)?.ports());
            }
            if index == 0 {
                of_group.push(self.client.interface.port.clone());
                of_group.push(self.observer.interface.port.clone());
            }
            ports.push(of_group);
        }
        let mut pairs = Vec::new();
        for (index, group) in ports.iter().enumerate() {
            let others = ports
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            for other in others.flat_map(|(_, other)| other) {
                pairs.extend(group.iter().map(|port| (port.as_str(), other.as_str())));
            }
        }
        self.lan.cut(&pairs)
    }

    /// Node `from` is no longer heard by node `to`, which it still hears.
    ///
    /// # Errors
    /// There is no such node.
    pub fn one_way(&self, from: u8, to: u8) -> Result<()> {
        let (from, to) = (self.try_node(from)?.ports(), self.try_node(to)?.ports());
        let pairs: Vec<(&str, &str)> = from
            .iter()
            .flat_map(|from| to.iter().map(|to| (from.as_str(), to.as_str())))
            .collect();
        self.lan.cut(&pairs)
    }

    /// Ends every partition and one-way link.
    ///
    /// # Errors
    /// The bridge's rules cannot be set.
    pub fn heal(&self) -> Result<()> {
        self.lan.heal()
    }

    /// No node reaches the API server until [`Self::api_up`]: connections end, new ones are refused. The test still
    /// reaches it.
    pub fn api_down(&self) {
        self.way.cut();
    }

    /// No node hears from the API server until [`Self::api_up`]: connections stay open, and silent.
    pub fn api_silent(&self) {
        self.way.freeze();
    }

    /// Ends [`Self::api_down`] and [`Self::api_silent`].
    pub fn api_up(&self) {
        self.way.heal();
    }

    /// Plugs a machine into the main segment that has `ip` beside an address of its own, and answers for it.
    ///
    /// # Errors
    /// There are eight strangers already.
    pub fn foreign_host(&self, ip: IpAddr) -> Result<Foreign> {
        for host in FIRST_STRANGER..FIRST_STRANGER + STRANGERS {
            let machine = format!("alien{host}");
            // The name of its port is the one thing that two strangers cannot share.
            if self.lan.has_port(&machine) {
                continue;
            }
            let stranger = Client::plug(&self.lan, &machine, host)?;
            let prefix = if ip.is_ipv4() { 24 } else { 64 };
            stranger.namespace.add_address(ip, prefix, "eth0")?;
            return Ok(Foreign {
                machine: stranger,
                ip,
                lan: Arc::clone(&self.lan),
            });
        }
        bail!(
            "adding a stranger: there are {STRANGERS} on {:?}",
            Segment::MAIN
        )
    }
}

// === impl Foreign ===

impl Foreign {
    /// Its hardware address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.machine.interface.mac
    }

    /// It, as a client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.machine
    }

    /// Sends a datagram to `to` from the address that may be somebody else's, and so asks the whole segment, in the name of
    /// that address, where `to` is.
    ///
    /// # Errors
    /// It cannot be sent.
    pub fn speak_to(&self, to: IpAddr) -> Result<()> {
        self.machine.namespace.inside(|| {
            let socket = UdpSocket::bind((self.ip, 0))?;
            socket.send_to(&[], (to, DISCARD))?;
            Ok(())
        })
    }
}

impl Drop for Foreign {
    /// The kernel would remove its namespace soon; here it is silent at once.
    fn drop(&mut self) {
        let _ = self.lan.unplug(&self.machine.interface);
    }
}
