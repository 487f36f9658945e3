//! What does a Service ask for, in the contract's words? Every problem is named, none stops the reading. Pure.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use ipnet::IpNet;
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use roadstead_core::{
    ClusterUid, IpFamily, IpFamilyPolicy, Labels, LoadBalancer, LoadBalancerId, NamespacedName,
    OwnerUid, Port, PortNumber, Problem, Protocol, SessionAffinity, TargetKind, Targets,
    TrafficPolicy,
};

use super::{
    annotations,
    conditions::{Kind, Reason},
    intent::Traits,
    status,
};

/// `spec.sessionAffinityConfig.clientIP.timeoutSeconds` where it is not set: the API server's own default.
const DEFAULT_AFFINITY_SECONDS: u32 = 10_800;

/// The namespace and name of a Service.
#[must_use]
pub fn name_of(service: &Service) -> NamespacedName {
    name_in(&service.metadata)
}

/// The namespace and name that `metadata` carries.
#[must_use]
pub fn name_in(metadata: &ObjectMeta) -> NamespacedName {
    NamespacedName::new(
        metadata.namespace.as_deref().unwrap_or_default(),
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// The id of the load balancer of a Service; `None` for an object that never came from an API server.
#[must_use]
pub fn id_of(cluster: &ClusterUid, service: &Service) -> Option<LoadBalancerId> {
    let uid = service.metadata.uid.as_deref()?;
    Some(LoadBalancerId {
        cluster: cluster.clone(),
        owner: OwnerUid::parse(uid).ok()?,
    })
}

/// Reads the request out of `service` for the provider of these `traits`; its targets, what is published and the labels of
/// its namespace are left to the caller.
pub fn request(
    id: LoadBalancerId,
    service: &Service,
    traits: &Traits,
) -> Result<LoadBalancer, Vec<Problem>> {
    let mut problems = Vec::new();
    let empty = ServiceSpec::default();
    let spec = service.spec.as_ref().unwrap_or(&empty);
    let none = BTreeMap::new();
    let written = service.metadata.annotations.as_ref().unwrap_or(&none);
    let ports = ports(spec, &mut problems);
    let source_ranges = source_ranges(spec, written.get(annotations::SOURCE_RANGES), &mut problems);
    let requested_ips = requested_ips(spec, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(LoadBalancer {
        id,
        service: name_of(service),
        ports,
        targets: Targets::Keep,
        published: Vec::new(),
        in_conflict: in_conflict(service),
        traffic_policy: traffic_policy(spec),
        families: families(spec),
        family_policy: family_policy(spec),
        source_ranges,
        session_affinity: session_affinity(spec),
        requested_ips,
        annotations: Arc::new(annotations::relevant(written, traits.vocabulary)),
        labels: if traits.reads_labels {
            labels(service, spec)
        } else {
            Labels::default()
        },
    })
}

/// What makes `want` impossible for a provider that wants targets of this `kind`.
#[must_use]
pub fn unreachable_ports(want: &LoadBalancer, kind: TargetKind) -> Vec<Problem> {
    match kind {
        TargetKind::Endpoints | TargetKind::Nothing => Vec::new(),
        TargetKind::Nodes => want
            .ports
            .iter()
            .filter(|port| port.node_port.is_none())
            .map(|port| {
                Problem::new(
                    format!("spec.ports {port}"),
                    "has no nodePort, and nodes are the targets; set spec.allocateLoadBalancerNodePorts to true, or give \
                     the port a nodePort",
                )
            })
            .collect(),
    }
}

fn ports(spec: &ServiceSpec, problems: &mut Vec<Problem>) -> Vec<Port> {
    let listed = spec.ports.as_deref().unwrap_or_default();
    if listed.is_empty() {
        problems.push(Problem::new(
            "spec.ports",
            "is empty; a load balancer needs a port",
        ));
    }
    let mut ports = Vec::with_capacity(listed.len());
    for port in listed {
        match self::port(port) {
            Ok(port) => ports.push(port),
            Err(problem) => problems.push(problem),
        }
    }
    ports
}

fn port(port: &ServicePort) -> Result<Port, Problem> {
    let at = || format!("spec.ports {}", port.port);
    let number = |n: i32| u16::try_from(n).ok().and_then(PortNumber::new);
    let protocol = match port.protocol.as_deref().unwrap_or("TCP") {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        other => {
            return Err(Problem::new(
                at(),
                format!("has the protocol {other:?}; TCP, UDP and SCTP are known"),
            ));
        }
    };
    Ok(Port {
        name: port.name.clone().unwrap_or_default(),
        protocol,
        port: number(port.port).ok_or_else(|| Problem::new(at(), "is no port; 1 to 65535 are"))?,
        target_port: match &port.target_port {
            Some(IntOrString::Int(port)) => number(*port),
            Some(IntOrString::String(_)) => None,
            // The API server's own default.
            None => number(port.port),
        },
        node_port: port.node_port.and_then(number),
        app_protocol: port.app_protocol.clone(),
    })
}

fn source_ranges(
    spec: &ServiceSpec,
    annotation: Option<&String>,
    problems: &mut Vec<Problem>,
) -> Vec<IpNet> {
    let in_spec = spec
        .load_balancer_source_ranges
        .as_deref()
        .unwrap_or_default();
    let (at, texts): (&str, Vec<&str>) = match annotation {
        Some(list) if in_spec.is_empty() => (annotations::SOURCE_RANGES, list.split(',').collect()),
        _ => (
            "spec.loadBalancerSourceRanges",
            in_spec.iter().map(String::as_str).collect(),
        ),
    };
    let mut ranges = Vec::new();
    for text in texts
        .into_iter()
        .map(str::trim)
        .filter(|text| !text.is_empty())
    {
        match text.parse::<IpNet>() {
            Ok(range) => ranges.push(range.trunc()),
            Err(_) => problems.push(Problem::new(
                at,
                format!("{text:?} is no address range; write one like 203.0.113.0/24"),
            )),
        }
    }
    ranges
}

fn requested_ips(spec: &ServiceSpec, problems: &mut Vec<Problem>) -> Vec<IpAddr> {
    let Some(text) = spec.load_balancer_ip.as_deref().filter(|ip| !ip.is_empty()) else {
        return Vec::new();
    };
    if let Ok(ip) = text.parse() {
        return vec![ip];
    }
    problems.push(Problem::new(
        "spec.loadBalancerIP",
        format!("{text:?} is no IP address"),
    ));
    Vec::new()
}

/// The addresses of `service` that a foreign host uses, as whoever announces them says: `ADDRESS is used by …`, several with
/// `; ` between them.
fn in_conflict(service: &Service) -> Vec<IpAddr> {
    let Some(healthy) = status::condition(service, Kind::Healthy)
        .filter(|healthy| healthy.reason == Reason::AddressConflict.as_str())
    else {
        return Vec::new();
    };
    let carried: Vec<IpAddr> = status::addresses(service)
        .iter()
        .filter_map(|address| address.host.ip())
        .collect();
    let said = healthy.message.split("; ").filter_map(|said| {
        let (address, _) = said.split_once(" is used by ")?;
        address.parse().ok()
    });
    said.filter(|address| carried.contains(address)).collect()
}

fn labels(service: &Service, spec: &ServiceSpec) -> Labels {
    let all =
        |labels: &Option<BTreeMap<String, String>>| Arc::new(labels.clone().unwrap_or_default());
    Labels {
        service: all(&service.metadata.labels),
        namespace: Arc::default(),
        pods: all(&spec.selector),
    }
}

fn traffic_policy(spec: &ServiceSpec) -> TrafficPolicy {
    match spec.external_traffic_policy.as_deref() {
        Some("Local") => TrafficPolicy::Local {
            health_check_node_port: spec
                .health_check_node_port
                .and_then(|port| u16::try_from(port).ok())
                .and_then(PortNumber::new),
        },
        _ => TrafficPolicy::Cluster,
    }
}

fn families(spec: &ServiceSpec) -> Vec<IpFamily> {
    let families: Vec<IpFamily> = spec
        .ip_families
        .iter()
        .flatten()
        .filter_map(|family| match family.as_str() {
            "IPv4" => Some(IpFamily::V4),
            "IPv6" => Some(IpFamily::V6),
            _ => None,
        })
        .collect();
    if families.is_empty() {
        vec![IpFamily::V4]
    } else {
        families
    }
}

fn family_policy(spec: &ServiceSpec) -> IpFamilyPolicy {
    match spec.ip_family_policy.as_deref() {
        Some("PreferDualStack") => IpFamilyPolicy::PreferDualStack,
        Some("RequireDualStack") => IpFamilyPolicy::RequireDualStack,
        _ => IpFamilyPolicy::SingleStack,
    }
}

fn session_affinity(spec: &ServiceSpec) -> SessionAffinity {
    match spec.session_affinity.as_deref() {
        Some("ClientIP") => SessionAffinity::ClientIp {
            timeout_seconds: spec
                .session_affinity_config
                .as_ref()
                .and_then(|config| config.client_ip.as_ref())
                .and_then(|client| client.timeout_seconds)
                .and_then(|seconds| u32::try_from(seconds).ok())
                .unwrap_or(DEFAULT_AFFINITY_SECONDS),
        },
        _ => SessionAffinity::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use roadstead_core::ProviderName;

    use crate::service::annotations::OWN;

    fn read(yaml: &str) -> Result<LoadBalancer, Vec<String>> {
        let service: Service = serde_yaml::from_str(yaml).unwrap();
        let cluster = ClusterUid::parse("cluster").unwrap();
        let id = id_of(&cluster, &service).unwrap();
        let traits = Traits {
            name: ProviderName::new("any"),
            vocabulary: OWN,
            reads_labels: true,
        };
        request(id, &service, &traits)
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_full_service_is_read_whole() {
        let want = read(
            "metadata: {name: web, namespace: shop, uid: u-1, labels: {tier: front}, annotations: {roadstead.dev/x: y, other.io/z: q}}
spec:
  type: LoadBalancer
  selector: {app: web}
  externalTrafficPolicy: Local
  healthCheckNodePort: 31000
  sessionAffinity: ClientIP
  ipFamilies: [IPv6, IPv4]
  ipFamilyPolicy: RequireDualStack
  loadBalancerIP: 192.0.2.9
  loadBalancerSourceRanges: [10.1.2.3/8, 2001:db8::/32]
  ports:
  - {name: web, port: 80, targetPort: 8080, nodePort: 30080, appProtocol: http}
  - {name: dns, port: 53, targetPort: dns-udp, nodePort: 30053, protocol: UDP}
  - {name: sig, port: 2905, nodePort: 30290, protocol: SCTP}",
        )
        .unwrap();
        insta::assert_debug_snapshot!(want);
    }

    #[test]
    fn every_problem_is_named_at_once() {
        let problems = read(
            "metadata: {name: web, namespace: shop, uid: u-1, annotations: {service.beta.kubernetes.io/load-balancer-source-ranges: '10.0.0.0/8, everybody'}}
spec:
  type: LoadBalancer
  loadBalancerIP: my-favourite
  ports:
  - {port: 80, nodePort: 30080, protocol: QUIC}
  - {port: 70000, nodePort: 30081}",
        )
        .unwrap_err();
        insta::assert_yaml_snapshot!(problems);
    }

    #[test]
    fn a_conflict_counts_for_addresses_that_the_service_still_carries() {
        let said = |reason: &str, message: &str| {
            read(&format!(
                "metadata: {{name: web, namespace: shop, uid: u-1}}
spec: {{ports: [{{port: 80}}]}}
status:
  loadBalancer: {{ingress: [{{ip: 192.0.2.1}}, {{ip: '2001:db8::1'}}]}}
  conditions: [{{type: roadstead.dev/Healthy, status: 'False', reason: {reason}, message: '{message}', lastTransitionTime: '2026-01-01T00:00:00Z'}}]"
            ))
            .unwrap()
            .in_conflict
        };
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let one = "192.0.2.1 is used by 52:54:00:00:00:01 on eth0 of node-1";
        assert_eq!(said("AddressConflict", one), [ip("192.0.2.1")]);
        assert_eq!(
            said(
                "AddressConflict",
                &format!("{one}; 2001:db8::1 is used by 52:54:00:00:00:01")
            ),
            [ip("192.0.2.1"), ip("2001:db8::1")]
        );
        assert!(said("NotAnnounced", one).is_empty());
        assert!(said("AddressConflict", "192.0.2.9 is used by 52:54:00:00:00:01").is_empty());
    }

    #[test]
    fn a_port_without_a_node_port_is_impossible_only_for_nodes() {
        let want = read("metadata: {name: a, namespace: b, uid: c}\nspec: {ports: [{port: 80}, {port: 81, nodePort: 30081}]}").unwrap();
        assert_eq!(unreachable_ports(&want, TargetKind::Nodes).len(), 1);
        assert_eq!(unreachable_ports(&want, TargetKind::Endpoints), []);
        assert_eq!(unreachable_ports(&want, TargetKind::Nothing), []);
    }
}
