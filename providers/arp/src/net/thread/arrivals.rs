//! How is what arrived taken in? Socket by socket and in lots; when each has its turn is decided elsewhere.

use std::{io, time::Instant};

use super::{HELLOS, Runner};
use crate::{
    InterfaceIndex,
    net::{frames::FrameKind, hellos::Family},
};

/// How many frames of one socket are taken before others get their turn.
const FRAMES: usize = 64;

/// How many frames that nobody waits for are taken at the most before the clock is obeyed: more than the kernel keeps.
const OTHERS: usize = 4096;

/// How many hellos of one socket are taken at the most before the clock is obeyed.
const HELLOS_WAITING: usize = 1024;

// === impl Runner ===

impl Runner {
    /// Answers what is asked on one socket, each question before the next is read.
    pub(super) fn frames(&mut self, index: InterfaceIndex, kind: FrameKind) {
        for _ in 0..FRAMES {
            let Some(port) = self.ports.get(index) else {
                return;
            };
            let received = port.frames(kind).receive(self.buffer.as_mut_slice());
            let Some(length) = self.arrived(received) else {
                return;
            };
            self.take_frame(index, kind, length);
        }
    }

    /// All frames that are here, on every interface.
    fn all_frames(&mut self) {
        for index in self.indices() {
            self.frames(index, FrameKind::Arp);
            self.frames(index, FrameKind::Neighbour);
        }
    }

    /// The frames that nobody waits for, with a look at the others now and then.
    fn other_frames(&mut self, index: InterfaceIndex) {
        for number in 1..=OTHERS {
            let Some(port) = self.ports.get(index) else {
                return;
            };
            let received = port.other_arp().receive(self.buffer.as_mut_slice());
            let Some(length) = self.arrived(received) else {
                return;
            };
            self.take_frame(index, FrameKind::Arp, length);
            if number.is_multiple_of(FRAMES) {
                self.all_frames();
            }
        }
    }

    pub(super) fn all_other_frames(&mut self) {
        for index in self.indices() {
            self.other_frames(index);
        }
    }

    /// Is woken for what is claimed by now. What was asked just before may wait where nobody is woken for it.
    pub(super) fn divide(&mut self) -> io::Result<()> {
        for index in self.ports.divide()? {
            self.other_frames(index);
        }
        Ok(())
    }

    /// Takes in at most `limit` hellos of one socket; `true` if there may be more.
    pub(super) fn hellos(&mut self, index: InterfaceIndex, family: Family, limit: usize) -> bool {
        for _ in 0..limit {
            let Some(socket) = self.ports.get(index).and_then(|port| port.hellos(family)) else {
                return false;
            };
            let received = socket.receive(self.buffer.as_mut_slice());
            let Some(datagram) = self.arrived(received) else {
                return false;
            };
            let payload = self.buffer.get(..datagram.length).unwrap_or_default();
            let _ = self
                .engine
                .handle_hello(Instant::now(), index, datagram.hop_limit, payload);
            self.stats.hellos_received += 1;
            self.flush();
        }
        true
    }

    /// Takes in all hellos that are here, with a look at the frames now and then.
    pub(super) fn all_hellos(&mut self) {
        for index in self.indices() {
            for family in Family::ALL {
                for _ in 0..HELLOS_WAITING / HELLOS {
                    if !self.hellos(index, family, HELLOS) {
                        break;
                    }
                    self.all_frames();
                }
            }
        }
    }

    /// What a socket had; `None` where it had nothing. An interface that went down says so once, and the kernel tells us about
    /// that in another way, too.
    fn arrived<T>(&mut self, received: io::Result<Option<T>>) -> Option<T> {
        received.unwrap_or_else(|_| {
            self.stats.receive_failures += 1;
            None
        })
    }

    /// Takes in the frame that is at the beginning of the buffer.
    fn take_frame(&mut self, index: InterfaceIndex, kind: FrameKind, length: usize) {
        let frame = self.buffer.get(..length).unwrap_or_default();
        // What is ignored, the engine counts.
        let _ = self.engine.handle_frame(Instant::now(), index, frame);
        match kind {
            FrameKind::Arp => self.stats.arp_received += 1,
            FrameKind::Neighbour => self.stats.ndp_received += 1,
        }
        self.flush();
    }
}
