//! Which values does AWS know for a load balancer's settings? Shared by what is wanted and what is seen, so that `==` compares them. Pure.

use std::{fmt, str::FromStr};

use roadstead_core::PortNumber;

/// A word that is none of the ones AWS knows in this place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is none of {}", known.join(", "))]
pub struct UnknownWordError {
    /// The word.
    word: String,
    /// What would be right.
    known: Vec<&'static str>,
}

/// Declares an enum whose variants are words of AWS's API.
macro_rules! words {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        $vis enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every value there is.
            $vis const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word that AWS's API has for it.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The value that `word` stands for, exactly as AWS's API spells it.
            #[must_use]
            $vis fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWordError;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                Self::parse(word).ok_or_else(|| UnknownWordError {
                    word: word.to_owned(),
                    known: Self::ALL.iter().map(|value| value.as_str()).collect(),
                })
            }
        }
    };
}

words! {
    /// Who can reach a load balancer.
    pub enum Scheme {
        /// Clients inside the VPC and what is connected to it.
        Internal = "internal",
        /// Everybody on the internet.
        InternetFacing = "internet-facing",
    }
}

words! {
    /// The families of the addresses that a load balancer has.
    pub(crate) enum IpAddressType {
        /// IPv4 only.
        Ipv4 = "ipv4",
        /// Both families.
        Dualstack = "dualstack",
    }
}

words! {
    /// What a target group's targets are.
    pub enum TargetType {
        /// EC2 instances: every node, at the port that kube-proxy opens.
        Instance = "instance",
        /// Addresses: the Service's pods.
        Ip = "ip",
    }
}

words! {
    /// What a listener speaks with clients.
    pub(crate) enum ListenerProtocol {
        /// TCP.
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
        /// TCP and UDP on one port number.
        TcpUdp = "TCP_UDP",
        /// TLS, ended at the load balancer.
        Tls = "TLS",
    }
}

words! {
    /// What a load balancer speaks with targets.
    pub(crate) enum TargetProtocol {
        /// TCP.
        Tcp = "TCP",
        /// UDP.
        Udp = "UDP",
        /// TCP and UDP on one port number.
        TcpUdp = "TCP_UDP",
        /// TLS.
        Tls = "TLS",
    }
}

words! {
    /// How targets are asked whether they are well.
    pub(crate) enum HealthCheckProtocol {
        /// A connection is opened.
        Tcp = "TCP",
        /// A request is sent.
        Http = "HTTP",
        /// A request is sent over TLS; the certificate is not checked.
        Https = "HTTPS",
    }
}

words! {
    /// Which application protocol a TLS listener prefers to agree upon (ALPN).
    ///
    /// AWS's word `None`, its default, is no value here: it is the absence of one, so that it can be said in one way only.
    pub(crate) enum AlpnPolicy {
        /// HTTP/1 only.
        Http1Only = "HTTP1Only",
        /// HTTP/2 only.
        Http2Only = "HTTP2Only",
        /// HTTP/1 rather than HTTP/2.
        Http2Optional = "HTTP2Optional",
        /// HTTP/2 rather than HTTP/1.
        Http2Preferred = "HTTP2Preferred",
    }
}

/// Where targets are asked whether they are well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum HealthCheckPort {
    /// Where the target receives its traffic.
    TrafficPort,
    /// The same port on every target.
    Port(PortNumber),
}

/// How a target group's targets are found to be well.
///
/// One struct for what is wanted and what is seen. It holds nothing that AWS ignores: `path` and `success_codes` are `None`
/// unless a request is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HealthCheck {
    /// How.
    pub(crate) protocol: HealthCheckProtocol,
    /// Where.
    pub(crate) port: HealthCheckPort,
    /// The request's path; HTTP and HTTPS only.
    pub(crate) path: Option<String>,
    /// Seconds from one check of a target to the next: 5 to 300.
    pub(crate) interval: u16,
    /// Seconds without an answer that make a check fail: 2 to 120.
    pub(crate) timeout: u16,
    /// Successes in a row that make an unhealthy target healthy: 2 to 10.
    pub(crate) healthy_threshold: u8,
    /// Failures in a row that make a healthy target unhealthy: 2 to 10.
    pub(crate) unhealthy_threshold: u8,
    /// The answers that count as success, like `200-399`; HTTP and HTTPS only.
    pub(crate) success_codes: Option<String>,
}

/// AWS's word for [`HealthCheckPort::TrafficPort`].
const TRAFFIC_PORT: &str = "traffic-port";

// === impl HealthCheckPort ===

impl HealthCheckPort {
    /// The port that AWS's API writes as `text`; `None` if it is neither its word nor a number.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == TRAFFIC_PORT {
            return Some(Self::TrafficPort);
        }
        text.parse().ok().map(Self::Port)
    }
}

impl fmt::Display for HealthCheckPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrafficPort => f.write_str(TRAFFIC_PORT),
            Self::Port(port) => port.fmt(f),
        }
    }
}

// === impl HealthCheckProtocol ===

impl HealthCheckProtocol {
    /// Whether a request is sent, so that it has a path and an answer's code.
    pub(crate) const fn has_request(self) -> bool {
        match self {
            Self::Http | Self::Https => true,
            Self::Tcp => false,
        }
    }
}

// === impl ListenerProtocol ===

impl ListenerProtocol {
    /// Whether it carries UDP.
    pub(crate) const fn carries_udp(self) -> bool {
        match self {
            Self::Udp | Self::TcpUdp => true,
            Self::Tcp | Self::Tls => false,
        }
    }
}

// === impl TargetProtocol ===

impl TargetProtocol {
    /// Whether it carries UDP.
    pub(crate) const fn carries_udp(self) -> bool {
        match self {
            Self::Udp | Self::TcpUdp => true,
            Self::Tcp | Self::Tls => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for scheme in Scheme::ALL {
            assert_eq!(Scheme::parse(scheme.as_str()), Some(*scheme));
        }
        for policy in AlpnPolicy::ALL {
            assert_eq!(policy.to_string().parse(), Ok(*policy));
        }
    }

    #[test]
    fn an_unknown_word_is_answered_with_the_known_ones() {
        let error = "public".parse::<Scheme>().unwrap_err();
        assert_eq!(
            error.to_string(),
            r#""public" is none of internal, internet-facing"#
        );
    }

    #[test]
    fn a_health_check_port_is_the_word_or_a_number() {
        for text in ["traffic-port", "1", "65535"] {
            let port = HealthCheckPort::parse(text).map(|port| port.to_string());
            assert_eq!(port.as_deref(), Some(text));
        }
        for bad in ["", "0", "65536", "http"] {
            assert_eq!(HealthCheckPort::parse(bad), None, "{bad:?}");
        }
    }
}
