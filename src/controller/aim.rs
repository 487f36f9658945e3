//! What would a load balancer point at, and has anything changed since everything was as asked? Reads caches only.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use k8s_openapi::api::core::v1::Service;
use roadstead_core::{NamespacedName, TargetKind, Targets};
use tokio::time::Instant;

use super::Context;
use crate::service::{
    intent::{self, Intent},
    status,
};

/// What a load balancer is to be, as the Service was when it was read: by the time its status is written it may have been
/// edited, and that edit was not asked for yet.
pub(super) struct Aim {
    /// What it would point at; `None` while that is not known yet.
    pub(super) targets: Option<Targets>,
    /// Everything asked for, in a number.
    asked: u64,
}

// === impl Context ===

impl Context {
    /// What the load balancer of `service` is to be right now.
    pub(super) fn aim(&self, service: &Service, intent: &Intent, key: &NamespacedName) -> Aim {
        let (targets, basis) = self.targets(intent, key);
        let mut hash = DefaultHasher::new();
        (intent, basis).hash(&mut hash);
        if let Intent::Ensure { provider, .. } | Intent::Reject { provider, .. } = intent {
            for typo in self.typos(service, *provider) {
                typo.key.hash(&mut hash);
            }
        }
        Aim {
            targets,
            asked: hash.finish(),
        }
    }

    /// What a load balancer for `intent` would point at right now, and a number that changes with it.
    fn targets(&self, intent: &Intent, key: &NamespacedName) -> (Option<Targets>, u64) {
        let selection = self.nodes.current();
        let (provider, want) = match intent {
            Intent::Ensure { provider, want } => (provider, want),
            // Its load balancer, if there is one, stays as it is, and so do its pods' gates.
            Intent::Reject { .. } => return (None, 0),
            Intent::Ignore | Intent::Withdraw | Intent::Release { .. } => {
                self.caches.needs_no_endpoints(key);
                return (None, 0);
            }
        };
        let Some(provider) = self.provider(*provider) else {
            return (None, 0);
        };
        let kind = provider.target_kind(want);
        if kind != TargetKind::Endpoints {
            self.caches.needs_no_endpoints(key);
        }
        match kind {
            TargetKind::Nodes => {
                let by_label = provider.chooses_by_label(want);
                if by_label {
                    self.nodes.are_chosen_by_label();
                }
                let needs_ids = provider.needs_provider_ids();
                (
                    Some(selection.targets(needs_ids)),
                    selection.generation(needs_ids, by_label),
                )
            }
            TargetKind::Nothing => (Some(Targets::Exactly(Arc::default())), 0),
            TargetKind::Endpoints => {
                let targets = self.caches.endpoints(key);
                let mut hash = DefaultHasher::new();
                targets.hash(&mut hash);
                (
                    targets.map(|targets| Targets::Exactly(targets.into())),
                    hash.finish(),
                )
            }
        }
    }

    /// What was asked for and what `service` says, in one number: equal numbers need no call.
    pub(super) fn fingerprint(&self, service: &Service, aim: &Aim) -> u64 {
        let mut hash = DefaultHasher::new();
        aim.asked.hash(&mut hash);
        status::hash(service, &mut hash);
        for provider in self.classes.providers() {
            intent::has_finalizer(service, *provider).hash(&mut hash);
        }
        hash.finish()
    }

    /// Everything is as asked, and `service` is how the API server has it now: its echo needs no call.
    pub(super) fn settle(
        &self,
        key: &NamespacedName,
        service: &Service,
        aim: &Aim,
        again: Option<Instant>,
    ) {
        self.memory
            .settle(key, self.fingerprint(service, aim), again);
    }

    /// The provider is to be left in peace until `again`, and `service` is how the API server has it now: the echo of
    /// our own words is no reason to ask once more.
    pub(super) fn rest(
        &self,
        key: &NamespacedName,
        service: &Service,
        aim: &Aim,
        again: Option<Instant>,
    ) {
        self.memory.rest(key, self.fingerprint(service, aim), again);
    }
}
