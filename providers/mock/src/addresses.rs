//! Which addresses does a Service get? Those it asked for, else those it has, else free ones. Takes none yet.

use std::net::IpAddr;

use roadstead_core::{
    Address, Error, ErrorKind, IpFamily, IpFamilyPolicy, LoadBalancer, Problem, Result,
};

use crate::{Balancer, MockProvider, NAME, params::Params, provider::invalid};

// === impl MockProvider ===

impl MockProvider {
    pub(crate) fn addresses(
        &self,
        want: &LoadBalancer,
        params: &Params,
        name: &str,
        now: Option<&Balancer>,
    ) -> Result<Vec<Address>> {
        if params.hostname {
            return Ok(vec![Address::hostname(&format!("{name}.lb.test"))]);
        }
        let held: Vec<IpAddr> = now
            .map(|balancer| balancer.ips().collect())
            .unwrap_or_default();
        let mut addresses = Vec::new();
        for (n, family) in want.families.iter().enumerate() {
            match self.address(*family, params, &held)? {
                Some(ip) => addresses.push(Address::ip(ip)),
                None if n > 0 && want.family_policy == IpFamilyPolicy::PreferDualStack => {}
                None => {
                    return Err(Error::new(
                        ErrorKind::Quota,
                        NAME,
                        format!(
                            "no {family} address is free in {}; --mock-addresses adds a range",
                            self.ranges()
                        ),
                    ));
                }
            }
        }
        Ok(addresses)
    }

    fn address(
        &self,
        family: IpFamily,
        params: &Params,
        held: &[IpAddr],
    ) -> Result<Option<IpAddr>> {
        let of_family = |ip: &&IpAddr| IpFamily::of(**ip) == family;
        let Some(asked) = params.requested.iter().find(of_family) else {
            return Ok(held
                .iter()
                .find(of_family)
                .copied()
                .or_else(|| self.cloud.free_address(&self.settings.addresses, family)));
        };
        if !self
            .settings
            .addresses
            .iter()
            .any(|range| range.contains(asked))
        {
            let problem = Problem::new(
                "requested address",
                format!("{asked} is not in {}", self.ranges()),
            );
            return Err(invalid(&[problem]));
        }
        if held.contains(asked) || !self.cloud.is_used(*asked) {
            return Ok(Some(*asked));
        }
        Err(Error::new(
            ErrorKind::Conflict,
            NAME,
            format!("address {asked} is in use by another Service; ask for another one"),
        ))
    }

    fn ranges(&self) -> String {
        let ranges: Vec<String> = self
            .settings
            .addresses
            .iter()
            .map(ToString::to_string)
            .collect();
        ranges.join(", ")
    }
}
