//! What may the user say about AWS? Region, endpoint and credentials are not among it: they come from AWS's own chain of
//! environment, profile, web identity and instance metadata.

use std::{str::FromStr, time::Duration};

use clap::{ArgAction, Args, Subcommand};
use roadstead_aws::{RaisedLimit, RaisedQuota, Scheme, TargetType};
use roadstead_core::PortNumber;

use super::values::{duration, non_empty, positive};

/// Flags of the aws provider.
#[derive(Args, Debug)]
pub struct AwsArgs {
    /// The VPC of new load balancers [default: that of the nodes]
    #[arg(long, value_name = "VPC", env = "ROADSTEAD_AWS_VPC_ID", hide_env_values = true, value_parser = vpc)]
    pub aws_vpc_id: Option<String>,
    /// The cluster's name in tags of subnets, groups and instances (kubernetes.io/cluster/NAME)
    #[arg(long, value_name = "NAME", env = "ROADSTEAD_AWS_CLUSTER_NAME", hide_env_values = true, value_parser = non_empty)]
    pub aws_cluster_name: Option<String>,
    /// Who reaches a load balancer whose Service does not say: internal or internet-facing
    #[arg(
        long,
        value_name = "SCHEME",
        env = "ROADSTEAD_AWS_DEFAULT_SCHEME",
        hide_env_values = true,
        default_value_t = Scheme::Internal
    )]
    pub aws_default_scheme: Scheme,
    /// What is a target where the Service does not say: instance (nodes, at the nodePort) or ip (pods)
    #[arg(
        long,
        value_name = "TYPE",
        env = "ROADSTEAD_AWS_DEFAULT_TARGET_TYPE",
        hide_env_values = true,
        default_value_t = TargetType::Instance
    )]
    pub aws_default_target_type: TargetType,
    /// The security policy of TLS listeners whose Service names none
    #[arg(
        long,
        value_name = "POLICY",
        env = "ROADSTEAD_AWS_DEFAULT_SSL_POLICY",
        hide_env_values = true,
        default_value = "ELBSecurityPolicy-2016-08",
        value_parser = non_empty
    )]
    pub aws_default_ssl_policy: String,
    /// Tags of everything that is made: KEY=VALUE; may be repeated. They win over a Service's own
    #[arg(
        long = "aws-default-tag",
        value_name = "KEY=VALUE",
        env = "ROADSTEAD_AWS_DEFAULT_TAG",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub aws_default_tags: Vec<Tag>,
    /// Also keep the rules of node security groups for Services that bring security groups of their own
    #[arg(long, value_name = "BOOL", env = "ROADSTEAD_AWS_MANAGE_BACKEND_RULES", hide_env_values = true, default_value_t = false, action = ArgAction::Set)]
    pub aws_manage_backend_rules: bool,
    /// The group shared by all load balancers, which nodes admit [default: one is made and kept]
    #[arg(long, value_name = "GROUP", env = "ROADSTEAD_AWS_BACKEND_SECURITY_GROUP", hide_env_values = true, value_parser = security_group)]
    pub aws_backend_security_group: Option<String>,
    /// The nodes' groups, which are to admit load balancers; may be repeated [default: found on the nodes; of several on one
    /// node that with the cluster's tag]
    #[arg(long = "aws-node-security-group", value_name = "GROUP", env = "ROADSTEAD_AWS_NODE_SECURITY_GROUP", hide_env_values = true, value_delimiter = ',', value_parser = security_group)]
    pub aws_node_security_groups: Vec<String>,
    /// More tags that tell the right one of several groups on a node: KEY=VALUE; may be repeated
    #[arg(
        long = "aws-node-security-group-tag",
        value_name = "KEY=VALUE",
        env = "ROADSTEAD_AWS_NODE_SECURITY_GROUP_TAG",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub aws_node_security_group_tags: Vec<Tag>,
    /// The ports that nodes admit from load balancers: the API server's --service-node-port-range
    #[arg(
        long,
        value_name = "FIRST-LAST",
        env = "ROADSTEAD_AWS_NODE_PORT_RANGE",
        hide_env_values = true,
        default_value = "30000-32767"
    )]
    pub aws_node_port_range: PortRange,
    /// A limit of AWS's API that was raised for this account: CATEGORY=BURST/PER-SECOND, for example register=40/8; may be
    /// repeated. A wrong CATEGORY is answered with those there are
    #[arg(
        long = "aws-limit",
        value_name = "LIMIT",
        env = "ROADSTEAD_AWS_LIMIT",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub aws_limits: Vec<RaisedLimit>,
    /// How long a replaced load balancer still serves after the new one's name was published
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_AWS_REPLACEMENT_GRACE", hide_env_values = true, default_value = "5m", value_parser = duration)]
    pub aws_replacement_grace: Duration,
    /// How often AWS is asked how targets fare, when nothing changes
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_AWS_HEALTH_INTERVAL", hide_env_values = true, default_value = "1m", value_parser = positive)]
    pub aws_health_interval: Duration,
    /// How often a Service is compared with what AWS lists, at a resync
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_AWS_CHECK_INTERVAL", hide_env_values = true, default_value = "7m", value_parser = duration)]
    pub aws_check_interval: Duration,
    /// How often everything is compared with AWS, not only what a resync looks at
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_AWS_DEEP_CHECK_INTERVAL", hide_env_values = true, default_value = "1h", value_parser = positive)]
    pub aws_deep_check_interval: Duration,
    /// How long the take-over of a load balancer (roadstead.dev/adopt) is announced on the Service before it is done
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_AWS_ADOPTION_NOTICE", hide_env_values = true, default_value = "30s", value_parser = duration)]
    pub aws_adoption_notice: Duration,
    /// A tag key that somebody else manages on load balancers: never set, never removed; may be repeated
    #[arg(
        long = "aws-external-tag",
        value_name = "KEY",
        env = "ROADSTEAD_AWS_EXTERNAL_TAG",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = non_empty
    )]
    pub aws_external_tags: Vec<String>,
    /// A quota that AWS raised for this account: target-group=N, load-balancer=N or zone=N targets; may be repeated
    #[arg(
        long = "aws-target-quota",
        value_name = "WHAT=N",
        env = "ROADSTEAD_AWS_TARGET_QUOTA",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub aws_target_quotas: Vec<RaisedQuota>,
}

/// What there is about AWS alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum AwsCommand {
    /// Print the IAM policy that the controller's role needs, as JSON: everything it calls, and nothing else
    IamPolicy,
}

/// A tag of AWS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tag {
    /// Up to 128 characters.
    pub key: String,
    /// Up to 256 characters.
    pub value: String,
}

/// A range of ports, both ends within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// The lowest.
    pub first: PortNumber,
    /// The highest.
    pub last: PortNumber,
}

// === impl Tag ===

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text
            .split_once('=')
            .ok_or_else(|| format!("{text:?} is no tag; write KEY=VALUE"))?;
        // https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(format!(
                "{text:?} is no tag of AWS: a key has 1 to 128 characters, a value up to 256"
            ));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(format!(
                "{key:?} is reserved: only AWS sets tags that begin with aws:"
            ));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

// === impl PortRange ===

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!(
                "{text:?} is no port range; write one like 30000-32767"
            )),
        }
    }
}

fn vpc(text: &str) -> Result<String, String> {
    id(text, "vpc-")
}

fn security_group(text: &str) -> Result<String, String> {
    id(text, "sg-")
}

fn id(text: &str, prefix: &str) -> Result<String, String> {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    if rest.is_empty() || !rest.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(format!(
            "{text:?} is no id; write one like {prefix}0123456789abcdef0"
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_aws_takes_as_one() {
        let tag: Tag = "team=shop=front".parse().unwrap();
        assert_eq!(
            (tag.key.as_str(), tag.value.as_str()),
            ("team", "shop=front")
        );
        for bad in [
            "team",
            "=x",
            "aws:x=y",
            "AWS:x=y",
            &format!("{}=", "k".repeat(129)),
        ] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_range_is_read_or_explained() {
        let range: PortRange = "30000-32767".parse().unwrap();
        assert_eq!((range.first.get(), range.last.get()), (30_000, 32_767));
        for bad in ["", "0-1", "9-8", "1-65536", "a-b"] {
            assert!(bad.parse::<PortRange>().is_err(), "{bad:?}");
        }
    }
}
