//! Network Load Balancers of AWS behind the contract of `roadstead-core`.

#![expect(
    dead_code,
    reason = "its pieces arrive one after the other; the provider that uses them comes last"
)]

mod api;
mod facts;
mod ids;
mod names;
mod params;
mod policy;
mod seen;
mod shared;
mod tags;
mod types;

use roadstead_core::ProviderName;

pub use self::{
    api::{
        ApiSettings, AwsMetrics, Category, ConnectError, Limit, Limits, ParseLimitError,
        RaisedLimit,
    },
    params::Defaults,
    policy::IAM_POLICY,
    types::{Scheme, TargetType, UnknownWordError},
};

/// What this provider is called in classes, finalizers and metrics.
pub const PROVIDER: ProviderName = ProviderName::new("aws");
