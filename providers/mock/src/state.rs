//! What does the world hold, and which address is free? Read from a folder once, then in memory; whoever owns it guards it.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    net::IpAddr,
    path::Path,
};

use ipnet::IpNet;

use crate::{Balancer, Call, Failure, Method, OpenError};

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) balancers: BTreeMap<String, Balancer>,
    pub(crate) used: HashSet<IpAddr>,
    /// Where the search for a free address goes on, by range: a released address is used last.
    pub(crate) cursors: HashMap<IpNet, IpAddr>,
    /// Targets that fail their health checks, by address, and why.
    pub(crate) sick: HashMap<IpAddr, String>,
    pub(crate) scripted: HashMap<Method, Vec<Failure>>,
    /// Kept only where somebody asked for it.
    pub(crate) calls: Option<Vec<Call>>,
}

// === impl State ===

impl State {
    pub(crate) fn read(folder: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError {
            path: folder.to_owned(),
            source,
        };
        let mut state = Self::default();
        for entry in fs::read_dir(folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let balancer: Balancer = serde_json::from_slice(&fs::read(&path).map_err(failed)?)
                    .map_err(|e| failed(e.into()))?;
                let name = path
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                state.put(name, balancer);
            }
        }
        Ok(state)
    }

    pub(crate) fn put(&mut self, name: String, balancer: Balancer) {
        self.remove(&name);
        self.used.extend(balancer.ips());
        self.balancers.insert(name, balancer);
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if let Some(old) = self.balancers.remove(name) {
            for ip in old.ips() {
                self.used.remove(&ip);
            }
        }
    }

    pub(crate) fn advance(&mut self, ranges: &[IpNet], taken: IpAddr) {
        if let Some(range) = ranges.iter().find(|range| range.contains(&taken)) {
            self.cursors.insert(*range, taken);
        }
    }

    pub(crate) fn free_in(&self, range: &IpNet) -> Option<IpAddr> {
        let start = self.cursors.get(range).copied();
        let after = |ip: &IpAddr| start.is_none_or(|start| *ip > start);
        let free = |ip: &IpAddr| !self.used.contains(ip);
        let ahead = match start {
            Some(start) => subrange(*range, start).find(|ip| after(ip) && free(ip)),
            None => range.hosts().find(free),
        };
        ahead.or_else(|| range.hosts().find(free))
    }
}

/// The addresses of `range` from `start` on, without walking over those before it.
fn subrange(range: IpNet, start: IpAddr) -> Box<dyn Iterator<Item = IpAddr>> {
    match (range, start) {
        (IpNet::V4(net), IpAddr::V4(start)) => {
            let last = net.hosts().next_back().map_or(0, u32::from);
            Box::new((u32::from(start)..=last).map(|n| IpAddr::V4(n.into())))
        }
        (IpNet::V6(net), IpAddr::V6(start)) => {
            let last = u128::from(net.broadcast());
            Box::new((u128::from(start)..=last).map(|n| IpAddr::V6(n.into())))
        }
        _ => Box::new(range.hosts()),
    }
}
