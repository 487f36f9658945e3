//! What does an engine see and do at a moment? For people who ask, and for tests; nothing decides by it.

use std::{net::IpAddr, sync::Arc};

use serde::Serialize;

use crate::wire::hello::Station;

/// Everything about an engine that is worth showing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct View {
    /// This node.
    pub node: Arc<str>,
    /// When its process started, in nanoseconds since 1970.
    pub incarnation: u64,
    /// Whether it forwards, as far as it was told.
    pub fit: bool,
    /// Whether it is on its way out.
    pub leaving: bool,
    /// Its interfaces.
    pub interfaces: Vec<InterfaceView>,
}

/// One interface, and what is heard on its segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InterfaceView {
    /// Its name.
    pub name: Arc<str>,
    /// The kernel's number for it.
    pub index: u32,
    /// Its Ethernet address.
    pub mac: String,
    /// Whether it only listens as yet.
    pub listening: bool,
    /// How often it says hello at present.
    pub interval_ms: u64,
    /// Other stations, by name.
    pub peers: Vec<PeerView>,
    /// The addresses that may be announced on it, ascending.
    pub addresses: Vec<AddressView>,
}

/// Another station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeerView {
    /// Its node.
    pub node: Arc<str>,
    /// Its interface.
    pub interface: Arc<str>,
    /// Its Ethernet address.
    pub mac: String,
    /// When its process started, in nanoseconds since 1970.
    pub incarnation: u64,
    /// How long ago it was last heard.
    pub heard_ms_ago: u64,
    /// Whether it hears this station.
    pub hears_us: bool,
    /// What it says of itself.
    pub standing: Standing,
    /// How many addresses it holds.
    pub holds: usize,
}

/// What a station says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It takes part.
    Ready,
    /// It only listens as yet.
    Listening,
    /// It does not forward.
    Unfit,
    /// It is on its way out.
    Leaving,
}

/// One address on one interface.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressView {
    /// The address.
    pub address: IpAddr,
    /// What this station does about it.
    pub stance: StanceView,
    /// Since when.
    pub since_ms: u64,
    /// Other stations that hold it, by name.
    pub held_by: Vec<Holder>,
    /// The Ethernet address of a host that is no announcer and uses it.
    pub conflict: Option<String>,
}

/// What a station does about an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StanceView {
    /// Nothing: another station holds it, or this one may not.
    Away,
    /// Nobody holds it; others are to be asked first.
    InLine,
    /// It has claimed it and asks whether a stranger uses it.
    Probing,
    /// It answers for it.
    Holding,
    /// It answers for it until the next one has claimed it.
    HandingOver,
    /// A stranger uses it; it will probe again.
    Barred,
}

/// Who holds an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Holder {
    /// The node.
    pub node: Arc<str>,
    /// The holder's own name for its interface.
    pub interface: Arc<str>,
}

// === impl Holder ===

impl From<&Station> for Holder {
    fn from(station: &Station) -> Self {
        let Station { node, interface } = station;
        Self {
            node: Arc::clone(node),
            interface: Arc::clone(interface),
        }
    }
}
