//! Who answers for an address on the segment?
//!
//! Asks by ARP and neighbour solicitations with addresses of the observer's own, so that nobody's neighbour table
//! but the answerer's changes. Each question is asked with another address than the one before, so that an answer says
//! which question it answers.

use std::{
    io::{self, Read as _},
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    net::netdevice,
};
use socket2::{Domain, Protocol, Socket, Type};

use super::{
    address::{Interface, Mac, OBSERVER, OBSERVER_ADDRESSES, Segment},
    frames::{self, Claim},
    sys,
};

/// Who answered, question by question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(pub Vec<Vec<Mac>>);

/// A packet socket, used in turns to ask and to listen.
#[derive(Debug)]
pub(super) struct Ear {
    socket: Socket,
    mac: Mac,
}

/// An answer to a question of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) at: Instant,
    pub(super) mac: Mac,
    /// The number of the question, modulo [`TURNS`].
    pub(super) turn: usize,
}

/// How many questions can be told apart.
pub(super) const TURNS: usize = OBSERVER_ADDRESSES as usize;

/// Long enough for an answer on a machine with better things to do.
const ANSWERED_WITHIN: Duration = Duration::from_millis(300);
/// An address is asked with again after eight times this.
const ASK_EVERY: Duration = Duration::from_millis(40);

const FRAME: usize = 2048;
/// Frames of all kinds (`ETH_P_ALL`).
const ALL_KINDS: u16 = 0x0003;

// === impl Answers ===

impl Answers {
    /// The one that answered every question alone. `None`: somebody else did too, or nobody.
    #[must_use]
    pub fn only(&self) -> Option<Mac> {
        let first = *self.0.first()?.first()?;
        self.0
            .iter()
            .all(|who| who.as_slice() == [first])
            .then_some(first)
    }

    /// Whether no question was answered.
    #[must_use]
    pub fn none(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// Everybody who answered at all, in order.
    #[must_use]
    pub fn everybody(&self) -> Vec<Mac> {
        let mut all: Vec<Mac> = self.0.iter().flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

// === impl Ear ===

impl Ear {
    /// Hears everything. To be called in the namespace of `interface`.
    pub(super) fn open(interface: &Interface) -> Result<Self> {
        Self::open_for(ALL_KINDS, interface)
    }

    /// Hears frames of one kind.
    pub(super) fn open_for(kind: u16, interface: &Interface) -> Result<Self> {
        let what = || format!("opening a packet socket on {}", interface.name);
        let protocol = Protocol::from(i32::from(kind.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).with_context(what)?;
        let index = netdevice::name_to_index(&socket, &interface.name).with_context(what)?;
        let address = sys::packet_address(kind, index).with_context(what)?;
        socket.bind(&address).with_context(what)?;
        socket.set_nonblocking(true).with_context(what)?;
        // A burst of a thousand announcements must not push the answer out that is waited for.
        socket.set_recv_buffer_size(8 << 20).with_context(what)?;
        Ok(Self {
            socket,
            mac: interface.mac,
        })
    }

    /// Asks who has `address`, with the observer's address number `turn`.
    pub(super) fn ask(&self, address: IpAddr, turn: usize) -> Result<()> {
        let frame = frames::question(address, self.mac, asker(address, turn))?;
        self.send(&frame)
            .with_context(|| format!("asking for {address}"))
    }

    /// Sends a frame as it is.
    pub(super) fn send(&self, frame: &[u8]) -> Result<()> {
        match self.socket.send(frame) {
            // A cable that is out is an answer of its own: silence.
            Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => Ok(()),
            sent => sent.map(drop).context("sending a frame"),
        }
    }

    /// The next answer about `address` to a question of ours that comes before `until`: when, from whom, and with
    /// which of the observer's addresses it was asked.
    pub(super) fn next(&self, address: IpAddr, until: Instant) -> Result<Option<Heard>> {
        while let Some((at, frame)) = self.frame(until)? {
            let Some(claim) = frames::claim(&frame) else {
                continue;
            };
            if claim.address == address
                && claim.sender != self.mac
                && let Some(turn) = (0..TURNS).find(|turn| asker(address, *turn) == claim.to)
            {
                let Claim { mac, .. } = claim;
                return Ok(Some(Heard { at, mac, turn }));
            }
        }
        Ok(None)
    }

    /// The next frame, if one comes before `until`, and when.
    pub(super) fn frame(&self, until: Instant) -> Result<Option<(Instant, Vec<u8>)>> {
        let mut buffer = vec![0; FRAME];
        loop {
            match (&self.socket).read(&mut buffer) {
                Ok(length) => {
                    let at = Instant::now();
                    buffer.truncate(length);
                    return Ok(Some((at, buffer)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.raw_os_error() == Some(libc::ENETDOWN) => {}
                Err(error) => return Err(error).context("hearing a frame"),
            }
            if !readable(&self.socket, until)? {
                return Ok(None);
            }
        }
    }
}

/// Asks `count` times who has `address`.
pub(super) fn ask_times(ear: &Ear, address: IpAddr, count: usize) -> Result<Answers> {
    let mut answers = vec![Vec::new(); count];
    for number in 0..count {
        ear.ask(address, number)?;
        let is_last = number + 1 == count;
        let until = Instant::now() + if is_last { ANSWERED_WITHIN } else { ASK_EVERY };
        while let Some(Heard { mac, turn, .. }) = ear.next(address, until)? {
            let asked = (0..=number).rev().find(|asked| asked % TURNS == turn);
            if let Some(who) = asked.and_then(|asked| answers.get_mut(asked))
                && !who.contains(&mac)
            {
                who.push(mac);
            }
        }
    }
    Ok(Answers(answers))
}

/// The address of the observer that question number `turn` about `address` is asked with.
fn asker(address: IpAddr, turn: usize) -> IpAddr {
    let host = OBSERVER + u8::try_from(turn % TURNS).unwrap_or_default();
    match address {
        IpAddr::V4(_) => Segment::MAIN.v4(host).into(),
        IpAddr::V6(_) => Segment::MAIN.v6(host.into()).into(),
    }
}

/// Waits until there is something to read, at most until that moment. Finer than a socket's own time limit, which
/// counts in the kernel's ticks of up to 10 ms.
pub(super) fn readable(socket: &Socket, until: Instant) -> Result<bool> {
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).context("waiting for a packet")?;
    let mut polled = [PollFd::new(socket, PollFlags::IN)];
    match poll(&mut polled, Some(&left)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error).context("waiting for a packet"),
    }
}
