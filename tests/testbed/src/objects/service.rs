//! How does a test describe a Service?

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::api::ObjectMeta;

/// Describes a Service; [`ServiceBuilder::build`] ends the description.
#[derive(Clone, Debug)]
#[must_use = "a description is not an object yet"]
pub struct ServiceBuilder {
    metadata: ObjectMeta,
    spec: ServiceSpec,
}

/// A Service of type `LoadBalancer` in front of the pods labelled `app: NAME`, without ports and class.
pub fn service(name: &str) -> ServiceBuilder {
    ServiceBuilder {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        },
        spec: ServiceSpec {
            type_: Some("LoadBalancer".to_owned()),
            selector: Some(BTreeMap::from([("app".to_owned(), name.to_owned())])),
            ..ServiceSpec::default()
        },
    }
}

// === impl ServiceBuilder ===

impl ServiceBuilder {
    /// Puts it into a namespace, for clients that do not choose one.
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.metadata.namespace = Some(namespace.to_owned());
        self
    }

    /// Asks for a class: `roadstead.dev/mock`.
    pub fn class(mut self, class: &str) -> Self {
        self.spec.load_balancer_class = Some(class.to_owned());
        self
    }

    /// Of type `ClusterIP`, so that no load balancer is wanted.
    pub fn cluster_ip(self) -> Self {
        self.of_type("ClusterIP")
    }

    /// Of type `NodePort`.
    pub fn node_port(self) -> Self {
        self.of_type("NodePort")
    }

    fn of_type(mut self, type_: &str) -> Self {
        self.spec.type_ = Some(type_.to_owned());
        self
    }

    /// Adds a TCP port named `tcp-PORT`.
    pub fn port(self, port: i32) -> Self {
        self.named_port(&format!("tcp-{port}"), port, "TCP")
    }

    /// Adds a UDP port named `udp-PORT`.
    pub fn udp_port(self, port: i32) -> Self {
        self.named_port(&format!("udp-{port}"), port, "UDP")
    }

    /// Adds a port with a name and protocol.
    pub fn named_port(mut self, name: &str, port: i32, protocol: &str) -> Self {
        self.spec.ports.get_or_insert_default().push(ServicePort {
            name: Some(name.to_owned()),
            port,
            protocol: Some(protocol.to_owned()),
            ..ServicePort::default()
        });
        self
    }

    /// Sends the last port's traffic to another port of the pods.
    pub fn target_port(mut self, port: i32) -> Self {
        if let Some(last) = self.spec.ports.get_or_insert_default().last_mut() {
            last.target_port = Some(IntOrString::Int(port));
        }
        self
    }

    /// Adds an annotation.
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.metadata
            .annotations
            .get_or_insert_default()
            .insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a label.
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.metadata
            .labels
            .get_or_insert_default()
            .insert(key.to_owned(), value.to_owned());
        self
    }

    /// Adds a finalizer, as another controller would.
    pub fn finalizer(mut self, finalizer: &str) -> Self {
        self.metadata
            .finalizers
            .get_or_insert_default()
            .push(finalizer.to_owned());
        self
    }

    /// Selects pods by another label than `app: NAME`.
    pub fn selector(mut self, key: &str, value: &str) -> Self {
        self.spec.selector = Some(BTreeMap::from([(key.to_owned(), value.to_owned())]));
        self
    }

    /// Admits clients from these addresses: `10.0.0.0/8`. May be repeated.
    pub fn source_range(mut self, range: &str) -> Self {
        self.spec
            .load_balancer_source_ranges
            .get_or_insert_default()
            .push(range.to_owned());
        self
    }

    /// Asks for an address with the deprecated `loadBalancerIP`.
    pub fn load_balancer_ip(mut self, ip: &str) -> Self {
        self.spec.load_balancer_ip = Some(ip.to_owned());
        self
    }

    /// `externalTrafficPolicy: Local`: nodes without a pod drop the traffic.
    pub fn local_traffic(mut self) -> Self {
        self.spec.external_traffic_policy = Some("Local".to_owned());
        self
    }

    /// Leaves out node ports.
    pub fn without_node_ports(mut self) -> Self {
        self.spec.allocate_load_balancer_node_ports = Some(false);
        self
    }

    /// Keeps a client on one pod.
    pub fn sticky(mut self) -> Self {
        self.spec.session_affinity = Some("ClientIP".to_owned());
        self
    }

    /// Asks for IP families, with a policy: `families("RequireDualStack", &["IPv4", "IPv6"])`.
    pub fn families(mut self, policy: &str, families: &[&str]) -> Self {
        self.spec.ip_family_policy = Some(policy.to_owned());
        self.spec.ip_families = Some(families.iter().map(|family| (*family).to_owned()).collect());
        self
    }

    /// The object.
    #[must_use]
    pub fn build(self) -> Service {
        Service {
            metadata: self.metadata,
            spec: Some(self.spec),
            status: None,
        }
    }
}
