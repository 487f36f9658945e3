//! May a Service keep an address that it has, or have one that it asks for? Reads only.

use std::net::IpAddr;

use roadstead_core::{IpFamily, IpFamilyPolicy};

use super::{
    super::{Pool, ledger::FOREIGN, sharing::Facts},
    Choice, Refusal,
};

/// Whether an address that a Service has may stay.
pub(super) enum Fit {
    Stays,
    /// The user of the Service wants another one, or must: at once.
    Goes(String),
    /// The pools say so: after a time of notice.
    GoesAfterNotice(String),
}

// === impl Choice ===

impl Choice<'_> {
    /// What cannot be, whatever is free.
    pub(super) fn check_request(&self) -> Result<(), Refusal> {
        let wish = self.wish;
        for address in &wish.requested {
            let family = IpFamily::of(*address);
            if !wish.wanted().contains(&family) {
                return Err(Refusal::Impossible(format!(
                    "{address} is asked for, and the Service has no address of {family}: see spec.ipFamilies and \
                     spec.ipFamilyPolicy"
                )));
            }
        }
        if wish.policy == IpFamilyPolicy::RequireDualStack && wish.families.len() < 2 {
            return Err(Refusal::Impossible(
                "spec.ipFamilyPolicy is RequireDualStack, and spec.ipFamilies has one family"
                    .to_owned(),
            ));
        }
        Ok(())
    }

    /// Whether the Service may keep `address`.
    pub(super) fn fit(&self, address: IpAddr) -> Fit {
        let (wish, family) = (self.wish, IpFamily::of(address));
        if !wish.wanted().contains(&family) {
            return Fit::Goes(format!("the Service has no address of {family} any more"));
        }
        let requested = wish.requested(family);
        if let Some(requested) = requested.filter(|requested| *requested != address) {
            return Fit::Goes(format!("{requested} is asked for"));
        }
        if let Some(clash) = self.clash(address) {
            return Fit::Goes(format!("{address} cannot be shared: {clash}"));
        }
        if requested.is_none() && wish.in_conflict.contains(&address) {
            return Fit::Goes(format!(
                "a foreign host uses {address}; it is left alone for {FOREIGN:?}"
            ));
        }
        let mut homes = self
            .pools
            .iter()
            .filter(|pool| pool.contains(address))
            .peekable();
        if homes.peek().is_none() {
            if self.pools.iter().any(|pool| pool.unreadable) {
                return Fit::Stays;
            }
            return Fit::GoesAfterNotice(format!("{address} is in no pool any more"));
        }
        let (named, for_it): (Vec<&Pool>, _) = (
            homes.clone().filter(|pool| self.is_named(pool)).collect(),
            homes.any(|pool| pool.is_for(wish)),
        );
        match (named.iter().any(|pool| pool.is_for(wish)), for_it) {
            (true, _) => Fit::Stays,
            (false, true) if named.is_empty() => Fit::Goes(format!(
                "an address of the pool {} is asked for",
                wish.pool.as_deref().unwrap_or_default()
            )),
            (false, _) => Fit::GoesAfterNotice(format!(
                "the pool of {address} is for other Services now (its namespaces and selectors)"
            )),
        }
    }

    /// Why `address` cannot be shared with those who have it.
    pub(super) fn clash(&self, address: IpAddr) -> Option<String> {
        let ours = Facts::of(self.wish);
        let mut others = self.ledger.others(address, self.id);
        others
            .find_map(|other| ours.clash(other.facts.as_ref()?))
            .map(|clash| clash.to_string())
    }

    /// The pool of an address that is asked for.
    pub(super) fn requested_pool(&self, address: IpAddr) -> Result<&Pool, Refusal> {
        let homes: Vec<&Pool> = self
            .pools
            .iter()
            .filter(|pool| pool.contains(address))
            .collect();
        if homes.is_empty() {
            return Err(Refusal::Impossible(format!(
                "{address} is in no pool; {}",
                self.there_are()
            )));
        }
        let Some(pool) = homes
            .iter()
            .find(|pool| self.is_named(pool) && pool.is_for(self.wish))
        else {
            let names: Vec<&str> = homes.iter().map(|pool| &*pool.name).collect();
            return Err(Refusal::Impossible(match &self.wish.pool {
                Some(asked) if !homes.iter().any(|pool| pool.name == *asked) => {
                    format!(
                        "{address} is in the pool {}, and the pool {asked} is asked for",
                        names.join(", ")
                    )
                }
                _ => format!(
                    "{address} is in the pool {}, which is for other Services (its namespaces and selectors)",
                    names.join(", ")
                ),
            }));
        };
        if let Some(node) = self.ledger.node(address) {
            return Err(Refusal::Taken(format!(
                "{address} is the address of node {node}; ask for another one"
            )));
        }
        let unknown = || {
            self.ledger
                .others(address, self.id)
                .find(|other| other.facts.is_none())
        };
        if let Some(clash) = self.clash(address) {
            return Err(Refusal::Taken(format!("{address} cannot be had: {clash}")));
        }
        if let Some(other) = unknown() {
            return Err(Refusal::Taken(format!(
                "{address} cannot be had: Service {} has it",
                other.service
            )));
        }
        Ok(*pool)
    }
}
