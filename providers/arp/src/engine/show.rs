//! How does an engine's state look from outside? Reads only.

use std::{net::IpAddr, sync::Arc, time::Instant};

use super::{
    AddressView, Engine, Holder, InterfaceView, PeerView, View, peers::Peer, segment::Segment,
    shared::millis, vip::Vip,
};

// === impl Engine ===

impl Engine {
    /// What the engine sees and does.
    #[must_use]
    pub fn view(&self, now: Instant) -> View {
        View {
            node: Arc::clone(&self.shared.settings.node),
            incarnation: self.shared.settings.incarnation,
            fit: self.shared.fit,
            leaving: self.shared.draining.is_some(),
            interfaces: self
                .segments
                .values()
                .map(|segment| segment.view(now))
                .collect(),
        }
    }

    /// Who answers for `address`, on any segment, this node included.
    #[must_use]
    pub fn holders(&self, address: IpAddr) -> Vec<Holder> {
        let mut holders: Vec<Holder> = self
            .segments
            .values()
            .flat_map(|segment| segment.all_holders(address))
            .collect();
        holders.sort_unstable();
        holders.dedup();
        holders
    }
}

// === impl Segment ===

impl Segment {
    fn all_holders(&self, address: IpAddr) -> impl Iterator<Item = Holder> {
        let own = self
            .vips
            .get(&address)
            .filter(|vip| vip.answers())
            .map(|_| Holder::from(&self.me));
        own.into_iter().chain(self.held_by_others(address))
    }

    fn held_by_others(&self, address: IpAddr) -> impl Iterator<Item = Holder> {
        self.peers
            .holders(address)
            .iter()
            .filter_map(|id| self.peers.get(*id))
            .map(|peer| Holder::from(&peer.station))
    }

    fn view(&self, now: Instant) -> InterfaceView {
        let mut peers: Vec<PeerView> = self
            .peers
            .iter()
            .map(|(_, peer)| peer_view(peer, now))
            .collect();
        peers.sort_by(|one, next| (&one.node, &one.interface).cmp(&(&next.node, &next.interface)));
        let mut addresses: Vec<AddressView> = self
            .vips
            .iter()
            .map(|(address, vip)| self.address_view(*address, vip, now))
            .collect();
        addresses.sort_by_key(|view| view.address);
        InterfaceView {
            name: Arc::clone(&self.interface.name),
            index: self.interface.index.0,
            mac: self.interface.mac.to_string(),
            listening: self.listening.is_some(),
            interval_ms: millis(self.greeting.interval),
            peers,
            addresses,
        }
    }

    fn address_view(&self, address: IpAddr, vip: &Vip, now: Instant) -> AddressView {
        AddressView {
            address,
            stance: vip.stance.into(),
            since_ms: millis(now.saturating_duration_since(vip.since)),
            held_by: self.held_by_others(address).collect(),
            conflict: vip
                .conflict
                .filter(|conflict| conflict.told)
                .map(|conflict| conflict.mac.to_string()),
        }
    }
}

fn peer_view(peer: &Peer, now: Instant) -> PeerView {
    PeerView {
        node: Arc::clone(&peer.station.node),
        interface: Arc::clone(&peer.station.interface),
        mac: peer.mac.to_string(),
        incarnation: peer.incarnation,
        heard_ms_ago: millis(now.saturating_duration_since(peer.heard)),
        hears_us: peer.hears_us,
        standing: peer.standing,
        holds: peer.holds.len(),
    }
}
