//! How does the mirror come to show what exists? By one listing for all who ask at the same time. Decides nothing about Services.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use roadstead_core::ClusterUid;
use tokio::time::Instant;

use crate::{
    api::{self, Api, Calls, GroupFilter, Priority, Which},
    facts::Failure,
    mirror::{Listing, Mirror},
    tags,
};

/// Lists what exists, once for everybody who waits for it.
pub(crate) struct Refresh {
    api: Api,
    mirror: Arc<Mirror>,
    cluster: ClusterUid,
    /// When this process had not asked for anything yet.
    began: Instant,
    under_way: Mutex<Option<UnderWay>>,
}

#[derive(Clone)]
struct UnderWay {
    begun: Instant,
    priority: Priority,
    tags: bool,
    done: Shared<BoxFuture<'static, Result<(), Failure>>>,
}

// === impl Refresh ===

impl fmt::Debug for Refresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refresh")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl Refresh {
    pub(crate) fn new(api: Api, mirror: Arc<Mirror>, cluster: ClusterUid) -> Self {
        Self {
            api,
            mirror,
            cluster,
            began: Instant::now(),
            under_way: Mutex::default(),
        }
    }

    /// Lists everything unless that was done before, or is being done for another Service.
    pub(crate) async fn once(&self, priority: Priority) -> Result<(), Failure> {
        self.since(self.began, priority, false).await
    }

    /// Lists everything unless a listing that began at or after `not_before` is known or under way. `tags`: those of our own
    /// things are read again too.
    pub(crate) async fn since(
        &self,
        not_before: Instant,
        priority: Priority,
        tags: bool,
    ) -> Result<(), Failure> {
        let listed = if tags {
            self.mirror.listed_with_tags()
        } else {
            self.mirror.listed()
        };
        if listed.is_some_and(|at| at >= not_before) {
            return Ok(());
        }
        self.join(not_before, priority, tags).await
    }

    fn join(
        &self,
        not_before: Instant,
        priority: Priority,
        tags: bool,
    ) -> Shared<BoxFuture<'static, Result<(), Failure>>> {
        let mut under_way = self
            .under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let fits = under_way.as_ref().filter(|other| {
            other.begun >= not_before
                && other.priority <= priority
                && (other.tags || !tags)
                && other.done.peek().is_none()
        });
        if let Some(other) = fits {
            return other.done.clone();
        }
        let begun = Instant::now();
        let listing = list(
            self.api.calls(priority),
            Arc::clone(&self.mirror),
            self.cluster.clone(),
            begun,
            tags,
        );
        let done = listing.boxed().shared();
        *under_way = Some(UnderWay {
            begun,
            priority,
            tags,
            done: done.clone(),
        });
        done
    }
}

async fn list(
    calls: Calls,
    mirror: Arc<Mirror>,
    cluster: ClusterUid,
    begun: Instant,
    all_tags: bool,
) -> Result<(), Failure> {
    let ours = GroupFilter::Tagged {
        key: tags::CLUSTER,
        value: cluster.as_str(),
    };
    let (load_balancers, target_groups, groups) = futures::try_join!(
        calls.load_balancers(Which::All),
        calls.target_groups(Which::All),
        calls.security_groups(ours),
    )
    .map_err(listing)?;
    let untagged = mirror.untagged(&load_balancers, &target_groups, all_tags);
    let tags = if untagged.is_empty() {
        HashMap::new()
    } else {
        calls.tags(&untagged).await.map_err(listing)?
    };
    mirror.absorb(Listing {
        begun,
        load_balancers,
        target_groups,
        groups,
        tags,
        all_tags,
    });
    Ok(())
}

fn listing(error: api::Error) -> Failure {
    Failure::call(error, "listing what exists in AWS")
}
