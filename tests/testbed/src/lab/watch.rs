//! Who answered for an address, millisecond by millisecond?
//!
//! What a handover looks like on the segment: for how long nobody answered, and for how long two did. Asks as
//! [`super::observer`] does, so that no client's neighbour table depends on it.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{
    Lab,
    address::Mac,
    frames,
    observer::{Ear, Heard, TURNS},
    prober::{EVERY, longest_between},
    running::{Notes, Running},
};

/// Questions that go on until they are told to stop.
#[derive(Debug)]
pub struct ArpWatch(Running<Watched>);

/// Every question, in the order they were asked, and who answered it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watched(pub Vec<Question>);

/// A question and its answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// When it was asked.
    pub asked: Instant,
    /// When and by whom it was answered; everybody once.
    pub answers: Vec<(Instant, Mac)>,
}

/// Everything that is claimed on the segment, until it is told to stop.
#[derive(Debug)]
pub struct Overhearing(Running<Vec<Overheard>>);

/// Somebody said who has an address: to everybody, or to the observer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overheard {
    /// When it was heard.
    pub at: Instant,
    /// The address.
    pub ip: IpAddr,
    /// Who has it.
    pub mac: Mac,
}

/// How soon a stop is noticed where nothing is asked.
const LOOK_UP_EVERY: Duration = Duration::from_millis(50);
/// How long the last answers are waited for.
const LAST_ANSWER_WITHIN: Duration = Duration::from_millis(10);

// === impl Lab ===

impl Lab {
    /// Starts to ask every millisecond who has `ip`, by ARP or neighbour solicitation.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn watch_arp(&self, ip: IpAddr) -> Result<ArpWatch> {
        let ear = self.ear()?;
        let work = move |notes: &Notes<Watched>| watch(&ear, ip, notes);
        Running::start(&self.observer.namespace, work).map(ArpWatch)
    }

    /// The same, as a host asks that has to wait for a processor like everybody else. Who answers has to be woken, and is
    /// late where the asker is let first: that would be counted against an answer which is given outside of the kernel.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn watch_arp_as_a_host(&self, ip: IpAddr) -> Result<ArpWatch> {
        let ear = self.ear()?;
        let work = move |notes: &Notes<Watched>| watch(&ear, ip, notes);
        Running::start_ordinary(&self.observer.namespace, work).map(ArpWatch)
    }

    /// Starts to listen, asking nothing: gratuitous ARP and unsolicited advertisements.
    ///
    /// # Errors
    /// No socket can be had.
    pub fn overhear(&self) -> Result<Overhearing> {
        let ear = self.ear()?;
        let work = move |notes: &Notes<Vec<Overheard>>| {
            while !notes.stopping() {
                let until = Instant::now() + LOOK_UP_EVERY;
                while let Some((at, frame)) = ear.frame(until)? {
                    let overheard = frames::claim(&frame).map(|claim| Overheard {
                        at,
                        ip: claim.address,
                        mac: claim.mac,
                    });
                    notes.seen().extend(overheard);
                }
            }
            Ok(())
        };
        Running::start(&self.observer.namespace, work).map(Overhearing)
    }

    /// Already open when it is returned, so that nothing is missed that happens next.
    fn ear(&self) -> Result<Ear> {
        let interface = self.observer.interface.clone();
        self.observer.namespace.inside(|| Ear::open(&interface))
    }
}

// === impl ArpWatch ===

impl ArpWatch {
    /// Who answered last, if anybody did.
    #[must_use]
    pub fn last(&self) -> Option<(Instant, Mac)> {
        let seen = self.0.seen();
        let answers = seen.0.iter().rev().flat_map(|question| &question.answers);
        answers.copied().next()
    }

    /// Ends it and returns all questions.
    ///
    /// # Errors
    /// It had ended before, and why.
    pub async fn stop(self) -> Result<Watched> {
        self.0.stop().await
    }
}

// === impl Overhearing ===

impl Overhearing {
    /// What was heard so far.
    #[must_use]
    pub fn so_far(&self) -> Vec<Overheard> {
        self.0.seen().clone()
    }

    /// Ends it and returns what was heard.
    ///
    /// # Errors
    /// It had ended before, and why.
    pub async fn stop(self) -> Result<Vec<Overheard>> {
        self.0.stop().await
    }
}

/// [`Lab::watch_arp_as_a_host`], from one processor alone.
pub(super) fn on_a_processor(lab: &Lab, ip: IpAddr, processor: usize) -> Result<ArpWatch> {
    let ear = lab.ear()?;
    let work = move |notes: &Notes<Watched>| watch(&ear, ip, notes);
    Running::start_on(processor, &lab.observer.namespace, work).map(ArpWatch)
}

fn watch(ear: &Ear, ip: IpAddr, notes: &Notes<Watched>) -> Result<()> {
    let mut due = Instant::now();
    while !notes.stopping() {
        let number = notes.seen().ask();
        ear.ask(ip, number)?;
        due = (due + EVERY).max(Instant::now());
        while let Some(heard) = ear.next(ip, due)? {
            notes.seen().note(heard);
        }
    }
    let end = Instant::now() + LAST_ANSWER_WITHIN;
    while let Some(heard) = ear.next(ip, end)? {
        notes.seen().note(heard);
    }
    Ok(())
}

// === impl Watched ===

impl Watched {
    /// Everybody who answered at all, in the order of their first answers.
    #[must_use]
    pub fn everybody(&self) -> Vec<Mac> {
        let mut all = Vec::new();
        for (_, mac) in self.0.iter().flat_map(|question| &question.answers) {
            if !all.contains(mac) {
                all.push(*mac);
            }
        }
        all
    }

    /// The longest time between the first answer and the last question in which nobody answered.
    #[must_use]
    pub fn silence(&self) -> Duration {
        let answers = self.0.iter().flat_map(|question| &question.answers);
        let mut moments: Vec<Instant> = answers.map(|(at, _)| *at).collect();
        moments.sort_unstable();
        if !moments.is_empty() {
            moments.extend(self.0.last().map(|last| last.asked));
        }
        longest_between(&moments)
    }

    /// The longest time in which nobody was asked, because the machine was busy: no silence says more than this.
    #[must_use]
    pub fn pause(&self) -> Duration {
        let asked: Vec<Instant> = self.0.iter().map(|question| question.asked).collect();
        longest_between(&asked)
    }

    /// For how long in all two or more answered: from each question that got two answers to the next, if that got two as well;
    /// else for the time that such a question speaks for.
    #[must_use]
    pub fn overlap(&self) -> Duration {
        let next = self.0.iter().skip(1).map(Some);
        let with_next = self.0.iter().zip(next.chain([None]));
        with_next
            .filter(|(question, _)| question.has_two())
            .map(|(question, next)| match next {
                Some(next) if next.has_two() => next.asked - question.asked,
                Some(next) => question.speaks_for().min(next.asked - question.asked),
                None => question.speaks_for(),
            })
            .sum()
    }

    /// How long each first answer took.
    #[must_use]
    pub fn latencies(&self) -> Vec<Duration> {
        let latency = |question: &Question| Some(question.answers.first()?.0 - question.asked);
        self.0.iter().filter_map(latency).collect()
    }

    /// Writes down a question that is about to be asked, and returns its number.
    fn ask(&mut self) -> usize {
        self.0.push(Question {
            asked: Instant::now(),
            answers: Vec::new(),
        });
        self.0.len() - 1
    }

    /// Writes an answer to the last question that it may answer.
    fn note(&mut self, heard: Heard) {
        let Heard { at, mac, turn } = heard;
        let asked = (0..self.0.len())
            .rev()
            .find(|number| number % TURNS == turn);
        if let Some(question) = asked.and_then(|number| self.0.get_mut(number))
            && question.answers.iter().all(|(_, other)| *other != mac)
        {
            question.answers.push((at, mac));
        }
    }
}

// === impl Question ===

impl Question {
    fn has_two(&self) -> bool {
        self.answers.len() > 1
    }

    /// An interval, or until its last answer. What went on while nobody was asked, because the machine was busy, nobody knows.
    fn speaks_for(&self) -> Duration {
        let answers = self.answers.iter().map(|(at, _)| *at - self.asked);
        answers.fold(EVERY, Duration::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const NEW: Mac = Mac([2, 0, 0, 0, 0, 2]);

    /// A question every millisecond, each answered by these at once.
    fn watched(answers: &[&[Mac]]) -> Watched {
        let start = Instant::now();
        let question = |(number, who): (u32, &&[Mac])| {
            let asked = start + EVERY * number;
            let answers = who.iter().map(|mac| (asked, *mac)).collect();
            Question { asked, answers }
        };
        Watched((0..).zip(answers).map(question).collect())
    }

    #[test]
    fn silence_and_overlap_of_a_handover_are_told_apart() {
        let crash = watched(&[&[OLD], &[], &[], &[NEW], &[NEW]]);
        assert_eq!(
            (crash.silence(), crash.overlap()),
            (EVERY * 3, Duration::ZERO)
        );
        let handover = watched(&[&[OLD], &[OLD, NEW], &[NEW, OLD], &[NEW]]);
        assert_eq!((handover.silence(), handover.overlap()), (EVERY, EVERY * 2));
        assert_eq!(handover.everybody(), [OLD, NEW]);
        let mut paused = handover;
        paused.0[3].asked += EVERY * 7;
        assert_eq!(paused.overlap(), EVERY * 2, "nobody was asked meanwhile");
        paused.0[2].asked += EVERY * 7;
        paused.0[2]
            .answers
            .iter_mut()
            .for_each(|it| it.0 += EVERY * 9);
        assert_eq!(paused.overlap(), EVERY * 9, "both were seen to go on");
        let lasting = watched(&[&[OLD], &[], &[]]);
        assert_eq!(lasting.silence(), EVERY * 2);
    }

    #[test]
    fn a_late_answer_belongs_to_the_question_it_answers() {
        let mut watched = watched(&[&[], &[], &[]]);
        let at = Instant::now();
        let mac = OLD;
        watched.note(Heard { at, mac, turn: 1 });
        watched.note(Heard { at, mac, turn: 1 });
        let counted: Vec<usize> = watched.0.iter().map(|one| one.answers.len()).collect();
        assert_eq!(counted, [0, 1, 0]);
    }
}
