//! Who makes load balancers, and for whom? The flags of every provider that this program was built with.

#[cfg(feature = "mock")]
use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

#[cfg(feature = "arp")]
use super::ArpArgs;
#[cfg(feature = "aws")]
use super::AwsArgs;
#[cfg(feature = "mock")]
use super::values::duration;
use super::values::non_empty;
use crate::service::class::ClassMapping;

/// Flags that say who makes load balancers.
#[derive(Args, Debug)]
pub struct ProviderArgs {
    /// A provider to run; repeat it, or separate names with commas (plan: every one there is, if none is given)
    #[arg(
        long = "provider",
        value_name = "PROVIDER",
        help_heading = "Providers and classes",
        env = "ROADSTEAD_PROVIDER",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub providers: Vec<ProviderKind>,
    /// Also serve this class: NAME=PROVIDER, for example service.k8s.aws/nlb=aws; may be repeated
    #[arg(
        long = "class",
        value_name = "NAME=PROVIDER",
        help_heading = "Providers and classes",
        env = "ROADSTEAD_CLASS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub classes: Vec<ClassMapping>,
    /// The provider of Services without a class; without it they are left untouched
    #[arg(long, value_name = "PROVIDER", help_heading = "Providers and classes", env = "ROADSTEAD_DEFAULT_PROVIDER", hide_env_values = true, value_parser = non_empty)]
    pub default_provider: Option<String>,
    /// Addresses on the nodes' own network.
    #[cfg(feature = "arp")]
    #[command(flatten, next_help_heading = "Arp provider")]
    pub arp: ArpArgs,
    /// AWS.
    #[cfg(feature = "aws")]
    #[command(flatten, next_help_heading = "AWS provider")]
    pub aws: AwsArgs,
    /// The mock.
    #[cfg(feature = "mock")]
    #[command(flatten, next_help_heading = "Mock provider")]
    pub mock: MockArgs,
}

/// A provider that this program was built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProviderKind {
    /// Addresses on the nodes' own network, announced by ARP and NDP
    #[cfg(feature = "arp")]
    Arp,
    /// AWS Network Load Balancers
    #[cfg(feature = "aws")]
    Aws,
    /// Addresses without anything behind them, for kind, tests and demos
    #[cfg(feature = "mock")]
    Mock,
}

/// Flags of the mock provider.
#[cfg(feature = "mock")]
#[derive(Args, Debug)]
pub struct MockArgs {
    /// Ranges that the mock takes addresses from [default: 192.0.2.0/24, and one of IPv6 for documentation]
    #[arg(
        long,
        value_name = "CIDR",
        env = "ROADSTEAD_MOCK_ADDRESSES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub mock_addresses: Vec<ipnet::IpNet>,
    /// How long the mock takes for a change
    #[arg(long, value_name = "DURATION", env = "ROADSTEAD_MOCK_LATENCY", hide_env_values = true, default_value = "0s", value_parser = duration)]
    pub mock_latency: Duration,
    /// How often the mock's calls fail: KIND=RATE, for example throttled=0.1,quota=0.01
    #[arg(
        long,
        value_name = "RATES",
        env = "ROADSTEAD_MOCK_FAILURES",
        hide_env_values = true,
        default_value = ""
    )]
    pub mock_failures: roadstead_mock::Failures,
    /// A folder in which the mock's load balancers outlive the process; without it they live in memory
    #[arg(
        long,
        value_name = "FOLDER",
        env = "ROADSTEAD_MOCK_STATE",
        hide_env_values = true
    )]
    pub mock_state: Option<PathBuf>,
}
