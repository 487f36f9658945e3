//! What has an engine done so far? Counters that only grow, and what is ignored and why.

use std::time::Duration;

/// Why a frame or a hello changed nothing. Every one that is received is answered, taken in, or counted under one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
pub enum Ignored {
    /// The interface is not (or no longer) one of the engine's.
    #[error("interface is not announced on")]
    WrongInterface,
    /// A frame of a protocol that is neither ARP nor neighbour discovery.
    #[error("neither ARP nor neighbour discovery")]
    OtherProtocol,
    /// A frame that breaks its protocol's rules.
    #[error("malformed frame")]
    Malformed,
    /// A frame that is addressed to another host.
    #[error("addressed to another host")]
    OtherHost,
    /// A frame that one of this node's own interfaces sent.
    #[error("sent by this node")]
    OwnFrame,
    /// A question for an address that nobody wants announced here.
    #[error("not one of our addresses")]
    NotOurs,
    /// A question for an address that another station answers for, or nobody as yet.
    #[error("not held by this station")]
    NotHeld,
    /// An answer or an announcement that tells nothing of interest.
    #[error("nothing asked")]
    NotAsked,
    /// A hello that came through a router: its hop limit is not 255.
    #[error("hello with a hop limit below 255")]
    HopLimit,
    /// A hello that breaks the format.
    #[error("malformed hello")]
    MalformedHello,
    /// A hello of a format that this version does not know.
    #[error("hello of another version")]
    OtherVersion,
    /// A hello that none of the keys signed.
    #[error("hello that none of our keys signed")]
    WrongKey,
    /// This station's own hello.
    #[error("our own hello")]
    OwnHello,
    /// The second copy of a hello that came by both families.
    #[error("second copy of a hello")]
    Duplicate,
    /// A hello that was overtaken by a later one.
    #[error("hello overtaken by a later one")]
    Late,
    /// A hello older than any that could still be under way, or one of an earlier run of its sender.
    #[error("old hello, replayed")]
    Replayed,
}

/// Counters since the engine's start. All of one engine's interfaces together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// ARP requests answered.
    pub arp_answered: u64,
    /// Neighbour solicitations answered.
    pub ndp_answered: u64,
    /// ARP frames and neighbour discovery received, whatever became of them.
    pub frames_received: u64,
    /// Frames that announce an address unasked: an ARP request and a reply, or one neighbour advertisement.
    pub gratuitous_sent: u64,
    /// Probes sent before a first claim.
    pub probes_sent: u64,
    /// Hellos sent, each counted once whichever families carry it.
    pub hellos_sent: u64,
    /// Bytes of the hellos sent.
    pub hello_bytes_sent: u64,
    /// Hellos taken in.
    pub hellos_received: u64,
    /// Hellos of peers that never came, found by gaps in their numbers.
    pub hellos_lost: u64,
    /// Claims, by [`ClaimCause`](super::ClaimCause).
    pub claims: Claims,
    /// Addresses handed over to another station.
    pub handovers: u64,
    /// Addresses let go because another station had the better right.
    pub yielded: u64,
    /// Peers that joined.
    pub peers_joined: u64,
    /// Peers that were lost.
    pub peers_lost: u64,
    /// Conflicts with hosts that are no announcers.
    pub conflicts: u64,
    /// Times that everything was let go because the engine had not been run.
    pub stalls: u64,
    /// How late the engine was run, compared with when it asked to be.
    pub lateness: Lateness,
    ignored: [u64; Ignored::ALL.len()],
}

/// Claims by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Nobody had it, ever.
    pub first: u64,
    /// Its holder died.
    pub failover: u64,
    /// Its holder gave it up.
    pub handover: u64,
    /// Nobody else took it.
    pub unanswered: u64,
}

/// How late the engine was run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Per bound of [`Lateness::BOUNDS`], and one more for all above: how often it was at most that late, and later
    /// than the bound before.
    pub buckets: [u64; Self::BOUNDS.len() + 1],
    /// All of it together.
    pub sum: Duration,
    /// The worst.
    pub max: Duration,
}

// === impl Ignored ===

impl Ignored {
    /// All reasons there are.
    pub const ALL: [Self; 16] = [
        Self::WrongInterface,
        Self::OtherProtocol,
        Self::Malformed,
        Self::OtherHost,
        Self::OwnFrame,
        Self::NotOurs,
        Self::NotHeld,
        Self::NotAsked,
        Self::HopLimit,
        Self::MalformedHello,
        Self::OtherVersion,
        Self::WrongKey,
        Self::OwnHello,
        Self::Duplicate,
        Self::Late,
        Self::Replayed,
    ];

    /// A stable word for metrics.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::WrongInterface => "wrong_interface",
            Self::OtherProtocol => "other_protocol",
            Self::Malformed => "malformed",
            Self::OtherHost => "other_host",
            Self::OwnFrame => "own_frame",
            Self::NotOurs => "not_ours",
            Self::NotHeld => "not_held",
            Self::NotAsked => "not_asked",
            Self::HopLimit => "hop_limit",
            Self::MalformedHello => "malformed_hello",
            Self::OtherVersion => "other_version",
            Self::WrongKey => "wrong_key",
            Self::OwnHello => "own_hello",
            Self::Duplicate => "duplicate",
            Self::Late => "late",
            Self::Replayed => "replayed",
        }
    }
}

// === impl Stats ===

impl Stats {
    /// How often something was ignored for `reason`.
    #[must_use]
    pub fn ignored(&self, reason: Ignored) -> u64 {
        self.ignored.get(reason as usize).copied().unwrap_or(0)
    }

    pub(super) fn ignore(&mut self, reason: Ignored) -> Ignored {
        if let Some(count) = self.ignored.get_mut(reason as usize) {
            *count += 1;
        }
        reason
    }
}

// === impl Lateness ===

impl Lateness {
    /// Upper bounds of the buckets, in milliseconds.
    pub const BOUNDS: [u64; 7] = [1, 5, 20, 50, 100, 200, 350];

    pub(super) fn record(&mut self, late: Duration) {
        let place = Self::BOUNDS
            .iter()
            .position(|bound| late <= Duration::from_millis(*bound))
            .unwrap_or(Self::BOUNDS.len());
        if let Some(count) = self.buckets.get_mut(place) {
            *count += 1;
        }
        self.sum += late;
        self.max = self.max.max(late);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_and_a_word_of_its_own() {
        let mut stats = Stats::default();
        let words: std::collections::BTreeSet<_> =
            Ignored::ALL.iter().map(|reason| reason.label()).collect();
        assert_eq!(words.len(), Ignored::ALL.len());
        for (place, reason) in Ignored::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            stats.ignore(reason);
            assert_eq!(stats.ignored(reason), 1);
        }
    }

    #[test]
    fn lateness_is_counted_under_the_first_bound_that_holds() {
        let mut lateness = Lateness::default();
        for late in [0, 1, 2, 350, 351] {
            lateness.record(Duration::from_millis(late));
        }
        assert_eq!(lateness.buckets, [2, 1, 0, 0, 0, 0, 1, 1]);
        assert_eq!(lateness.max, Duration::from_millis(351));
    }
}
