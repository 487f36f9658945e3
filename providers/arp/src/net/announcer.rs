//! How do others speak with the thread that runs the engine? Without ever waiting for it, and without it ever waiting
//! for them.

use std::{
    fmt, io,
    net::IpAddr,
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use thiserror::Error;
use tokio::sync::{mpsc::UnboundedReceiver, oneshot, watch};

use super::{
    LinkSelection, Unusable, command::Command, counters::NetStats, thread::Runner, wait::Nudge,
};
use crate::{
    engine::{Engine, Event, Holder, Settings, Stats, View, Wanted},
    wire::hello::Keys,
};

/// One node's announcer, running. Clones speak with the same one.
///
/// It runs on a thread of its own in the network namespace of the thread that started it, until the last clone is
/// dropped; what it still holds then is answered for by nobody, so [`Announcer::drain`] it first.
#[derive(Clone)]
pub struct Announcer(Arc<Inner>);

struct Inner {
    /// `None` only while this is dropped.
    commands: Option<mpsc::Sender<Command>>,
    nudge: Arc<Nudge>,
    ended: watch::Receiver<Option<EndReason>>,
}

/// Why an announcer could not be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The process may not open packet sockets.
    #[error(
        "opening a packet socket on {interface} needs the capability CAP_NET_RAW; in a pod: \
         securityContext.capabilities.add: [NET_RAW]"
    )]
    NoCapability {
        /// Where it was tried.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// There is nothing to announce on.
    #[error("no interface can announce: {}", Listed(links))]
    NoInterface {
        /// All links of this machine, and why each cannot.
        links: Vec<(String, Unusable)>,
    },
    /// An interface's sockets could not be had.
    #[error("opening the sockets of {interface}")]
    OpenSockets {
        /// Which.
        interface: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel does not tell about its links.
    #[error("reading the links of this machine from the kernel")]
    ReadLinks(#[source] io::Error),
    /// No thread could be had.
    #[error("starting the announcer's thread")]
    StartThread(#[source] io::Error),
}

/// Why an announcer runs no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Nobody held on to it.
    Dropped,
    /// The kernel would not let it wait, or told nothing about its links: what it said.
    Failed(String),
    /// A fault in this program.
    Panicked,
}

/// The announcer runs no more; [`Announcer::ended`] tells why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the announcer runs no more")]
pub struct Ended;

/// Starts an announcer on those interfaces of this thread's network namespace that `selection` admits, and on those
/// that come later.
///
/// The receiver gets what happens, in order. It may be read slowly: it grows, and the announcer does not wait.
///
/// # Errors
/// None is passing: without the capability, or without any interface, nothing can be announced at this node. An
/// interface that goes later, even the last one, is no error; it is used again when it comes back.
pub fn start(
    settings: Settings,
    selection: LinkSelection,
) -> Result<(Announcer, UnboundedReceiver<Event>), StartError> {
    let now = Instant::now();
    let (commands, requests) = mpsc::channel();
    let (tell, events) = tokio::sync::mpsc::unbounded_channel();
    let mut runner = Runner::new(Engine::new(settings), selection, requests, tell)
        .map_err(StartError::ReadLinks)?;
    runner.open(now)?;
    let nudge = runner.wait.nudge();
    let (end, ended) = watch::channel(None);
    thread::Builder::new()
        .name("announcer".to_owned())
        .spawn(move || {
            let mut last_word = LastWord {
                end,
                reason: EndReason::Panicked,
            };
            last_word.reason = match runner.run() {
                Ok(()) => EndReason::Dropped,
                Err(source) => EndReason::Failed(source.to_string()),
            };
        })
        .map_err(StartError::StartThread)?;
    let inner = Inner {
        commands: Some(commands),
        nudge,
        ended,
    };
    Ok((Announcer(Arc::new(inner)), events))
}

/// Tells that the thread ends, whichever way it does.
struct LastWord {
    end: watch::Sender<Option<EndReason>>,
    reason: EndReason,
}

/// Writes links and reasons as a list.
struct Listed<'a>(&'a [(String, Unusable)]);

// === impl Announcer ===

impl Announcer {
    /// Adds an address, or changes what is known about it.
    pub fn want(&self, wanted: Wanted) {
        self.0.ask(Command::Want(wanted));
    }

    /// Removes an address: it is let go at once.
    pub fn unwant(&self, address: IpAddr) {
        self.0.ask(Command::Unwant(address));
    }

    /// Whether this node forwards at all. It does, until told otherwise.
    pub fn set_fit(&self, fit: bool) {
        self.0.ask(Command::SetFit(fit));
    }

    /// What hellos are signed with and believed by from now on.
    pub fn set_keys(&self, keys: Keys) {
        self.0.ask(Command::SetKeys(keys));
    }

    /// What the engine sees and does at this moment.
    pub async fn view(&self) -> Result<View, Ended> {
        self.0.answer(Command::View).await
    }

    /// Who holds each of `addresses` on any segment, this node included.
    pub async fn holders(
        &self,
        addresses: Vec<IpAddr>,
    ) -> Result<Vec<(IpAddr, Vec<Holder>)>, Ended> {
        self.0
            .answer(|answer| Command::Holders(addresses, answer))
            .await
    }

    /// The counters of the engine, and those of the sockets.
    pub async fn stats(&self) -> Result<(Stats, NetStats), Ended> {
        self.0.answer(Command::Stats).await
    }

    /// Hands everything over, and comes back when nothing is held any more: within half a second, or at once if the
    /// announcer has ended.
    pub async fn drain(&self) {
        // An announcer that has ended holds nothing.
        let _ = self.0.answer(Command::Drain).await;
    }

    /// Comes back when the announcer has ended, and says why. Not waiting for it is how its death goes unnoticed.
    pub fn ended(&self) -> impl Future<Output = EndReason> + Send + 'static {
        let mut ended = self.0.ended.clone();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(reason) => reason.clone().unwrap_or(EndReason::Panicked),
                // The thread is gone without its last word, which it cannot be.
                Err(_) => EndReason::Panicked,
            }
        }
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcer").finish_non_exhaustive()
    }
}

// === impl Inner ===

impl Inner {
    fn ask(&self, command: Command) {
        if let Some(commands) = &self.commands {
            // It fails if the thread has ended, and that is told by `ended`.
            let _ = commands.send(command);
            self.nudge.give();
        }
    }

    async fn answer<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Ended> {
        let (answer, answered) = oneshot::channel();
        self.ask(command(answer));
        answered.await.map_err(|_| Ended)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // First the end of the queue, then the nudge, so that the thread finds it.
        self.commands = None;
        self.nudge.give();
    }
}

// === impl LastWord ===

impl Drop for LastWord {
    fn drop(&mut self) {
        self.end.send_replace(Some(self.reason.clone()));
    }
}

// === impl EndReason ===

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dropped => f.write_str("nobody held on to it"),
            Self::Failed(why) => f.write_str(why),
            Self::Panicked => f.write_str("it panicked"),
        }
    }
}

// === impl Listed ===

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("this machine has none");
        }
        for (place, (name, why)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{name} {why}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_says_so_with_its_last_breath() {
        let (end, ended) = watch::channel(None);
        let thread = thread::spawn(move || {
            let _last_word = LastWord {
                end,
                reason: EndReason::Panicked,
            };
            panic!("as a test");
        });
        assert!(thread.join().is_err());
        assert_eq!(*ended.borrow(), Some(EndReason::Panicked));
    }
}
