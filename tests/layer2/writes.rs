//! What does a Service cost the API server, all processes together?

use std::collections::BTreeMap;

use futures::future::join_all;
use k8s_openapi::{
    api::core::v1::Service,
    jiff::{SignedDuration, Timestamp},
};
use roadstead_testbed::{Audit, Request, poll_until};

use crate::bed::{Bed, DEADLINE, Served, bed, web};

/// So many are created at once.
const NEW: u8 = 24;
/// When nothing was written for so long, nothing more will be: longer than announcers wait before they say that something is
/// odd, and than the time in which changes of a pool are gathered.
const CALM: SignedDuration = SignedDuration::from_secs(7);
const POOLS: &str = "addresspools";
/// No pool is written more often.
const POOL_EVERY: SignedDuration = SignedDuration::from_secs(2);

#[tokio::test]
async fn a_new_service_is_three_writes_and_no_finalizer_and_its_pool_is_written_by_the_clock() {
    let mut bed = bed().await;
    let since = Timestamp::now();
    let place = bed.place().await;
    let made = (0..NEW).map(|n| {
        let service = web(&format!("web-{n}"));
        let (bed, place) = (&*bed, &place);
        async move { bed.serve_in(place, service, &[n % 3 + 1]).await }
    });
    let all: Vec<Served> = join_all(made).await;
    for served in &all {
        bed.until_said(served, "Announced").await;
    }
    let writes = poll_until("nothing more to be written", DEADLINE, async || {
        let writes = writes(&bed, since, &place);
        let last = writes.iter().map(|request| request.at).max()?;
        (Timestamp::now().duration_since(last) > CALM).then_some(writes)
    });
    let writes = writes.await.unwrap();
    let (pools, of_services): (Vec<Request>, Vec<Request>) = writes
        .into_iter()
        .partition(|request| request.resource == POOLS);

    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut of_each: BTreeMap<&str, usize> = BTreeMap::new();
    for request in &of_services {
        let what = format!("{} {} {}", request.user, request.verb, request.path());
        *counts.entry(what).or_default() += 1;
        if request.resource == "services" {
            *of_each.entry(&request.name).or_default() += 1;
        }
    }
    let each = [
        "announcer patch services/status",
        "controller create events",
        "controller patch services/status",
    ];
    let wanted = each.map(|what| (what.to_owned(), all.len()));
    assert_eq!(counts, BTreeMap::from(wanted));
    let twice = all.iter().map(|served| (served.name.as_str(), 2));
    assert_eq!(of_each, twice.collect());
    for pair in pools.windows(2) {
        let between = pair[1].at.duration_since(pair[0].at);
        assert!(between >= POOL_EVERY, "{pools:#?}");
    }
    assert!(!pools.is_empty(), "how full it is, is said");
    for served in &all {
        let is = |_: &Service| true;
        let now = bed.until(&served.place, &served.name, "it", is).await;
        for service in [&served.service, &now] {
            assert_eq!(service.metadata.finalizers, None);
        }
    }
}

/// What the controller and all announcers wrote to the objects of a namespace, and to pools.
fn writes(bed: &Bed, since: Timestamp, place: &str) -> Vec<Request> {
    let log = bed.lab.control_plane().audit_log().unwrap();
    let audit = Audit::read(log).unwrap().since(since);
    let ours = |request: &&Request| {
        let by = ["controller", "announcer"].contains(&request.user.as_str());
        by && request.writes() && (request.namespace == place || request.resource == POOLS)
    };
    audit.requests().iter().filter(ours).cloned().collect()
}
