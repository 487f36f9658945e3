//! Every annotation, understood and misunderstood.

mod bad;
mod good;
mod whole;

use std::{collections::BTreeMap, sync::Arc};

use roadstead_core::{
    ClusterUid, IpFamily, IpFamilyPolicy, LoadBalancer, LoadBalancerId, NamespacedName, OwnerUid,
    Port, PortNumber, Protocol, SessionAffinity, TrafficPolicy, conformance,
};

use super::*;

/// The prefix that most keys share, left out of tables.
const P: &str = "service.beta.kubernetes.io/aws-load-balancer-";

/// A key as tables write it.
fn key(short: &str) -> String {
    if short.contains('/') {
        short.to_owned()
    } else {
        format!("{P}{short}")
    }
}

fn service(ports: Vec<Port>) -> LoadBalancer {
    LoadBalancer {
        id: LoadBalancerId {
            cluster: ClusterUid::parse("cluster").unwrap(),
            owner: OwnerUid::parse("owner").unwrap(),
        },
        service: NamespacedName::new("shop", "web"),
        ports,
        ..conformance::plain("web")
    }
}

fn port(name: &str, protocol: Protocol, number: u16) -> Port {
    let at = |n| PortNumber::new(n).unwrap();
    Port {
        name: name.to_owned(),
        protocol,
        port: at(number),
        target_port: Some(at(8000 + number)),
        node_port: Some(at(30000 + number)),
        app_protocol: None,
    }
}

/// Two TCP ports.
fn web() -> LoadBalancer {
    service(vec![
        port("http", Protocol::Tcp, 80),
        port("https", Protocol::Tcp, 443),
    ])
}

/// TCP and UDP on one number.
fn dns() -> LoadBalancer {
    service(vec![
        port("dns-tcp", Protocol::Tcp, 53),
        port("dns", Protocol::Udp, 53),
    ])
}

/// UDP alone.
fn syslog() -> LoadBalancer {
    service(vec![port("syslog", Protocol::Udp, 514)])
}

fn with(mut want: LoadBalancer, annotations: &[(&str, &str)]) -> LoadBalancer {
    let annotations: BTreeMap<String, String> = annotations
        .iter()
        .map(|(short, value)| (key(short), (*value).to_owned()))
        .collect();
    want.annotations = Arc::new(annotations);
    want
}

/// What `want` asks for.
fn parsed(want: &LoadBalancer) -> Params {
    parse(want, &Defaults::default()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// What is wrong with `want`, with the shared prefix left out.
fn problems(want: &LoadBalancer) -> Vec<String> {
    parse(want, &Defaults::default())
        .err()
        .into_iter()
        .flatten()
        .map(|problem| problem.to_string().replace(P, "…"))
        .collect()
}
