//! Has it come about yet?
//!
//! Objects are watched, so a test goes on the moment the API server says so; only what cannot be watched is asked
//! again and again. Nothing here changes anything.

use std::{fmt::Debug, pin::pin, time::Duration};

use anyhow::{Result, bail};
use futures::StreamExt as _;
use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api, Resource,
    runtime::{WatchStreamExt as _, utils::Backoff, watcher::watch_object},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

/// How long [`eventually`] waits.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

const ASK_EVERY: Duration = Duration::from_millis(20);

/// A watch that fails is tried again soon: tests take control planes away on purpose.
struct Soon;

/// Waits up to 30 s until `check` holds for the object `name`, and returns it. `check` sees `None` while there is
/// no such object.
///
/// # Errors
/// It never did; the error says `what` was waited for and shows the object as it was last.
pub async fn eventually<K>(
    api: &Api<K>,
    name: &str,
    what: &str,
    check: impl Fn(Option<&K>) -> bool,
) -> Result<Option<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
{
    eventually_within(DEFAULT_DEADLINE, api, name, what, check).await
}

/// [`eventually`] with another deadline.
///
/// # Errors
/// Those of [`eventually`].
pub async fn eventually_within<K>(
    deadline: Duration,
    api: &Api<K>,
    name: &str,
    what: &str,
    check: impl Fn(Option<&K>) -> bool,
) -> Result<Option<K>>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize + Send + 'static,
{
    let kind = K::kind(&());
    let mut last = "was never seen".to_owned();
    let holds = async {
        let mut states = pin!(watch_object(api.clone(), name).backoff(Soon));
        while let Some(state) = states.next().await {
            match state {
                Ok(object) if check(object.as_ref()) => return Some(object),
                Ok(Some(object)) => last = format!("was last\n{}", yaml(object)),
                Ok(None) => "did not exist".clone_into(&mut last),
                Err(error) => last = format!("could not be watched: {error}"),
            }
        }
        None
    };
    match timeout(deadline, holds).await {
        Ok(Some(object)) => Ok(object),
        Ok(None) | Err(_) => bail!("waited {deadline:?} for {what}: {kind} {name} {last}"),
    }
}

/// Asks `probe` every 20 ms until it returns something: for what cannot be watched, as files and HTTP endpoints.
///
/// # Errors
/// It never did within `deadline`; the error says `what` was waited for.
pub async fn poll_until<T>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> Result<T> {
    let asked = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    };
    match timeout(deadline, asked).await {
        Ok(found) => Ok(found),
        Err(_) => bail!("waited {deadline:?} for {what}"),
    }
}

/// The addresses in a Service's status: IP addresses and host names, in their order.
#[must_use]
pub fn addresses(service: &Service) -> Vec<String> {
    let ingress = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
    ingress
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ip.clone().or_else(|| entry.hostname.clone()))
        .collect()
}

/// A condition of a Service.
#[must_use]
pub fn condition<'a>(service: &'a Service, type_: &str) -> Option<&'a Condition> {
    let conditions = service.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether a condition of a Service is there and `True`.
#[must_use]
pub fn is_true(service: &Service, type_: &str) -> bool {
    condition(service, type_).is_some_and(|condition| condition.status == "True")
}

fn yaml<K: Resource + Serialize>(mut object: K) -> String {
    object.meta_mut().managed_fields = None;
    serde_yaml::to_string(&object).unwrap_or_else(|error| error.to_string())
}

// === impl Soon ===

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}
