//! How is the aws provider set up? Flags become its settings, and AWS is found. Decides nothing.

use std::future::ready;

use roadstead_aws::{ApiSettings, AwsMetrics, Defaults, Limits};
use roadstead_core::ClusterUid;

use super::{Made, Purpose};
use crate::{
    args::{AwsArgs, Tag},
    metrics::Metrics,
};

/// Finds AWS by its own chain of region and credentials, and makes the provider of its load balancers.
pub(super) fn connect(
    args: &AwsArgs,
    purpose: Purpose,
    cluster: &ClusterUid,
    metrics: &Metrics,
) -> impl Future<Output = Made> {
    let (api, defaults) = (api(args, metrics), defaults(args));
    let _ = (api, defaults, purpose, cluster);
    ready(Err("it is still being built".into()))
}

fn api(args: &AwsArgs, metrics: &Metrics) -> ApiSettings {
    let measured = AwsMetrics::default();
    metrics.add(|registry| measured.register(registry));
    let raised = args.aws_limits.iter().copied();
    ApiSettings {
        limits: raised.fold(Limits::documented(), Limits::with),
        metrics: measured,
    }
}

/// What a Service gets that does not say.
fn defaults(args: &AwsArgs) -> Defaults {
    Defaults {
        scheme: args.aws_default_scheme,
        target_type: args.aws_default_target_type,
        ssl_policy: args.aws_default_ssl_policy.clone(),
        tags: args
            .aws_default_tags
            .iter()
            .cloned()
            .map(|Tag { key, value }| (key, value))
            .collect(),
        manage_backend_rules: args.aws_manage_backend_rules,
    }
}
