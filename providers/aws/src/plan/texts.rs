//! How do people read what a step is about? Lists that stay short, in the field's words. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use super::step::{SubnetChange, Tagged};
use crate::{
    api::TargetRef,
    desired::{GroupRef, Variant, WantedListener},
    ids::SubnetId,
    seen::{Rule, RuleProtocol, RuleSource},
    types::{HealthCheck, IpAddressType},
};

pub(super) fn listener_text(port: u16, listener: &WantedListener) -> String {
    let WantedListener {
        protocol,
        node_port,
        target_group,
        ..
    } = listener;
    match node_port {
        Some(node_port) => format!("{port}/{protocol} -> node port {node_port}"),
        None => format!("{port}/{protocol} -> target group {target_group}"),
    }
}

/// More than so many of a kind are counted, not listed: a message has its limits.
const LISTED: usize = 4;

fn list<T>(
    f: &mut fmt::Formatter<'_>,
    things: impl ExactSizeIterator<Item = T>,
    show: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    let more = things.len().saturating_sub(LISTED);
    for (n, thing) in things.take(LISTED).enumerate() {
        if n > 0 {
            f.write_str(", ")?;
        }
        show(f, thing)?;
    }
    match more {
        0 => Ok(()),
        _ => write!(f, " and {more} more"),
    }
}

pub(super) struct Rules<'a>(pub(super) &'a BTreeSet<Rule>);
pub(super) struct Pairs<'a>(pub(super) &'a BTreeMap<String, String>);
pub(super) struct Words<'a>(pub(super) &'a BTreeSet<String>);
pub(super) struct TargetsText<'a>(pub(super) &'a BTreeSet<TargetRef>);
pub(super) struct GroupsText<'a>(pub(super) &'a BTreeSet<GroupRef>);
pub(super) struct TaggedText<'a>(pub(super) &'a [Tagged]);
pub(super) struct HealthCheckText<'a>(pub(super) &'a HealthCheck);
pub(super) struct VariantText(pub(super) Variant);
pub(super) struct Enforce(pub(super) Option<bool>);
pub(super) struct Families(pub(super) Option<IpAddressType>);

impl fmt::Display for Rules<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nobody");
        }
        list(f, self.0.iter(), |f, rule| {
            let Rule {
                protocol,
                from,
                to,
                source,
            } = rule;
            match protocol {
                RuleProtocol::Tcp | RuleProtocol::Udp if from == to => {
                    write!(f, "{from}/{} from ", protocol.as_str().to_uppercase())?;
                }
                RuleProtocol::Tcp | RuleProtocol::Udp => {
                    write!(f, "{from}-{to}/{} from ", protocol.as_str().to_uppercase())?;
                }
                RuleProtocol::Icmp | RuleProtocol::Icmpv6 | RuleProtocol::Other(_) => {
                    write!(f, "{protocol} {from}/{to} from ")?;
                }
            }
            match source {
                RuleSource::Cidr(range) => range.fmt(f),
                RuleSource::PrefixList(list) => f.write_str(list),
                RuleSource::Group(group) => group.fmt(f),
            }
        })
    }
}

impl fmt::Display for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter(), |f, (key, value)| {
            write!(f, "{key}={value}")
        })
    }
}

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter(), |f, word| f.write_str(word))
    }
}

impl fmt::Display for TargetsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "{count} {}: ",
            if count == 1 { "target" } else { "targets" }
        )?;
        list(f, self.0.iter(), |f, target| {
            write!(f, "{}:{}", target.id, target.port)
        })
    }
}

impl fmt::Display for GroupsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("security groups ")?;
        list(f, self.0.iter(), |f, group| match group {
            GroupRef::Frontend => f.write_str("of its own"),
            GroupRef::Backend => f.write_str("of the cluster"),
            GroupRef::Given(id) => id.fmt(f),
        })
    }
}

impl fmt::Display for TaggedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, self.0.iter(), |f, tagged| match tagged {
            Tagged::LoadBalancer(_, name) => write!(f, "load balancer {name}"),
            Tagged::TargetGroup(_, name) => write!(f, "target group {name}"),
            Tagged::Group(_, name) => write!(f, "security group {name}"),
        })
    }
}

impl fmt::Display for HealthCheckText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let HealthCheck {
            protocol,
            port,
            path,
            interval,
            timeout,
            healthy_threshold,
            unhealthy_threshold,
            success_codes,
        } = self.0;
        write!(f, "{protocol} {port}")?;
        if let Some(path) = path {
            write!(f, " {path}")?;
        }
        write!(
            f,
            " every {interval} s, timeout {timeout} s, healthy after {healthy_threshold}, unhealthy after {unhealthy_threshold}"
        )?;
        match success_codes {
            Some(codes) => write!(f, ", success is {codes}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for VariantText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.scheme)?;
        f.write_str(if self.0.grouped {
            ""
        } else {
            ", without security groups"
        })
    }
}

impl fmt::Display for Enforce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(true) => f.write_str(", their rules hold for PrivateLink"),
            Some(false) => f.write_str(", their rules do not hold for PrivateLink"),
        }
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(to) => write!(f, "address type {to}, "),
        }
    }
}

impl fmt::Display for SubnetChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed } = self;
        let subnets = |f: &mut fmt::Formatter<'_>, list: &[SubnetId]| {
            self::list(f, list.iter(), |f, id| id.fmt(f))
        };
        match (added.is_empty(), removed.is_empty()) {
            (true, true) => f.write_str("addresses in its subnets"),
            (false, true) => {
                f.write_str("add ")?;
                subnets(f, added)
            }
            (true, false) => {
                f.write_str("remove ")?;
                subnets(f, removed)
            }
            (false, false) => {
                f.write_str("add ")?;
                subnets(f, added)?;
                f.write_str(", remove ")?;
                subnets(f, removed)
            }
        }
    }
}
