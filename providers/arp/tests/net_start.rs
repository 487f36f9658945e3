//! What an announcer needs to start, and what it says when that is missing. In network namespaces of their own; as root.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own functions fail as the test does"
)]

mod segment;

use std::net::IpAddr;

use roadstead_arp::{
    Mac,
    net::{LinkSelection, StartError, Unusable, start},
};
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};
use segment::{
    Host, Segment,
    announcing::{Announcing, settings, wanted},
};

/// Starts an announcer on `host` with these capabilities and no others.
fn start_with(host: &Host, capabilities: CapabilitySet) -> Result<Announcing, StartError> {
    let started = host.namespace.run(move || {
        let only = CapabilitySets {
            effective: capabilities,
            permitted: capabilities,
            inheritable: CapabilitySet::empty(),
        };
        set_capabilities(None, only).unwrap();
        start(settings("node"), LinkSelection::default())
    });
    started.map(|(announcer, events)| Announcing { announcer, events })
}

#[test]
fn without_the_capability_it_says_which_and_how_to_give_it() {
    let segment = Segment::new();
    let host = segment.host(&["192.0.2.1/24"]);
    let refused = start_with(&host, CapabilitySet::empty()).err().unwrap();
    assert!(matches!(refused, StartError::NoCapability { .. }));
    assert_eq!(
        refused.to_string(),
        "opening a packet socket on eth0 needs the capability CAP_NET_RAW; in a pod: \
         securityContext.capabilities.add: [NET_RAW]"
    );
}

#[tokio::test]
async fn it_needs_no_other_capability() {
    let segment = Segment::new();
    let host = segment.host(&["192.0.2.1/24", "2001:db8::1/64"]);
    let client = segment.host(&["192.0.2.9/24", "2001:db8::9/64"]);
    let mut announcing = start_with(&host, CapabilitySet::NET_RAW).unwrap();
    let addresses: [IpAddr; 2] = ["192.0.2.100", "2001:db8::100"].map(|text| text.parse().unwrap());
    for address in addresses {
        announcing.announcer.want(wanted(address));
    }
    announcing.claims(addresses[0]).await;
    let asker = client.asker("192.0.2.9", "2001:db8::9");
    for address in addresses {
        assert_eq!(
            asker.until_answered(address),
            Mac(host.namespace.mac("eth0"))
        );
    }
    // Links that come and go need none either.
    segment.plug(&host.namespace, "eth1", "late");
    host.namespace.ip("address add 198.51.100.1/24 dev eth1");
    let later = "198.51.100.100".parse().unwrap();
    announcing.announcer.want(wanted(later));
    announcing.claims(later).await;
    let (_, net) = announcing.announcer.stats().await.unwrap();
    assert_eq!((net.open_failures, net.send_failures), (0, 0));
}

#[test]
fn without_an_interface_it_says_why_each_cannot_announce() {
    let segment = Segment::new();
    let host = segment.host(&["192.0.2.1/24"]);
    segment.plug(&host.namespace, "veth7", "pod");
    host.namespace.ip("link set eth0 down");
    let refused = host
        .announce_on("node", LinkSelection::default())
        .err()
        .unwrap();
    assert_eq!(
        refused.to_string(),
        "no interface can announce: lo has a name of the container side, eth0 is down, \
         veth7 has a name of the container side"
    );
}

#[test]
fn only_what_is_selected_is_announced_on() {
    let segment = Segment::new();
    let host = segment.host(&["192.0.2.1/24"]);
    let selection = LinkSelection {
        only: vec!["eth7".parse().unwrap()],
        except: Vec::new(),
    };
    let Err(StartError::NoInterface { links }) = host.announce_on("node", selection) else {
        panic!("it started");
    };
    assert!(links.contains(&("eth0".to_owned(), Unusable::NotSelected)));
}
