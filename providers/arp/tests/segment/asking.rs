//! A host that asks who has an address, by ARP and by neighbour discovery, and counts who answers.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

use roadstead_arp::{
    InterfaceIndex, Mac,
    net::{FrameKind, FrameSocket},
    wire::{
        arp::{self, Operation},
        ethernet::Frame,
        ndp::{self, Message},
    },
};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Host;

/// How long a second answer may be behind the first: many times what an answer takes.
const SECOND: Duration = Duration::from_millis(50);

/// A host that asks.
pub(crate) struct Asker {
    pub(crate) mac: Mac,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
    pub(crate) arp: FrameSocket,
    pub(crate) ndp: FrameSocket,
}

impl Host {
    /// Asks from here on, with these addresses as its own.
    pub(crate) fn asker(&self, v4: &str, v6: &str) -> Asker {
        let index = InterfaceIndex(self.namespace.index("eth0"));
        let open = move |kind| FrameSocket::open(index, kind).expect("as root");
        let (arp, ndp) = self
            .namespace
            .run(move || (open(FrameKind::Arp), open(FrameKind::Neighbour)));
        Asker {
            mac: Mac(self.namespace.mac("eth0")),
            v4: v4.parse().expect("IPv4"),
            v6: v6.parse().expect("IPv6"),
            arp,
            ndp,
        }
    }
}

impl Asker {
    /// Asks once, as a host does that has never heard of `address`, and waits until nobody can still be answering: who
    /// did, in order.
    pub(crate) fn who_has(&self, address: IpAddr) -> Vec<Mac> {
        self.ask(address, &self.question(address))
    }

    /// Who has `address`?
    pub(crate) fn question(&self, address: IpAddr) -> Frame {
        match address {
            IpAddr::V4(address) => arp::request(self.mac, self.v4, address),
            IpAddr::V6(address) => ndp::solicitation(self.mac, self.v6, address),
        }
    }

    /// Asks once, and waits for one answer.
    pub(crate) fn answerer(&self, address: IpAddr) -> Mac {
        let question = self.question(address);
        self.socket(address)
            .send(&question)
            .expect("the segment is there");
        self.until_seen(address, |frame| answerer(frame, address))
    }

    /// Asks until somebody answers: the first who does. None in ten seconds fails the test.
    pub(crate) fn until_answered(&self, address: IpAddr) -> Mac {
        let from = Instant::now();
        loop {
            if let Some(mac) = self.who_has(address).first() {
                return *mac;
            }
            assert!(
                from.elapsed() < Duration::from_secs(10),
                "nobody answers for {address}"
            );
        }
    }

    /// Asks twenty times: the one host that answered each time, exactly once.
    pub(crate) fn only_answerer(&self, address: IpAddr) -> Mac {
        let answers: Vec<Vec<Mac>> = (0..20).map(|_| self.who_has(address)).collect();
        let first = answers[0].first().copied();
        let first = first.unwrap_or_else(|| panic!("nobody answers for {address}"));
        assert!(
            answers.iter().all(|answer| *answer == [first]),
            "{address}: {answers:?}"
        );
        first
    }

    /// Sends `question` and collects who answers for `address`, until nobody can still be answering.
    pub(crate) fn ask(&self, address: IpAddr, question: &Frame) -> Vec<Mac> {
        let socket = self.socket(address);
        while socket
            .receive(&mut [0; 2048])
            .is_ok_and(|got| got.is_some())
        {}
        socket.send(question).expect("the segment is there");
        self.answers(address)
    }

    /// Who answers for `address`, until nobody can still be answering.
    pub(crate) fn answers(&self, address: IpAddr) -> Vec<Mac> {
        let mut answers = Vec::new();
        while let Some(frame) = next(self.socket(address), SECOND) {
            answers.extend(answerer(&frame, address));
        }
        answers
    }

    /// Waits for a frame of the family of `address` that is `wanted`. None in ten seconds fails the test.
    pub(crate) fn until_seen<T>(&self, address: IpAddr, wanted: impl Fn(&[u8]) -> Option<T>) -> T {
        loop {
            let frame = next(self.socket(address), Duration::from_secs(10));
            let frame = frame.unwrap_or_else(|| panic!("no such frame about {address}"));
            if let Some(found) = wanted(&frame) {
                return found;
            }
        }
    }

    fn socket(&self, address: IpAddr) -> &FrameSocket {
        match address {
            IpAddr::V4(_) => &self.arp,
            IpAddr::V6(_) => &self.ndp,
        }
    }
}

fn next(socket: &FrameSocket, patience: Duration) -> Option<Vec<u8>> {
    let timeout = Timespec::try_from(patience).expect("short");
    let mut sockets = [PollFd::new(socket, PollFlags::IN)];
    if poll(&mut sockets, Some(&timeout)).expect("it is open") == 0 {
        return None;
    }
    let mut buffer = [0; 2048];
    let length = socket.receive(&mut buffer).expect("it is up")?;
    Some(buffer[..length].to_vec())
}

/// Who says in `frame`, when asked, to have `address`.
fn answerer(frame: &[u8], address: IpAddr) -> Option<Mac> {
    match address {
        IpAddr::V4(address) => {
            let repr = arp::Packet::new_checked(frame).ok()?.repr();
            let is_answer = repr.operation == Operation::Reply
                && repr.sender_ip == address
                && !repr.is_gratuitous();
            is_answer.then_some(repr.sender_mac)
        }
        IpAddr::V6(address) => {
            let repr = ndp::Packet::new_checked(frame).ok()?.repr();
            match repr.message {
                Message::Advertisement { target_mac, flags }
                    if repr.target == address && flags.solicited =>
                {
                    target_mac
                }
                _ => None,
            }
        }
    }
}

/// Whose announcement of `address`, unasked, `frame` is.
pub(crate) fn announcement(frame: &[u8], address: IpAddr) -> Option<Mac> {
    match address {
        IpAddr::V4(address) => {
            let repr = arp::Packet::new_checked(frame).ok()?.repr();
            (repr.is_gratuitous() && repr.sender_ip == address).then_some(repr.sender_mac)
        }
        IpAddr::V6(address) => {
            let repr = ndp::Packet::new_checked(frame).ok()?.repr();
            match repr.message {
                Message::Advertisement { target_mac, flags }
                    if repr.target == address && !flags.solicited =>
                {
                    target_mac
                }
                _ => None,
            }
        }
    }
}
