//! What can happen to a node?
//!
//! Its cable is pulled, its hardware address changes, its power goes. Whatever runs on it is told nothing.

use std::time::Instant;

use anyhow::{Result, anyhow};

use super::{super::address::Mac, Node, Served, locked};

// === impl Node ===

impl Node {
    /// Pulls the cable of `eth0`: the node sees its carrier go, and keeps its addresses.
    ///
    /// # Errors
    /// The bridge's port cannot be set.
    pub fn link_down(&self) -> Result<()> {
        self.link("eth0", false)
    }

    /// Puts the cable of `eth0` back.
    ///
    /// # Errors
    /// The bridge's port cannot be set.
    pub fn link_up(&self) -> Result<()> {
        self.link("eth0", true)
    }

    /// Pulls the cable of an interface or puts it back.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn link(&self, interface: &str, up: bool) -> Result<()> {
        let interfaces = self.interfaces();
        let found = interfaces.iter().find(|known| known.name == interface);
        let found = found.ok_or_else(|| anyhow!("{} has no {interface}", self.name))?;
        self.lan.cable(found, up)
    }

    /// Gives an interface another hardware address, as a bond does when it fails over. It says so to nobody.
    ///
    /// # Errors
    /// There is no such interface.
    pub fn set_mac(&self, interface: &str, mac: Mac) -> Result<()> {
        self.namespace
            .ip(&format!("link set {interface} address {mac}"))?;
        for known in locked(&self.interfaces).iter_mut() {
            if known.name == interface {
                known.mac = mac;
            }
        }
        Ok(())
    }

    /// Takes the power away: its cables are dead, then every program on it is killed, its pods and rules are gone.
    /// Returns the moment before.
    ///
    /// # Errors
    /// The bridge's ports or the namespace cannot be reached.
    pub fn power_off(&self) -> Result<Instant> {
        let before = Instant::now();
        for interface in &self.interfaces() {
            self.lan.cable(interface, false)?;
        }
        self.namespace.kill_all()?;
        self.kube_proxy.stop();
        for pod in locked(&self.pods).values_mut() {
            pod.served = None;
        }
        self.namespace.nft("flush ruleset")?;
        Ok(before)
    }

    /// Gives the power back: cables, pods and kube-proxy, if `kube_proxy`. Programs that were [run](Self::run) are the
    /// caller's to start.
    ///
    /// # Errors
    /// Those of starting kube-proxy and pods.
    pub fn power_on(&self, kube_proxy: bool) -> Result<()> {
        for interface in &self.interfaces() {
            self.lan.cable(interface, true)?;
        }
        for pod in locked(&self.pods).values_mut() {
            let served = Served::start(
                &self.pods_namespace,
                &pod.identity,
                &pod.ports,
                &self.runtime,
            );
            pod.served = Some(served?);
        }
        if kube_proxy {
            self.kube_proxy.start()?;
        }
        Ok(())
    }
}
