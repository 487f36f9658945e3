//! How is a load balancer taken over that somebody else made? Announced first, with everything that would change; then marked as ours.

use std::collections::BTreeMap;

use roadstead_core::{Ensured, Error, ErrorKind, Outcome, Result};
use tokio::time::Instant;

use crate::{
    NAME,
    api::{Calls, Which},
    apply::{attempt, failure},
    desired::{Variant, variant_slot},
    details::{self, Depth},
    ids::Arn,
    look::Wish,
    observed::LoadBalancerObserved,
    params::Adopt,
    plan::plan,
    provider::AwsProvider,
    seen::LoadBalancerSeen,
    tags::{Marks, Role, Tags},
};

/// Tags by which other controllers say whose a load balancer is.
const FOREIGN_CLUSTER: &str = "elbv2.k8s.aws/cluster";
const FOREIGN_CLUSTER_PREFIX: &str = "kubernetes.io/cluster/";

/// So many objects are tagged with one call, as many as `DescribeTags` takes.
const TAGGED_AT_ONCE: usize = 20;

/// What would be taken over, with what would become of it in words.
#[derive(Debug)]
pub(crate) struct TakeOver {
    pub(crate) there: LoadBalancerObserved,
    /// The marks that it gets.
    pub(crate) marks: Tags,
}

impl AwsProvider {
    /// Takes over the load balancer that the Service names, if it names one that is not its own yet.
    ///
    /// The first time it is only announced.
    pub(crate) async fn adopt(&self, calls: &Calls, wish: &Wish<'_>) -> Result<Option<Ensured>> {
        let Some(take_over) = self.take_over(calls, wish).await? else {
            return Ok(None);
        };
        let owner = &wish.want.id.owner;
        let arn = take_over.there.seen.arn.clone();
        let notice = self.settings.adoption_notice;
        let announced = self.announced(owner, &arn);
        if announced.elapsed() < notice {
            let steps = self.foretell(calls, wish, &take_over).await?;
            let left = notice.saturating_sub(announced.elapsed());
            return Ok(Some(Ensured::Pending {
                outcome: Outcome::default(),
                waiting_for: format!(
                    "{} s before load balancer {} is taken over (take the annotation roadstead.dev/adopt away to prevent it); then: {steps}",
                    left.as_secs().max(1),
                    take_over.there.seen.name,
                ),
                retry_after: left,
            }));
        }
        let name = &take_over.there.seen.name;
        let mark = async |arns: &[Arn], marks: &Tags| {
            let call = attempt(&self.mirror, owner, calls.add_tags(arns, marks));
            call.await.map_err(|error| {
                failure(error, format_args!("marking load balancer {name} as ours")).error
            })
        };
        // The policy lets us change only what has our mark. The load balancer's own comes last: with it, it is ours.
        let listeners = take_over.there.all_listeners();
        let listeners: Vec<Arn> = listeners.map(|there| there.seen.arn.clone()).collect();
        let marks = Marks {
            role: Some(Role::Listener),
            ..wish.marks.clone()
        };
        for some in listeners.chunks(TAGGED_AT_ONCE) {
            mark(some, &marks.write()).await?;
        }
        mark(&[arn], &take_over.marks).await?;
        self.mirror
            .made_load_balancer(owner, marked(take_over.there, &take_over.marks));
        Ok(None)
    }

    /// What would be taken over; `None`: nothing, or it is the Service's already.
    pub(crate) async fn take_over(
        &self,
        calls: &Calls,
        wish: &Wish<'_>,
    ) -> Result<Option<TakeOver>> {
        let Some(adopt) = &wish.params.adopt else {
            return Ok(None);
        };
        let is = |seen: &LoadBalancerSeen| match adopt {
            Adopt::Name(name) => seen.name == name.as_str(),
            Adopt::Arn(arn) => seen.arn == *arn,
        };
        let ours = self.mirror.observe(&wish.want.id);
        // Also when it has been replaced since: the wish was granted.
        if !ours.load_balancers.is_empty() {
            return Ok(None);
        }
        let (names, arns);
        let which = match adopt {
            Adopt::Name(name) => {
                names = [name.to_string()];
                Which::Names(&names)
            }
            Adopt::Arn(arn) => {
                arns = [arn.clone()];
                Which::Arns(&arns)
            }
        };
        let looking = format!("looking for load balancer {adopt}, which roadstead.dev/adopt names");
        let seen = match calls.load_balancers(which).await {
            Ok(found) => found.into_iter().find(is),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into_core(looking)),
        };
        let Some(seen) = seen else {
            return Err(refused(
                ErrorKind::Conflict,
                format!("{looking}: there is none in this region"),
            ));
        };
        if !seen.network {
            return Err(refused(
                ErrorKind::InvalidSpec,
                format!("{looking}: it is no Network Load Balancer"),
            ));
        }
        let arns = [seen.arn.clone()];
        let mut tags = calls
            .tags(&arns)
            .await
            .map_err(|error| error.into_core(looking))?;
        let tags = tags.remove(&seen.arn).unwrap_or_default();
        self.may_adopt(wish, &seen.name, &tags)?;
        let slot = variant_slot(Variant {
            scheme: seen.scheme,
            grouped: !seen.security_groups.is_empty(),
        });
        let marks = Marks {
            role: Some(Role::LoadBalancer),
            slot: Some(slot),
            ..wish.marks.clone()
        };
        let there = LoadBalancerObserved {
            seen,
            marks: marks.clone(),
            tags,
            attributes: None,
            listeners: None,
            capacity: None,
        };
        Ok(Some(TakeOver {
            there: details::load_balancer(calls, &there, Depth::Deep).await?,
            marks: marks.write(),
        }))
    }

    /// Refuses what belongs to another cluster, or to another Service of this one.
    fn may_adopt(
        &self,
        wish: &Wish<'_>,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        if let Some(marks) = Marks::read(tags) {
            let whose = match marks.service {
                Some(service) if marks.cluster == wish.want.id.cluster => {
                    format!(
                        "Service {service}; delete that, or take its load balancer from it, first"
                    )
                }
                _ => "another cluster, which would fight for it; release it there first".to_owned(),
            };
            return Err(refused(
                ErrorKind::Conflict,
                format!("load balancer {name} is not taken over: it belongs to {whose}"),
            ));
        }
        let ours = self.settings.cluster_name.as_deref();
        let other = tags
            .get(FOREIGN_CLUSTER)
            .map(String::as_str)
            .into_iter()
            .chain(
                tags.keys()
                    .filter_map(|key| key.strip_prefix(FOREIGN_CLUSTER_PREFIX)),
            )
            .find(|cluster| Some(*cluster) != ours);
        match other {
            None => Ok(()),
            Some(cluster) => Err(refused(
                ErrorKind::Conflict,
                format!(
                    "load balancer {name} is not taken over: its tags say that it belongs to the cluster {cluster}; if that is \
                     this cluster, pass --aws-cluster-name {cluster}"
                ),
            )),
        }
    }

    /// What would be done to it, in words.
    pub(crate) async fn foretell(
        &self,
        calls: &Calls,
        wish: &Wish<'_>,
        take_over: &TakeOver,
    ) -> Result<roadstead_core::Plan> {
        let mut observed = self.mirror.observe(&wish.want.id);
        observed
            .load_balancers
            .push(marked(take_over.there.clone(), &take_over.marks));
        let desired = self.desired(calls, wish, &observed).await?;
        Ok(plan(&desired, &observed, &self.situation(wish)).told())
    }

    /// When the take-over of `arn` was first announced by this process.
    fn announced(&self, owner: &roadstead_core::OwnerUid, arn: &Arn) -> Instant {
        let mut announced = self
            .announced
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let entry = announced
            .entry(owner.clone())
            .or_insert_with(|| (arn.clone(), Instant::now()));
        if entry.0 != *arn {
            *entry = (arn.clone(), Instant::now());
        }
        entry.1
    }
}

fn marked(mut there: LoadBalancerObserved, marks: &Tags) -> LoadBalancerObserved {
    there.tags.extend(marks.clone());
    there
}

fn refused(kind: ErrorKind, message: String) -> Error {
    Error::new(kind, NAME, message)
}
