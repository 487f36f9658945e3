//! How long until a Service is served, or gone? As the controller asks: again and again, with what was published before.

use std::time::Duration;

use roadstead_core::{
    Ensured, Error, LoadBalancer, LoadBalancerId, LoadBalancerProvider, Outcome, Released, chain,
};

/// More calls than anything takes.
const CALLS: usize = 1_000;
/// Nobody waits longer between two calls, whatever the provider says.
const PAUSE: Duration = Duration::from_millis(200);

/// Asks until the Service is served.
pub(crate) async fn settle(provider: &dyn LoadBalancerProvider, want: &LoadBalancer) -> Outcome {
    match outcome(provider, want).await {
        Ok(outcome) => outcome,
        Err(error) => panic!("{}: {}", want.service, chain(&error)),
    }
}

/// Asks until the Service is refused.
pub(crate) async fn refused(provider: &dyn LoadBalancerProvider, want: &LoadBalancer) -> Error {
    match outcome(provider, want).await {
        Ok(outcome) => panic!("{} is served: {outcome:?}", want.service),
        Err(error) => error,
    }
}

async fn outcome(
    provider: &dyn LoadBalancerProvider,
    want: &LoadBalancer,
) -> Result<Outcome, Error> {
    let mut want = want.clone();
    for _ in 0..CALLS {
        match provider.ensure(&want).await? {
            Ensured::Ready(outcome) => return Ok(outcome),
            Ensured::Pending {
                outcome,
                retry_after,
                ..
            } => {
                want.published = outcome.addresses;
                tokio::time::sleep(retry_after.min(PAUSE)).await;
            }
        }
    }
    panic!("{} stays pending", want.service);
}

/// Asks until nothing is left.
pub(crate) async fn gone(provider: &dyn LoadBalancerProvider, id: &LoadBalancerId) {
    for _ in 0..CALLS {
        match provider.release(id).await {
            Ok(Released::Gone) => return,
            Ok(Released::InProgress { retry_after, .. }) => {
                tokio::time::sleep(retry_after.min(PAUSE)).await;
            }
            Err(error) => panic!("releasing {id:?}: {}", chain(&error)),
        }
    }
    panic!("the release of {id:?} stays in progress");
}
