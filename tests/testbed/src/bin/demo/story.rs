//! What happens to the Services, and how long after it was asked for?
//!
//! Watches, and shows each change as it comes. Nothing is changed here.

use std::{
    collections::BTreeMap,
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};
use futures::StreamExt as _;
use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    Api,
    runtime::{WatchStreamExt as _, watcher},
};
use roadstead_testbed::condition;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};
use yansi::Style;

use crate::screen::{Cell, Screen};

/// Columns wide enough for what comes, because each line is shown before the next is known.
const COLUMNS: [usize; 4] = [8, 5, 10, 5];

/// Our conditions, in the order in which they come to hold.
const CONDITIONS: [&str; 3] = ["Accepted", "Programmed", "Healthy"];

/// What is said of a Service once it is to be so; `None` while there is no such Service.
pub(crate) type Check = fn(Option<&Service>) -> bool;

/// The Services of type `LoadBalancer` in one namespace.
pub(crate) struct Story {
    seen: BTreeMap<String, Seen>,
    changes: mpsc::UnboundedReceiver<(Instant, Change)>,
    /// Ends with this.
    _watch: JoinSet<()>,
}

struct Seen {
    service: Service,
    /// When its author last asked for something.
    asked: Instant,
}

enum Change {
    Is(Box<Service>),
    Gone(Box<Service>),
}

// === impl Story ===

impl Story {
    /// Begins to watch; what happens from now on is not missed.
    pub(crate) async fn begin(services: Api<Service>, deadline: Duration) -> Result<Self> {
        let (changes_to, changes) = mpsc::unbounded_channel();
        let (synced_to, synced) = oneshot::channel();
        let mut watch = JoinSet::new();
        watch.spawn(forward(services, synced_to, changes_to));
        let synced = timeout(deadline, synced)
            .await
            .with_context(|| format!("watching Services: no first list within {deadline:?}"))?;
        synced.context("watching Services")?;
        Ok(Self {
            seen: BTreeMap::new(),
            changes,
            _watch: watch,
        })
    }

    /// The Services, as they were last.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Service> {
        self.seen.values().map(|seen| &seen.service)
    }

    /// Shows what changes until each Service is as wanted.
    ///
    /// # Errors
    /// One is not within `deadline`; the error shows it as it was last.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        wanted: &[(&str, Check)],
        deadline: Duration,
        screen: &mut Screen,
    ) -> Result<()> {
        let came = timeout(deadline, async {
            while self.lacks(wanted).is_some() {
                self.next(screen).await?;
            }
            Ok(())
        })
        .await;
        came.unwrap_or_else(|_| Err(self.missed(what, self.lacks(wanted), deadline)))
    }

    /// Shows the next change.
    pub(crate) async fn next(&mut self, screen: &mut Screen) -> Result<()> {
        let Some((at, change)) = self.changes.recv().await else {
            bail!("watching Services: the watch ended");
        };
        let rows = match change {
            Change::Is(service) => self.is(*service, at),
            Change::Gone(service) => self.gone(&service, at),
        };
        for row in rows {
            screen.table(&[row], &COLUMNS)?;
        }
        Ok(())
    }

    fn lacks<'n>(&self, wanted: &[(&'n str, Check)]) -> Option<&'n str> {
        let lacks =
            |(name, check): &&(&str, Check)| !check(self.seen.get(*name).map(|seen| &seen.service));
        wanted.iter().find(lacks).map(|(name, _)| *name)
    }

    fn missed(&self, what: &str, name: Option<&str>, deadline: Duration) -> anyhow::Error {
        let name = name.unwrap_or_default();
        let last = match self.seen.get(name) {
            None => "there is none".to_owned(),
            Some(seen) => {
                let mut service = seen.service.clone();
                service.metadata.managed_fields = None;
                let yaml = serde_yaml::to_string(&service);
                format!(
                    "it was last\n{}",
                    yaml.unwrap_or_else(|error| error.to_string())
                )
            }
        };
        anyhow!("waited {deadline:?} for {what}; Service {name}: {last}")
    }

    fn is(&mut self, service: Service, at: Instant) -> Vec<Vec<Cell>> {
        let name = name(&service);
        let before = self.seen.remove(&name);
        if before.is_none() && !wants_load_balancer(&service) {
            return Vec::new();
        }
        let asked = asked(before.as_ref().map(|seen| &seen.service), &service);
        let since = match (&before, asked) {
            (Some(seen), None) => seen.asked,
            _ => at,
        };
        let took = at.duration_since(since);
        let mut rows: Vec<Vec<Cell>> = asked
            .iter()
            .map(|asked| event_row(took, &name, asked))
            .collect();
        for type_ in CONDITIONS {
            let full = format!("roadstead.dev/{type_}");
            let old = before
                .as_ref()
                .and_then(|seen| condition(&seen.service, &full));
            match (old, condition(&service, &full)) {
                (Some(old), Some(new)) if says_same(old, new) => {}
                (_, Some(new)) => rows.push(condition_row(took, &name, type_, new)),
                (Some(_), None) => rows.push(event_row(took, &name, &format!("{type_} withdrawn"))),
                (None, None) => {}
            }
        }
        let asked = since;
        self.seen.insert(name, Seen { service, asked });
        rows
    }

    fn gone(&mut self, service: &Service, at: Instant) -> Vec<Vec<Cell>> {
        let name = name(service);
        let seen = self.seen.remove(&name);
        let row = |seen: Seen| event_row(at.duration_since(seen.asked), &name, "gone");
        seen.into_iter().map(row).collect()
    }
}

/// Hands on what the API server says, with the time at which it said so.
async fn forward(
    services: Api<Service>,
    synced: oneshot::Sender<()>,
    changes: mpsc::UnboundedSender<(Instant, Change)>,
) {
    let mut events = pin!(watcher(services, watcher::Config::default()).default_backoff());
    let mut synced = Some(synced);
    while let Some(event) = events.next().await {
        let change = match event {
            Ok(watcher::Event::Apply(service) | watcher::Event::InitApply(service)) => {
                Change::Is(Box::new(service))
            }
            Ok(watcher::Event::Delete(service)) => Change::Gone(Box::new(service)),
            Ok(watcher::Event::InitDone) => {
                synced.take().map(|synced| synced.send(()));
                continue;
            }
            // The watch begins anew by itself.
            Ok(watcher::Event::Init) | Err(_) => continue,
        };
        if changes.send((Instant::now(), change)).is_err() {
            return;
        }
    }
}

/// What the author of `service` asked for since `before`.
fn asked(before: Option<&Service>, service: &Service) -> Option<&'static str> {
    let Some(before) = before else {
        return Some("created");
    };
    let deleting = |service: &Service| service.metadata.deletion_timestamp.is_some();
    if deleting(service) != deleting(before) {
        Some("deleted")
    } else if service.spec != before.spec
        || service.metadata.annotations != before.metadata.annotations
    {
        Some("edited")
    } else {
        None
    }
}

fn wants_load_balancer(service: &Service) -> bool {
    let type_ = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    type_ == Some("LoadBalancer")
}

fn says_same(a: &Condition, b: &Condition) -> bool {
    a.status == b.status && a.reason == b.reason && a.message == b.message
}

fn name(service: &Service) -> String {
    service.metadata.name.clone().unwrap_or_default()
}

fn event_row(took: Duration, name: &str, what: &str) -> Vec<Cell> {
    vec![
        time(took),
        name.into(),
        Cell::new(what, Style::new().bold()),
    ]
}

fn condition_row(took: Duration, name: &str, type_: &str, condition: &Condition) -> Vec<Cell> {
    let style = match (condition.status.as_str(), condition.reason.as_str()) {
        ("True", _) => Style::new().green(),
        (_, "Pending" | "Releasing") => Style::new().yellow(),
        _ => Style::new().red(),
    };
    vec![
        time(took),
        name.into(),
        type_.into(),
        Cell::new(condition.status.as_str(), style),
        condition.message.as_str().into(),
    ]
}

fn time(took: Duration) -> Cell {
    Cell::new(format!("{:>5} ms", took.as_millis()), Style::new().dim())
}
