use super::*;
use crate::service::conditions::{Holds, Kind, Reason};

const SECOND: Duration = Duration::from_secs(1);

fn key() -> NamespacedName {
    NamespacedName::new("shop", "web")
}

fn announced(by: &str) -> Condition {
    Condition::new(Kind::Healthy, Holds::True, Reason::Announced, by)
}

fn written(condition: &Condition) -> Written {
    serde_json::from_value(serde_json::json!({
        "type": condition.kind.type_(),
        "status": condition.holds.as_str(),
        "reason": condition.reason.as_str(),
        "message": condition.message,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }))
    .unwrap()
}

/// One Service, node-1's words on it, and what the API server has.
struct Talk {
    speaker: Speaker,
    now: Instant,
    there: Option<Written>,
}

impl Talk {
    fn new() -> Self {
        Self {
            speaker: Speaker::default(),
            now: Instant::now(),
            there: None,
        }
    }

    /// Looks at the Service if it is due, and writes what is to be written; true if it was.
    fn say(&mut self, condition: &Condition) -> bool {
        let word = Word::Say(condition.clone());
        let write = self
            .speaker
            .decide(&key(), self.now, word, false, self.there.as_ref());
        let Some(write) = write else {
            return false;
        };
        assert_eq!(write, Write::Say(condition.clone()));
        self.there = Some(written(condition));
        self.speaker.wrote(&key(), self.now, write, End::Done);
        true
    }

    /// How long until it is looked at again.
    fn next(&mut self) -> Option<Duration> {
        let due = self.speaker.due()?;
        let wait = due - self.now;
        self.now = due;
        assert_eq!(self.speaker.take_due(due, 8), [key()]);
        Some(wait)
    }
}

#[test]
fn a_change_is_written_once() {
    let mut talk = Talk::new();
    assert!(talk.say(&announced("node-1")));
    assert!(!talk.say(&announced("node-1")), "it is there");
    assert!(talk.say(&announced("node-1 and more")));
    assert_eq!(talk.next(), None);
    // Somebody took it away: that is nobody's contradiction.
    talk.there = None;
    assert!(talk.say(&announced("node-1 and more")));
}

#[test]
fn another_announcers_words_are_written_over_once_and_then_ever_more_seldom() {
    let mut talk = Talk::new();
    let theirs = Some(written(&announced("node-2")));
    talk.there.clone_from(&theirs);
    assert!(talk.say(&announced("node-1")), "the address was taken over");
    let mut waits = Vec::new();
    for _ in 0..7 {
        talk.there.clone_from(&theirs);
        assert!(!talk.say(&announced("node-1")));
        waits.push(talk.next().unwrap().as_secs());
        assert!(talk.say(&announced("node-1")));
    }
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300]);
    // It was theirs meanwhile, and is taken over anew.
    talk.there.clone_from(&theirs);
    let nothing = talk
        .speaker
        .decide(&key(), talk.now, Word::Nothing, false, talk.there.as_ref());
    assert_eq!(nothing, None);
    assert!(talk.say(&announced("node-1")));
}

/// How many seconds pass before each of eleven tries after the first, when all end so.
fn tried_again(talk: &mut Talk, end: &End) -> Vec<u64> {
    let word = || Word::Say(announced("node-1"));
    let mut waits = Vec::new();
    for _ in 0..11 {
        let write = talk.speaker.decide(&key(), talk.now, word(), false, None);
        let again = talk.speaker.decide(&key(), talk.now, word(), false, None);
        assert_eq!(again, None, "one is under way");
        talk.speaker
            .wrote(&key(), talk.now, write.unwrap(), end.clone());
        assert_eq!(
            talk.speaker.decide(&key(), talk.now, word(), false, None),
            None
        );
        waits.push(talk.next().unwrap().as_secs());
    }
    waits
}

#[test]
fn what_the_api_server_did_not_take_is_tried_again_and_never_twice_at_once() {
    let mut talk = Talk::new();
    assert_eq!(
        tried_again(&mut talk, &End::Refused),
        [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    );
    assert!(talk.say(&announced("node-1")));
}

#[test]
fn when_an_api_server_is_back_that_was_away_for_long_it_is_told_soon() {
    let mut talk = Talk::new();
    assert_eq!(
        tried_again(&mut talk, &End::Unheard("refused".to_owned())),
        [1, 2, 4, 8, 15, 15, 15, 15, 15, 15, 15]
    );
    assert!(talk.say(&announced("node-1")));
}

#[test]
fn what_is_odd_is_looked_at_again_when_it_has_lasted() {
    let mut talk = Talk::new();
    let odd = |talk: &mut Talk, odd: bool| {
        let decided = talk
            .speaker
            .decide(&key(), talk.now, Word::NotYet, odd, None);
        assert_eq!(decided, None);
        talk.speaker.is_settled(&key(), talk.now)
    };
    assert!(!odd(&mut talk, true));
    talk.now += SECOND;
    assert!(!odd(&mut talk, true));
    assert_eq!(talk.next(), Some(Duration::from_secs(4)));
    assert!(odd(&mut talk, true));
    assert!(!odd(&mut talk, false), "it is well again");
    assert!(!odd(&mut talk, true));
    talk.speaker.forget(&key());
    assert_eq!(talk.speaker.due(), None);
}

#[test]
fn an_outage_is_over_however_it_comes_about_that_nothing_waits() {
    type Way = fn(&mut Talk);
    let word = || Word::Say(announced("node-1"));
    let ways: [(&str, Way); 5] = [
        ("written", |talk| assert!(talk.say(&announced("node-1")))),
        ("refused", |talk| {
            let word = Word::Say(announced("node-1"));
            let write = talk.speaker.decide(&key(), talk.now, word, false, None);
            let write = write.unwrap();
            talk.speaker.wrote(&key(), talk.now, write, End::Refused);
        }),
        ("heard after all", |talk| {
            talk.there = Some(written(&announced("node-1")));
            assert!(!talk.say(&announced("node-1")));
        }),
        ("for others to say", |talk| {
            let now = talk.now;
            talk.speaker.decide(&key(), now, Word::Nothing, false, None);
        }),
        ("gone", |talk| talk.speaker.forget(&key())),
    ];
    for (what, way) in ways {
        let mut talk = Talk::new();
        let mut turns = Vec::new();
        for _ in 0..4 {
            let write = talk.speaker.decide(&key(), talk.now, word(), false, None);
            let end = End::Unheard("no answer".to_owned());
            talk.speaker.wrote(&key(), talk.now, write.unwrap(), end);
            turns.extend(talk.speaker.turn(talk.now));
            talk.next();
        }
        let began = Turn::Began {
            service: key(),
            why: "no answer".to_owned(),
        };
        assert_eq!(turns, [began], "{what}");
        way(&mut talk);
        let over = Turn::Over {
            lasted: Duration::from_secs(15),
            services: 1,
        };
        assert_eq!(talk.speaker.turn(talk.now), Some(over), "{what}");
    }
}
