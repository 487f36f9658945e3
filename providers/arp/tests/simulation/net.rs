//! What does the segment do to a packet? Loses, delays, doubles, overtakes; lets some hear others and not the other way.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use roadstead_arp::wire::ethernet::Frame;

use crate::chance::Chance;

/// Somebody on the segment: a node by its place, or the client.
pub(crate) type Place = usize;

/// Something under way.
#[derive(Clone, Debug)]
pub(crate) enum Packet {
    Hello { hop_limit: u8, payload: Arc<[u8]> },
    Frame(Frame),
}

/// The segment.
#[derive(Clone, Debug)]
pub(crate) struct Net {
    pub(crate) least_delay: Duration,
    pub(crate) most_delay: Duration,
    /// Of a thousand packets.
    pub(crate) lost: u64,
    /// Of a thousand packets.
    pub(crate) doubled: u64,
    /// Whether nothing overtakes what the same station sent before.
    pub(crate) in_order: bool,
    /// In which part of the segment everybody is; those of different parts do not hear each other.
    pub(crate) parts: Vec<usize>,
    /// Who is not heard by whom, besides.
    pub(crate) cut: BTreeSet<(Place, Place)>,
}

// === impl Net ===

impl Net {
    /// A segment on which everything goes as it should, for so many and the client.
    pub(crate) fn calm(nodes: usize) -> Self {
        Self {
            least_delay: Duration::from_micros(50),
            most_delay: Duration::from_millis(1),
            lost: 0,
            doubled: 0,
            in_order: true,
            parts: vec![0; nodes + 1],
            cut: BTreeSet::new(),
        }
    }

    /// After what times a packet arrives: none, one or two.
    pub(crate) fn delays(&self, from: Place, to: Place, chance: &mut Chance) -> Vec<Duration> {
        if !self.hears(to, from) || chance.once_in(self.lost) {
            return Vec::new();
        }
        let copies = if chance.once_in(self.doubled) { 2 } else { 1 };
        (0..copies)
            .map(|_| chance.between(self.least_delay, self.most_delay))
            .collect()
    }

    /// Whether what `other` sends arrives at `who`.
    pub(crate) fn hears(&self, who: Place, other: Place) -> bool {
        self.parts[who] == self.parts[other] && !self.cut.contains(&(other, who))
    }
}
