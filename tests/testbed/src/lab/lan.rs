//! What are machines plugged into?
//!
//! Segments are bridges in a namespace of their own, which also is the router between them. Cables can be pulled, and
//! frames dropped between two ports. Nothing is known here about what the machines do.

use std::{net::Ipv4Addr, sync::Mutex};

use anyhow::{Context as _, Result};

use super::{
    address::{Interface, Mac, ROUTER, Segment},
    locked,
    namespace::Namespace,
};

/// The bridges and the router.
#[derive(Debug)]
pub(super) struct Lan {
    namespace: Namespace,
    /// The pairs of ports (from, to) that nothing passes between.
    cuts: Mutex<Vec<(String, String)>>,
}

/// A plug for [`Lan::plug`]: which place of a segment goes to which interface of a machine.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plug<'a> {
    /// Becomes part of the port's name; at most 10 letters.
    pub(super) machine: &'a str,
    pub(super) index: u8,
    pub(super) segment: Segment,
    pub(super) host: u8,
}

const CUTS: &str = "
    table bridge lab {
        set cuts { type ifname . ifname; }
        chain forward {
            type filter hook forward priority 0; policy accept;
            iifname . oifname @cuts drop
        }
    }";

// === impl Lan ===

impl Lan {
    pub(super) fn create(segments: impl IntoIterator<Item = Segment>) -> Result<Self> {
        let namespace = Namespace::create("lan")?;
        for segment in segments {
            let (bridge, mac) = (segment.bridge(), Mac::of(segment, ROUTER));
            let (v4, v6) = (segment.v4(ROUTER), segment.v6(ROUTER.into()));
            // Without an address that was given to it, a bridge takes the lowest one of its ports: whoever is plugged in then
            // may change where everybody's router is. Snooping would need somebody who asks for memberships: without, it may
            // hold multicast back.
            namespace.ip(&format!(
                "link add {bridge} address {mac} type bridge mcast_snooping 0
                 address add {v4}/24 dev {bridge}
                 address add {v6}/64 dev {bridge} nodad
                 link set {bridge} up"
            ))?;
        }
        forward(&namespace)?;
        namespace.nft(CUTS)?;
        // Where the kernel can filter bridged packets as if they were routed, it does so unless told not to.
        for family in ["iptables", "ip6tables", "arptables"] {
            let _ = namespace.sysctl(&format!("bridge/bridge-nf-call-{family}"), "0");
        }
        Ok(Self {
            namespace,
            cuts: Mutex::default(),
        })
    }

    /// Gives a machine an interface on a segment, up, with its addresses; the default route goes through the first.
    pub(super) fn plug(&self, machine: &Namespace, plug: Plug<'_>) -> Result<Interface> {
        let Plug {
            machine: owner,
            index,
            segment,
            host,
        } = plug;
        let interface = Interface {
            name: format!("eth{index}"),
            segment,
            v4: segment.v4(host),
            v6: segment.v6(host.into()),
            mac: Mac::of(segment, host),
            port: format!("{owner}-{index}"),
        };
        let Interface {
            name,
            v4,
            v6,
            mac,
            port,
            ..
        } = &interface;
        let (bridge, path) = (segment.bridge(), machine.path());
        self.namespace.ip(&format!(
            "link add {port} type veth peer name {name} address {mac} netns {}
             link set {port} master {bridge} up",
            path.display()
        ))?;
        machine.ip(&format!(
            "address add {v4}/24 dev {name}
             address add {v6}/64 dev {name} nodad
             link set {name} up"
        ))?;
        if index == 0 {
            let (router4, router6) = (segment.v4(ROUTER), segment.v6(ROUTER.into()));
            machine.ip(&format!(
                "route add default via {router4}
                 route add ::/0 via {router6}"
            ))?;
        }
        Ok(interface)
    }

    /// Sends packets for pods of a node there.
    pub(super) fn route(&self, to: &str, via: &str) -> Result<()> {
        self.namespace.ip(&format!("route add {to} via {via}"))
    }

    /// Ends a [`Self::route`].
    pub(super) fn unroute(&self, to: &str) -> Result<()> {
        self.namespace.ip(&format!("route del {to}"))
    }

    /// Pulls the cable out of a port, or puts it back: the machine sees its carrier go and come.
    pub(super) fn cable(&self, interface: &Interface, plugged: bool) -> Result<()> {
        let state = if plugged { "up" } else { "down" };
        self.namespace
            .ip(&format!("link set {} {state}", interface.port))
    }

    /// Takes an interface away, both ends.
    pub(super) fn unplug(&self, interface: &Interface) -> Result<()> {
        self.namespace.ip(&format!("link del {}", interface.port))
    }

    /// Drops every frame from one port to another.
    pub(super) fn cut(&self, pairs: &[(&str, &str)]) -> Result<()> {
        let elements = self.added(pairs);
        if elements.is_empty() {
            return Ok(());
        }
        let elements: Vec<String> = elements
            .iter()
            .map(|(from, to)| format!(r#""{from}" . "{to}""#))
            .collect();
        self.namespace.nft(&format!(
            "add element bridge lab cuts {{ {} }}",
            elements.join(", ")
        ))
    }

    fn added(&self, pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut cuts = locked(&self.cuts);
        let new: Vec<(String, String)> = pairs
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()))
            .filter(|pair| !cuts.contains(pair))
            .collect();
        cuts.extend(new.iter().cloned());
        new
    }

    /// Ends every [`Self::cut`].
    pub(super) fn heal(&self) -> Result<()> {
        locked(&self.cuts).clear();
        self.namespace.nft("flush set bridge lab cuts")
    }

    /// Whether a machine of that name is plugged in.
    pub(super) fn has_port(&self, machine: &str) -> bool {
        self.namespace
            .output("ip", &["link", "show", "dev", &format!("{machine}-0")])
            .is_ok()
    }

    /// A listener on the router, on a port of the kernel's choice.
    pub(super) fn listen(&self) -> Result<std::net::TcpListener> {
        let address: Ipv4Addr = Segment::MAIN.v4(ROUTER);
        self.namespace
            .inside(|| Ok(std::net::TcpListener::bind((address, 0))?))
            .with_context(|| format!("listening on {address}"))
    }
}

/// Makes a router of a machine.
pub(super) fn forward(namespace: &Namespace) -> Result<()> {
    for key in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        namespace.sysctl(key, "1")?;
    }
    // What comes in by one interface may be answered through another.
    for which in ["all", "default"] {
        namespace.sysctl(&format!("ipv4/conf/{which}/rp_filter"), "0")?;
    }
    Ok(())
}
