//! What are the checks of the suite made of? Its requests, its edits, and calls that must end well.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use super::Subject;
use crate::{
    ClusterUid, Ensured, IpFamily, IpFamilyPolicy, LoadBalancer, LoadBalancerId,
    LoadBalancerProvider, NamespacedName, NodeName, Outcome, OwnerUid, Port, PortNumber, Protocol,
    ProviderId, Released, SessionAffinity, Target, Targets, TrafficPolicy,
};

/// A request as the suite's checks make it: two ports, three targets.
pub fn request(subject: &dyn Subject, name: &str) -> LoadBalancer {
    LoadBalancer {
        targets: exactly(subject, 3),
        ..plain(name)
    }
}

/// The same without targets.
#[must_use]
pub fn plain(name: &str) -> LoadBalancer {
    LoadBalancer {
        id: LoadBalancerId {
            cluster: uid("conformance"),
            owner: owner(name),
        },
        service: NamespacedName::new("conformance", name),
        ports: vec![
            port("http", Protocol::Tcp, 80, 30080),
            port("https", Protocol::Tcp, 443, 30444),
        ],
        targets: Targets::Keep,
        published: Vec::new(),
        in_conflict: Vec::new(),
        traffic_policy: TrafficPolicy::Cluster,
        families: vec![IpFamily::V4],
        family_policy: IpFamilyPolicy::SingleStack,
        source_ranges: Vec::new(),
        session_affinity: SessionAffinity::None,
        requested_ips: Vec::new(),
        annotations: Arc::new(BTreeMap::new()),
        labels: crate::Labels::default(),
    }
}

pub(super) fn edits(subject: &dyn Subject, want: &LoadBalancer) -> Vec<LoadBalancer> {
    let mut edits = Vec::new();
    let mut edit = |change: &dyn Fn(&mut LoadBalancer)| {
        let mut edited = want.clone();
        change(&mut edited);
        edits.push(edited);
    };
    edit(&|w| w.ports.push(port("more", Protocol::Tcp, 8443, 30843)));
    edit(&|w| w.ports.truncate(1));
    edit(&|w| w.ports = vec![port("dns", Protocol::Udp, 53, 30053)]);
    if subject.points_at_targets() {
        edit(&|w| w.ports = vec![port("http", Protocol::Tcp, 80, 31080)]);
        edit(&|w| w.targets = exactly(subject, 5));
        edit(&|w| w.targets = exactly(subject, 1));
        edit(&|w| w.source_ranges = "198.51.100.0/24".parse().into_iter().collect());
    }
    edits
}

pub(super) fn exactly(subject: &dyn Subject, count: usize) -> Targets {
    Targets::Exactly(subject.targets().into_iter().take(count).collect())
}

pub(super) fn node_target(n: u8) -> Target {
    Target {
        node: NodeName(format!("node-{n}").into()),
        provider_id: Some(ProviderId(format!("mock:///node-{n}").into())),
        addresses: vec![std::net::Ipv4Addr::new(10, 0, 0, n).into()],
        port: None,
        port_name: None,
        pod: None,
        labels: Arc::default(),
    }
}

pub(super) fn port(name: &str, protocol: Protocol, port: u16, node_port: u16) -> Port {
    let number = |n| PortNumber::new(n).unwrap_or(PortNumber::MIN);
    Port {
        name: name.to_owned(),
        protocol,
        port: number(port),
        target_port: Some(number(port)),
        node_port: Some(number(node_port)),
        app_protocol: None,
    }
}

pub(super) fn uid(text: &str) -> ClusterUid {
    ClusterUid::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn owner(text: &str) -> OwnerUid {
    OwnerUid::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn ok<T>(result: crate::Result<T>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {}", crate::chain(&error)))
}

/// Asks until it is ready, and publishes what each answer says, as the controller does.
pub(super) async fn settle(provider: &dyn LoadBalancerProvider, want: &LoadBalancer) -> Outcome {
    let mut want = want.clone();
    let mut steps = Vec::new();
    for _ in 0..1_000 {
        match ok(provider.ensure(&want).await, "ensure") {
            Ensured::Ready(mut outcome) => {
                steps.append(&mut outcome.done.steps);
                outcome.done.steps = steps;
                return outcome;
            }
            Ensured::Pending {
                mut outcome,
                retry_after,
                ..
            } => {
                steps.append(&mut outcome.done.steps);
                want.published = outcome.addresses;
                tokio::time::sleep(retry_after.min(Duration::from_millis(200))).await;
            }
        }
    }
    panic!("ensure stays pending");
}

pub(super) async fn gone(provider: &dyn LoadBalancerProvider, id: &LoadBalancerId) {
    for _ in 0..1_000 {
        match ok(provider.release(id).await, "release") {
            Released::Gone => return,
            Released::InProgress { retry_after, .. } => {
                tokio::time::sleep(retry_after.min(Duration::from_millis(200))).await;
            }
        }
    }
    panic!("release stays in progress");
}

pub(super) async fn owns(provider: &dyn LoadBalancerProvider, id: &LoadBalancerId) -> bool {
    ok(provider.owned().await, "owned")
        .iter()
        .any(|owned| owned.id == *id)
}

pub(super) async fn dismantle(subject: &dyn Subject, want: &LoadBalancer) {
    gone(&*subject.provider(&want.id.cluster), &want.id).await;
}

/// Drops `call` after so many polls; `Some` if it had finished by then.
pub(super) async fn cut_after<T>(polls: usize, call: impl Future<Output = T>) -> Option<T> {
    let mut call = Box::pin(call);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        call.as_mut().poll(context).map(Some)
    })
    .await
}
