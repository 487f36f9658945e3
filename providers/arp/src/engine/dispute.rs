//! Two stations claim one address: which of them has it?

use std::{net::IpAddr, time::Instant};

use super::{
    LetGoCause, peers::Peer, score::Score, segment::Segment, shared::Shared, timers::Timer,
    vip::Vip,
};

/// What a claimant means to another one.
enum Verdict {
    Stays,
    Yields,
    /// Nothing yet: the two have only just met.
    NotBefore(Instant),
}

// === impl Segment ===

impl Segment {
    /// Judges between this station and the others that hold `address`.
    pub(super) fn dispute(&mut self, address: IpAddr, now: Instant, shared: &mut Shared) {
        let Some(vip) = self.vips.get(&address).filter(|vip| vip.claimed()) else {
            self.disputed.remove(&address);
            return;
        };
        let (mut stays, mut later) = (false, None::<Instant>);
        for peer in (self.peers.holders(address).iter()).filter_map(|id| self.peers.get(*id)) {
            match judge(vip, peer, now) {
                Verdict::Stays => stays = true,
                Verdict::NotBefore(at) => later = Some(later.map_or(at, |other| other.min(at))),
                Verdict::Yields => {
                    let to = peer.station.clone();
                    let cause = LetGoCause::Yielded { to: to.clone() };
                    self.let_go(address, cause, now, shared);
                    if let Some(vip) = self.vips.get_mut(&address) {
                        vip.yielded = Some((to, now));
                    }
                    // Who still has it from us must learn that we do not: it may have to fail over from the other, or
                    // the other has yielded as well.
                    self.greeting.insist_in_full();
                    return;
                }
            }
        }
        if let Some(at) = later {
            self.timers.at(at, Timer::Disputed(address));
        }
        let news = if stays || later.is_some() {
            self.disputed.insert(address)
        } else {
            // The other let go. It may have told the neighbours once more before it did.
            self.disputed.remove(&address)
        };
        if news && later.is_none() {
            self.greeting.claim(address, now);
            self.announce(address, now, shared);
        }
    }

    /// Says again what is still disputed: the other has not heard it, or not let go.
    pub(super) fn insist(&mut self, now: Instant, shared: &mut Shared) {
        for address in self.disputed.clone() {
            self.dispute(address, now, shared);
            if self.disputed.contains(&address) {
                self.greeting.claim(address, now);
            }
        }
    }
}

fn judge(vip: &Vip, peer: &Peer, now: Instant) -> Verdict {
    if peer.hears_us {
        if Score::of(peer.hash, vip.key) > vip.score {
            Verdict::Yields
        } else {
            Verdict::Stays
        }
    } else if peer.is_deaf(now) {
        // Whatever the scores say: it cannot hear that we hold it, and would hold it for ever.
        Verdict::Yields
    } else {
        Verdict::NotBefore(peer.meets_until())
    }
}
