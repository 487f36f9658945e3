//! What if the process is killed, as a machine that loses its power does? The next one goes on from what it finds: no
//! load balancer too many, none too few, and the address that was published stays.
#![allow(
    clippy::unwrap_used,
    reason = "what fails in a test's helper fails the test"
)]

#[path = "support/history.rs"]
mod history;
#[path = "support/processes.rs"]
mod processes;
mod support;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use history::History;
use k8s_openapi::api::core::v1::Service;
use kube::{ResourceExt, api::ListParams};
use processes::Harbour;
use roadstead_mock::Balancer;
use roadstead_testbed::{Roadstead, addresses, condition, poll_until, service};
use serde_json::json;
use support::{DEADLINE, MOCK, PROGRAMMED};

/// A moment in the life of a Service, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    /// It has a finalizer: the provider is being asked.
    Finalized,
    /// It says that the provider takes its time.
    Pending,
    /// Its load balancer is there, half-made or whole.
    Made,
    /// Its address is published.
    Published,
    /// The user was told.
    Told,
    /// A port was added.
    Edited,
    /// Its load balancer has a listener for that port.
    Listens,
    /// Its deletion was asked for.
    Deleted,
    /// Its address is taken back: the provider is being asked to release it.
    TakenBack,
    /// Its load balancer is gone.
    Released,
}

const CREATION: [Moment; 5] = [
    Moment::Finalized,
    Moment::Pending,
    Moment::Made,
    Moment::Published,
    Moment::Told,
];
const EDIT: [Moment; 2] = [Moment::Edited, Moment::Listens];
const DELETION: [Moment; 3] = [Moment::Deleted, Moment::TakenBack, Moment::Released];

#[tokio::test]
async fn a_process_killed_while_it_creates_edits_or_deletes_loses_and_leaks_nothing() {
    let moments = CREATION.into_iter().chain(EDIT).chain(DELETION);
    join_all(moments.map(|moment| live_through(vec![moment]))).await;
}

#[tokio::test]
async fn a_process_killed_at_every_moment_in_turn_loses_and_leaks_nothing() {
    let mut moments = [&CREATION[..], &EDIT[..], &DELETION[..]].concat();
    // Killed right before it, the process had no time to tell, and the next one has no news.
    moments.retain(|moment| *moment != Moment::Told);
    live_through(moments).await;
}

#[tokio::test]
async fn a_process_killed_in_the_middle_of_a_burst_keeps_every_address_and_leaks_none() {
    let harbour = Harbour::new("burst").await;
    let process = start(&harbour).await;
    let names: Vec<String> = (0..40).map(|n| format!("web-{n}")).collect();
    let services = names
        .iter()
        .map(|name| service(name).class(MOCK).port(80).build());
    let services: Vec<Service> = services.collect();
    join_all(services.iter().map(|service| harbour.place.create(service))).await;
    let before = until_some(&harbour, |services| published(services).len() >= 10).await;
    process.kill().unwrap();
    process.wait(DEADLINE).await.unwrap();

    let process = start(&harbour).await;
    join_all(names.iter().map(|name| harbour.place.served(name))).await;
    let after = published(&all(&harbour).await);
    for (name, address) in published(&before) {
        assert_eq!(after.get(&name), Some(&address), "{name} moved");
    }
    let distinct: BTreeSet<&Vec<String>> = after.values().collect();
    assert_eq!((after.len(), distinct.len()), (40, 40));
    assert_eq!(harbour.balancers().await.len(), 40);

    join_all(names.iter().map(|name| harbour.place.delete(name))).await;
    until_some(&harbour, |services| services.len() <= 30).await;
    process.kill().unwrap();
    process.wait(DEADLINE).await.unwrap();
    let _process = start(&harbour).await;
    join_all(names.iter().map(|name| harbour.place.gone(name))).await;
    assert_eq!(harbour.balancers().await, []);
}

/// The whole life of a Service, with the process killed and started again at each of `moments`.
async fn live_through(moments: Vec<Moment>) {
    let harbour = Harbour::new("kill").await;
    let mut process = start(&harbour).await;
    let web = service("web").class(MOCK).port(80).build();
    let web = harbour.place.create(&web).await;
    let history = History::begin(&harbour.place, "web").await;
    for moment in CREATION {
        process = reach(moment, &harbour, process, &web, &moments).await;
    }
    let served = harbour.place.served("web").await;
    let made = only_balancer(&harbour).await;
    let made: Vec<String> = made.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(made, addresses(&served), "{moments:?}");

    let port = |n: i32| json!({ "name": format!("tcp-{n}"), "port": n });
    let ports = json!({ "ports": [port(80), port(443)] });
    harbour.place.edit_spec("web", ports).await;
    for moment in EDIT {
        process = reach(moment, &harbour, process, &web, &moments).await;
    }
    until(Moment::Listens, &harbour, &web).await;
    harbour.place.served("web").await;
    only_balancer(&harbour).await;

    harbour.place.delete("web").await;
    for moment in DELETION {
        process = reach(moment, &harbour, process, &web, &moments).await;
    }
    harbour.place.gone("web").await;
    assert_eq!(harbour.balancers().await, [], "{moments:?}");
    history.has_one_address().await;
    process.term().unwrap();
    assert!(process.wait(DEADLINE).await.unwrap().success());
}

/// Waits for `moment`; if it is one of `fatal`, the process is another one from here on.
async fn reach(
    moment: Moment,
    harbour: &Harbour,
    process: Roadstead,
    web: &Service,
    fatal: &[Moment],
) -> Roadstead {
    if !fatal.contains(&moment) {
        return process;
    }
    until(moment, harbour, web).await;
    process.kill().unwrap();
    process.wait(DEADLINE).await.unwrap();
    start(harbour).await
}

async fn until(moment: Moment, harbour: &Harbour, web: &Service) {
    let what = format!("{moment:?}");
    let come = async || moment.has_come(harbour, web).await.then_some(());
    poll_until(&what, DEADLINE, come).await.unwrap();
}

async fn start(harbour: &Harbour) -> Roadstead {
    // Long enough for each moment to be seen before the next one.
    let args = ["--leader-elect=false", "--mock-latency=1500ms"];
    harbour.started("controller", &args).await
}

/// Waits until `check` holds of all the Services there are.
async fn until_some(harbour: &Harbour, check: impl Fn(&[Service]) -> bool) -> Vec<Service> {
    let ask = async || Some(all(harbour).await).filter(|services| check(services));
    poll_until("some Services", DEADLINE, ask).await.unwrap()
}

async fn all(harbour: &Harbour) -> Vec<Service> {
    let services = harbour.place.services();
    services.list(&ListParams::default()).await.unwrap().items
}

/// The addresses of those that have some.
fn published(services: &[Service]) -> BTreeMap<String, Vec<String>> {
    let published = services
        .iter()
        .map(|service| (service.name_any(), addresses(service)));
    published
        .filter(|(_, addresses)| !addresses.is_empty())
        .collect()
}

async fn only_balancer(harbour: &Harbour) -> Balancer {
    let mut balancers = harbour.balancers().await;
    assert_eq!(balancers.len(), 1, "{balancers:#?}");
    balancers.remove(0)
}

// === impl Moment ===

impl Moment {
    async fn has_come(self, harbour: &Harbour, web: &Service) -> bool {
        let listens = async |count| {
            let balancers = harbour.balancers().await;
            balancers.iter().any(|b| b.listeners.len() == count)
        };
        let now = harbour.place.services().get_opt("web").await.unwrap();
        let now = now.as_ref();
        let is = |check: fn(&Service) -> bool| now.is_some_and(check);
        match self {
            Self::Finalized => is(|now| now.metadata.finalizers.is_some()),
            Self::Pending => is(|now| condition(now, PROGRAMMED).is_some()),
            Self::Made => harbour.changed_at(web).is_some(),
            Self::Published => is(|now| !addresses(now).is_empty()),
            Self::Told => {
                let events = harbour.place.events("web").await;
                events
                    .iter()
                    .any(|event| event.reason == "EnsuredLoadBalancer")
            }
            Self::Edited => is(|now| now.spec.as_ref().unwrap().ports.as_ref().unwrap().len() == 2),
            Self::Listens => listens(2).await,
            Self::Deleted => now.is_none_or(|now| now.metadata.deletion_timestamp.is_some()),
            Self::TakenBack => now.is_none_or(|now| addresses(now).is_empty()),
            Self::Released => harbour.changed_at(web).is_none(),
        }
    }
}
