//! An AWS of a test's own, with a cluster's nodes in it, and ways to look at it through AWS's API alone.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "every test binary takes what it needs, and what fails here fails the test"
)]

pub(crate) mod request;
pub(crate) mod shown;
pub(crate) mod waiting;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_ec2::types::{Filter, IpPermission};
use aws_sdk_elasticloadbalancingv2::{
    config::Credentials,
    types::{TagDescription, TargetHealthStateEnum},
};
use roadstead_aws::{AwsProvider, IAM_POLICY, Settings};
use roadstead_core::{ClusterUid, LoadBalancer, LoadBalancerId, NodeName, ProviderId, Target};
use roadstead_testbed::{
    FaultProxy, LocalStack,
    iam::{Judgement, Policy},
    localstack::{Account, Landscape, LandscapeBuilder},
};

/// The cluster's name for people.
pub(crate) const CLUSTER: &str = "test";

/// An account with a VPC, subnets and six running nodes; a proxy in front of it.
pub(crate) struct World {
    pub(crate) account: Account,
    pub(crate) land: Landscape,
    pub(crate) proxy: FaultProxy,
    pub(crate) settings: Settings,
    /// How long a call's answer may take; `None`: for ever.
    pub(crate) answer: Option<Duration>,
    pub(crate) elb: aws_sdk_elasticloadbalancingv2::Client,
    pub(crate) ec2: aws_sdk_ec2::Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(|land| land.public_subnets(3).private_subnets(3)).await
    }

    /// A world with other subnets.
    pub(crate) async fn on(subnets: impl FnOnce(LandscapeBuilder) -> LandscapeBuilder) -> Self {
        let localstack = LocalStack::shared().await.unwrap();
        let account = localstack.account().await.unwrap();
        let land = subnets(account.landscape(CLUSTER))
            .instances(6)
            .build()
            .await
            .unwrap();
        let proxy = FaultProxy::start(&localstack.endpoint()).await.unwrap();
        let direct = config(&account, &localstack.endpoint()).await;
        Self {
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&direct),
            ec2: aws_sdk_ec2::Client::new(&direct),
            settings: Settings {
                cluster_name: Some(CLUSTER.to_owned()),
                health_first: Duration::from_millis(100),
                health_interval: Duration::from_secs(1),
                ..Settings::default()
            },
            answer: None,
            account,
            land,
            proxy,
        }
    }

    /// A fresh provider process, behind the proxy.
    pub(crate) fn provider(&self, cluster: &ClusterUid) -> AwsProvider {
        let mut timeouts = TimeoutConfig::builder();
        timeouts.set_operation_attempt_timeout(self.answer);
        let config = SdkConfig::builder()
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts.build())
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(self.proxy.endpoint())
            .credentials_provider(
                aws_sdk_elasticloadbalancingv2::config::SharedCredentialsProvider::new(
                    credentials(&self.account, self.proxy.endpoint()),
                ),
            )
            .build();
        AwsProvider::with_config(self.settings.clone(), cluster.clone(), &config)
    }

    /// What the published policy says of everything that was asked for.
    pub(crate) fn judged(&self) -> Judgement {
        let policy = Policy::parse(IAM_POLICY).unwrap();
        policy.judge(&self.proxy.calls())
    }

    /// The nodes.
    pub(crate) fn targets(&self) -> Vec<Target> {
        let mut targets: Vec<Target> = self
            .land
            .instances
            .iter()
            .enumerate()
            .map(|(n, instance)| Target {
                node: NodeName(format!("node-{}", n + 1).into()),
                provider_id: Some(ProviderId(instance.provider_id().into())),
                addresses: vec![instance.address()],
                port: None,
                port_name: None,
                pod: None,
                labels: Arc::default(),
            })
            .collect();
        targets.sort();
        targets
    }

    /// Everything in the account that a load balancer controller could have made or changed, one line a thing.
    pub(crate) async fn inventory(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let balancers = self.elb.describe_load_balancers().send().await.unwrap();
        for balancer in balancers.load_balancers() {
            lines.push(format!(
                "load balancer {} {}",
                balancer.load_balancer_name().unwrap(),
                balancer.load_balancer_arn().unwrap()
            ));
            lines.extend(self.listeners(balancer.load_balancer_arn().unwrap()).await);
        }
        let groups = self.elb.describe_target_groups().send().await.unwrap();
        for group in groups.target_groups() {
            lines.push(format!(
                "target group {} {}",
                group.target_group_name().unwrap(),
                self.registered(group.target_group_arn().unwrap()).await
            ));
        }
        let groups = self.ec2.describe_security_groups().send().await.unwrap();
        for group in groups.security_groups() {
            lines.push(format!(
                "security group {} {} {}",
                group.group_name().unwrap(),
                group.group_id().unwrap(),
                rules(group.ip_permissions())
            ));
        }
        lines.sort();
        lines
    }

    async fn listeners(&self, balancer: &str) -> Vec<String> {
        let found = self
            .elb
            .describe_listeners()
            .load_balancer_arn(balancer)
            .send()
            .await
            .unwrap();
        let mut lines: Vec<String> = found
            .listeners()
            .iter()
            .map(|listener| {
                let actions = listener.default_actions();
                let group = actions.first().and_then(|action| action.target_group_arn());
                let name = group.and_then(|arn| arn.split('/').nth(1));
                format!(
                    "listener {}/{} -> {}",
                    listener.port().unwrap(),
                    listener.protocol().unwrap(),
                    name.unwrap_or_default()
                )
            })
            .collect();
        lines.sort();
        lines
    }

    /// The targets of a target group that are not on their way out.
    pub(crate) async fn registered(&self, group: &str) -> String {
        let health = self
            .elb
            .describe_target_health()
            .target_group_arn(group)
            .send()
            .await
            .unwrap();
        let mut targets: Vec<String> = health
            .target_health_descriptions()
            .iter()
            .filter(|it| {
                let state = it.target_health().and_then(|health| health.state());
                state != Some(&TargetHealthStateEnum::Draining)
            })
            .filter_map(|it| it.target())
            .map(|target| format!("{}:{}", target.id().unwrap(), target.port().unwrap_or(0)))
            .collect();
        targets.sort();
        format!("{targets:?}")
    }

    /// The load balancer of `id` as AWS shows it: listeners, targets and who may connect.
    pub(crate) async fn describe(&self, id: &LoadBalancerId) -> String {
        let mut lines = Vec::new();
        for balancer in self.balancers_of(id).await {
            lines.push(format!("{:?}", balancer.scheme()));
            let arn = balancer.load_balancer_arn().unwrap();
            lines.extend(self.listeners(arn).await);
            let groups = self
                .elb
                .describe_target_groups()
                .load_balancer_arn(arn)
                .send()
                .await
                .unwrap();
            for group in groups.target_groups() {
                let arn = group.target_group_arn().unwrap();
                lines.push(self.registered(arn).await);
            }
            for group in balancer.security_groups() {
                lines.push(self.rules_of(group).await);
            }
        }
        lines.sort();
        lines.join("\n")
    }

    /// The load balancers that carry the marks of `id`.
    pub(crate) async fn balancers_of(
        &self,
        id: &LoadBalancerId,
    ) -> Vec<aws_sdk_elasticloadbalancingv2::types::LoadBalancer> {
        let all = self.elb.describe_load_balancers().send().await.unwrap();
        let mut ours = Vec::new();
        for balancer in all.load_balancers() {
            let tags = self.tags(balancer.load_balancer_arn().unwrap()).await;
            let is = |key: &str, value: &str| tags.get(key).map(String::as_str) == Some(value);
            if is("roadstead.dev/owner", id.owner.as_str())
                && is("roadstead.dev/cluster", id.cluster.as_str())
            {
                ours.push(balancer.clone());
            }
        }
        ours
    }

    /// The tags of a load balancer, a listener or a target group.
    pub(crate) async fn tags(&self, arn: &str) -> BTreeMap<String, String> {
        let described = self
            .elb
            .describe_tags()
            .resource_arns(arn)
            .send()
            .await
            .unwrap();
        let tags = described
            .tag_descriptions()
            .iter()
            .flat_map(TagDescription::tags);
        tags.map(|tag| {
            (
                tag.key().unwrap().to_owned(),
                tag.value().unwrap_or_default().to_owned(),
            )
        })
        .collect()
    }

    /// The ingress rules of a security group.
    pub(crate) async fn rules_of(&self, group: &str) -> String {
        let filter = Filter::builder().name("group-id").values(group).build();
        let found = self
            .ec2
            .describe_security_groups()
            .filters(filter)
            .send()
            .await
            .unwrap();
        let groups = found.security_groups().iter();
        groups.map(|group| rules(group.ip_permissions())).collect()
    }

    /// Somebody else's security group, with the name that the load balancer of `want` needs for its own.
    pub(crate) async fn plant_foreign(&self, want: &LoadBalancer) {
        let name = roadstead_aws::frontend_group_name(&want.id);
        self.ec2
            .create_security_group()
            .group_name(name)
            .description("somebody else's")
            .vpc_id(&self.land.vpc_id)
            .send()
            .await
            .unwrap();
    }
}

impl Drop for World {
    /// Nothing was asked for in any test that the published policy does not allow.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(self.judged().denied, [""; 0], "not allowed by the policy");
        }
    }
}

/// An SDK that acts in `account` through `endpoint`.
async fn config(account: &Account, endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(credentials(account, endpoint))
        .load()
        .await
}

fn credentials(account: &Account, endpoint: &str) -> Credentials {
    let environment: BTreeMap<&str, String> = account.environment(endpoint).into_iter().collect();
    Credentials::new(
        environment["AWS_ACCESS_KEY_ID"].clone(),
        environment["AWS_SECRET_ACCESS_KEY"].clone(),
        None,
        None,
        "test",
    )
}

fn rules(permissions: &[IpPermission]) -> String {
    let mut lines = Vec::new();
    for permission in permissions {
        let what = format!(
            "{}:{:?}-{:?}",
            permission.ip_protocol().unwrap_or_default(),
            permission.from_port(),
            permission.to_port()
        );
        let ranges = permission.ip_ranges().iter();
        lines.extend(ranges.map(|range| format!("{what} {}", range.cidr_ip().unwrap_or_default())));
        let ranges = permission.ipv6_ranges().iter();
        lines.extend(
            ranges.map(|range| format!("{what} {}", range.cidr_ipv6().unwrap_or_default())),
        );
        let groups = permission.user_id_group_pairs().iter();
        lines.extend(groups.map(|pair| format!("{what} {}", pair.group_id().unwrap_or_default())));
        let lists = permission.prefix_list_ids().iter();
        lines.extend(
            lists.map(|list| format!("{what} {}", list.prefix_list_id().unwrap_or_default())),
        );
    }
    lines.sort();
    format!("{lines:?}")
}
