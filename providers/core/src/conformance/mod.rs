//! Does a provider keep the contract? The suite that every provider's tests call with a [`Subject`] of their own.
//!
//! Each check panics with what was broken, as a test does. Not stable, and not for production builds.
#![allow(
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "these are assertions, run in tests only"
)]

mod steps;

use std::sync::Arc;

use async_trait::async_trait;

use self::steps::{cut_after, dismantle, edits, gone, node_target, ok, owns, port, settle, uid};
pub use self::steps::{plain, request};
use crate::{ClusterUid, ErrorKind, LoadBalancer, LoadBalancerProvider, Protocol, Target, Targets};

/// What a provider's tests hand in: a world in which the provider's objects live, and ways to look at it from outside.
#[async_trait]
pub trait Subject: Send + Sync {
    /// A fresh provider process of that cluster, over the same world.
    fn provider(&self, cluster: &ClusterUid) -> Arc<dyn LoadBalancerProvider>;

    /// Everything that exists in the world, one line a thing, whoever owns it; sorted.
    async fn inventory(&self) -> Vec<String>;

    /// Puts an object there that has the name `want` would get, and somebody else's marks.
    /// False where names cannot clash.
    async fn plant_foreign(&self, want: &LoadBalancer) -> bool;

    /// An invalid request: `want` with an annotation that the provider must refuse.
    fn spoil(&self, want: &mut LoadBalancer);

    /// The load balancer of `want` as the world shows it, in words that change whenever one of the edits of the suite
    /// (ports, targets, source ranges) reaches the world.
    async fn describe(&self, want: &LoadBalancer) -> String;

    /// Whether targets, node ports and source ranges are the provider's business: if not, their edits are not tried.
    fn points_at_targets(&self) -> bool {
        true
    }

    /// Node targets that exist in the world, at least six.
    fn targets(&self) -> Vec<Target> {
        (1..=6).map(node_target).collect()
    }
}

/// The polls after which a cut is tried: beyond the longest call of any provider.
const MOST_POLLS: usize = 200;

/// Runs every check against `subject`, each with an owner of its own.
pub async fn run(subject: &dyn Subject) {
    ensure_twice_is_one_load_balancer(subject).await;
    plan_foretells_and_ends_empty(subject).await;
    edits_converge(subject).await;
    keep_leaves_targets_alone(subject).await;
    release_is_idempotent_and_complete(subject).await;
    restored_addresses_stay(subject).await;
    invalid_spec_changes_nothing(subject).await;
    foreign_objects_are_never_touched(subject).await;
    clusters_do_not_see_each_other(subject).await;
    cut_off_anywhere_it_converges_and_leaks_nothing(subject).await;
}

/// The same request twice makes one load balancer, and the second changes nothing.
pub async fn ensure_twice_is_one_load_balancer(subject: &dyn Subject) {
    let want = request(subject, "twice");
    let provider = subject.provider(&want.id.cluster);
    let first = settle(&*provider, &want).await;
    let inventory = subject.inventory().await;
    assert!(!first.addresses.is_empty(), "ready without an address");
    assert!(
        !first.done.is_empty(),
        "made something, and says it did nothing"
    );
    let second = settle(&*provider, &want).await;
    assert_eq!(second.addresses, first.addresses, "the address must stay");
    assert!(
        second.done.is_empty(),
        "unchanged, and yet did: {}",
        second.done
    );
    assert_eq!(
        subject.inventory().await,
        inventory,
        "the second ensure changed the world"
    );
    dismantle(subject, &want).await;
}

/// `plan` reads only, names steps while something is to do, and none afterwards.
pub async fn plan_foretells_and_ends_empty(subject: &dyn Subject) {
    let mut want = request(subject, "plan");
    let provider = subject.provider(&want.id.cluster);
    let before = subject.inventory().await;
    let plan = ok(provider.plan(&want).await, "plan");
    assert!(!plan.is_empty(), "a new load balancer needs steps");
    assert_eq!(subject.inventory().await, before, "plan changed the world");
    settle(&*provider, &want).await;
    assert!(
        ok(provider.plan(&want).await, "plan").is_empty(),
        "applied, and yet a plan is left"
    );
    want.ports.push(port("more", Protocol::Tcp, 9443, 30443));
    assert!(
        !ok(provider.plan(&want).await, "plan").is_empty(),
        "a new port needs steps"
    );
    dismantle(subject, &want).await;
}

/// Ports, targets and source ranges follow the request, also through another process.
pub async fn edits_converge(subject: &dyn Subject) {
    let want = request(subject, "edits");
    let provider = subject.provider(&want.id.cluster);
    settle(&*provider, &want).await;
    let mut seen = vec![subject.describe(&want).await];
    for edited in edits(subject, &want) {
        let process = subject.provider(&want.id.cluster);
        let outcome = settle(&*process, &edited).await;
        assert!(!outcome.done.is_empty(), "an edit was not applied");
        let now = subject.describe(&edited).await;
        assert!(
            !seen.contains(&now),
            "the edit did not reach the world: {now}"
        );
        seen.push(now);
        assert!(ok(process.plan(&edited).await, "plan").is_empty());
    }
    settle(&*provider, &want).await;
    assert_eq!(
        Some(&subject.describe(&want).await),
        seen.first(),
        "edited back, it is as it was"
    );
    dismantle(subject, &want).await;
}

/// With no eligible node at the moment the last targets stay.
pub async fn keep_leaves_targets_alone(subject: &dyn Subject) {
    let mut want = request(subject, "keep");
    let provider = subject.provider(&want.id.cluster);
    settle(&*provider, &want).await;
    let before = subject.describe(&want).await;
    want.targets = Targets::Keep;
    assert!(
        settle(&*provider, &want).await.done.is_empty(),
        "keep must change nothing"
    );
    assert_eq!(subject.describe(&want).await, before);
    dismantle(subject, &want).await;
}

/// After `Gone` nothing is left, and releasing once more is no error; nor is releasing what never was.
pub async fn release_is_idempotent_and_complete(subject: &dyn Subject) {
    let want = request(subject, "release");
    let before = subject.inventory().await;
    let provider = subject.provider(&want.id.cluster);
    gone(&*provider, &want.id).await;
    settle(&*provider, &want).await;
    assert!(
        owns(&*provider, &want.id).await,
        "exists, and owned() does not say so"
    );
    // Another process, which remembers nothing.
    let process = subject.provider(&want.id.cluster);
    gone(&*process, &want.id).await;
    assert!(
        !owns(&*process, &want.id).await,
        "gone, and owned() still says so"
    );
    assert_eq!(
        subject.inventory().await,
        before,
        "release left something behind"
    );
    gone(&*process, &want.id).await;
}

/// A process that was told what is published keeps those addresses.
pub async fn restored_addresses_stay(subject: &dyn Subject) {
    let want = request(subject, "restore");
    let first = settle(&*subject.provider(&want.id.cluster), &want).await;
    let process = subject.provider(&want.id.cluster);
    let published = crate::Published {
        id: want.id.clone(),
        service: want.service.clone(),
        addresses: first.addresses.clone(),
        want: Some(Box::new(want.clone())),
    };
    ok(process.restore(&[published]).await, "restore");
    let other = request(subject, "newcomer");
    let newcomer = settle(&*process, &other).await;
    let again = settle(&*process, &want).await;
    assert_eq!(
        again.addresses, first.addresses,
        "a restart must not move an address"
    );
    assert_ne!(
        newcomer.addresses, first.addresses,
        "a newcomer must not get a published address"
    );
    dismantle(subject, &want).await;
    dismantle(subject, &other).await;
}

/// A request that cannot be is refused as such, and what exists stays as it is.
pub async fn invalid_spec_changes_nothing(subject: &dyn Subject) {
    let want = request(subject, "invalid");
    let provider = subject.provider(&want.id.cluster);
    settle(&*provider, &want).await;
    let before = subject.inventory().await;
    let mut bad = want.clone();
    subject.spoil(&mut bad);
    for result in [
        provider.plan(&bad).await.map(drop),
        provider.ensure(&bad).await.map(drop),
    ] {
        match result {
            Ok(()) => panic!("a spoiled request was taken"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidSpec, "{error}"),
        }
    }
    assert_eq!(
        subject.inventory().await,
        before,
        "a refused request changed the world"
    );
    dismantle(subject, &want).await;
}

/// A same-named object with somebody else's marks is a conflict, and stays.
pub async fn foreign_objects_are_never_touched(subject: &dyn Subject) {
    let want = request(subject, "foreign");
    if !subject.plant_foreign(&want).await {
        return;
    }
    let before = subject.inventory().await;
    let provider = subject.provider(&want.id.cluster);
    match provider.ensure(&want).await {
        Ok(_) => panic!("a foreign object was adopted silently"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
    }
    gone(&*provider, &want.id).await;
    let after = subject.inventory().await;
    assert!(
        before.iter().all(|thing| after.contains(thing)),
        "a foreign object was touched"
    );
    assert!(
        !owns(&*provider, &want.id).await,
        "owned() lists a foreign object"
    );
}

/// Two clusters of one world: neither lists nor releases what is the other's.
pub async fn clusters_do_not_see_each_other(subject: &dyn Subject) {
    let ours = request(subject, "ours");
    let mut theirs = ours.clone();
    theirs.id.cluster = uid("another-cluster");
    let provider = subject.provider(&ours.id.cluster);
    settle(&*subject.provider(&theirs.id.cluster), &theirs).await;
    settle(&*provider, &ours).await;
    assert!(
        !owns(&*provider, &theirs.id).await,
        "another cluster's load balancer is listed as ours"
    );
    gone(&*provider, &ours.id).await;
    let other = subject.provider(&theirs.id.cluster);
    assert!(
        owns(&*other, &theirs.id).await,
        "releasing ours took theirs"
    );
    dismantle(subject, &theirs).await;
}

/// Cut off at its n-th await, for every n, a new process converges; then the same for release.
pub async fn cut_off_anywhere_it_converges_and_leaks_nothing(subject: &dyn Subject) {
    let clean = subject.inventory().await;
    for polls in 1..MOST_POLLS {
        let want = request(subject, "cut");
        let cut = cut_after(polls, subject.provider(&want.id.cluster).ensure(&want)).await;
        let process = subject.provider(&want.id.cluster);
        if subject.inventory().await != clean {
            assert!(
                owns(&*process, &want.id).await,
                "half-built after {polls} polls, and owned() is blind to it"
            );
        }
        if polls % 2 == 0 {
            settle(&*process, &want).await;
        }
        // Where polls is odd the Service goes while its load balancer is half-built.
        cut_after(polls, process.release(&want.id)).await;
        let process = subject.provider(&want.id.cluster);
        if subject.inventory().await != clean {
            assert!(
                owns(&*process, &want.id).await,
                "half-deleted after {polls} polls, and owned() is blind to it"
            );
        }
        gone(&*process, &want.id).await;
        assert_eq!(
            subject.inventory().await,
            clean,
            "cut off after {polls} polls: something leaked"
        );
        if cut.is_some() {
            return;
        }
    }
    panic!("ensure did not finish within {MOST_POLLS} polls");
}
