//! What is there to do? One place to wait for sockets, a moment, and a nudge from another thread.
//!
//! The moment is a timer of its own and not the wait's timeout: those are whole milliseconds on older kernels, and late
//! by as much as the kernel finds convenient (50 µs by default) on all.

use std::{
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::{
    event::{
        EventfdFlags, Timespec,
        epoll::{self, CreateFlags, Event, EventData, EventFlags},
        eventfd,
    },
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};

/// The timer's and the nudge's tokens; those of sockets are the caller's, and below these.
const TIMER: u64 = u64::MAX;
const NUDGE: u64 = u64::MAX - 1;

/// How many sockets are told ready at once. More than that are told the next time.
const AT_ONCE: usize = 64;

/// Waits for everything that concerns one thread.
pub(super) struct Wait {
    epoll: OwnedFd,
    timer: OwnedFd,
    armed: Option<Instant>,
    nudge: Arc<Nudge>,
}

/// What a wait found.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// The tokens of the sockets that have something.
    pub(super) sockets: Vec<u64>,
    /// Whether somebody nudged.
    pub(super) nudged: bool,
}

/// Ends another thread's wait.
#[derive(Debug)]
pub(super) struct Nudge {
    event: OwnedFd,
    given: AtomicBool,
}

// === impl Wait ===

impl Wait {
    pub(super) fn new() -> io::Result<Self> {
        let wait = Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            timer: timerfd_create(
                TimerfdClockId::Monotonic,
                TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
            )?,
            armed: None,
            nudge: Arc::new(Nudge {
                event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
                given: AtomicBool::new(false),
            }),
        };
        wait.add(&wait.timer, TIMER)?;
        wait.add(&wait.nudge.event, NUDGE)?;
        Ok(wait)
    }

    /// What ends this thread's waits.
    pub(super) fn nudge(&self) -> Arc<Nudge> {
        Arc::clone(&self.nudge)
    }

    /// Waits for `socket` too, until it is closed.
    pub(super) fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        epoll::add(
            &self.epoll,
            socket,
            EventData::new_u64(token),
            EventFlags::IN,
        )?;
        Ok(())
    }

    /// Waits until there is something to do, `until` at the latest; only looks if that has passed.
    pub(super) fn wait(
        &mut self,
        until: Option<Instant>,
        now: Instant,
        ready: &mut Ready,
    ) -> io::Result<()> {
        ready.sockets.clear();
        ready.nudged = false;
        let has_passed = until.is_some_and(|until| until <= now);
        if !has_passed {
            self.arm(until, now)?;
        }
        let look = Timespec::default();
        let mut room = [MaybeUninit::<Event>::uninit(); AT_ONCE];
        let events = match epoll::wait(&self.epoll, &mut room, has_passed.then_some(&look)) {
            Ok((events, _)) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(source) => return Err(source.into()),
        };
        for event in events {
            match event.data.u64() {
                TIMER => {}
                NUDGE => {
                    ready.nudged = true;
                    self.nudge.take();
                }
                token => ready.sockets.push(token),
            }
        }
        Ok(())
    }

    /// Setting the timer also takes back that it went off.
    fn arm(&mut self, until: Option<Instant>, now: Instant) -> io::Result<()> {
        if self.armed == until {
            return Ok(());
        }
        // Zero means never.
        let left = until.map_or(Duration::ZERO, |until| {
            until
                .saturating_duration_since(now)
                .max(Duration::from_nanos(1))
        });
        let setting = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?,
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &setting)?;
        self.armed = until;
        Ok(())
    }
}

// === impl Nudge ===

impl Nudge {
    /// Ends the wait that is going on, or the next. Nudging twice before that is nudging once.
    pub(super) fn give(&self) {
        if !self.given.swap(true, Ordering::AcqRel) {
            // It cannot fail but by overflow, and then the wait ends all the same.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }

    fn take(&self) {
        let _ = rustix::io::read(&self.event, &mut [0; 8]);
        // Before what the nudge was about is looked for: a nudge from now on is a new one.
        self.given.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_nudge_from_another_thread_ends_the_wait() {
        let mut wait = Wait::new().unwrap();
        let nudge = wait.nudge();
        let mut ready = Ready::default();
        for _ in 0..3 {
            let nudge = Arc::clone(&nudge);
            let other = thread::spawn(move || {
                nudge.give();
                nudge.give();
            });
            wait.wait(None, Instant::now(), &mut ready).unwrap();
            assert!(ready.nudged);
            other.join().unwrap();
            // The second may have come after the first was taken.
            wait.wait(Some(Instant::now()), Instant::now(), &mut ready)
                .unwrap();
        }
        wait.wait(Some(Instant::now()), Instant::now(), &mut ready)
            .unwrap();
        assert!(!ready.nudged, "every nudge was taken");
    }

    #[test]
    fn a_wait_ends_at_its_moment_and_not_before() {
        let mut wait = Wait::new().unwrap();
        let mut ready = Ready::default();
        for micros in [0, 1, 1500, 1500] {
            let now = Instant::now();
            let until = now + Duration::from_micros(micros);
            wait.wait(Some(until), now, &mut ready).unwrap();
            assert!(Instant::now() >= until);
            assert!(ready.sockets.is_empty() && !ready.nudged);
        }
    }

    #[test]
    fn sockets_with_something_to_read_are_named_by_their_tokens() {
        let mut wait = Wait::new().unwrap();
        let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
        wait.add(&ours, 7).unwrap();
        theirs.send(b"x").unwrap();
        let mut ready = Ready::default();
        wait.wait(None, Instant::now(), &mut ready).unwrap();
        assert_eq!(ready.sockets, [7]);
        drop(ours);
        wait.wait(Some(Instant::now()), Instant::now(), &mut ready)
            .unwrap();
        assert!(ready.sockets.is_empty(), "closed");
    }
}
