//! Whose are the targets of a group that several clusters share? What this cluster wanted is its own, and what it registered before
//! this process began is told by the tags of instances. It changes nothing.

use std::collections::BTreeSet;

use roadstead_core::Result;

use crate::{
    api::Priority,
    desired::Desired,
    ids::InstanceId,
    look::{Wish, instances},
    observed::Observed,
    plan::{claimed, strangers},
    provider::AwsProvider,
};

impl AwsProvider {
    /// Notes which of the targets of shared groups are this cluster's; true if some of those are now known that are not wanted.
    ///
    /// EC2 is asked about those of which nothing is known, if the cluster has a name. An address says nothing about whose it is.
    pub(crate) async fn recognize(
        &self,
        wish: &Wish<'_>,
        desired: &Desired,
        observed: &Observed,
    ) -> Result<bool> {
        for (arn, targets) in claimed(desired, observed) {
            self.mirror.recognized(arn, targets);
        }
        let Some(name) = &self.settings.cluster_name else {
            return Ok(false);
        };
        let strangers = strangers(desired, observed);
        let ids: BTreeSet<InstanceId> = strangers
            .iter()
            .flat_map(|(_, targets)| targets)
            .map(|target| InstanceId::new(target.id.as_str()))
            .collect();
        if ids.is_empty() {
            return Ok(false);
        }
        let calls = self.api.calls(Priority::Check);
        let nodes = instances(&wish.want.targets);
        let ours = self.facts.of_cluster(&calls, name, &nodes, &ids).await?;
        for (arn, mut targets) in strangers {
            targets.retain(|target| ours.contains(&InstanceId::new(target.id.as_str())));
            self.mirror.recognized(arn, targets);
        }
        Ok(!ours.is_empty())
    }
}
