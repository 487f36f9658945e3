//! Who runs the engine? One thread that does nothing else, so that nothing that this process does besides can delay an
//! answer. It decides in which order things get their turn, and that is all it decides.
//!
//! The order: frames first, since a host waits for each; those that nobody waits for, and that wake nobody, only before something
//! that may depend on them, or may make an address ours: what was asked before that was asked of somebody else. Then hellos, in
//! small lots with a look at the frames between them. What is due by the clock comes after the hellos that are already here: a
//! thread that was late must not take for dead a peer whose hello waits in its own socket. Then news about links, then what
//! other threads ask.

mod arrivals;

use std::{
    io,
    sync::mpsc::{Receiver, TryRecvError},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc::UnboundedSender, oneshot};

use super::{
    LinkSelection, StartError,
    counters::NetStats,
    groups::Groups,
    netlink::{LinkWatch, News},
    outbox::Outbox,
    ports::{Ports, Token},
    sys,
    wait::{Ready, Wait},
};
use crate::{
    InterfaceIndex,
    engine::{Engine, Event},
    net::command::Command,
};

/// How many hellos of one socket are taken before the frames are looked at again: each costs an HMAC.
const HELLOS: usize = 16;

/// How many requests of other threads are taken before others get their turn.
const COMMANDS: usize = 64;

/// Ten answers' worth, and the least that the kernel grants.
const SHORT_TURN: Duration = Duration::from_micros(100);

/// When sockets could not be had, they are asked for again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// The largest frame or datagram that means anything: a hello is at most 1,400 bytes.
const BUFFER: usize = 2048;

/// The engine, and all that it is run with.
pub(super) struct Runner {
    engine: Engine,
    selection: LinkSelection,
    watch: LinkWatch,
    pub(super) wait: Wait,
    ports: Ports,
    commands: Receiver<Command>,
    events: UnboundedSender<Event>,
    groups: Groups,
    outbox: Outbox,
    stats: NetStats,
    buffer: Box<[u8; BUFFER]>,
    open_again: Option<Instant>,
    drained: Vec<oneshot::Sender<()>>,
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Turn,
    End,
}

// === impl Runner ===

impl Runner {
    /// Opens what is needed to run `engine` on the interfaces of the calling thread's network namespace.
    pub(super) fn new(
        engine: Engine,
        selection: LinkSelection,
        commands: Receiver<Command>,
        events: UnboundedSender<Event>,
    ) -> io::Result<Self> {
        let (watch, wait) = (LinkWatch::open()?, Wait::new()?);
        wait.add(&watch, Token::Links.number())?;
        Ok(Self {
            engine,
            selection,
            watch,
            wait,
            ports: Ports::default(),
            commands,
            events,
            groups: Groups::default(),
            outbox: Outbox::default(),
            stats: NetStats::default(),
            buffer: Box::new([0; BUFFER]),
            open_again: None,
            drained: Vec::new(),
        })
    }

    /// Opens the sockets of all interfaces that can announce; at least one must be there.
    pub(super) fn open(&mut self, now: Instant) -> Result<(), StartError> {
        let usable = self.watch.usable(&self.selection);
        if usable.is_empty() {
            return Err(StartError::NoInterface {
                links: self.watch.unusable(&self.selection),
            });
        }
        let followed = self.ports.follow(usable, &self.wait);
        if let Some((interface, source)) = followed.failed.into_iter().next() {
            let interface = interface.name.to_string();
            return Err(if source.kind() == io::ErrorKind::PermissionDenied {
                StartError::NoCapability { interface, source }
            } else {
                StartError::OpenSockets { interface, source }
            });
        }
        self.engine.set_interfaces(now, self.ports.interfaces());
        Ok(())
    }

    /// Runs until nobody can ask anything any more. An error is the kernel's, about waiting or about links: without
    /// either there is nothing left to do.
    pub(super) fn run(mut self) -> io::Result<()> {
        // Where it cannot be had, the thread waits its turn as any other does.
        let _ = sys::ask_for_short_turns(SHORT_TURN);
        let mut ready = Ready::default();
        loop {
            let now = Instant::now();
            let due = [
                self.engine.poll_timeout(),
                self.outbox.due(now),
                self.open_again,
            ];
            let due = due.into_iter().flatten().min();
            self.wait.wait(due, now, &mut ready)?;
            self.stats.wakes += 1;
            if self.turn(&ready)? == Next::End {
                return Ok(());
            }
        }
    }

    fn turn(&mut self, ready: &Ready) -> io::Result<Next> {
        let tokens = || ready.sockets.iter().filter_map(|number| Token::of(*number));
        for token in tokens() {
            if let Token::Frames(index, kind) = token {
                self.frames(index, kind);
            }
        }
        if ready.nudged || tokens().any(|token| !matches!(token, Token::Frames(..))) {
            self.all_other_frames();
        }
        for token in tokens() {
            if let Token::Hellos(index, family) = token {
                self.hellos(index, family, HELLOS);
            }
        }
        self.clock();
        if tokens().any(|token| token == Token::Links) {
            self.links()?;
        }
        let next = if ready.nudged {
            self.commands()
        } else {
            Next::Turn
        };
        self.divide()?;
        let now = Instant::now();
        self.outbox.send_lot(now, &self.ports, &mut self.stats);
        if self.open_again.is_some_and(|again| again <= now) {
            self.follow_links(now);
        }
        self.tell_drained();
        Ok(next)
    }

    /// Does what is due.
    fn clock(&mut self) {
        let is_due = |engine: &Engine| {
            let now = Instant::now();
            engine.poll_timeout().is_some_and(|due| due <= now)
        };
        if !is_due(&self.engine) {
            return;
        }
        self.all_other_frames();
        self.all_hellos();
        // A hello may have moved it.
        if is_due(&self.engine) {
            self.engine.handle_timeout(Instant::now());
            self.flush();
        }
    }

    fn links(&mut self) -> io::Result<()> {
        loop {
            match self.watch.receive(&self.selection)? {
                News::Change => self.follow_links(Instant::now()),
                News::None | News::More => return Ok(()),
            }
        }
    }

    /// Opens and closes sockets as the links are now, and tells the engine.
    fn follow_links(&mut self, now: Instant) {
        self.open_again = None;
        let usable = self.watch.usable(&self.selection);
        let followed = self.ports.follow(usable, &self.wait);
        for index in followed.closed {
            self.groups.leave_all(index);
        }
        if !followed.failed.is_empty() {
            self.stats.open_failures += 1;
            self.open_again = Some(now + AGAIN);
        }
        if followed.has_changed {
            self.engine.set_interfaces(now, self.ports.interfaces());
            self.flush();
        }
    }

    fn commands(&mut self) -> Next {
        for _ in 0..COMMANDS {
            let now = Instant::now();
            match self.commands.try_recv() {
                Ok(command) => self.command(now, command),
                Err(TryRecvError::Empty) => return Next::Turn,
                Err(TryRecvError::Disconnected) => return Next::End,
            }
            self.flush();
        }
        // There may be more, and nobody will nudge again for them.
        self.wait.nudge().give();
        Next::Turn
    }

    fn command(&mut self, now: Instant, command: Command) {
        // Who asked and does not wait any more gets no answer; that is no fault.
        match command {
            Command::Want(wanted) => self.engine.want(now, wanted),
            Command::Unwant(address) => self.engine.unwant(now, address),
            Command::SetFit(fit) => self.engine.set_fit(now, fit),
            Command::SetKeys(keys) => self.engine.set_keys(keys),
            Command::View(answer) => {
                let _ = answer.send(self.engine.view(now));
            }
            Command::Holders(addresses, answer) => {
                let holders = addresses
                    .into_iter()
                    .map(|address| (address, self.engine.holders(address)))
                    .collect();
                let _ = answer.send(holders);
            }
            Command::Stats(answer) => {
                let _ = answer.send((self.engine.stats().clone(), self.net_stats()));
            }
            Command::Drain(done) => {
                self.engine.drain(now);
                self.drained.push(done);
            }
        }
    }

    /// Sends what the engine wants sent, and tells what it wants told.
    fn flush(&mut self) {
        while let Some(transmit) = self.engine.poll_transmit() {
            self.outbox
                .take(transmit, &mut self.ports, &mut self.groups, &mut self.stats);
        }
        while let Some(event) = self.engine.poll_event() {
            // Nobody listens any more: then nobody wants to know.
            let _ = self.events.send(event);
        }
    }

    fn tell_drained(&mut self) {
        if !self.drained.is_empty() && self.engine.is_drained() && self.outbox.is_empty() {
            for done in self.drained.drain(..) {
                let _ = done.send(());
            }
        }
    }

    fn net_stats(&mut self) -> NetStats {
        for port in self.ports.iter() {
            for socket in port.all_frames() {
                if let Ok((_, dropped)) = socket.counts() {
                    self.stats.frames_dropped += u64::from(dropped);
                }
            }
        }
        self.stats.link_overruns = self.watch.overruns();
        self.stats.groups = self.groups.len() as u64;
        self.stats.group_sockets = self.groups.sockets() as u64;
        self.stats
    }

    fn indices(&self) -> Vec<InterfaceIndex> {
        self.ports.iter().map(|port| port.interface.index).collect()
    }
}
