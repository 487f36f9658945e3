//! What the announcer needs of the engine and its sockets: a small trait, so that tests do without a network.

use std::{fmt, net::IpAddr};

use async_trait::async_trait;
use roadstead_arp::{
    engine::{Holder, Stats, View, Wanted},
    net::{self, NetStats},
};

/// The engine on its thread.
#[async_trait]
pub trait Segments: fmt::Debug + Send + Sync + 'static {
    /// Adds an address, or changes what is known of it.
    fn want(&self, wanted: Wanted);

    /// Removes an address.
    fn unwant(&self, address: IpAddr);

    /// Whether this node forwards at all.
    fn set_fit(&self, fit: bool);

    /// Who holds each of `addresses`, in their order; `None` once the engine has ended.
    async fn holders(&self, addresses: Vec<IpAddr>) -> Option<Vec<Vec<Holder>>>;

    /// What it sees and does; `None` once it has ended.
    async fn view(&self) -> Option<View>;

    /// Its counters, and those of its sockets; `None` once it has ended.
    async fn stats(&self) -> Option<(Stats, NetStats)>;

    /// Hands everything over, and returns when nothing is held any more; within half a second.
    async fn drain(&self);
}

#[async_trait]
impl Segments for net::Announcer {
    fn want(&self, wanted: Wanted) {
        Self::want(self, wanted);
    }

    fn unwant(&self, address: IpAddr) {
        Self::unwant(self, address);
    }

    fn set_fit(&self, fit: bool) {
        Self::set_fit(self, fit);
    }

    async fn holders(&self, addresses: Vec<IpAddr>) -> Option<Vec<Vec<Holder>>> {
        let held = Self::holders(self, addresses).await.ok()?;
        Some(held.into_iter().map(|(_, holders)| holders).collect())
    }

    async fn view(&self) -> Option<View> {
        Self::view(self).await.ok()
    }

    async fn stats(&self) -> Option<(Stats, NetStats)> {
        Self::stats(self).await.ok()
    }

    async fn drain(&self) {
        Self::drain(self).await;
    }
}
