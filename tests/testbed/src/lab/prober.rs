//! For how long was a Service out of reach, as its client sees it?
//!
//! Numbered datagrams, one every millisecond, which a pod sends back. The figures are counted from what was written
//! down; nothing is retried.

use std::{
    io,
    net::{IpAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use super::{
    client::Client,
    observer::readable,
    running::{Notes, Running},
};
use crate::wait::poll_until;

/// Probes that go on until they are told to stop.
#[derive(Debug)]
pub struct Prober(Running<Probes>);

/// Every probe, in the order they were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes(pub Vec<Probe>);

/// A datagram and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// When it was sent.
    pub sent: Instant,
    /// When it came back.
    pub answered: Option<Instant>,
}

/// What a client missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outage {
    /// The longest time in which no answer came: a millisecond or a little more when nothing was missed.
    pub gap: Duration,
    /// How many probes were never answered.
    pub lost: u64,
    /// How many were sent.
    pub sent: u64,
    /// The longest time in which none was sent, because the machine was busy: no gap says more than this.
    pub pause: Duration,
}

/// The resolution of every figure here.
pub(super) const EVERY: Duration = Duration::from_millis(1);
/// How long answers are waited for at the end.
const LAST_ANSWER_WITHIN: Duration = Duration::from_millis(300);

// === impl Client ===

impl Client {
    /// Starts to probe a UDP port behind which pods echo. The first answers may take a moment to come:
    /// [`Prober::answered`].
    ///
    /// # Errors
    /// No socket can be had.
    pub fn probe(&self, ip: IpAddr, port: u16) -> Result<Prober> {
        let local = self.interface().address_like(ip);
        let socket = self.namespace.inside(|| {
            let socket = UdpSocket::bind((local, 0))?;
            socket.connect((ip, port))?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        let socket = socket.with_context(|| format!("probing {ip} port {port}"))?;
        let work = move |notes: &Notes<Probes>| probe(&socket.into(), notes);
        Running::start(&self.namespace, work).map(Prober)
    }
}

// === impl Prober ===

impl Prober {
    /// Waits until a probe is answered that is sent from now on.
    ///
    /// # Errors
    /// None is within `deadline`, or probes cannot be sent.
    pub async fn answered(&self, deadline: Duration) -> Result<()> {
        let from = self.0.seen().0.len();
        let answered = poll_until("a probe to be answered", deadline, async || {
            let seen = self.0.seen();
            let mut probes = seen.0.iter().skip(from);
            let answered = probes.any(|probe| probe.answered.is_some());
            (answered || !self.0.goes_on()).then_some(answered)
        });
        if !answered.await? {
            bail!("waiting for a probe to be answered: probing has ended");
        }
        Ok(())
    }

    /// Ends it and returns all probes, after waiting for the last answers.
    ///
    /// # Errors
    /// Probing had ended before, and why.
    pub async fn stop(self) -> Result<Probes> {
        self.0.stop().await
    }
}

fn probe(socket: &socket2::Socket, notes: &Notes<Probes>) -> Result<()> {
    let mut due = Instant::now();
    while !notes.stopping() {
        let number = {
            let mut seen = notes.seen();
            let probe = Probe {
                sent: Instant::now(),
                answered: None,
            };
            seen.0.push(probe);
            seen.0.len() as u64 - 1
        };
        // One that cannot be sent, because nobody says where to, is lost like any other.
        let _ = socket.send(&number.to_be_bytes());
        // After a pause of the machine probes go on, and what was missed is not sent at once.
        due = (due + EVERY).max(Instant::now());
        hear(socket, notes, due)?;
    }
    hear(socket, notes, Instant::now() + LAST_ANSWER_WITHIN)
}

/// Notes answers until that moment.
fn hear(socket: &socket2::Socket, notes: &Notes<Probes>, until: Instant) -> Result<()> {
    let mut datagram = [0; size_of::<u64>()];
    while readable(socket, until)? {
        // An error is what a router or the kernel says of a lost probe.
        if io::Read::read(&mut &*socket, &mut datagram).is_ok() {
            let now = Instant::now();
            let number = usize::try_from(u64::from_be_bytes(datagram))?;
            if let Some(probe) = notes.seen().0.get_mut(number) {
                probe.answered.get_or_insert(now);
            }
        }
    }
    Ok(())
}

// === impl Probes ===

impl Probes {
    /// What was missed. Before the first answer there is nothing to miss.
    #[must_use]
    pub fn outage(&self) -> Outage {
        let first = self.0.iter().position(|probe| probe.answered.is_some());
        let probes = self.0.get(first.unwrap_or_default()..).unwrap_or_default();
        let mut answers: Vec<Instant> = probes.iter().filter_map(|probe| probe.answered).collect();
        answers.sort_unstable();
        // The last probe ends the time in which an answer could have come.
        answers.extend(probes.last().map(|last| last.sent));
        let sent: Vec<Instant> = probes.iter().map(|probe| probe.sent).collect();
        Outage {
            gap: longest_between(&answers),
            pause: longest_between(&sent),
            lost: probes
                .iter()
                .filter(|probe| probe.answered.is_none())
                .count() as u64,
            sent: probes.len() as u64,
        }
    }

    /// How long each answered probe took, in the order they were sent.
    #[must_use]
    pub fn round_trips(&self) -> Vec<Duration> {
        let round_trip = |probe: &Probe| Some(probe.answered?.duration_since(probe.sent));
        self.0.iter().filter_map(round_trip).collect()
    }
}

/// The longest time between two of these moments that follow each other.
pub(super) fn longest_between(moments: &[Instant]) -> Duration {
    let pairs = moments.iter().zip(moments.iter().skip(1));
    let gaps = pairs.map(|(one, next)| next.saturating_duration_since(*one));
    gaps.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage_of(probes: &[(u64, Option<u64>)]) -> Outage {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let probe = |(sent, answered): &(u64, Option<u64>)| Probe {
            sent: at(*sent),
            answered: answered.map(at),
        };
        Probes(probes.iter().map(probe).collect()).outage()
    }

    #[test]
    fn a_gap_lies_between_two_answers() {
        let Outage {
            gap,
            lost,
            sent,
            pause,
        } = outage_of(&[
            (0, None),
            (1, Some(2)),
            (2, Some(3)),
            (3, None),
            (4, None),
            (5, Some(9)),
            (6, Some(7)),
        ]);
        assert_eq!((gap.as_millis(), lost, sent), (4, 2, 6));
        assert_eq!(pause.as_millis(), 1);
    }

    #[test]
    fn an_outage_that_lasts_ends_with_the_last_probe() {
        let Outage { gap, lost, .. } = outage_of(&[(0, Some(1)), (1, None), (20, None)]);
        assert_eq!((gap.as_millis(), lost), (19, 2));
        assert_eq!(outage_of(&[(0, None), (1, None)]).lost, 2);
        assert_eq!(outage_of(&[]), Outage::default());
    }
}
