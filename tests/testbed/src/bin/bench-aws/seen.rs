//! Since when is a Service served? Watched at the API server, as its users would.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};
use roadstead_testbed::{addresses, is_true};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

/// The Services of a namespace, and since when they are how they are.
pub(crate) struct Seen {
    services: watch::Receiver<HashMap<String, Since>>,
    task: JoinHandle<()>,
}

/// Since when a Service is how it is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Since {
    /// It has an address.
    pub(crate) addressed: Option<Instant>,
    /// It is programmed and all its targets are healthy.
    pub(crate) healthy: Option<Instant>,
}

// === impl Seen ===

impl Seen {
    /// Watches from now on.
    pub(crate) async fn watch(services: Api<Service>) -> Result<Self> {
        let (sender, seen) = watch::channel(HashMap::new());
        let (ready, begun) = tokio::sync::oneshot::channel();
        let task = tokio::spawn(async move {
            let mut ready = Some(ready);
            let events = watcher(services, watcher::Config::default()).default_backoff();
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                match event {
                    Ok(watcher::Event::Apply(service) | watcher::Event::InitApply(service)) => {
                        note(&sender, service);
                    }
                    Ok(watcher::Event::Delete(service)) => sender.send_modify(|seen| {
                        seen.remove(&service.metadata.name.unwrap_or_default());
                    }),
                    Ok(watcher::Event::InitDone) => {
                        let _ = ready.take().map(|ready| ready.send(()));
                    }
                    Ok(watcher::Event::Init) | Err(_) => {}
                }
            }
        });
        begun.await.context("watching Services")?;
        Ok(Self {
            services: seen,
            task,
        })
    }

    /// When `name` had an address.
    pub(crate) async fn address(&self, name: &str, within: Duration) -> Result<Instant> {
        self.all([name], within, |since| since.addressed).await
    }

    /// When all of `names` had an address.
    pub(crate) async fn addresses<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        within: Duration,
    ) -> Result<Instant> {
        self.all(names, within, |since| since.addressed).await
    }

    /// When all of `names` were programmed and healthy.
    pub(crate) async fn health<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        within: Duration,
    ) -> Result<Instant> {
        self.all(names, within, |since| since.healthy).await
    }

    /// How many of `names` have an address now.
    pub(crate) fn count<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> usize {
        let seen = self.services.borrow();
        let addressed = |name: &&str| seen.get(*name).is_some_and(|it| it.addressed.is_some());
        names.into_iter().filter(addressed).count()
    }

    /// Waits until only so many Services are left.
    pub(crate) async fn left(&self, count: usize, within: Duration) -> Result<()> {
        let mut services = self.services.clone();
        let left = timeout(within, services.wait_for(|seen| seen.len() <= count)).await;
        let left = left.with_context(|| format!("{within:?} after the deletion Services are left"));
        left?.context("watching Services").map(drop)
    }

    async fn all<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
        within: Duration,
        is: impl Fn(&Since) -> Option<Instant>,
    ) -> Result<Instant> {
        let names: Vec<&str> = names.into_iter().collect();
        let times = |seen: &HashMap<String, Since>| -> Vec<Instant> {
            let each = names.iter().filter_map(|name| seen.get(*name));
            each.filter_map(&is).collect()
        };
        let mut services = self.services.clone();
        let done = services.wait_for(|seen| times(seen).len() == names.len());
        if timeout(within, done).await.is_err() {
            let there = times(&self.services.borrow()).len();
            bail!("after {within:?} {there} of {} are served", names.len());
        }
        let last = times(&self.services.borrow()).into_iter().max();
        last.context("nothing was waited for")
    }
}

impl Drop for Seen {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn note(sender: &watch::Sender<HashMap<String, Since>>, service: Service) {
    let now = Instant::now();
    let since = |before: Option<Instant>, is: bool| is.then(|| before.unwrap_or(now));
    let programmed = is_true(&service, "roadstead.dev/Programmed");
    let healthy = programmed && is_true(&service, "roadstead.dev/Healthy");
    let addressed = !addresses(&service).is_empty();
    sender.send_modify(|seen| {
        let it = seen
            .entry(service.metadata.name.unwrap_or_default())
            .or_default();
        it.addressed = since(it.addressed, addressed);
        it.healthy = since(it.healthy, healthy);
    });
}
