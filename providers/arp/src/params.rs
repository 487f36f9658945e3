//! What does a Service ask for in its annotations? Ours and MetalLB's, with MetalLB's meaning; a bad one is explained. Pure.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use roadstead_core::{
    IpFamily, LoadBalancer, PortNumber, Problem, Protocol, TrafficPolicy, Vocabulary,
};

use crate::pool::{Backends, Wish};

/// What a Service asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Params {
    pub(crate) wish: Wish,
    /// What the user should know of how it was asked.
    pub(crate) notes: Vec<String>,
}

/// One annotation by its names: ours, MetalLB's, and MetalLB's of before 0.13.
type Names = [&'static str; 3];

const IPS: Names = [
    "roadstead.dev/load-balancer-ips",
    "metallb.io/loadBalancerIPs",
    "metallb.universe.tf/loadBalancerIPs",
];
const POOL: Names = [
    "roadstead.dev/address-pool",
    "metallb.io/address-pool",
    "metallb.universe.tf/address-pool",
];
const SHARING: Names = [
    "roadstead.dev/allow-shared-ip",
    "metallb.io/allow-shared-ip",
    "metallb.universe.tf/allow-shared-ip",
];

/// The annotations of the provider. `ip-allocated-from-pool` is MetalLB's own note, which a Service still carries that came
/// from there.
pub(crate) const VOCABULARY: Vocabulary = Vocabulary {
    prefixes: &["roadstead.dev/", "metallb.io/", "metallb.universe.tf/"],
    keys: &[
        IPS[0],
        IPS[1],
        IPS[2],
        POOL[0],
        POOL[1],
        POOL[2],
        SHARING[0],
        SHARING[1],
        SHARING[2],
        "metallb.io/ip-allocated-from-pool",
        "metallb.universe.tf/ip-allocated-from-pool",
    ],
    families: &[],
};

/// What `want` asks for, or everything that is wrong with it.
pub(crate) fn parse(want: &LoadBalancer) -> Result<Params, Vec<Problem>> {
    let mut reader = Reader {
        annotations: &want.annotations,
        problems: Vec::new(),
        notes: Vec::new(),
    };
    let requested = requested(want, &mut reader);
    let pool = reader.read(POOL).map(|(_, name)| Arc::from(name));
    let sharing = reader.read(SHARING).map(|(_, key)| Arc::from(key));
    let Reader {
        annotations: _,
        problems,
        notes,
    } = reader;
    if !problems.is_empty() {
        return Err(problems);
    }
    let wish = Wish {
        service: want.service.clone(),
        families: want.families.clone(),
        policy: want.family_policy,
        requested,
        pool,
        sharing,
        ports: ports(want).collect(),
        backends: backends(want),
        labels: Arc::clone(&want.labels.service),
        namespace_labels: Arc::clone(&want.labels.namespace),
        in_conflict: want.in_conflict.clone(),
    };
    Ok(Params { wish, notes })
}

fn ports(want: &LoadBalancer) -> impl Iterator<Item = (PortNumber, Protocol)> {
    want.ports.iter().map(|port| (port.port, port.protocol))
}

fn backends(want: &LoadBalancer) -> Backends {
    match want.traffic_policy {
        TrafficPolicy::Cluster => Backends::Everywhere,
        TrafficPolicy::Local { .. } => {
            let selector = want.labels.pods.iter();
            let selector: Vec<String> = selector
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            Backends::OnTheNode(selector.join(","))
        }
    }
}

/// The addresses asked for, of each family one at most.
fn requested(want: &LoadBalancer, reader: &mut Reader<'_>) -> Vec<IpAddr> {
    let Some((key, list)) = reader.read(IPS) else {
        return want.requested_ips.clone();
    };
    let mut asked: Vec<IpAddr> = Vec::new();
    for text in list.split(',').map(str::trim) {
        match text.parse::<IpAddr>() {
            Ok(address) if asked.contains(&address) => {}
            Ok(address) => {
                let family = IpFamily::of(address);
                if asked.iter().any(|other| IpFamily::of(*other) == family) {
                    reader.problem(key, format!("names two addresses of {family}; a Service has one of each family"));
                } else {
                    asked.push(address);
                }
            }
            Err(_) => reader.problem(
                key,
                format!("{text:?} is no IP address; write one, or one of each family with a comma between them"),
            ),
        }
    }
    if let Some(other) = want
        .requested_ips
        .iter()
        .find(|address| !asked.contains(address))
    {
        reader.problem(
            key,
            format!(
                "asks for {list}, and spec.loadBalancerIP for {other}; leave one of the two out"
            ),
        );
    }
    asked
}

struct Reader<'a> {
    annotations: &'a BTreeMap<String, String>,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

// === impl Reader ===

impl<'a> Reader<'a> {
    /// The value of an annotation, and the name that it has. An empty one counts as absent.
    fn read(&mut self, names: Names) -> Option<(&'static str, &'a str)> {
        let mut found: Option<(&'static str, &'a str)> = None;
        for name in names {
            let value = self.annotations.get(name).map(|value| value.trim());
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                continue;
            };
            if name.starts_with("metallb.universe.tf/") {
                let [ours, ..] = names;
                self.notes
                    .push(format!("{name} is an old name; write {ours}"));
            }
            match found {
                Some((other, before)) if before != value => {
                    self.problem(
                        name,
                        format!(
                            "says {value:?}, and {other} says {before:?}; leave one of the two out"
                        ),
                    );
                }
                Some(_) => {}
                None => found = Some((name, value)),
            }
        }
        found
    }

    fn problem(&mut self, at: &str, what: String) {
        self.problems.push(Problem::new(at, what));
    }
}

#[cfg(test)]
mod tests {
    use roadstead_core::conformance;

    use super::*;

    fn want(annotations: &[(&str, &str)]) -> LoadBalancer {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        LoadBalancer {
            annotations: Arc::new(annotations.iter().map(pair).collect()),
            ..conformance::plain("web")
        }
    }

    #[test]
    fn an_annotation_has_our_name_or_metallbs() {
        for n in 0..3 {
            let params = parse(&want(&[
                (IPS[n], "192.0.2.1, 2001:db8::1"),
                (POOL[n], "gold"),
                (SHARING[n], "key"),
            ]));
            let Params { wish, notes } = params.unwrap();
            assert_eq!(
                wish.requested,
                [
                    "192.0.2.1".parse::<IpAddr>().unwrap(),
                    "2001:db8::1".parse().unwrap()
                ]
            );
            assert_eq!(
                (wish.pool.as_deref(), wish.sharing.as_deref()),
                (Some("gold"), Some("key"))
            );
            assert_eq!(notes.len(), if n == 2 { 3 } else { 0 }, "{notes:?}");
        }
        let same = parse(&want(&[
            (POOL[0], "gold"),
            (POOL[1], "gold"),
            (SHARING[0], " "),
        ]))
        .unwrap();
        assert_eq!(
            (same.wish.pool.as_deref(), same.wish.sharing),
            (Some("gold"), None)
        );
    }

    #[test]
    fn what_contradicts_itself_is_explained() {
        let table: [(&[(&str, &str)], &str); 5] = [
            (
                &[(IPS[0], "192.0.2")],
                "roadstead.dev/load-balancer-ips: \"192.0.2\" is no IP address",
            ),
            (
                &[(IPS[1], "192.0.2.1,192.0.2.2")],
                "metallb.io/loadBalancerIPs: names two addresses of IPv4",
            ),
            (
                &[(IPS[0], "192.0.2.1"), (IPS[1], "192.0.2.2")],
                "says \"192.0.2.2\", and roadstead.dev/load-balancer-ips says",
            ),
            (
                &[(POOL[0], "a"), (POOL[1], "b")],
                "metallb.io/address-pool: says \"b\"",
            ),
            (&[(IPS[0], "192.0.2.1,")], "\"\" is no IP address"),
        ];
        for (annotations, hint) in table {
            let problems = parse(&want(annotations)).unwrap_err();
            assert!(problems[0].to_string().contains(hint), "{problems:?}");
        }
        let mut both = want(&[(IPS[0], "192.0.2.1")]);
        both.requested_ips = vec!["192.0.2.2".parse().unwrap()];
        assert!(
            parse(&both).unwrap_err()[0]
                .to_string()
                .contains("and spec.loadBalancerIP for 192.0.2.2")
        );
        both.requested_ips = vec!["192.0.2.1".parse().unwrap()];
        assert!(parse(&both).is_ok());
    }

    #[test]
    fn local_traffic_reaches_the_pods_of_the_selector() {
        let mut local = want(&[]);
        assert_eq!(parse(&local).unwrap().wish.backends, Backends::Everywhere);
        local.traffic_policy = TrafficPolicy::Local {
            health_check_node_port: None,
        };
        local.labels.pods = Arc::new(BTreeMap::from([("app".to_owned(), "web".to_owned())]));
        assert_eq!(
            parse(&local).unwrap().wish.backends,
            Backends::OnTheNode("app=web".to_owned())
        );
    }
}
