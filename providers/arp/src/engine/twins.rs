//! Are two interfaces of this node on one segment? Then they must hear each other, or both would answer. The kernel drops an
//! IPv4 packet that comes from one of its own addresses, hellos too; what the one says is handed to the other here.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::Transmit;
use crate::{Interface, InterfaceIndex};

/// How long two are taken to be on one segment after the one saw a frame of the other: what is held is announced every
/// minute, so one of these may be lost.
const BELIEVED_FOR: Duration = Duration::from_secs(130);

/// Which interfaces are on one segment, and what the one has said and the other not heard yet.
#[derive(Debug, Default)]
pub(super) struct Twins {
    /// Until when it is believed; the lower number first.
    until: BTreeMap<(InterfaceIndex, InterfaceIndex), Instant>,
    said: VecDeque<Said>,
}

/// A hello, and who is to hear it.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) to: InterfaceIndex,
    pub(super) payload: Arc<[u8]>,
}

// === impl Twins ===

impl Twins {
    /// `one` received a frame of the `other`. With one Ethernet address between them, as two VLANs of a card have, it may as well
    /// be a frame of its own that came back.
    pub(super) fn met(&mut self, one: &Interface, other: &Interface, now: Instant) {
        if one.mac != other.mac && !(has_v6(one) && has_v6(other)) {
            self.until
                .insert(pair(one.index, other.index), now + BELIEVED_FOR);
        }
    }

    /// What has not been confirmed for long, or is about an interface that is gone, is believed no more.
    pub(super) fn forget(&mut self, now: Instant, is_there: impl Fn(InterfaceIndex) -> bool) {
        self.until
            .retain(|(one, other), until| now < *until && is_there(*one) && is_there(*other));
    }

    /// Keeps a hello for those who do not get it from the kernel.
    pub(super) fn overhear(&mut self, transmit: &Transmit) {
        let Transmit::Hello { interface, payload } = transmit else {
            return;
        };
        for (one, other) in self.until.keys() {
            let to = match *interface {
                it if it == *one => *other,
                it if it == *other => *one,
                _ => continue,
            };
            self.said.push_back(Said {
                to,
                payload: Arc::clone(payload),
            });
        }
    }

    /// The next hello that somebody is to hear.
    pub(super) fn next(&mut self) -> Option<Said> {
        self.said.pop_front()
    }

    /// Whether there is one.
    pub(super) fn is_waiting(&self) -> bool {
        !self.said.is_empty()
    }
}

fn pair(one: InterfaceIndex, other: InterfaceIndex) -> (InterfaceIndex, InterfaceIndex) {
    (one.min(other), one.max(other))
}

/// Then the kernel carries hellos from the one to the other as from anybody.
fn has_v6(interface: &Interface) -> bool {
    interface.addresses.iter().any(|own| own.addr().is_ipv6())
}
