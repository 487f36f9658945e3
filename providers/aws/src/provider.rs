//! How does AWS keep the contract? Every method in a few words; the work is beside.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use roadstead_core::{
    ClusterUid, Ensured, Error, ErrorKind, LoadBalancer, LoadBalancerId, LoadBalancerProvider,
    Owned, OwnerUid, Plan, Problem, ProviderName, Published, Released, Result, TargetKind,
    Vocabulary,
};
use tokio::time::Instant;

use crate::{
    NAME,
    api::{Api, Calls, ConnectError, Priority},
    details::{self, Depth},
    facts::Facts,
    ids::{Arn, GroupId, VpcId},
    look::{Wish, instances, needs},
    mirror::Mirror,
    params,
    plan::plan,
    refresh::Refresh,
    settings::Settings,
    shared::{Collected, Shared, SharedSettings},
    types::TargetType,
};

/// Network Load Balancers of one cluster in one region of AWS.
pub struct AwsProvider {
    pub(crate) settings: Settings,
    pub(crate) api: Api,
    pub(crate) facts: Arc<Facts>,
    pub(crate) shared: Shared,
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) refresh: Refresh,
    /// Load balancers whose take-over was announced, and when.
    pub(crate) announced: Mutex<HashMap<OwnerUid, (Arn, Instant)>>,
}

// === impl AwsProvider ===

impl fmt::Debug for AwsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsProvider")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl AwsProvider {
    /// The provider of `cluster`, with region, endpoint and credentials from the SDK's standard chain.
    ///
    /// # Errors
    /// Within seconds, if there is no region, or nobody to give credentials.
    pub async fn connect(
        settings: Settings,
        cluster: ClusterUid,
    ) -> std::result::Result<Self, ConnectError> {
        let api = Api::connect(&settings.api).await?;
        Ok(Self::over(settings, cluster, api))
    }

    /// As [`connect`](Self::connect), with an SDK configured by the caller.
    #[must_use]
    pub fn with_config(
        settings: Settings,
        cluster: ClusterUid,
        config: &aws_config::SdkConfig,
    ) -> Self {
        let api = Api::new(&settings.api, config);
        Self::over(settings, cluster, api)
    }

    fn over(settings: Settings, cluster: ClusterUid, api: Api) -> Self {
        let mirror = Arc::new(Mirror::new(cluster.clone()));
        let facts = Arc::new(Facts::new(settings.vpc_id.as_deref().map(VpcId::new)));
        Self {
            shared: Shared::new(shared_settings(&settings, &cluster), Arc::clone(&facts)),
            refresh: Refresh::new(api.clone(), Arc::clone(&mirror), cluster),
            announced: Mutex::default(),
            settings,
            api,
            facts,
            mirror,
        }
    }

    /// Lists everything anew, and forgets the details of `owner`'s things.
    pub(crate) async fn look_anew(
        &self,
        owner: &OwnerUid,
        not_before: Instant,
        priority: Priority,
    ) -> Result<()> {
        self.refresh.since(not_before, priority, false).await?;
        self.mirror.distrust(owner);
        self.mirror.trust(owner);
        Ok(())
    }

    /// Compares the shared group and the nodes' rules with what they should be.
    pub(crate) async fn shared_check(&self, calls: &Calls, wish: &Wish<'_>) -> Result<()> {
        if let Some(needs) = needs(wish) {
            let vpc = self.facts.vpc(calls, &wish.want.targets).await?;
            self.shared
                .check(
                    calls,
                    &vpc,
                    &instances(&wish.want.targets),
                    &needs,
                    SHARED_AGE,
                )
                .await?;
        }
        Ok(())
    }

    async fn foresee(&self, want: &LoadBalancer) -> Result<Plan> {
        let wish = self.wish(want)?;
        let calls = self.api.calls(Priority::Serve);
        self.know(&wish, Priority::Serve).await?;
        if let Some(take_over) = self.take_over(&calls, &wish).await? {
            return self.foretell(&calls, &wish, &take_over).await;
        }
        let mut observed = self.mirror.observe(&want.id);
        let mut desired = self.desired(&calls, &wish, &observed).await?;
        self.check_name(&calls, &wish, &desired, &observed).await?;
        let mut shared = Vec::new();
        if let Some(needs) = needs(&wish) {
            let vpc = &desired.load_balancer.vpc;
            let looked = self
                .shared
                .look(&calls, vpc, &instances(&want.targets), &needs)
                .await?;
            observed.backend = looked.backend;
            shared = looked.steps;
            desired.notes.extend(looked.notes);
        }
        details::read(&calls, &self.mirror, &observed, Depth::Deep).await?;
        self.recognize(&wish, &desired, &self.mirror.observe(&want.id))
            .await?;
        observed = crate::observed::Observed {
            backend: observed.backend,
            ..self.mirror.observe(&want.id)
        };
        let mut told = plan(&desired, &observed, &self.situation(&wish)).told();
        shared.append(&mut told.steps);
        told.steps = shared;
        told.notes.append(&mut desired.notes);
        Ok(told)
    }

    async fn everything_owned(&self) -> Result<Vec<Owned>> {
        let since = self.shared.watermark();
        self.refresh
            .since(Instant::now(), Priority::Check, false)
            .await?;
        let owners = self.mirror.owners();
        if owners.is_empty() {
            // A shared group that a process before this one left behind.
            let calls = self.api.calls(Priority::Release);
            if let Collected::InUse(what) = self.shared.release(&calls, since).await? {
                tracing::debug!(what, "the shared security group stays for now");
            }
        }
        let owned = owners.into_iter().map(|(id, marks)| Owned {
            id,
            service: marks.and_then(|marks| marks.service),
        });
        Ok(owned.collect())
    }
}

/// The shared group is compared for all Services together, and not again for so long.
const SHARED_AGE: Duration = Duration::from_mins(10);

fn shared_settings(settings: &Settings, cluster: &ClusterUid) -> SharedSettings {
    let group = |id: &String| GroupId::new(id.as_str());
    SharedSettings {
        cluster: cluster.clone(),
        cluster_name: settings.cluster_name.clone(),
        backend: settings.backend_security_group.as_ref().map(group),
        node_groups: settings.node_security_groups.iter().map(group).collect(),
        node_group_tags: settings.node_security_group_tags.clone(),
        node_ports: settings.node_ports.0.get()..=settings.node_ports.1.get(),
        tags: settings.defaults.tags.clone(),
    }
}

/// A request that cannot be.
pub(crate) fn invalid(problems: &[Problem]) -> Error {
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Error::new(ErrorKind::InvalidSpec, NAME, problems.join("; "))
}

#[async_trait]
impl LoadBalancerProvider for AwsProvider {
    fn name(&self) -> ProviderName {
        NAME
    }

    fn vocabulary(&self) -> Vocabulary {
        params::keys::VOCABULARY
    }

    fn outlives_service(&self) -> bool {
        true
    }

    fn needs_provider_ids(&self) -> bool {
        true
    }

    fn reports_health(&self) -> bool {
        true
    }

    fn target_kind(&self, want: &LoadBalancer) -> TargetKind {
        match params::target_type(want, self.settings.defaults.target_type) {
            TargetType::Instance => TargetKind::Nodes,
            TargetType::Ip => TargetKind::Endpoints,
        }
    }

    fn chooses_by_label(&self, want: &LoadBalancer) -> bool {
        want.annotations
            .contains_key(params::keys::TARGET_NODE_LABELS)
    }

    async fn plan(&self, want: &LoadBalancer) -> Result<Plan> {
        self.foresee(want).await
    }

    async fn ensure(&self, want: &LoadBalancer) -> Result<Ensured> {
        self.converge(want).await
    }

    async fn release(&self, id: &LoadBalancerId) -> Result<Released> {
        self.remove(id).await
    }

    async fn owned(&self) -> Result<Vec<Owned>> {
        self.everything_owned().await
    }

    /// Nothing: what AWS holds says by its marks whose it is.
    async fn restore(&self, _published: &[Published]) -> Result<()> {
        Ok(())
    }
}
