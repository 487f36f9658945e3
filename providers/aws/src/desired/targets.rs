//! Which targets does a target group get, and how many of them does AWS take? A stable choice where there are too many. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    str::FromStr,
};

use ipnet::{Ipv4Net, Ipv6Net};
use roadstead_core::{IpFamily, LoadBalancerId, PortNumber, Target};
use sha2::{Digest, Sha256};

use crate::{api::TargetRef, facts::instance_id, params::ListenerParams};

/// How many targets AWS takes.
///
/// The defaults are the documented quotas of an account: 1,000 targets a target group, 3,000 a load balancer, 500 a load
/// balancer and Availability Zone (with cross-zone load balancing: 500 in all). A target in several groups counts in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Targets of one target group.
    pub per_group: usize,
    /// Targets of one load balancer.
    pub per_load_balancer: usize,
    /// Targets of one load balancer in one zone, or in all if it balances across zones.
    pub per_zone: usize,
}

/// A quota that AWS raised for an account: `zone=1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RaisedQuota {
    /// Targets of one target group.
    Group(usize),
    /// Targets of one load balancer.
    LoadBalancer(usize),
    /// Targets of one load balancer in one zone.
    Zone(usize),
}

/// What is no quota.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no quota; write target-group=N, load-balancer=N or zone=N, with N at least 1")]
pub struct ParseQuotaError(String);

/// One target that could be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    target: TargetRef,
    zone: String,
}

/// The zone that stands for every zone: an address outside the VPC is reached through all of them.
const EVERY_ZONE: &str = "all";

impl FromStr for RaisedQuota {
    type Err = ParseQuotaError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseQuotaError(text.to_owned());
        let (what, number) = text.split_once('=').ok_or_else(error)?;
        let number = number.parse::<usize>().ok().filter(|number| *number > 0);
        let number = number.ok_or_else(error)?;
        match what {
            "target-group" => Ok(Self::Group(number)),
            "load-balancer" => Ok(Self::LoadBalancer(number)),
            "zone" => Ok(Self::Zone(number)),
            _ => Err(error()),
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            per_group: 1_000,
            per_load_balancer: 3_000,
            per_zone: 500,
        }
    }
}

/// Every node at `node_port`, one that is no EC2 instance left out.
pub(crate) fn instance_targets<'t>(
    targets: impl IntoIterator<Item = &'t Target>,
    labels: &BTreeMap<String, String>,
    node_port: PortNumber,
) -> Vec<Candidate> {
    let matches = |target: &&Target| {
        labels
            .iter()
            .all(|(key, value)| target.labels.get(key) == Some(value))
    };
    let candidate = |target: &Target| {
        let provider_id = target.provider_id.as_ref()?;
        Some(Candidate {
            target: TargetRef {
                id: instance_id(provider_id)?.to_string(),
                port: node_port.get(),
                zone: None,
            },
            zone: zone_of(&provider_id.0).to_owned(),
        })
    };
    targets
        .into_iter()
        .filter(matches)
        .filter_map(candidate)
        .collect()
}

/// The pods that serve one of `listener`'s Service ports, of one family.
pub(crate) fn pod_targets<'t>(
    targets: impl IntoIterator<Item = &'t Target>,
    listener: &ListenerParams,
    family: IpFamily,
    vpc: &[Ipv4Net],
    vpc_v6: &[Ipv6Net],
) -> Vec<Candidate> {
    let inside = |address: IpAddr| match address {
        IpAddr::V4(ip) => vpc.iter().any(|net| net.contains(&ip)),
        IpAddr::V6(ip) => vpc_v6.iter().any(|net| net.contains(&ip)),
    };
    let serves = |target: &&Target| {
        target.port_name.as_deref().is_some_and(|name| {
            listener
                .service_port_names
                .iter()
                .any(|wanted| wanted == name)
        })
    };
    let mut candidates: Vec<Candidate> = targets
        .into_iter()
        .filter(serves)
        .flat_map(|target| {
            let port = target.port;
            let addresses = target
                .addresses
                .iter()
                .filter(|address| IpFamily::of(**address) == family);
            addresses.filter_map(move |address| Some((*address, port?)))
        })
        .map(|(address, port)| Candidate {
            target: TargetRef {
                id: address.to_string(),
                port: port.get(),
                zone: (!inside(address)).then(|| EVERY_ZONE.to_owned()),
            },
            zone: EVERY_ZONE.to_owned(),
        })
        .collect();
    candidates.sort_by(|a, b| a.target.cmp(&b.target));
    candidates.dedup();
    candidates
}

// === impl Quotas ===

impl Quotas {
    /// These, with one of them raised.
    #[must_use]
    pub fn with(self, raised: RaisedQuota) -> Self {
        match raised {
            RaisedQuota::Group(per_group) => Self { per_group, ..self },
            RaisedQuota::LoadBalancer(per_load_balancer) => Self {
                per_load_balancer,
                ..self
            },
            RaisedQuota::Zone(per_zone) => Self { per_zone, ..self },
        }
    }

    /// The targets of each group among its candidates, and what to tell the user if some are left out.
    ///
    /// Which ones stay is a matter of each target's own hash, so that one more or one less moves no other.
    pub(crate) fn choose(
        &self,
        owner: &LoadBalancerId,
        groups: BTreeMap<String, Vec<Candidate>>,
        cross_zone: bool,
    ) -> (BTreeMap<String, BTreeSet<TargetRef>>, Option<String>) {
        let count = groups.len().max(1);
        let per_group = self.per_group.min(self.per_load_balancer / count);
        let per_zone = self.per_zone / count;
        let (mut offered, mut taken) = (0, 0);
        let mut chosen = BTreeMap::new();
        for (name, mut candidates) in groups {
            offered += candidates.len();
            let room = if cross_zone {
                per_group.min(per_zone)
            } else {
                per_group
            };
            if candidates.len() > room.min(per_zone) {
                candidates.sort_by_cached_key(|candidate| weight(owner, &candidate.target.id));
            }
            let mut zones: BTreeMap<String, usize> = BTreeMap::new();
            let mut targets = BTreeSet::new();
            for Candidate { target, zone } in candidates {
                let in_zone = zones.entry(zone).or_default();
                if targets.len() < room && (cross_zone || *in_zone < per_zone) {
                    *in_zone += 1;
                    targets.insert(target);
                }
            }
            taken += targets.len();
            chosen.insert(name, targets);
        }
        let note = (taken < offered).then(|| {
            format!(
                "{taken} of {offered} targets are registered, the most that AWS's quotas allow for a load balancer with {count} \
                 ports ({} a target group, {} a load balancer, {} {}); choose nodes with \
                 service.beta.kubernetes.io/aws-load-balancer-target-node-labels, or have the quotas raised and pass \
                 --aws-target-quota",
                self.per_group,
                self.per_load_balancer,
                self.per_zone,
                if cross_zone { "with cross-zone load balancing" } else { "a zone" },
            )
        });
        (chosen, note)
    }
}

fn weight(owner: &LoadBalancerId, target: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(owner.to_string());
    hash.update([0]);
    hash.update(target);
    hash.finalize().into()
}

/// `us-east-1a` out of `aws:///us-east-1a/i-0123`; empty where the provider id names none.
fn zone_of(provider_id: &str) -> &str {
    let mut parts = provider_id.rsplit('/');
    parts.next();
    parts.next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use roadstead_core::{ClusterUid, OwnerUid};

    use super::*;

    fn owner() -> LoadBalancerId {
        LoadBalancerId {
            cluster: ClusterUid::parse("c").unwrap(),
            owner: OwnerUid::parse("o").unwrap(),
        }
    }

    fn group(zones: &[&str], each: usize) -> Vec<Candidate> {
        zones
            .iter()
            .flat_map(|zone| {
                (0..each).map(move |n| Candidate {
                    target: TargetRef {
                        id: format!("i-{zone}{n:04}"),
                        port: 30_080,
                        zone: None,
                    },
                    zone: (*zone).to_owned(),
                })
            })
            .collect()
    }

    fn count(cross_zone: bool, groups: &[(&str, Vec<Candidate>)]) -> (usize, bool) {
        let groups = groups
            .iter()
            .map(|(name, all)| ((*name).to_owned(), all.clone()))
            .collect();
        let (chosen, note) = Quotas::default().choose(&owner(), groups, cross_zone);
        (chosen.values().map(BTreeSet::len).sum(), note.is_some())
    }

    #[test]
    fn no_more_targets_than_aws_takes() {
        let three = ["a", "b", "c"];
        let one = |each| vec![("t", group(&three, each))];
        assert_eq!(count(false, &one(300)), (900, false));
        assert_eq!(
            count(false, &one(400)),
            (1_000, true),
            "a target group is full"
        );
        assert_eq!(
            count(true, &one(300)),
            (500, true),
            "across zones 500 in all"
        );
        assert_eq!(
            count(false, &[("t", group(&["a"], 600))]),
            (500, true),
            "a zone is full"
        );
        let two = vec![("t", group(&three, 100)), ("u", group(&three, 100))];
        assert_eq!(count(true, &two), (500, true), "a node counts once a port");
        assert_eq!(count(false, &two), (600, false));
    }

    #[test]
    fn a_raised_quota_is_read_or_explained() {
        let raised: RaisedQuota = "zone=1000".parse().unwrap();
        assert_eq!(Quotas::default().with(raised).per_zone, 1_000);
        for bad in ["zone", "zone=0", "zone=many", "region=1"] {
            let error = bad.parse::<RaisedQuota>().unwrap_err().to_string();
            assert!(error.contains("load-balancer=N"), "{error}");
        }
    }

    #[test]
    fn one_target_more_moves_hardly_another() {
        let groups = |each| BTreeMap::from([("t".to_owned(), group(&["a"], each))]);
        let (before, _) = Quotas::default().choose(&owner(), groups(700), false);
        let (after, _) = Quotas::default().choose(&owner(), groups(701), false);
        let kept = before["t"].intersection(&after["t"]).count();
        assert!(kept >= 499, "{kept}");
    }
}
