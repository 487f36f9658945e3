//! Network Load Balancers of AWS behind the contract of `roadstead-core`.

mod adopt;
mod api;
mod apply;
mod desired;
mod details;
mod ensure;
mod facts;
mod health;
mod ids;
mod look;
mod mirror;
mod names;
mod observed;
mod params;
mod plan;
mod policy;
mod provider;
mod recognize;
mod refresh;
mod release;
mod rhythm;
mod seen;
mod settings;
mod shared;
mod tags;
mod types;

use roadstead_core::{LoadBalancerId, ProviderName};

pub use self::{
    api::{
        ApiSettings, AwsMetrics, Category, ConnectError, Limit, Limits, ParseLimitError,
        RaisedLimit,
    },
    desired::{ParseQuotaError, Quotas, RaisedQuota},
    params::Defaults,
    policy::IAM_POLICY,
    provider::AwsProvider,
    settings::Settings,
    types::{Scheme, TargetType, UnknownWordError},
};

/// What the name of that group is made from.
const FRONTEND: &str = "frontend";

/// What this provider is called in classes, finalizers and metrics.
pub const NAME: ProviderName = ProviderName::new("aws");

/// The name of the security group that the load balancer of `id` gets for itself, unless its Service names others.
#[must_use]
pub fn frontend_group_name(id: &LoadBalancerId) -> String {
    names::name(&id.cluster, &id.owner, FRONTEND)
}
