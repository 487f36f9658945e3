//! Which steps turn what the mock's world holds into what is wanted? Pure.

use std::collections::HashSet;

use ipnet::IpNet;
use roadstead_core::{
    Action, Address, LoadBalancer, Port, SessionAffinity, Step as Told, Target, TrafficPolicy,
};

use crate::{Balancer, Listener, params};

/// One change to a balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Create {
        addresses: Vec<Address>,
    },
    Readdress {
        from: Vec<Address>,
        to: Vec<Address>,
    },
    AddListener(Listener),
    MoveListener {
        from: Listener,
        to: Listener,
    },
    RemoveListener(Listener),
    Register {
        targets: std::sync::Arc<[Target]>,
        added: usize,
        removed: usize,
    },
    Admit(Vec<IpNet>),
    Forward(TrafficPolicy),
    Stick(SessionAffinity),
}

/// The steps from `now` to `want`; `addresses` are the ones it shall have.
pub(crate) fn plan(
    want: &LoadBalancer,
    addresses: &[Address],
    now: Option<&Balancer>,
) -> Vec<Step> {
    let empty = Balancer::default();
    let mut steps = Vec::new();
    let have = now.unwrap_or(&empty);
    match now {
        None => steps.push(Step::Create {
            addresses: addresses.to_vec(),
        }),
        Some(have) if have.addresses != addresses => steps.push(Step::Readdress {
            from: have.addresses.clone(),
            to: addresses.to_vec(),
        }),
        Some(_) => {}
    }
    listeners(want, have, &mut steps);
    let chosen = want.targets.exactly().map(|all| params::chosen(want, all));
    if let Some(targets) = chosen
        && !std::sync::Arc::ptr_eq(&have.targets, &targets)
        && !have
            .targets
            .iter()
            .map(Target::way)
            .eq(targets.iter().map(Target::way))
    {
        let had: HashSet<_> = have.targets.iter().map(Target::way).collect();
        let wanted: HashSet<_> = targets.iter().map(Target::way).collect();
        steps.push(Step::Register {
            added: wanted.difference(&had).count(),
            removed: had.difference(&wanted).count(),
            targets: std::sync::Arc::clone(&targets),
        });
    }
    if have.source_ranges != want.source_ranges {
        steps.push(Step::Admit(want.source_ranges.clone()));
    }
    if have.traffic_policy != want.traffic_policy {
        steps.push(Step::Forward(want.traffic_policy));
    }
    if have.session_affinity != want.session_affinity {
        steps.push(Step::Stick(want.session_affinity));
    }
    steps
}

fn listeners(want: &LoadBalancer, have: &Balancer, steps: &mut Vec<Step>) {
    let wanted: Vec<Listener> = want.ports.iter().map(Listener::of).collect();
    let same_place = |a: &Listener, b: &Listener| a.port == b.port && a.protocol == b.protocol;
    for listener in &wanted {
        match have
            .listeners
            .iter()
            .find(|there| same_place(there, listener))
        {
            None => steps.push(Step::AddListener(*listener)),
            Some(there) if there != listener => steps.push(Step::MoveListener {
                from: *there,
                to: *listener,
            }),
            Some(_) => {}
        }
    }
    // Last, so that at no moment fewer ports answer than before and after.
    for there in &have.listeners {
        if !wanted.iter().any(|listener| same_place(listener, there)) {
            steps.push(Step::RemoveListener(*there));
        }
    }
}

// === impl Step ===

impl Step {
    /// Carries the step out on `balancer`.
    pub(crate) fn apply(&self, balancer: &mut Balancer) {
        match self {
            Self::Create { addresses } => balancer.addresses.clone_from(addresses),
            Self::Readdress { from: _, to } => balancer.addresses.clone_from(to),
            Self::AddListener(listener) => balancer.listeners.push(*listener),
            Self::MoveListener { from, to } => {
                for there in balancer.listeners.iter_mut().filter(|there| *there == from) {
                    *there = *to;
                }
            }
            Self::RemoveListener(listener) => balancer.listeners.retain(|there| there != listener),
            Self::Register { targets, .. } => balancer.targets = std::sync::Arc::clone(targets),
            Self::Admit(ranges) => balancer.source_ranges.clone_from(ranges),
            Self::Forward(policy) => balancer.traffic_policy = *policy,
            Self::Stick(affinity) => balancer.session_affinity = *affinity,
        }
    }

    /// The step in words.
    pub(crate) fn told(&self, name: &str) -> Told {
        let (action, what) = match self {
            Self::Create { addresses } => (
                Action::Create,
                format!("load balancer {name} at {}", list(addresses)),
            ),
            Self::Readdress { from, to } => (
                Action::Change,
                format!("addresses of {name}: {} -> {}", list(from), list(to)),
            ),
            Self::AddListener(listener) => (Action::Create, format!("listener {listener}")),
            Self::MoveListener { from, to } => (
                Action::Change,
                format!("listener {from}: now {}", to.backend()),
            ),
            Self::RemoveListener(listener) => (Action::Delete, format!("listener {listener}")),
            Self::Register {
                targets,
                added,
                removed,
            } => (
                Action::Change,
                format!(
                    "targets: {added} registered, {removed} deregistered, {} in all",
                    targets.len()
                ),
            ),
            Self::Admit(ranges) if ranges.is_empty() => {
                (Action::Change, "source ranges: everybody".to_owned())
            }
            Self::Admit(ranges) => (Action::Change, format!("source ranges: {}", list(ranges))),
            Self::Forward(TrafficPolicy::Cluster) => {
                (Action::Change, "traffic policy: Cluster".to_owned())
            }
            Self::Forward(TrafficPolicy::Local {
                health_check_node_port,
            }) => (
                Action::Change,
                match health_check_node_port {
                    Some(port) => {
                        format!("traffic policy: Local, health check on node port {port}")
                    }
                    None => "traffic policy: Local".to_owned(),
                },
            ),
            Self::Stick(SessionAffinity::None) => {
                (Action::Change, "session affinity: none".to_owned())
            }
            Self::Stick(SessionAffinity::ClientIp { timeout_seconds }) => (
                Action::Change,
                format!("session affinity: client address, {timeout_seconds} s"),
            ),
        };
        Told::new(action, what)
    }
}

// === impl Listener ===

impl Listener {
    fn of(port: &Port) -> Self {
        Self {
            port: port.port,
            protocol: port.protocol,
            node_port: port.node_port,
        }
    }

    fn backend(self) -> String {
        match self.node_port {
            Some(port) => format!("node port {port}"),
            None => "a node port still to be chosen".to_owned(),
        }
    }
}

impl std::fmt::Display for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} -> {}", self.port, self.protocol, self.backend())
    }
}

fn list<T: std::fmt::Display>(things: &[T]) -> String {
    let things: Vec<String> = things.iter().map(ToString::to_string).collect();
    things.join(", ")
}
