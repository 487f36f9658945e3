//! Where does the load balancer end TLS, and how? Certificates, policies, ports. Pure.

use roadstead_core::{LoadBalancer, Port, Protocol};

use super::{
    keys,
    ports::{is_called, listed},
    reader::Reader,
    shape::Defaults,
};
use crate::types::{AlpnPolicy, TargetProtocol};

/// What a Service says about TLS.
#[derive(Debug)]
pub(super) struct Tls {
    /// ARNs, the default one first; empty: no TLS.
    pub(super) certificates: Vec<String>,
    pub(super) policy: String,
    pub(super) alpn: Option<AlpnPolicy>,
    /// What a TLS listener speaks with targets.
    pub(super) target_protocol: TargetProtocol,
    /// Names and numbers; empty: every TCP port.
    ports: Vec<String>,
}

/// AWS's word for negotiating nothing.
const NO_ALPN: &str = "None";

/// Reads what `want` says about TLS.
pub(super) fn read(want: &LoadBalancer, defaults: &Defaults, reader: &mut Reader<'_>) -> Tls {
    let tls = Tls {
        certificates: certificates(reader),
        policy: reader
            .read(keys::SSL_POLICY, policy)
            .unwrap_or_else(|| defaults.ssl_policy.clone()),
        alpn: reader.read(keys::ALPN_POLICY, alpn).flatten(),
        target_protocol: reader
            .read(keys::BACKEND_PROTOCOL, backend_protocol)
            .unwrap_or(TargetProtocol::Tcp),
        ports: reader.list(keys::SSL_PORTS),
    };
    if tls.certificates.is_empty() {
        refuse_without_certificates(&tls, reader);
    } else {
        check_ports(&tls, want, reader);
    }
    tls
}

/// Naming one twice is harmless.
fn certificates(reader: &mut Reader<'_>) -> Vec<String> {
    let mut arns: Vec<String> = Vec::new();
    for text in reader.list(keys::SSL_CERT) {
        let of_acm = text.contains(":acm:") && text.contains(":certificate/");
        let of_iam = text.contains(":iam:") && text.contains(":server-certificate/");
        if !text.starts_with("arn:") || !(of_acm || of_iam) {
            reader.wrong(
                keys::SSL_CERT,
                format!(
                    "{text:?} is no ARN of a certificate; one looks like arn:aws:acm:REGION:ACCOUNT:certificate/ID or \
                     arn:aws:iam::ACCOUNT:server-certificate/NAME"
                ),
            );
        } else if !arns.contains(&text) {
            arns.push(text);
        }
    }
    arns
}

fn policy(text: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if !text.is_empty() && text.chars().all(legal) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "{text:?} is no security policy; AWS's are called like ELBSecurityPolicy-TLS13-1-2-2021-06"
        ))
    }
}

fn alpn(text: &str) -> Result<Option<AlpnPolicy>, String> {
    if text == NO_ALPN {
        return Ok(None);
    }
    text.parse::<AlpnPolicy>()
        .map(Some)
        .map_err(|error| format!("{error}, {NO_ALPN}"))
}

fn backend_protocol(text: &str) -> Result<TargetProtocol, String> {
    match text {
        "ssl" => Ok(TargetProtocol::Tls),
        "tcp" => Ok(TargetProtocol::Tcp),
        _ => Err(format!(
            "{text:?} is neither ssl nor tcp; a Network Load Balancer does not look into what it forwards"
        )),
    }
}

fn refuse_without_certificates(tls: &Tls, reader: &mut Reader<'_>) {
    // A certificate that could not be read was reported already.
    if reader.text(keys::SSL_CERT).is_some_and(|t| !t.is_empty()) {
        return;
    }
    let without_effect = [
        (keys::SSL_PORTS, !tls.ports.is_empty()),
        (keys::SSL_POLICY, reader.text(keys::SSL_POLICY).is_some()),
        (keys::ALPN_POLICY, tls.alpn.is_some()),
        (
            keys::BACKEND_PROTOCOL,
            tls.target_protocol == TargetProtocol::Tls,
        ),
    ];
    for (key, used) in without_effect {
        if used {
            reader.wrong(
                key,
                format!(
                    "is for TLS listeners, and without {} there is none",
                    keys::SSL_CERT
                ),
            );
        }
    }
}

fn check_ports(tls: &Tls, want: &LoadBalancer, reader: &mut Reader<'_>) {
    if !want.ports.iter().any(|p| p.protocol == Protocol::Tcp) {
        reader.wrong(
            keys::SSL_CERT,
            "needs a TCP port to end TLS at, and the Service has none",
        );
    }
    for text in &tls.ports {
        let mut named = want.ports.iter().filter(|port| is_called(port, text));
        let problem = match (
            named.clone().next(),
            named.any(|p| p.protocol == Protocol::Tcp),
        ) {
            (_, true) => continue,
            (Some(port), false) => format!("{text:?} is {port}; TLS is ended at TCP ports"),
            (None, _) if text == "*" => {
                "\"*\" is no port; remove the annotation for TLS at every TCP port".to_owned()
            }
            (None, _) => format!(
                "{text:?} is neither a name nor a number of the Service's ports; they are {}",
                listed(want)
            ),
        };
        reader.wrong(keys::SSL_PORTS, problem);
    }
}

// === impl Tls ===

impl Tls {
    /// Whether TLS is ended at `port`.
    pub(super) fn ends_at(&self, port: &Port) -> bool {
        port.protocol == Protocol::Tcp
            && !self.certificates.is_empty()
            && (self.ports.is_empty() || self.ports.iter().any(|text| is_called(port, text)))
    }
}
