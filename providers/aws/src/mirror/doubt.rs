//! What if a call ended without an answer? It may have taken effect, so the Service is looked at anew before anything else.

use std::time::Duration;

use roadstead_core::OwnerUid;
use tokio::time::Instant;

use super::{Contents, Mirror};

/// A change under way whose outcome is not known yet. Dropped without [`settle`](Self::settle), the doubt stays.
#[derive(Debug)]
#[must_use]
pub(crate) struct Doubt<'m> {
    mirror: &'m Mirror,
    owner: OwnerUid,
    settled: bool,
}

// === impl Doubt ===

impl Doubt<'_> {
    /// AWS said clearly what became of it.
    pub(crate) fn settle(mut self) {
        self.settled = true;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.settled {
            let mut contents = self.mirror.lock();
            contents.doubts.insert(self.owner.clone(), Instant::now());
        }
    }
}

// === impl Mirror ===

impl Mirror {
    /// Begins a change for `owner`.
    pub(crate) fn doubt(&self, owner: &OwnerUid) -> Doubt<'_> {
        Doubt {
            mirror: self,
            owner: owner.clone(),
            settled: false,
        }
    }

    /// How long ago a change for `owner` ended without an answer; `None`: every one was answered, or was looked into.
    pub(crate) fn doubted(&self, owner: &OwnerUid) -> Option<Duration> {
        self.lock().doubts.get(owner).map(Instant::elapsed)
    }

    /// Doubts again what was doubted so long ago: a listing could not show it yet.
    pub(crate) fn doubt_again(&self, owner: &OwnerUid, ago: Duration) {
        let now = Instant::now();
        let at = now.checked_sub(ago).unwrap_or(now);
        self.lock().doubts.insert(owner.clone(), at);
    }

    /// Forgets everything that was known of the details of `owner`'s things: they are read anew.
    pub(crate) fn distrust(&self, owner: &OwnerUid) {
        self.distrust_settings(owner);
        let mut contents = self.lock();
        let Contents {
            target_groups,
            owners,
            ..
        } = &mut *contents;
        let Some(belongings) = owners.get(owner) else {
            return;
        };
        for arn in &belongings.target_groups {
            if let Some(record) = target_groups.get_mut(arn) {
                record.it.targets = None;
            }
        }
    }

    /// As [`distrust`](Self::distrust), but for the targets, which are asked for more often anyway.
    pub(crate) fn distrust_settings(&self, owner: &OwnerUid) {
        let mut contents = self.lock();
        let Contents {
            load_balancers,
            target_groups,
            owners,
            ..
        } = &mut *contents;
        let Some(belongings) = owners.get(owner) else {
            return;
        };
        for arn in &belongings.load_balancers {
            if let Some(record) = load_balancers.get_mut(arn) {
                record.it.attributes = None;
                record.it.listeners = None;
                record.it.capacity = None;
            }
        }
        for arn in &belongings.target_groups {
            if let Some(record) = target_groups.get_mut(arn) {
                record.it.attributes = None;
            }
        }
    }

    /// A listing begun after the doubt showed what there is.
    pub(crate) fn trust(&self, owner: &OwnerUid) {
        self.lock().doubts.remove(owner);
    }
}
