//! Who must clean up before a Service may go? A finalizer named after the provider says so. Added before the provider's
//! first call, removed when nothing is left.

use k8s_openapi::api::core::v1::Service;
use roadstead_core::ProviderName;

use super::writes::{Result, Writes};
use crate::service::intent;

/// Adds the finalizer of `provider`; `None` if it is there already.
pub(super) async fn add(
    writes: &Writes,
    service: &Service,
    provider: ProviderName,
) -> Result<Option<Service>> {
    if intent::has_finalizer(service, provider) {
        return Ok(None);
    }
    let mut finalizers = service.metadata.finalizers.clone().unwrap_or_default();
    finalizers.push(intent::finalizer(provider));
    writes.finalizers(service, &finalizers).await.map(Some)
}

/// Removes the finalizer of `provider`, and no other; `None` if it is gone already.
pub(super) async fn remove(
    writes: &Writes,
    service: &Service,
    provider: ProviderName,
) -> Result<Option<Service>> {
    if !intent::has_finalizer(service, provider) {
        return Ok(None);
    }
    let ours = intent::finalizer(provider);
    let mut finalizers = service.metadata.finalizers.clone().unwrap_or_default();
    finalizers.retain(|finalizer| *finalizer != ours);
    writes.finalizers(service, &finalizers).await.map(Some)
}
