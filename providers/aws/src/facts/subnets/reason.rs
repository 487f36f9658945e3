//! Why is a subnet not taken? In words for whoever set up the VPC. Pure.

use std::fmt;

use crate::seen::{SubnetSeen, ZoneType};

/// Why a subnet is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    NoRole(&'static str),
    RoleSwitchedOff { tag: &'static str, value: String },
    NotPublic(&'static str),
    Public(&'static str),
    Outpost,
    Zone(ZoneType),
    OtherCluster { tag: String },
    Full { free: u32 },
    NoIpv6,
    NoIpv4,
}

/// AWS needs so many free addresses in a subnet to make a Network Load Balancer there and let it grow.
pub(super) const FREE_ADDRESSES: u32 = 8;

pub(super) fn kind_of_zone(zone: &ZoneType) -> &str {
    match zone {
        ZoneType::AvailabilityZone => "an availability zone",
        ZoneType::LocalZone => "a local zone",
        ZoneType::WavelengthZone => "a wavelength zone",
        ZoneType::Other(kind) => kind,
    }
}

/// A subnet and all that is wrong with it.
pub(super) fn told(subnet: &SubnetSeen, reasons: &[Reason]) -> String {
    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
    format!("{} ({}): {}", subnet.id, subnet.zone, reasons.join(" and "))
}

/// Things in a row.
pub(super) fn list(things: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let things: Vec<String> = things.into_iter().map(|it| it.to_string()).collect();
    things.join(", ")
}

// === impl Reason ===

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRole(tag) => write!(f, "has no tag {tag}"),
            Self::RoleSwitchedOff { tag, value } => {
                write!(
                    f,
                    "its tag {tag} says {value:?}, only \"1\" or nothing counts"
                )
            }
            Self::NotPublic(tag) => {
                write!(f, "has no tag {tag} and no route to an internet gateway")
            }
            Self::Public(tag) => {
                write!(f, "has no tag {tag}, but a route to an internet gateway")
            }
            Self::Outpost => f.write_str("is on an outpost"),
            Self::Zone(kind) => write!(f, "is in {}", kind_of_zone(kind)),
            Self::OtherCluster { tag } => write!(f, "is for another cluster by its tag {tag}"),
            Self::Full { free } => {
                write!(f, "{free} free addresses, {FREE_ADDRESSES} are needed")
            }
            Self::NoIpv6 => f.write_str("has no IPv6 range, which dualstack needs"),
            Self::NoIpv4 => f.write_str("has no IPv4 range"),
        }
    }
}
