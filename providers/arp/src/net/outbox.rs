//! What goes out when? Answers and hellos at once; announcements to all, which come by the thousand after a failover,
//! in small lots between which questions are answered.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    time::{Duration, Instant},
};

use super::{counters::NetStats, frames::FrameKind, groups::Groups, hellos::Family, ports::Ports};
use crate::{InterfaceIndex, engine::Transmit, wire::ethernet::Frame};

/// How many announcements go out before questions get their turn: as long as one answer takes.
const LOT: usize = 4;

/// How many announcements may wait on one interface: two for each of ten thousand addresses, and some.
const ROOM: usize = 25_000;

/// When an interface's queue is full, it is tried again after this.
const FULL: Duration = Duration::from_millis(1);

/// Everything that waits to be sent, each interface's apart: one that takes nothing holds up no other.
#[derive(Debug, Default)]
pub(super) struct Outbox(BTreeMap<InterfaceIndex, Lane>);

#[derive(Debug, Default)]
struct Lane {
    later: VecDeque<Frame>,
    full_until: Option<Instant>,
}

// === impl Outbox ===

impl Outbox {
    /// Carries out one request, or keeps it for the next lot.
    pub(super) fn take(
        &mut self,
        transmit: Transmit,
        ports: &mut Ports,
        groups: &mut Groups,
        stats: &mut NetStats,
    ) {
        match transmit {
            Transmit::Frame { interface, frame } => {
                if !is_to_many(&frame) {
                    count(&send(ports, interface, &frame, stats), stats);
                    return;
                }
                let later = &mut self.0.entry(interface).or_default().later;
                if later.len() < ROOM {
                    later.push_back(frame);
                } else {
                    stats.given_up += 1;
                }
            }
            Transmit::Hello { interface, payload } => {
                let Some(port) = ports.get(interface) else {
                    return;
                };
                for family in Family::ALL {
                    if let Some(socket) = port.hellos(family) {
                        match socket.send(&payload) {
                            Ok(()) => stats.hellos_sent += 1,
                            // The next one is a tenth of a second away.
                            Err(_) => stats.send_failures += 1,
                        }
                    }
                }
            }
            Transmit::Join { interface, group } => {
                if groups.join(interface, group).is_err() {
                    stats.open_failures += 1;
                }
            }
            Transmit::Leave { interface, group } => groups.leave(interface, group),
            Transmit::Heed { interface, address } => ports.heed(interface, address),
            Transmit::Disregard { interface, address } => ports.disregard(interface, address),
        }
    }

    /// Sends the next lot of announcements on each interface whose queue has room.
    pub(super) fn send_lot(&mut self, now: Instant, ports: &Ports, stats: &mut NetStats) {
        self.0.retain(|interface, lane| {
            lane.send_lot(*interface, now, ports, stats);
            !lane.later.is_empty()
        });
    }

    /// When the next lot is due: `None` if nothing waits.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let due = self.0.values().map(|lane| lane.full_until.unwrap_or(now));
        due.min()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

// === impl Lane ===

impl Lane {
    fn send_lot(
        &mut self,
        interface: InterfaceIndex,
        now: Instant,
        ports: &Ports,
        stats: &mut NetStats,
    ) {
        if self.full_until.is_some_and(|until| now < until) {
            return;
        }
        self.full_until = None;
        for _ in 0..LOT {
            let Some(frame) = self.later.front() else {
                return;
            };
            let sent = send(ports, interface, frame, stats);
            if sent.as_ref().is_err_and(is_full) {
                stats.sent_later += 1;
                self.full_until = Some(now + FULL);
                return;
            }
            count(&sent, stats);
            self.later.pop_front();
        }
    }
}

/// The lowest bit of the first byte says that a frame is to a group, or to all.
fn is_to_many(frame: &[u8]) -> bool {
    frame.first().is_some_and(|first| first & 1 == 1)
}

fn send(
    ports: &Ports,
    interface: InterfaceIndex,
    frame: &[u8],
    stats: &mut NetStats,
) -> io::Result<()> {
    // An interface that is gone meanwhile: what was to be said there is of no interest to anybody.
    let Some(port) = ports.get(interface) else {
        return Ok(());
    };
    let kind = if frame.get(12..14) == Some(&[0x08, 0x06]) {
        FrameKind::Arp
    } else {
        FrameKind::Neighbour
    };
    port.frames(kind).send(frame)?;
    match kind {
        FrameKind::Arp => stats.arp_sent += 1,
        FrameKind::Neighbour => stats.ndp_sent += 1,
    }
    Ok(())
}

fn count(sent: &io::Result<()>, stats: &mut NetStats) {
    if sent.is_err() {
        stats.send_failures += 1;
    }
}

fn is_full(source: &io::Error) -> bool {
    source.kind() == io::ErrorKind::WouldBlock || source.raw_os_error() == Some(libc::ENOBUFS)
}
