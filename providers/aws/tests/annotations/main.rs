//! Does what an annotation says reach AWS, and does a value that cannot be right change nothing there?
//!
//! Effects are read through AWS's API alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a helper that fails fails its test"
)]

mod access;
mod addresses;
mod bad;
mod every;
mod places;
mod settings;
#[path = "../support/mod.rs"]
mod support;
mod targets;

use std::{collections::BTreeMap, sync::Arc};

use roadstead_core::{ClusterUid, LoadBalancer, Port, Protocol};

use self::support::{World, request, shown::shown};

const PREFIX: &str = "service.beta.kubernetes.io/aws-load-balancer-";

fn port(name: &str, protocol: Protocol, port: u16) -> Port {
    request::port(name, protocol, port, 30_000 + port)
}

/// A Service with ports 80 and 443, and all six nodes.
fn service(world: &World, name: &str) -> LoadBalancer {
    let cluster = ClusterUid::parse("annotations").unwrap();
    LoadBalancer {
        ports: vec![
            port("http", Protocol::Tcp, 80),
            port("https", Protocol::Tcp, 443),
        ],
        ..request::service(&cluster, name, world.targets())
    }
}

/// The Service with these annotations and no others; a key without a prefix has [`PREFIX`].
fn annotated(mut want: LoadBalancer, pairs: &[(&str, &str)]) -> LoadBalancer {
    let full = pairs
        .iter()
        .map(|(key, value)| (full(key), (*value).to_owned()));
    want.annotations = Arc::new(full.collect::<BTreeMap<_, _>>());
    want
}

fn full(key: &str) -> String {
    if key.contains('/') {
        key.to_owned()
    } else {
        format!("{PREFIX}{key}")
    }
}

/// AWS shows every one of `facts`; each may end early.
async fn shows(world: &World, want: &LoadBalancer, facts: &[&str]) {
    let lines = shown(world, want).await;
    let missing: Vec<_> = facts
        .iter()
        .filter(|fact| !lines.iter().any(|line| line.starts_with(**fact)))
        .collect();
    assert!(missing.is_empty(), "not in AWS: {missing:#?}\n{lines:#?}");
}

/// AWS shows nothing that begins with `text`.
async fn shows_no(world: &World, want: &LoadBalancer, text: &str) {
    let lines = shown(world, want).await;
    let there = lines.iter().any(|line| line.starts_with(text));
    assert!(!there, "{text} is in AWS: {lines:#?}");
}
