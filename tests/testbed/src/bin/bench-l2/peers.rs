//! What does a large segment cost an announcer? Hellos of stations that do not exist, as many as are wanted, from one node.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result};
use roadstead_arp::{
    Interface, InterfaceIndex, Mac,
    net::{Family, HelloSocket},
    wire::hello::{Exactly, Heard, Hello, Key, Session, Station, encode, peek},
};
use roadstead_testbed::{Lab, figures::Report, lab::Fleet, poll_until};
use rustix::net::{AddressFamily, SocketType, netdevice, socket};

/// Stations that say hello and hold nothing. They end when dropped.
struct Crowd {
    stop: Arc<AtomicBool>,
    heard: Arc<Traffic>,
    thread: Option<JoinHandle<()>>,
}

/// What the real announcers sent.
#[derive(Debug, Default)]
struct Traffic {
    bytes: AtomicU64,
    hellos: AtomicU64,
}

/// One that does not exist.
struct Ghost {
    station: Station,
    session: Session,
    sequence: u64,
}

/// From here the crowd speaks; its own announcer is away.
const SPEAKER: u8 = 3;
const SOON: Duration = Duration::from_mins(1);
const WATCHED: Duration = Duration::from_secs(10);
/// Ethernet, IPv4 and UDP around each hello.
const HEADERS: u64 = 14 + 20 + 8;
/// As the engine stretches it: a millisecond for every station, 100 at least.
const SHORTEST: Duration = Duration::from_millis(100);

/// Memory, processor time and hellos of an announcer among `stations` in all.
pub(crate) async fn measure(
    stations: usize,
    lab: &Lab,
    fleet: &mut Fleet,
    report: &mut Report,
) -> Result<()> {
    drop(fleet.take(SPEAKER));
    let real = lab.nodes().len() - 1;
    let crowd = Crowd::start(stations.saturating_sub(real), lab, fleet.key())?;
    let node = lab.node(1);
    let announcer = fleet.announcer(1)?;
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let wanted = (stations - 1) as f64;
    poll_until("all to be heard", SOON, async || {
        let peers = announcer.metric(node, "roadstead_announcer_peers").ok()??;
        (peers >= wanted).then_some(())
    })
    .await
    .with_context(|| {
        announcer
            .get(node, "/metrics")
            .map_or_else(|error| error.to_string(), |it| it.1)
    })?;
    let (cpu, sent) = (announcer.process().cpu_time()?, crowd.heard.so_far());
    tokio::time::sleep(WATCHED).await;
    let used = announcer.process().cpu_time()?.saturating_sub(cpu);
    let share = used.as_secs_f64() / WATCHED.as_secs_f64();
    let (hellos, bytes) = crowd.heard.so_far();
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let (hellos, bytes) = ((hellos - sent.0) as f64, (bytes - sent.1) as f64);
    #[expect(clippy::cast_precision_loss, reason = "megabytes; a few nodes")]
    let (megabytes, real) = (announcer.process().rss_bytes()? as f64 / 1e6, real as f64);
    let of = |what: &str| format!("{what}, {stations} stations");
    report.figure(&of("RSS of an announcer"), megabytes, "MB", None);
    report.figure(
        &of("processor of an idle announcer"),
        share * 100.0,
        "%",
        None,
    );
    let seconds = WATCHED.as_secs_f64();
    report.figure(
        &of("hellos of one announcer, over IPv4"),
        hellos / real / seconds,
        "/s",
        None,
    );
    report.figure(
        &of("their bandwidth"),
        bytes * 8.0 / 1_000.0 / real / seconds,
        "kbit/s",
        None,
    );
    drop(crowd);
    fleet.fill(lab)?;
    fleet.ready(lab, SOON).await
}

// === impl Crowd ===

impl Crowd {
    fn start(count: usize, lab: &Lab, key: &str) -> Result<Self> {
        let node = lab.node(SPEAKER);
        let own = node
            .interfaces()
            .into_iter()
            .next()
            .context("finding an interface")?;
        let hellos = node.inside(|| {
            let any = socket(AddressFamily::INET, SocketType::DGRAM, None)?;
            let interface = Interface {
                index: InterfaceIndex(netdevice::name_to_index(&any, &own.name)?),
                name: own.name.as_str().into(),
                mac: Mac(own.mac.0),
                mtu: 1_500,
                addresses: Vec::new(),
            };
            Ok(HelloSocket::open(&interface, Family::V4)?)
        })?;
        let key = Key::new(key.trim().as_bytes()).context("reading the key")?;
        let incarnation = since_1970().as_nanos();
        let incarnation = u64::try_from(incarnation).context("reading the clock")?;
        let (stop, heard) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Traffic::default()),
        );
        let speaker = Speaker {
            hellos,
            key,
            incarnation,
            mac: Mac(own.mac.0),
            ghosts: (0..count).map(|n| Ghost::new(n, incarnation)).collect(),
            real: BTreeMap::new(),
            heard: Arc::clone(&heard),
            stop: Arc::clone(&stop),
        };
        let thread = thread::spawn(move || speaker.run());
        Ok(Self {
            stop,
            heard,
            thread: Some(thread),
        })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

// === impl Traffic ===

impl Traffic {
    fn so_far(&self) -> (u64, u64) {
        (
            self.hellos.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
        )
    }
}

// === impl Ghost ===

impl Ghost {
    fn new(n: usize, incarnation: u64) -> Self {
        let station = Station {
            node: format!("ghost-{n}").into(),
            interface: "eth0".into(),
        };
        Self {
            session: Session::of(&station, incarnation),
            station,
            sequence: 0,
        }
    }
}

/// The thread's own.
struct Speaker {
    hellos: HelloSocket,
    key: Key,
    incarnation: u64,
    mac: Mac,
    ghosts: Vec<Ghost>,
    real: BTreeMap<Session, u64>,
    heard: Arc<Traffic>,
    stop: Arc<AtomicBool>,
}

// === impl Speaker ===

impl Speaker {
    /// One ghost after the other, evenly over an interval.
    fn run(mut self) {
        let all = u32::try_from(self.ghosts.len() + 2).unwrap_or(u32::MAX);
        let interval = SHORTEST.max(Duration::from_millis(all.into()));
        let each = interval / u32::try_from(self.ghosts.len().max(1)).unwrap_or(u32::MAX);
        let mut due = Instant::now();
        let mut turn = 0;
        while !self.stop.load(Ordering::Relaxed) {
            self.listen();
            if let Some(payload) = self.hello(turn, interval) {
                // What is lost is said again after an interval.
                let _ = self.hellos.send(&payload);
            }
            turn = (turn + 1) % self.ghosts.len().max(1);
            due += each;
            thread::park_timeout(due.saturating_duration_since(Instant::now()));
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 2_048];
        while let Ok(Some(datagram)) = self.hellos.receive(&mut buffer) {
            let Some(Ok(hello)) = buffer.get(..datagram.length).map(peek) else {
                continue;
            };
            self.real.insert(hello.session(), hello.sequence);
            self.heard.hellos.fetch_add(1, Ordering::Relaxed);
            self.heard
                .bytes
                .fetch_add(datagram.length as u64 + HEADERS, Ordering::Relaxed);
        }
    }

    fn hello(&mut self, turn: usize, interval: Duration) -> Option<Vec<u8>> {
        let ghosts = self
            .ghosts
            .iter()
            .map(|ghost| (ghost.session, ghost.sequence));
        let real = self
            .real
            .iter()
            .map(|(session, sequence)| (*session, *sequence));
        let heard: BTreeMap<Session, u64> = ghosts.chain(real).collect();
        let members = heard
            .into_iter()
            .map(|(session, sequence)| Heard {
                session,
                sequence: u16::try_from(sequence & 0xffff).unwrap_or_default(),
            })
            .collect();
        let ghost = self.ghosts.get_mut(turn)?;
        ghost.sequence += 1;
        let hello = Hello {
            station: ghost.station.clone(),
            incarnation: self.incarnation,
            sequence: ghost.sequence,
            sent_at: u64::try_from(since_1970().as_millis()).ok()?,
            mac: self.mac,
            interval,
            leaving: false,
            listening: false,
            unfit: true,
            heard: Some(Exactly {
                range: Session(0)..=Session(u32::MAX),
                members,
            }),
            held_v4: None,
            held_v6: None,
            claimed: Vec::new(),
            released: Vec::new(),
            subnets: None,
        };
        encode(&hello, &self.key).ok()
    }
}

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}
