//! Announces addresses from this node: what the cluster says becomes what this node may announce, and what the segment says
//! becomes the condition `roadstead.dev/Healthy`.
//!
//! `eligibility`, `board`, `words` and `speaker` decide, the engine of `roadstead-arp` claims and answers, everything else
//! carries between the API server and these.

pub mod admin;
pub mod board;
pub mod eligibility;
pub mod endpoints;
pub mod engine;
pub mod forwarding;
pub mod gather;
pub mod key;
pub mod metrics;
pub mod outage;
pub mod picture;
pub mod pool;
pub mod run;
pub mod speaker;
pub mod tell;
pub mod watch;
pub mod wish;
pub mod words;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc, time::Duration};

use roadstead_arp::engine::{Event, Holder};
use roadstead_core::NamespacedName;
use tokio::{
    sync::{mpsc, oneshot, watch as signal},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use self::{
    board::Order,
    engine::Segments,
    picture::Picture,
    speaker::{End, SETTLED, Speaker, Write},
    tell::Teller,
    watch::Watches,
    wish::Seen,
    words::{Scene, word},
};

/// One node's announcer, as the cluster sees it: made once, run once.
#[derive(Debug)]
pub struct Announcer {
    me: Arc<str>,
    picture: Picture,
    speaker: Speaker,
    segments: Arc<dyn Segments>,
    teller: Arc<Teller>,
    /// What the engine was told last of whether this node forwards.
    fit: bool,
    /// Writes under way.
    writes: JoinSet<Ended>,
}

/// Where an announcer hears from.
#[derive(Debug)]
pub struct Ears {
    /// The cluster.
    pub watches: Watches,
    /// The segments.
    pub events: mpsc::UnboundedReceiver<Event>,
    /// Whether the node forwards: `None` if it does, else why not.
    pub forwarding: signal::Receiver<Option<String>>,
    /// Who wants to know what the announcer knows.
    pub questions: mpsc::Receiver<Question>,
}

/// Something asked of a running announcer.
pub type Question = Box<dyn FnOnce(&Picture) + Send>;

/// The way to ask.
#[derive(Clone, Debug)]
pub struct Ask(mpsc::Sender<Question>);

/// How a write ended.
type Ended = (NamespacedName, Write, Result<Seen, End>);

/// So much is taken in at once before anything follows from it.
const AT_ONCE: usize = 512;

/// So many writes are under way at once, and of so many Services the engine is asked at once: it answers ARP on the same thread.
const WRITES_AT_ONCE: usize = 16;

/// How long the engine may take to answer.
const ANSWER: Duration = Duration::from_secs(2);

// === impl Ask ===

impl Ask {
    /// A way to ask, and where the questions arrive.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Question>) {
        let (sender, receiver) = mpsc::channel(8);
        (Self(sender), receiver)
    }

    /// What `question` finds; `None` once the announcer has ended.
    pub async fn of<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Picture) -> T + Send + 'static,
    ) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        let question = Box::new(move |picture: &Picture| {
            // Whoever asked may have left.
            let _ = answer.send(question(picture));
        });
        self.0.send(question).await.ok()?;
        answered.await.ok()
    }
}

// === impl Announcer ===

impl Announcer {
    /// An announcer of the node `me` over `segments`.
    #[must_use]
    pub fn new(me: Arc<str>, segments: Arc<dyn Segments>, teller: Teller) -> Self {
        Self {
            picture: Picture::new(Arc::clone(&me)),
            me,
            speaker: Speaker::default(),
            segments,
            teller: Arc::new(teller),
            fit: true,
            writes: JoinSet::new(),
        }
    }

    /// Announces until `shutdown`, then hands everything over.
    pub async fn run(mut self, mut ears: Ears, shutdown: CancellationToken) {
        let (mut news, mut events) = (Vec::new(), Vec::new());
        loop {
            let due = self.speaker.due().filter(|_| self.room() > 0);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = self.writes.join_next(), if !self.writes.is_empty() => self.wrote(ended),
                1.. = ears.events.recv_many(&mut events, AT_ONCE) => self.hear(&events),
                1.. = ears.watches.news.recv_many(&mut news, AT_ONCE) => {
                    for news in news.drain(..) {
                        self.picture.take(news);
                    }
                    if self.picture.wants_endpoints() {
                        ears.watches.slices_wanted.send_if_modified(|wanted| !std::mem::replace(wanted, true));
                    }
                }
                Ok(()) = ears.forwarding.changed() => {}
                Some(question) = ears.questions.recv() => question(&self.picture),
                () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.speak().await,
            }
            events.clear();
            self.order(ears.forwarding.borrow().is_none());
            if let Some(turn) = self.speaker.turn(Instant::now()) {
                tell::log_outage(&turn);
            }
        }
        self.segments.drain().await;
    }

    /// Tells the engine what is new, and makes a note of the Services that something may have to be said of.
    fn order(&mut self, forwards: bool) {
        for order in self.picture.orders() {
            match order {
                Order::Want(wanted) => self.segments.want(wanted),
                Order::Unwant(address) => self.segments.unwant(address),
            }
        }
        let trouble = self.picture.trouble();
        let fit = forwards && trouble.is_none();
        if self.fit != fit {
            self.fit = fit;
            self.segments.set_fit(fit);
            if let Some(why) = trouble {
                tracing::info!("this node is {why}: its addresses are handed over");
            }
        }
        let now = Instant::now();
        for key in self.picture.stirred() {
            if self.picture.seen(&key).is_some() {
                self.speaker.look(&key, now);
            } else {
                self.speaker.forget(&key);
            }
        }
    }

    fn hear(&mut self, events: &[Event]) {
        tell::log(events);
        for event in events {
            self.picture.hear(event);
        }
        let lost = |event: &Event| matches!(event, Event::PeerLost { .. });
        if events.iter().any(lost) && self.picture.is_first() {
            // Nobody but the first tells of what nobody holds.
            let later = Instant::now() + SETTLED;
            for key in self.picture.everything() {
                self.speaker.look(key, later);
            }
        }
    }

    /// How many more writes there is room for.
    fn room(&self) -> usize {
        WRITES_AT_ONCE.saturating_sub(self.writes.len())
    }

    /// Says what is to be said of the Services whose turn it is.
    async fn speak(&mut self) {
        let now = Instant::now();
        let keys = self.speaker.take_due(now, self.room());
        let mut addresses: Vec<IpAddr> = Vec::new();
        for key in &keys {
            let wish = self.picture.board().wish(key);
            addresses.extend(wish.iter().flat_map(|wish| &wish.addresses));
        }
        let asked = tokio::time::timeout(ANSWER, self.segments.holders(addresses));
        let Ok(Some(holders)) = asked.await else {
            // Its end is noticed elsewhere, and a stall passes.
            for key in &keys {
                self.speaker.look(key, now + SETTLED);
            }
            return;
        };
        let near = self.picture.near();
        let mut holders = holders.into_iter();
        for key in keys {
            let wish = self.picture.board().wish(&key);
            let count = wish.map_or(0, |wish| wish.addresses.len());
            let of_it: Vec<Vec<Holder>> = holders.by_ref().take(count).collect();
            self.speak_of(&key, &of_it, &near, now);
        }
    }

    fn speak_of(
        &mut self,
        key: &NamespacedName,
        holders: &[Vec<Holder>],
        near: &BTreeSet<Arc<str>>,
        now: Instant,
    ) {
        let Some(seen) = self.picture.seen(key) else {
            return;
        };
        let scene = Scene {
            me: &self.me,
            first: self.picture.is_first(),
            seen,
            wish: self.picture.board().wish(key),
            holders,
            conflicts: self.picture.conflicts(),
            near,
            ground: self.picture.board().ground(),
            settled: self.speaker.is_settled(key, now),
        };
        let (word, odd) = (word(&scene), scene.is_odd());
        if scene.is_about_to_be_let_go() {
            self.speaker.look(key, now + SETTLED);
        }
        let written = seen.healthy.as_ref();
        if let Some(write) = self.speaker.decide(key, now, word, odd, written) {
            let (teller, key, seen) = (Arc::clone(&self.teller), key.clone(), seen.clone());
            self.writes.spawn(async move {
                let told = teller.tell(&key, &seen, &write).await;
                (key, write, told)
            });
        }
    }

    fn wrote(&mut self, ended: Result<Ended, tokio::task::JoinError>) {
        // A write that panicked is a bug that the log has; its Service is looked at with the next change.
        let Ok((key, write, result)) = ended else {
            return;
        };
        let end = match result {
            Ok(seen) => {
                self.picture.written(&key, seen);
                End::Done
            }
            Err(end) => end,
        };
        self.speaker.wrote(&key, Instant::now(), write, end);
    }
}
