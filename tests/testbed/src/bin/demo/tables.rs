//! What would kubectl print? Objects become rows; nothing is asked of anybody here.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Service, ServicePort};
use roadstead_testbed::{ObjectEvent, addresses};
use yansi::Style;

use crate::screen::Cell;

/// The rows of `kubectl get service`.
pub(crate) fn services<'a>(
    services: impl IntoIterator<Item = &'a Service>,
    now: Timestamp,
) -> Vec<Vec<Cell>> {
    let header = [
        "NAME",
        "TYPE",
        "CLUSTER-IP",
        "EXTERNAL-IP",
        "PORT(S)",
        "AGE",
    ];
    let mut rows = vec![header.map(Cell::from).to_vec()];
    rows.extend(
        services
            .into_iter()
            .map(|service| row(service, now).to_vec()),
    );
    rows
}

fn row(service: &Service, now: Timestamp) -> [Cell; 6] {
    let spec = service.spec.clone().unwrap_or_default();
    let external = match addresses(service) {
        none if none.is_empty() => Cell::new("<pending>", Style::new().yellow()),
        some => Cell::new(some.join(","), Style::new().green()),
    };
    let ports: Vec<String> = spec.ports.iter().flatten().map(port).collect();
    let age = service
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|created| now.duration_since(created.0).as_secs().max(0));
    [
        service.metadata.name.clone().unwrap_or_default().into(),
        spec.type_.unwrap_or_default().into(),
        spec.cluster_ip.unwrap_or_default().into(),
        external,
        ports.join(",").into(),
        age.map(|seconds| format!("{seconds}s"))
            .unwrap_or_default()
            .into(),
    ]
}

fn port(port: &ServicePort) -> String {
    let protocol = port.protocol.as_deref().unwrap_or("TCP");
    match port.node_port {
        Some(node_port) => format!("{}:{node_port}/{protocol}", port.port),
        None => format!("{}/{protocol}", port.port),
    }
}

/// The rows of the events that `kubectl describe service` ends with.
pub(crate) fn events(events: &[ObjectEvent]) -> Vec<Vec<Cell>> {
    let mut rows = vec![["TYPE", "REASON", "MESSAGE"].map(Cell::from).to_vec()];
    rows.extend(events.iter().map(|event| {
        let style = match event.type_.as_str() {
            "Warning" => Style::new().yellow(),
            _ => Style::new(),
        };
        vec![
            Cell::new(event.type_.as_str(), style),
            event.reason.as_str().into(),
            event.note.as_str().into(),
        ]
    }));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_reads_as_with_kubectl() {
        let yaml = "
metadata: {name: web, creationTimestamp: '2026-01-01T00:00:00Z'}
spec: {type: LoadBalancer, clusterIP: 10.96.0.7, ports: [{port: 80, nodePort: 30080}, {port: 53, protocol: UDP}]}
status: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}";
        let service: Service = serde_yaml::from_str(yaml).unwrap();
        let green = Cell::new("192.0.2.1", Style::new().green());
        let now = "2026-01-01T00:00:03Z".parse().unwrap();
        let expected: [Cell; 6] = [
            "web".into(),
            "LoadBalancer".into(),
            "10.96.0.7".into(),
            green,
            "80:30080/TCP,53/UDP".into(),
            "3s".into(),
        ];
        assert_eq!(row(&service, now), expected);
        let waiting = Service {
            status: None,
            ..service
        };
        let yellow = Cell::new("<pending>", Style::new().yellow());
        assert_eq!(row(&waiting, now)[3], yellow);
    }
}
