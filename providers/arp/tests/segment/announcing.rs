//! Announcers on a segment, and what they are asked.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use roadstead_arp::{
    engine::{Candidates, DEFAULT_INTERVAL, Event, Selection, Settings, Wanted},
    net::{Announcer, LinkSelection, StartError, start},
    wire::hello::Keys,
};
use tokio::{sync::mpsc::UnboundedReceiver, time::timeout};

use super::Host;

/// No test waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// An announcer, and what it tells.
pub(crate) struct Announcing {
    pub(crate) announcer: Announcer,
    pub(crate) events: UnboundedReceiver<Event>,
}

/// Settings as a node called `node` would have them.
pub(crate) fn settings(node: &str) -> Settings {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is right");
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    Settings {
        node: node.into(),
        incarnation: u64::try_from(wall.as_nanos()).expect("before 2554") + run,
        started: Instant::now(),
        started_wall: u64::try_from(wall.as_millis()).expect("before 2554"),
        keys: Keys::parse("a key that is long enough for a test of anything").expect("it is"),
        interval: DEFAULT_INTERVAL,
        rebalance: None,
        seed: run,
    }
}

/// An address that every node may announce on its subnet.
pub(crate) fn wanted(address: IpAddr) -> Wanted {
    Wanted {
        address,
        key: address,
        may: true,
        candidates: Candidates::All,
        interfaces: Selection::OnSubnet,
        seen_before: true,
        lets_go_at_once: false,
    }
}

impl Host {
    /// Starts an announcer here, on whatever `selection` admits.
    pub(crate) fn announce_on(
        &self,
        node: &str,
        selection: LinkSelection,
    ) -> Result<Announcing, StartError> {
        self.announce_with(settings(node), selection)
    }

    /// Starts an announcer here, as `settings` have it.
    pub(crate) fn announce_with(
        &self,
        settings: Settings,
        selection: LinkSelection,
    ) -> Result<Announcing, StartError> {
        let (announcer, events) = self.namespace.run(move || start(settings, selection))?;
        Ok(Announcing { announcer, events })
    }

    /// Starts an announcer here.
    pub(crate) fn announce(&self, node: &str) -> Announcing {
        self.announce_on(node, LinkSelection::default())
            .expect("an announcer starts on a host with an interface")
    }
}

impl Announcing {
    /// Reads on until an event is one that is wanted.
    pub(crate) async fn until<T>(&mut self, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let found = timeout(PATIENCE, async {
            loop {
                let event = self.events.recv().await.expect("the announcer runs");
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        });
        found.await.expect("the event comes in time")
    }

    /// Waits until this one has claimed `address`.
    pub(crate) async fn claims(&mut self, address: IpAddr) {
        self.until(|event| match event {
            Event::Claimed {
                address: claimed, ..
            } if *claimed == address => Some(()),
            _ => None,
        })
        .await;
    }

    /// Waits until this one hears the other.
    pub(crate) async fn hears(&mut self, node: &str) {
        let node: Arc<str> = node.into();
        self.until(|event| match event {
            Event::PeerJoined { peer, .. } if peer.node == node => Some(()),
            _ => None,
        })
        .await;
    }
}
