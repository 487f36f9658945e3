//! What do all of an engine's segments see and write to?

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use super::{Event, Settings, Stats, Transmit, score::mixed};
use crate::{InterfaceIndex, Mac, wire::ethernet::Frame};

/// What holds for the whole node, and where its output goes.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) settings: Settings,
    /// Whether the node forwards.
    pub(super) fit: bool,
    /// Since when it is on its way out.
    pub(super) draining: Option<Instant>,
    pub(super) stats: Stats,
    /// The Ethernet addresses of this node's interfaces, former ones too.
    own: BTreeSet<Mac>,
    events: VecDeque<Event>,
    /// Goes first: what changes how the others see this station must not wait behind a thousand announcements.
    urgent: VecDeque<Transmit>,
    frames: VecDeque<Transmit>,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            fit: true,
            draining: None,
            stats: Stats::default(),
            own: BTreeSet::new(),
            events: VecDeque::new(),
            urgent: VecDeque::new(),
            frames: VecDeque::new(),
        }
    }

    /// Whether the node may claim anything at all.
    pub(super) fn ready(&self) -> bool {
        self.fit && self.draining.is_none()
    }

    /// What the wall clock says if nobody has set it since the start, in milliseconds since 1970.
    pub(super) fn wall(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.settings.started);
        self.settings.started_wall.saturating_add(millis(since))
    }

    /// A number of this engine's own for `salt`.
    pub(super) fn chance(&self, salt: u64) -> u64 {
        mixed(self.settings.seed ^ mixed(salt))
    }

    pub(super) fn add_own(&mut self, mac: Mac) {
        self.own.insert(mac);
    }

    pub(super) fn is_own(&self, mac: Mac) -> bool {
        self.own.contains(&mac)
    }

    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn send_urgently(&mut self, transmit: Transmit) {
        self.urgent.push_back(transmit);
    }

    pub(super) fn send(&mut self, interface: InterfaceIndex, frame: Frame) {
        self.frames.push_back(Transmit::Frame { interface, frame });
    }

    pub(super) fn next_transmit(&mut self) -> Option<Transmit> {
        self.urgent.pop_front().or_else(|| self.frames.pop_front())
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
