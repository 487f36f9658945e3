//! Nobody holds an address: who is asked first, and when is it this station's turn?

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{
    Wanted,
    peers::{Peer, PeerId},
    score::Score,
    segment::Segment,
    vip::{Ended, Stance, Vip},
};

/// How long each station that comes before has to claim an address, before the next one does.
pub const TURN: Duration = Duration::from_secs(1);

/// How long those have who were silent when it was their turn before: maybe they cannot have it, for a reason that no hello tells;
/// or they had not learnt of it then, and now claim it in the same moment.
pub const TURN_OF_THE_SILENT: Duration = Duration::from_millis(50);

/// How long an address stays unclaimed whose holder no longer has it and did not say why: it yielded to one whose claim is
/// still under way here, or was lost and comes again with the next hello; or the address is being deleted, and this node
/// learns of it in a moment.
pub const TURN_OF_THE_UNKNOWN: Duration = Duration::from_millis(200);

/// Who comes before this station.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Those who are ready to claim it, as far as one knows.
    ahead: u32,
    /// Those who are there but do not hear this station: all together have one turn, since what they hold, or claim,
    /// they will not leave to this one.
    deaf: bool,
    /// All who come before, or did when they were silent: to be remembered when they are silent again.
    pub(super) silent: Vec<PeerId>,
    /// Whether one of them was silent before.
    was_silent: bool,
    /// Whether the last holder did not say why it let go.
    dropped: bool,
}

// === impl Line ===

impl Line {
    /// How long after an address lost its holder this station may claim it.
    pub(super) fn wait(&self) -> Duration {
        let mut wait = TURN * (self.ahead + u32::from(self.deaf));
        if self.was_silent {
            wait += TURN_OF_THE_SILENT;
        }
        if self.dropped {
            wait += TURN_OF_THE_UNKNOWN;
        }
        wait
    }

    /// When it is this station's turn, if it would have been at `before`, and those who came before have changed.
    ///
    /// Those who were silent learn in this moment, as this station does, that the last one before them is gone: they have
    /// their head start from now on.
    pub(super) fn head_start(&self, turn: Instant, before: Instant, now: Instant) -> Instant {
        if self.was_silent && turn <= now && now < before {
            before.min(now + TURN_OF_THE_SILENT)
        } else {
            turn
        }
    }
}

// === impl Segment ===

impl Segment {
    pub(super) fn line(&self, vip: &Vip, now: Instant) -> Line {
        let mut line = Line {
            dropped: matches!(vip.last, Some((_, Ended::Dropped))),
            ..Line::default()
        };
        // A newcomer is not waited for when somebody has just died; at a cold start, when all are newcomers, it is, or
        // the first to have listened long enough would take everything.
        let listeners = vip.last.is_none();
        let demoted = vip.released_lately(now);
        for (id, peer) in self.peers.iter().filter(|(_, peer)| peer.fresh) {
            if !peer.is_candidate(listeners) {
                continue;
            }
            if !peer.hears_us {
                line.deaf |= peer.is_deaf(now);
                continue;
            }
            if !demoted && Score::of(peer.hash, vip.key) < vip.score {
                continue;
            }
            if !may_have(peer, vip, now) {
                continue;
            }
            line.silent.push(id);
            if vip.knows_silent(id, peer) {
                line.was_silent = true;
            } else {
                line.ahead += 1;
            }
        }
        line
    }

    /// Who came before the peer that now holds `address`, and had a turn in vain.
    pub(super) fn passed_over_for(
        &self,
        claimant: PeerId,
        address: IpAddr,
        now: Instant,
    ) -> Vec<PeerId> {
        let (Some(vip), Some(claimant)) = (self.vips.get(&address), self.peers.get(claimant))
        else {
            return Vec::new();
        };
        let in_line = matches!(vip.stance, Stance::InLine { .. });
        if !in_line || now.saturating_duration_since(vip.since) < TURN {
            return Vec::new();
        }
        let score = Score::of(claimant.hash, vip.key);
        let passed = |(id, peer): &(PeerId, &Peer)| {
            is_better(peer, score, vip, now) && !vip.knows_silent(*id, peer)
        };
        (self.peers.iter().filter(passed))
            .map(|(id, _)| id)
            .collect()
    }

    /// Whether another station would be the first choice for what this one holds.
    pub(super) fn has_better(&self, vip: &Vip, now: Instant) -> bool {
        self.peers
            .iter()
            .any(|(id, peer)| is_better(peer, vip.score, vip, now) && !vip.knows_silent(id, peer))
    }

    /// Remembers that these did not take `address` when they were asked.
    pub(super) fn mark_silent(&mut self, address: IpAddr, silent: Vec<PeerId>) {
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        for id in silent {
            if let (Some(subnet), Some(peer)) = (vip.subnet, self.peers.get_mut(id)) {
                peer.silent_on.insert(subnet);
            }
            if !vip.silent.contains(&id) {
                vip.silent.push(id);
            }
        }
    }

    /// It has taken `address`, so it can have others like it.
    pub(super) fn not_silent(&mut self, id: PeerId, address: IpAddr) {
        let Some(vip) = self.vips.get_mut(&address) else {
            return;
        };
        vip.silent.retain(|silent| *silent != id);
        if let (Some(subnet), Some(peer)) = (vip.subnet, self.peers.get_mut(id)) {
            peer.silent_on.remove(&subnet);
        }
    }
}

fn is_better(peer: &Peer, than: Score, vip: &Vip, now: Instant) -> bool {
    peer.hears_us
        && peer.is_candidate(false)
        && Score::of(peer.hash, vip.key) > than
        && may_have(peer, vip, now)
}

/// Whether `peer` may have an address, as far as this node knows.
fn may_have(peer: &Peer, vip: &Vip, now: Instant) -> bool {
    let Wanted {
        address,
        candidates,
        interfaces,
        ..
    } = &vip.wanted;
    candidates.include(&peer.station.node)
        && interfaces.may_admit(&peer.station.interface, peer.subnets.as_deref(), *address)
        && !peer.released_lately(*address, now)
}
