//! How long until an ARP request is answered? Measured at the asker, in turn for each of the addresses compared, so
//! that whatever else the machine does falls on all of them alike.

use std::{
    io,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use roadstead_arp::{
    InterfaceIndex, Mac,
    net::{FrameKind, FrameSocket},
    wire::arp::{self, Operation},
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(1);

/// A host that asks.
pub(crate) struct Prober {
    socket: FrameSocket,
    mac: Mac,
    address: Ipv4Addr,
}

/// Latencies, ascending.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latencies(Vec<Duration>);

impl Prober {
    /// Asks from the interface `index` of the calling thread's network namespace, whose own addresses these are.
    pub(crate) fn open(index: InterfaceIndex, mac: Mac, address: Ipv4Addr) -> io::Result<Self> {
        Ok(Self {
            socket: FrameSocket::open(index, FrameKind::Arp)?,
            mac,
            address,
        })
    }

    /// Asks once: how long the answer took, and who gave it. `None` if there was none.
    pub(crate) fn ask(&self, address: Ipv4Addr) -> io::Result<Option<(Duration, Mac)>> {
        let request = arp::request(self.mac, self.address, address);
        let mut buffer = [0; 2048];
        while self.socket.receive(&mut buffer)?.is_some() {}
        let asked = Instant::now();
        self.socket.send(&request)?;
        loop {
            let Some(length) = self.socket.receive(&mut buffer)? else {
                let left = PATIENCE.saturating_sub(asked.elapsed());
                let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
                let mut sockets = [PollFd::new(&self.socket, PollFlags::IN)];
                if poll(&mut sockets, Some(&timeout))? == 0 {
                    return Ok(None);
                }
                continue;
            };
            let took = asked.elapsed();
            let answer = buffer.get(..length).map(arp::Packet::new_checked);
            if let Some(Ok(packet)) = answer {
                let repr = packet.repr();
                if repr.operation == Operation::Reply && repr.sender_ip == address {
                    return Ok(Some((took, repr.sender_mac)));
                }
            }
        }
    }

    /// Asks for each of `lists` of addresses in turn, `rounds` times, with `pause` before each question; a list's
    /// addresses take turns too. Latencies for each list.
    pub(crate) fn compare(
        &self,
        lists: &[Vec<Ipv4Addr>],
        rounds: usize,
        pause: Duration,
    ) -> io::Result<Vec<Latencies>> {
        let mut all = vec![Latencies::default(); lists.len()];
        for round in 0..rounds {
            for (latencies, list) in all.iter_mut().zip(lists) {
                if let Some(address) = list.get(round % list.len().max(1)) {
                    rest(pause)?;
                    if let Some((took, _)) = self.ask(*address)? {
                        latencies.0.push(took);
                    }
                }
            }
        }
        for latencies in &mut all {
            latencies.0.sort_unstable();
        }
        Ok(all)
    }
}

impl Latencies {
    /// The latency that `share` of the answers did not exceed.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list of thousands"
        )]
        let place = (self.0.len() as f64 * share) as usize;
        self.0
            .get(place.min(self.0.len().saturating_sub(1)))
            .copied()
    }

    /// How many answers there were.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Passes the time as a host does that has nothing to do.
fn rest(pause: Duration) -> io::Result<()> {
    if !pause.is_zero() {
        poll(
            &mut [],
            Some(&Timespec::try_from(pause).map_err(io::Error::other)?),
        )?;
    }
    Ok(())
}
