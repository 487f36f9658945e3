//! How is a choice put into words: what is full, what there is, what is remarkable? Reads only.

use std::{fmt, net::IpAddr};

use roadstead_core::IpFamily;

use super::{Choice, Refusal};

// === impl Choice ===

impl Choice<'_> {
    /// How full the pools at `places` are.
    pub(super) fn full(&self, family: IpFamily, places: &[usize]) -> Refusal {
        let told = places.iter().filter_map(|place| {
            let pool = self.pools.get(*place)?;
            if !pool.has(family) {
                return Some(format!("pool {} has none of {family}", pool.name));
            }
            let (used, total) = (self.ledger.in_use(*place), pool.total());
            let barred = match self.ledger.barred_in(pool, self.now) {
                0 => String::new(),
                barred => format!(", and {barred} are used by nodes or foreign hosts"),
            };
            Some(format!(
                "pool {}: {used} of {total} are in use{barred}",
                pool.name
            ))
        });
        let told: Vec<String> = told.collect();
        Refusal::Full(format!("no {family} address is free; {}", told.join("; ")))
    }

    pub(super) fn there_are(&self) -> String {
        if self.pools.is_empty() {
            return "there is none yet".to_owned();
        }
        let each = self.pools.iter().map(|pool| {
            let ranges: Vec<String> = pool.ranges().iter().map(ToString::to_string).collect();
            format!("{} ({})", pool.name, ranges.join(", "))
        });
        let each: Vec<String> = each.collect();
        format!("there are {}", each.join(", "))
    }

    /// What the user should know of an address that works.
    pub(super) fn remarks(&self, address: IpAddr) -> Vec<String> {
        let mut remarks = Vec::new();
        let homes: Vec<&str> = self
            .pools
            .iter()
            .filter(|pool| pool.contains(address))
            .map(|pool| &*pool.name)
            .collect();
        if homes.len() > 1 {
            remarks.push(format!(
                "{address} is in several pools: {}",
                homes.join(", ")
            ));
        }
        if homes.is_empty() && self.pools.iter().any(|pool| pool.unreadable) {
            remarks.push(format!(
                "{address} is in no pool that can be read, and stays while a pool cannot"
            ));
        }
        if let Some(node) = self.ledger.node(address) {
            remarks.push(format!(
                "{address} is also the address of node {node}: one of the two is not reached"
            ));
        }
        remarks
    }
}

// === impl Refusal ===

impl Refusal {
    /// Says first why an address must go that the Service has, and keeps for want of another.
    pub(super) fn after(self, lost: &[(IpAddr, String)]) -> Self {
        let why: Vec<&str> = lost.iter().map(|(_, why)| why.as_str()).collect();
        if why.is_empty() {
            return self;
        }
        let told = |text| format!("{}, and stays for want of another: {text}", why.join("; "));
        match self {
            Self::Impossible(text) => Self::Impossible(told(text)),
            Self::Taken(text) => Self::Taken(told(text)),
            Self::Full(text) => Self::Full(told(text)),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible(text) | Self::Taken(text) | Self::Full(text) => f.write_str(text),
        }
    }
}
