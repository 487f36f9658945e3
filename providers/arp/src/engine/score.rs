//! Who has the better right to an address? A number per station and address that everybody computes alike.
//!
//! Rendezvous hashing: the addresses spread evenly, and when a station comes or goes only its own would move. The inputs
//! are hashed once, so that asking costs a few multiplications.

use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::wire::hello::Station;

/// A station's part of the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct StationHash(u64);

/// An address's part of the score: of the key that decides where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct KeyHash(u64);

/// How good a station's right to an address is: the highest has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Score(u64, u64);

// === impl StationHash ===

impl StationHash {
    pub(super) fn of(station: &Station) -> Self {
        let Station { node, interface } = station;
        let mut hash = Sha256::new();
        hash.update(node.as_bytes());
        // In no name: so no two stations give the same bytes.
        hash.update([0]);
        hash.update(interface.as_bytes());
        Self(first_eight(&hash.finalize()))
    }
}

// === impl KeyHash ===

impl KeyHash {
    pub(super) fn of(key: IpAddr) -> Self {
        let digest = match key {
            IpAddr::V4(v4) => Sha256::digest(v4.octets()),
            IpAddr::V6(v6) => Sha256::digest(v6.octets()),
        };
        Self(first_eight(&digest))
    }

    /// A moment within `span`, its own for each address and each `seed`.
    pub(super) fn phase(self, seed: u64, span: std::time::Duration) -> std::time::Duration {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX).max(1);
        std::time::Duration::from_nanos(mixed(self.0 ^ mixed(seed)) % nanos)
    }
}

// === impl Score ===

impl Score {
    /// The station's own hash comes second: equal scores are not to be expected, but must not end in a draw.
    pub(super) fn of(station: StationHash, key: KeyHash) -> Self {
        Self(mixed(station.0 ^ mixed(key.0)), station.0)
    }
}

/// The finisher of `SplitMix64`: every bit of the input changes half of the output's.
pub(super) fn mixed(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn first_eight(digest: &[u8]) -> u64 {
    digest
        .iter()
        .take(8)
        .fold(0, |all, byte| (all << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn station(node: &str) -> Station {
        Station {
            node: node.into(),
            interface: "eth0".into(),
        }
    }

    #[test]
    fn a_score_is_the_same_in_every_version() {
        let score = Score::of(
            StationHash::of(&station("node-1")),
            KeyHash::of("192.0.2.1".parse().unwrap()),
        );
        assert_eq!(
            score,
            Score(13_945_373_163_307_964_521, 7_133_518_517_357_798_786),
            "a change here moves addresses while two versions run"
        );
    }

    #[test]
    fn addresses_spread_evenly_over_stations() {
        let stations: Vec<StationHash> = (0..5)
            .map(|n| StationHash::of(&station(&format!("node-{n}"))))
            .collect();
        let mut counts = [0_u32; 5];
        for n in 0..5000_u32 {
            let key = KeyHash::of(IpAddr::from(n.to_be_bytes()));
            let best = (0..5).max_by_key(|n| Score::of(stations[*n], key)).unwrap();
            counts[best] += 1;
        }
        assert!(
            counts.iter().all(|count| (900..1100).contains(count)),
            "{counts:?}"
        );
    }
}
