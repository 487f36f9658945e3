//! What shall a Service's status say, and does it say so already? Compared as the API server stores it. Pure.

use std::hash::{Hash, Hasher};

use k8s_openapi::{
    api::core::v1::{LoadBalancerIngress, LoadBalancerStatus, PortStatus, Service, ServiceStatus},
    apimachinery::pkg::apis::meta::v1::{Condition as KubeCondition, Time},
    jiff::Timestamp,
};
use roadstead_core::{Address, Host, PortNumber, Protocol};

use super::conditions::{Condition, Kind};

/// Our part of a Service's status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    /// Where clients reach it, in the provider's order; `None`: no word of ours, what others wrote stays.
    pub addresses: Option<Vec<Address>>,
    /// The conditions we write; one that is not listed is withdrawn if it is ours.
    pub conditions: Vec<Condition>,
    /// What the events of a change are to say besides.
    pub telling: Telling,
}

/// What a change is about, for its events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Telling {
    /// A load balancer that is made or kept.
    #[default]
    Ensuring,
    /// The same, and no node is eligible.
    WithoutNodes,
    /// A load balancer that goes.
    Releasing,
}

impl Desired {
    /// No word of ours.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }
}

/// The addresses that `service` carries.
#[must_use]
pub fn addresses(service: &Service) -> Vec<Address> {
    ingress(service)
        .iter()
        .filter_map(|entry| {
            let host = match (&entry.ip, &entry.hostname) {
                (Some(ip), _) if !ip.is_empty() => Host::Ip(ip.parse().ok()?),
                (_, Some(name)) => Host::Hostname(name.clone()),
                _ => return None,
            };
            let ports = entry.ports.iter().flatten().filter_map(port);
            Some(Address {
                host,
                ports: ports.collect(),
            })
        })
        .collect()
}

/// The conditions of ours that `service` carries.
#[must_use]
pub fn conditions(service: &Service) -> Vec<KubeCondition> {
    written(service)
        .iter()
        .filter(|condition| Kind::ALL.iter().any(|kind| kind.type_() == condition.type_))
        .cloned()
        .collect()
}

/// The condition of this kind that `service` carries.
#[must_use]
pub fn condition(service: &Service, kind: Kind) -> Option<&KubeCondition> {
    kind.find(written(service))
}

/// True if `service` says what is desired. `others_report_health` if somebody else writes [`Kind::Healthy`].
#[must_use]
pub fn says(service: &Service, desired: &Desired, others_report_health: bool) -> bool {
    let ours = |kind: Kind| !(others_report_health && kind == Kind::Healthy);
    let entries = ingress(service);
    let same_addresses = desired
        .addresses
        .as_ref()
        .is_none_or(|addresses| same(entries, addresses));
    same_addresses
        && Kind::ALL
            .into_iter()
            .filter(|kind| ours(*kind))
            .all(|kind| {
                let wanted = desired
                    .conditions
                    .iter()
                    .find(|condition| condition.kind == kind);
                match (condition(service, kind), wanted) {
                    (Some(there), Some(wanted)) => wanted.is(there),
                    (None, None) => true,
                    (Some(_), None) | (None, Some(_)) => false,
                }
            })
}

/// Hashes what `service` says of us, all of it: also what somebody else may have put beside it, as another `ipMode`.
pub fn hash(service: &Service, hash: &mut impl Hasher) {
    for LoadBalancerIngress {
        hostname,
        ip,
        ip_mode,
        ports,
    } in ingress(service)
    {
        (hostname, ip, ip_mode).hash(hash);
        for PortStatus {
            error,
            port,
            protocol,
        } in ports.iter().flatten()
        {
            (error, port, protocol).hash(hash);
        }
    }
    for condition in conditions(service) {
        (
            condition.type_,
            condition.status,
            condition.reason,
            condition.message,
        )
            .hash(hash);
    }
}

/// The status to apply; a condition that still holds keeps the time since when.
#[must_use]
pub fn render(service: &Service, desired: &Desired, now: Timestamp) -> ServiceStatus {
    let load_balancer = desired
        .addresses
        .as_ref()
        .map(|addresses| LoadBalancerStatus {
            // An empty list, not an absent one: it must win over an address that somebody else wrote.
            ingress: Some(addresses.iter().map(entry).collect()),
        });
    let conditions = desired.conditions.iter().map(|wanted| {
        let before =
            condition(service, wanted.kind).filter(|there| there.status == wanted.holds.as_str());
        KubeCondition {
            type_: wanted.kind.type_().to_owned(),
            status: wanted.holds.as_str().to_owned(),
            reason: wanted.reason.as_str().to_owned(),
            message: wanted.message.clone(),
            last_transition_time: before
                .map_or(Time(now), |there| there.last_transition_time.clone()),
            observed_generation: service.metadata.generation,
        }
    });
    ServiceStatus {
        load_balancer,
        conditions: Some(conditions.collect()),
    }
}

fn written(service: &Service) -> &[KubeCondition] {
    let status = service.status.as_ref();
    status
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default()
}

fn ingress(service: &Service) -> &[LoadBalancerIngress] {
    let status = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref());
    status
        .and_then(|status| status.ingress.as_deref())
        .unwrap_or_default()
}

fn same(entries: &[LoadBalancerIngress], addresses: &[Address]) -> bool {
    entries.len() == addresses.len()
        && entries
            .iter()
            .zip(addresses)
            .all(|(there, address)| as_stored(there) == entry(address))
}

fn port(status: &PortStatus) -> Option<(PortNumber, Protocol)> {
    let protocol = match status.protocol.as_str() {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        _ => return None,
    };
    Some((PortNumber::new(u16::try_from(status.port).ok()?)?, protocol))
}

fn entry(address: &Address) -> LoadBalancerIngress {
    let ports: Vec<PortStatus> = address
        .ports
        .iter()
        .map(|(port, protocol)| PortStatus {
            port: port.get().into(),
            protocol: protocol.to_string(),
            error: None,
        })
        .collect();
    let (ip, hostname) = match &address.host {
        Host::Ip(ip) => (Some(ip.to_string()), None),
        Host::Hostname(name) => (None, Some(name.clone())),
    };
    LoadBalancerIngress {
        ip,
        hostname,
        ip_mode: None,
        ports: (!ports.is_empty()).then_some(ports),
    }
}

/// An entry without what the API server adds by itself: `ipMode: VIP` beside an IP, and empty lists.
fn as_stored(entry: &LoadBalancerIngress) -> LoadBalancerIngress {
    let mut entry = entry.clone();
    if entry.ip.is_some() && entry.ip_mode.as_deref() == Some("VIP") {
        entry.ip_mode = None;
    }
    entry.ports = entry.ports.filter(|ports| !ports.is_empty());
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::conditions::{Holds, Reason};

    fn desired() -> Desired {
        Desired {
            addresses: Some(vec![Address::ip("192.0.2.1".parse().unwrap())]),
            telling: Telling::Ensuring,
            conditions: vec![
                Condition::new(Kind::Accepted, Holds::True, Reason::Accepted, "taken"),
                Condition::new(Kind::Programmed, Holds::True, Reason::Programmed, "there"),
            ],
        }
    }

    fn written() -> Service {
        let now = Timestamp::from_second(1_000).unwrap();
        let mut service = Service {
            status: Some(render(&Service::default(), &desired(), now)),
            ..Service::default()
        };
        let ingress = service
            .status
            .as_mut()
            .unwrap()
            .load_balancer
            .as_mut()
            .unwrap();
        ingress.ingress.as_mut().unwrap()[0].ip_mode = Some("VIP".to_owned());
        service
    }

    #[test]
    fn what_the_api_server_adds_is_no_difference() {
        assert!(says(&written(), &desired(), false));
        assert!(!says(&Service::default(), &desired(), false));
    }

    #[test]
    fn every_difference_is_seen() {
        let edits: [fn(&mut Desired); 5] = [
            |d| d.addresses = Some(Vec::new()),
            |d| d.addresses = Some(vec![Address::hostname("x.test")]),
            |d| d.conditions[1].message.push('!'),
            |d| d.conditions[0].holds = Holds::False,
            |d| d.conditions.truncate(1),
        ];
        for (n, edit) in edits.into_iter().enumerate() {
            let mut changed = desired();
            edit(&mut changed);
            assert!(!says(&written(), &changed, false), "edit {n}");
        }
    }

    #[test]
    fn tampering_is_seen_and_foreign_conditions_are_not_ours() {
        let mut service = written();
        let status = service.status.as_mut().unwrap();
        let mut foreign = status.conditions.as_ref().unwrap()[0].clone();
        foreign.type_ = "example.com/Foreign".to_owned();
        status.conditions.as_mut().unwrap().push(foreign);
        assert!(says(&service, &desired(), false));
        let status = service.status.as_mut().unwrap();
        status
            .load_balancer
            .as_mut()
            .unwrap()
            .ingress
            .as_mut()
            .unwrap()[0]
            .ip_mode = Some("Proxy".to_owned());
        assert!(
            !says(&service, &desired(), false),
            "somebody set another ipMode"
        );
    }

    #[test]
    fn the_time_of_a_transition_moves_only_with_it() {
        let mut changed = desired();
        changed.conditions[0].message.push('!');
        changed.conditions[1].holds = Holds::False;
        let later = Timestamp::from_second(2_000).unwrap();
        let status = render(&written(), &changed, later);
        let times: Vec<i64> = status
            .conditions
            .unwrap()
            .iter()
            .map(|c| c.last_transition_time.0.as_second())
            .collect();
        assert_eq!(times, [1_000, 2_000]);
    }
}
