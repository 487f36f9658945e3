//! On which of a node's interfaces may addresses be announced at all? Names and reasons; no kernel here.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The container side of a node, and what carries no neighbours: tunnels, VPNs, dummies. Names, not kinds of device: in
/// a node that is a container itself (kind), the uplink `eth0` is a veth too.
///
/// Docker's own bridges are `br-` and twelve hexadecimal digits; a bridge that somebody named `br-lan` may well be the
/// node's uplink, and stays.
const CONTAINER_SIDE: [&str; 26] = [
    "lo",
    "docker*",
    "br-????????????",
    "cbr*",
    "cni*",
    "veth*",
    "lxc*",
    "lxd*",
    "virbr*",
    "vnet*",
    "cali*",
    "vxlan.calico",
    "cilium*",
    "flannel*",
    "weave*",
    "antrea-*",
    "genev_sys_*",
    "ovn-k8s-*",
    "kube-*",
    "nodelocaldns",
    "dummy*",
    "tunl*",
    "wg*",
    "podman*",
    "gre*",
    "ip6tnl*",
];

/// Which interfaces the operator lets announcers use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSelection {
    /// If any are given, an interface must match one of them, and then may have a container-side name.
    pub only: Vec<NamePattern>,
    /// An interface that matches one of them is not used, whatever else holds.
    pub except: Vec<NamePattern>,
}

/// A pattern of interface names: `*` stands for any characters, `?` for one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct NamePattern(Box<str>);

/// Not a pattern that any interface's name could match.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{pattern}` is no pattern of interface names: expected 1 to 63 characters without blanks or slashes"
)]
pub struct BadPattern {
    pattern: String,
}

/// Why an interface is not used.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unusable {
    /// It is of the container side, by its name.
    ContainerSide,
    /// The operator excluded it.
    Excluded,
    /// The operator named others.
    NotSelected,
    /// No Ethernet: no ARP or NDP as this provider speaks it.
    NotEthernet,
    /// It does no ARP.
    NoArp,
    /// It is a member of a bridge or a bond: that is where its frames go.
    Member {
        /// What kind of device it belongs to, as the kernel calls it.
        of: String,
    },
    /// Nobody has set it up.
    Down,
    /// Set up, but the other end is missing.
    NoCarrier,
    /// Without an address of its own it cannot say hello, and so cannot agree with its peers.
    NoAddress,
}

// === impl LinkSelection ===

impl LinkSelection {
    /// Whether an interface of this name may be used.
    pub fn admits(&self, name: &str) -> Result<(), Unusable> {
        if self.except.iter().any(|pattern| pattern.matches(name)) {
            return Err(Unusable::Excluded);
        }
        if self.only.is_empty() {
            let container_side = CONTAINER_SIDE
                .iter()
                .any(|pattern| matches(pattern.as_bytes(), name.as_bytes()));
            return if container_side {
                Err(Unusable::ContainerSide)
            } else {
                Ok(())
            };
        }
        if self.only.iter().any(|pattern| pattern.matches(name)) {
            Ok(())
        } else {
            Err(Unusable::NotSelected)
        }
    }
}

// === impl NamePattern ===

impl NamePattern {
    /// Whether `name` is one of those meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        matches(self.0.as_bytes(), name.as_bytes())
    }
}

impl FromStr for NamePattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let possible = (1..=63).contains(&text.len())
            && !text.contains(|c: char| c.is_whitespace() || c == '/');
        if possible {
            Ok(Self(text.into()))
        } else {
            Err(BadPattern {
                pattern: text.to_owned(),
            })
        }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Greedy with one point to come back to, the last `*`: no pattern takes longer than its length times the name's.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while let Some(byte) = name.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                back = Some((at, read));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star, from)) = back else {
                    return false;
                };
                back = Some((star, from + 1));
                at = star + 1;
                read = from + 1;
            }
        }
    }
    pattern
        .get(at..)
        .is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

// === impl Unusable ===

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContainerSide => f.write_str("has a name of the container side"),
            Self::Excluded => f.write_str("is excluded"),
            Self::NotSelected => f.write_str("is not among those selected"),
            Self::NotEthernet => f.write_str("is no Ethernet"),
            Self::NoArp => f.write_str("does no ARP"),
            Self::Member { of } if of.is_empty() => f.write_str("belongs to another interface"),
            Self::Member { of } => write!(f, "belongs to a {of}"),
            Self::Down => f.write_str("is down"),
            Self::NoCarrier => f.write_str("has no carrier"),
            Self::NoAddress => f.write_str("has no address"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(patterns: &[&str]) -> Vec<NamePattern> {
        patterns.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn uplinks_are_used_and_the_container_side_is_not() {
        let any = LinkSelection::default();
        for uplink in [
            "eth0", "ens18", "enp3s0f1", "bond0", "br0", "br-lan", "vlan7", "eth0.7", "team0",
            "wlan0",
        ] {
            assert_eq!(any.admits(uplink), Ok(()), "{uplink}");
        }
        for inside in [
            "lo",
            "docker0",
            "br-0123456789ab",
            "veth12ab",
            "cali123",
            "cilium_host",
            "cni0",
            "flannel.1",
            "kube-ipvs0",
            "wg0",
        ] {
            assert_eq!(any.admits(inside), Err(Unusable::ContainerSide), "{inside}");
        }
    }

    #[test]
    fn an_interface_that_is_named_is_used_whatever_its_name() {
        let named = LinkSelection {
            only: patterns(&["veth*", "eth?"]),
            except: patterns(&["veth9"]),
        };
        assert_eq!(named.admits("veth1"), Ok(()));
        assert_eq!(named.admits("eth0"), Ok(()));
        assert_eq!(named.admits("eth10"), Err(Unusable::NotSelected));
        assert_eq!(named.admits("veth9"), Err(Unusable::Excluded));
    }

    #[test]
    fn a_star_stands_for_any_characters_even_none() {
        for (pattern, name, is_meant) in [
            ("*", "", true),
            ("eth*", "eth", true),
            ("*0", "eth00", true),
            ("e*h*0", "eth0", true),
            ("e*h*0", "eth1", false),
            ("a*ab", "aaab", true),
            ("?", "", false),
            ("eth0", "eth01", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), name.as_bytes()),
                is_meant,
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn a_pattern_that_no_interface_can_match_is_refused() {
        assert!("".parse::<NamePattern>().is_err());
        assert!("eth0, eth1".parse::<NamePattern>().is_err());
    }
}
