//! What does a Service ask for in these tests? The plainest request; each test changes what it is about.

use roadstead_core::{
    ClusterUid, LoadBalancer, LoadBalancerId, NamespacedName, OwnerUid, Port, PortNumber, Protocol,
    Target, Targets, conformance,
};

/// A Service of `cluster` with one port, 80, and these targets.
pub(crate) fn service(cluster: &ClusterUid, name: &str, targets: Vec<Target>) -> LoadBalancer {
    LoadBalancer {
        id: LoadBalancerId {
            cluster: cluster.clone(),
            owner: OwnerUid::parse(name).unwrap(),
        },
        service: NamespacedName::new("shop", name),
        ports: vec![port("http", Protocol::Tcp, 80, 30_080)],
        targets: Targets::Exactly(targets.into()),
        ..conformance::plain(name)
    }
}

/// One port of a Service, where pods listen at the same number.
pub(crate) fn port(name: &str, protocol: Protocol, port: u16, node_port: u16) -> Port {
    Port {
        name: name.to_owned(),
        protocol,
        port: PortNumber::new(port).unwrap(),
        target_port: PortNumber::new(port),
        node_port: PortNumber::new(node_port),
        app_protocol: None,
    }
}
