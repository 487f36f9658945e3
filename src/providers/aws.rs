//! How is the aws provider set up? Flags become its settings, and AWS is found. Decides nothing.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use roadstead_aws::{ApiSettings, AwsMetrics, AwsProvider, Defaults, Limits, Quotas, Settings};
use roadstead_core::ClusterUid;

use super::{Made, Purpose};
use crate::{
    args::{AwsArgs, Tag},
    metrics::Metrics,
};

/// Finds AWS by its own chain of region and credentials, and makes the provider of its load balancers.
pub(super) async fn connect(
    args: &AwsArgs,
    purpose: Purpose,
    cluster: &ClusterUid,
    metrics: &Metrics,
) -> Made {
    // Looking and acting differ in what is called, not in how.
    let (Purpose::Act | Purpose::Look) = purpose;
    let provider = AwsProvider::connect(settings(args, metrics), cluster.clone()).await?;
    Ok(Arc::new(provider))
}

fn settings(args: &AwsArgs, metrics: &Metrics) -> Settings {
    let AwsArgs {
        aws_vpc_id,
        aws_cluster_name,
        aws_default_scheme: _,
        aws_default_target_type: _,
        aws_default_ssl_policy: _,
        aws_default_tags: _,
        aws_manage_backend_rules: _,
        aws_backend_security_group,
        aws_node_security_groups,
        aws_node_security_group_tags,
        aws_node_port_range,
        aws_limits: _,
        aws_replacement_grace,
        aws_health_interval,
        aws_check_interval,
        aws_deep_check_interval,
        aws_adoption_notice,
        aws_external_tags,
        aws_target_quotas,
    } = args;
    Settings {
        vpc_id: aws_vpc_id.clone(),
        cluster_name: aws_cluster_name.clone(),
        defaults: defaults(args),
        backend_security_group: aws_backend_security_group.clone(),
        node_security_groups: aws_node_security_groups.clone(),
        node_security_group_tags: pairs(aws_node_security_group_tags),
        node_ports: (aws_node_port_range.first, aws_node_port_range.last),
        api: api(args, metrics),
        replacement_grace: *aws_replacement_grace,
        health_interval: *aws_health_interval,
        health_first: FIRST_LOOK.min(*aws_health_interval),
        settle: SETTLE,
        check_interval: *aws_check_interval,
        deep_check_interval: *aws_deep_check_interval,
        adoption_notice: *aws_adoption_notice,
        external_tags: aws_external_tags.iter().cloned().collect(),
        quotas: aws_target_quotas
            .iter()
            .copied()
            .fold(Quotas::default(), Quotas::with),
    }
}

/// AWS's lists are some seconds behind what was made.
const SETTLE: Duration = Duration::from_secs(10);

/// How soon targets are asked for after a change: AWS takes longer to find one healthy.
const FIRST_LOOK: Duration = Duration::from_secs(5);

fn pairs(tags: &[Tag]) -> BTreeMap<String, String> {
    let pairs = tags.iter().cloned();
    pairs.map(|Tag { key, value }| (key, value)).collect()
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
        tags: pairs(&args.aws_default_tags),
        manage_backend_rules: args.aws_manage_backend_rules,
    }
}
